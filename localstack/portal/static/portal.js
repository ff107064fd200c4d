// The page: who signs in, which cart is ordered, how the orders are doing. The calls are in orders.js.
import { Orders, Problem } from "./orders.js";

const find = (id) => document.getElementById(id);
// As in the mails.
const rand = (amount) => "R\u00a0" + Number(amount).toFixed(2).replace(/\B(?=(\d{3})+(?!\d))/g, "\u00a0");
const WORDS = { ACCEPTED: "received, being processed", PENDING_PAYMENT: "waiting for payment", REJECTED: "rejected" };
const ADDRESS = { street: "12 Long Street", city: "Cape Town", province: "Western Cape", postalCode: "8001", country: "ZA" };

const own = async (path, method = "GET") => {
  const response = await fetch(path, { method });
  if (!response.ok) throw new Problem(await response.json());
  return response.json();
};

/** An element with text or children; text is never HTML. */
const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

const say = (text) => { find("said").textContent = text; };

/** Run what a button does: disabled meanwhile, and what goes wrong is shown. */
const run = (button, action) => async (event) => {
  event.preventDefault();
  button.disabled = true;
  find("problem").hidden = true;
  try {
    await action();
  } catch (error) {
    const id = error.correlationId ? `\nQuote ${error.correlationId} to support.` : "";
    find("problem").textContent = `${error.message}${id}`;
    find("problem").hidden = false;
  } finally {
    button.disabled = false;
  }
};

let user, orders;

function showCart(cart) {
  const total = cart.items.reduce((sum, item) => sum + item.quantity * item.unitPrice, 0);
  // Each name in its own element, so that one in Arabic does not reorder its neighbours.
  const lines = cart.items.slice(0, 3).flatMap((item) => [`${item.quantity} × `, make("bdi", {}, item.name), ", "]).slice(0, -1);
  const more = cart.items.length > 3 ? ` and ${cart.items.length - 3} more` : "";
  return choice(cart.cartId, make("span", {}, ...lines, more), `${rand(total)} excluding VAT`);
}

const choice = (value, text, note) =>
  make("label", { className: "cart" }, make("input", { type: "radio", name: "cart", value, required: true }), make("span", {}, text), make("small", {}, note));

function showOrder(order) {
  const bad = order.status === "REJECTED";
  const card = make("li", { id: `order-${order.id}`, className: "order" },
    make("h3", {}, order.orderNumber ?? "Order"),
    make("span", { className: `chip ${bad ? "bad" : order.invoiceKey ? "good" : ""}` }, WORDS[order.status] ?? order.status.toLowerCase()));
  if (bad) card.append(make("p", { className: "reason" }, order.rejection.detail));
  else if (order.total) card.append(make("p", {}, `${rand(order.total)} including VAT`));
  if (order.invoiceKey) {
    const button = make("button", { type: "button" }, `Download invoice ${order.orderNumber}`);
    button.addEventListener("click", run(button, () => download(order)));
    card.append(button);
  }
  const shown = find(card.id);
  if (shown) shown.replaceWith(card);
  else find("orders").prepend(card);
  find("none").hidden = true;
}

async function download(order) {
  const pdf = await orders.invoice(order.id);
  const link = make("a", { href: URL.createObjectURL(pdf), download: `${order.orderNumber}.pdf` });
  link.click();
  URL.revokeObjectURL(link.href);
  say(`${link.download} was downloaded, ${Math.round(pdf.size / 1024)} KB.`);
}

async function signIn() {
  const { api, users } = await own("/environment");
  user = users.find(({ email }) => email === find("user").value);
  orders = new Orders(api, (await own(`/sign-in/${encodeURIComponent(user.email)}`, "POST")).idToken);
  const carts = await own(`/carts/${user.tenantId}`);
  find("carts").replaceChildren(...carts.map(showCart), choice("cart-emptied-meanwhile", "A cart that has been deleted", "to see how an order is rejected"));
  find("orders").replaceChildren();
  find("none").hidden = false;
  for (const order of (await orders.newest(user.tenantId, 5)).reverse()) showOrder(order);
  find("signed-in").hidden = false;
  find("shop").focus();
  say(`Signed in as ${user.email}.`);
}

async function place() {
  const cartId = find("carts").querySelector(":checked").value;
  const order = { customerEmail: user.email, cartId, billingAddress: ADDRESS, paymentMethod: "EFT" };
  const id = await orders.place(order, crypto.randomUUID());
  say("We've received your order.");
  for await (const state of orders.follow(id)) {
    showOrder(state);
    if (state.rejection) say(`We couldn't accept your order. ${state.rejection.detail}`);
    else if (state.invoiceKey) say(`Order ${state.orderNumber} is confirmed, and its invoice is ready.`);
    else if (state.orderNumber) say(`Order ${state.orderNumber} is confirmed. Its invoice will be ready in a moment.`);
  }
}

find("sign-in").addEventListener("submit", run(find("sign-in").querySelector("button"), signIn));
find("place").addEventListener("submit", run(find("place").querySelector("button"), place));
const { users } = await own("/environment");
find("user").append(...users.map(({ email }) => make("option", {}, email)));
