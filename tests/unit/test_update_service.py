"""Random changes of an order by several callers: its life is one that the status machine allows."""

from itertools import pairwise
from unittest import mock
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from common.errors import OrderNotFoundError, RefusedError, StaleVersionError
from common.observability import logger
from common.order import MAX_HISTORY, Caller, Order, OrderUpdate, PaymentDetails
from common.status import TRANSITIONS, OrderStatus
from functions.update_order import service
from tests.support.samples import order

CALLERS = [Caller("user-1", "tenant-a", False), Caller("user-2", "tenant-a", False), Caller("boss", "tenant-b", True)]
STRANGER = Caller("user-3", "tenant-b", False)


class OneOrder:
    """A repository with one order in it."""

    def __init__(self) -> None:
        self.order: Order = order()

    def find(self, tenant_id: str, order_id: UUID) -> Order | None:
        """The order, by tenant and id."""
        return self.order if (tenant_id, order_id) == (self.order.tenant_id, self.order.id) else None

    get = find

    def get_by_id(self, order_id: UUID) -> Order | None:
        """The order, by id."""
        return self.order if order_id == self.order.id else None

    def update(self, changed: Order) -> Order:
        """Store the next version, if the order is in the version before it."""
        if changed.version != self.order.version + 1:
            raise StaleVersionError
        self.order = changed
        return self.order


_details = st.builds(
    lambda method, number: PaymentDetails.parse_obj(
        {"method": method, "transactionId": f"t-{number}", "paidAt": "2026-11-24T10:00:00Z"}
    ),
    st.sampled_from(["CARD", "EFT"]),
    st.integers(1, 3),
)


class Life(RuleBasedStateMachine):
    """An order and the callers that change it."""

    @initialize()
    def place(self) -> None:
        """Put a new order on record."""
        logger.set_correlation_id("c-1")
        self.repository, self.topic = OneOrder(), mock.Mock()
        self.statuses = [self.repository.order.status]

    @rule(
        caller=st.sampled_from([*CALLERS, STRANGER]),
        status=st.none() | st.sampled_from(OrderStatus),
        details=st.none() | _details,
        seen=st.sampled_from([(-1,), (0,), (0,), (1,), (0, 1), (0, -5), ()]),
    )
    def change(
        self, caller: Caller, status: OrderStatus | None, details: PaymentDetails | None, seen: tuple[int, ...]
    ) -> None:
        """Request a change of this version, of an earlier one, of one that does not exist yet, or of one of several."""
        before, published = self.repository.order, self.topic.publish.call_count
        change = OrderUpdate.construct(status=status, payment_details=details)
        refused: type[RefusedError] | None = None
        with mock.patch.multiple(service, _repository=self.repository, _sns=self.topic):
            try:
                result = service.update(caller, before.id, {before.version + each for each in seen}, change)
            except RefusedError as error:
                refused = type(error)
        after, new_events = self.repository.order, self.topic.publish.call_count - published
        assert (refused is OrderNotFoundError) is (caller == STRANGER)
        if refused:
            assert (after, new_events) == (before, 0)
            assert refused is not StaleVersionError or 0 not in seen
        elif 0 not in seen:
            # The same change again, as after a lost response.
            assert result == after == before
        else:
            assert result == after
            assert after.version == before.version + 1
            assert new_events == (after.status is not before.status)
            self.statuses.append(after.status)

    @invariant()
    def is_allowed(self) -> None:
        """Each step is a transition, the history has each version, and the total never changes."""
        for one, following in pairwise(self.statuses):
            assert one is following or following in TRANSITIONS[one]
        current = self.repository.order
        assert current.total == order().total
        versions = [*range(1, current.version + 1)]
        assert [entry.version for entry in current.history] == versions[-MAX_HISTORY:]


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=15)
