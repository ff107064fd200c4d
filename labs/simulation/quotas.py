"""What AWS and this project's own settings allow in af-south-1, beside what an order uses: which breaks first.

Quotas are the defaults of a new account as AWS documents them (docs/scale.md says where); most can be raised.
"""

from typing import Final, NamedTuple

from labs.simulation import heat

# Orders a second.
LOADS: Final = {
    "1 a minute": 1 / 60,
    "100 a minute": 100 / 60,
    "10,000 a minute": 10_000 / 60,
    "1,000 a second": 1000.0,
}
# Requests for each order, in the mix of `make load`: of ten three are orders, five read one, two list.
REQUESTS: Final = {"create_order": 1.0, "get_order": 5 / 3, "list_orders": 2 / 3}
# Seconds of a call: medians of the REPORT lines of `make load RATES=5 SECONDS=30` on the local stack, 2 cores that had
# other work, 2026-11-25.
SECONDS: Final = {
    "create_order": 0.020,
    "get_order": 0.056,
    "list_orders": 0.063,
    "order_creator_record": 0.025,
    "order_pdf_creator": 0.180,
    "order_internal_notification": 0.047,
    "customer_order_confirmation": 0.040,
}
# The maximum concurrency of each mapping (terraform/locals.tf).
CONCURRENCY: Final = {"order_pdf_creator": 10, "order_internal_notification": 10, "customer_order_confirmation": 10}


class Quota(NamedTuple):
    """Something that there is only so much of.

    Args:
        name: of it.
        limit: of it, in its own unit.
        unit: of the limit.
        used: of it by an order a second.
        whose: AWS's default, or a setting of ours.
    """

    name: str
    limit: float
    unit: str
    used: float
    whose: str

    @property
    def breaks(self) -> float:
        """Orders a second that use all of it."""
        return self.limit / self.used


def busy(orders: float) -> float:
    """Calls of functions that are under way at the same time (Little's law), for orders a second."""
    requests = sum(count * SECONDS[function] for function, count in REQUESTS.items())
    return orders * (requests + sum(SECONDS[function] for function in SECONDS if function not in REQUESTS))


def quotas(counter: float) -> list[Quota]:
    """All of them, the one that breaks first at the top.

    Args:
        counter: orders a second that today's counter numbers, as simulated.
    """
    mappings = [
        Quota(f"mapping of {function}", limit, "calls at once", SECONDS[function], "ours")
        for function, limit in CONCURRENCY.items()
    ]
    found = [
        Quota("counter, 5 writers", counter, "orders a second", 1, "ours"),
        *mappings,
        Quota("SES in the sandbox", 1, "mail a second", 2, "AWS, until production access is given"),
        Quota("SNS Publish", 300, "messages a second", 2, "AWS, can be raised"),
        Quota(
            "OrdersByDateIndex, one tenant",
            heat.PARTITION_UNITS,
            "write units a second",
            heat.INDEX_UNITS,
            "AWS, fixed for a key",
        ),
        Quota("API Gateway, all APIs", 2500, "requests a second", sum(REQUESTS.values()), "AWS, can be raised"),
        Quota("idempotency table, new", 4000, "write units a second", 6, "AWS, grows with use"),
        Quota("orders table, new", 4000, "write units a second", heat.TABLE_UNITS, "AWS, grows with use"),
        Quota("orders table", 40_000, "write units a second", heat.TABLE_UNITS, "AWS, can be raised"),
        Quota("Lambda, all functions", 1000, "calls at once", busy(1), "AWS, can be raised"),
        Quota("S3, invoices of one tenant", 3500, "writes a second", 1, "AWS, fixed for a prefix, which splits"),
    ]
    return sorted(found, key=lambda quota: quota.breaks)
