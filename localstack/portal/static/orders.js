// Everything that a web page needs of the Order API. The page is of another origin: see cors_origins in terraform/.

/** A response that says what is wrong (RFC 9457): what to show, and the id that support asks for. */
export class Problem extends Error {
  constructor(problem, correlationId) {
    super([problem.detail ?? problem.title, ...(problem.errors ?? []).map((error) => `${error.field}: ${error.detail}`)].join("\n"));
    this.status = problem.status;
    this.correlationId = correlationId;
  }
}

export class Orders {
  constructor(api, idToken) {
    this.api = api;
    this.idToken = idToken;
  }

  async call(method, path, body, headers = {}) {
    const response = await fetch(this.api + path, {
      method,
      headers: { Authorization: `Bearer ${this.idToken}`, ...(body && { "Content-Type": "application/json" }), ...headers },
      body: body && JSON.stringify(body),
    });
    if (!response.ok) throw new Problem(await response.json(), response.headers.get("X-Correlation-Id"));
    return response;
  }

  /** Place an order, and return its id. With the same key it is safe to repeat after a lost response: it stays one order. */
  async place(order, key) {
    const response = await this.call("POST", "/v1.0/orders", order, { "Idempotency-Key": key });
    return (await response.json()).orderId;
  }

  /** Yield an order whenever it was read, until it has its invoice or was rejected: 202 while it is accepted only, then 200. */
  async *follow(orderId) {
    for (;;) {
      const response = await this.call("GET", `/v1.0/orders/${orderId}`);
      const order = await response.json();
      yield response.status === 202 ? { id: orderId, status: "ACCEPTED" } : order;
      if (order.rejection || order.invoiceKey) return;
      await new Promise((wake) => setTimeout(wake, 1000 * (response.headers.get("Retry-After") ?? 1)));
    }
  }

  /** The newest orders of a tenant. */
  async newest(tenantId, count) {
    const response = await this.call("GET", `/v1.0/tenants/${tenantId}/orders?pageSize=${count}`);
    return (await response.json()).items;
  }

  /** The invoice as a PDF. The API redirects to a link that is valid for minutes; fetch follows it. */
  async invoice(orderId) {
    return (await this.call("GET", `/v1.0/orders/${orderId}/invoice`)).blob();
  }
}
