"""An accepted order whose item is in a transaction: engines do not report such conflicts."""

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from common.table_items import order_key, to_attributes
from tests.support.samples import CREATED, order
from tests.support.stubbed_table import StubbedTable

ORDER = order()
_MARKER = {"status": "ACCEPTED", "tenantId": ORDER.tenant_id, "dateCreated": CREATED}
_REQUEST = {
    "TableName": StubbedTable.NAME,
    "Item": {**order_key(ORDER.tenant_id, ORDER.id), **to_attributes(_MARKER)},
    "ConditionExpression": "attribute_not_exists(PK)",
}


class Table(StubbedTable):
    """A table that gets the marker of the order."""

    def refuse(self, code: str, times: int = 1) -> None:
        """Expect the marker so many times, and refuse it with an error."""
        for _ in range(times):
            self.stubber.add_client_error("put_item", code, expected_params=_REQUEST)

    def store(self) -> None:
        """Expect the marker, and store it."""
        self.stubber.add_response("put_item", {}, _REQUEST)

    def mark(self) -> None:
        """Mark the order as accepted."""
        self.repository.mark_accepted(ORDER.tenant_id, ORDER.id, CREATED)


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Table]:
    """The table of a test."""
    with Table.open(monkeypatch) as opened:
        yield opened


def test_marker_after_cancelled_transaction_is_stored(table: Table) -> None:
    """The marker is put again until the transaction has ended; if it was cancelled, the marker is stored."""
    table.refuse("TransactionConflictException", times=2)
    table.store()
    table.mark()
    shorter, longer = table.pauses
    assert 0 < shorter <= longer


def test_marker_after_recording_transaction_is_left_out(table: Table) -> None:
    """If the transaction has recorded the order, the marker is no longer needed."""
    table.refuse("TransactionConflictException")
    table.refuse("ConditionalCheckFailedException")
    table.mark()


def test_marker_of_recorded_order_is_put_once(table: Table) -> None:
    """An order on record costs one request and no pause."""
    table.refuse("ConditionalCheckFailedException")
    table.mark()
    assert table.pauses == []


def test_marker_in_lasting_conflict_is_given_up_in_time(table: Table) -> None:
    """After four attempts the caller gets the conflict, soon enough to respond within the agreed 0.3 s."""
    table.refuse("TransactionConflictException", times=4)
    with pytest.raises(ClientError, match="TransactionConflictException"):
        table.mark()
    assert sum(table.pauses) < 0.2
