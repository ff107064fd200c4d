"""The orders table and the idempotency table."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from tests.conformance.engines import Clients
from tests.conformance.resources import code_of
from tooling.polling import poll

pytestmark = pytest.mark.needs("DynamoDB")

_INDEX_SECONDS = 10


def key(partition: str, sort: str = "A") -> dict[str, Any]:
    """The key of an item."""
    return {"PK": {"S": partition}, "SK": {"S": sort}}


def refused(call: Any) -> dict[str, Any]:
    """The error response of a refused call."""
    with pytest.raises(ClientError) as error:
        call()
    return dict(error.value.response)


@pytest.fixture
def partition() -> str:
    """A new partition."""
    return f"P#{uuid4().hex}"


@pytest.fixture
def orders(aws: Clients, table: str, partition: str) -> list[str]:
    """Five orders of one tenant in the index by date, written in another order than sorted."""
    moments = ["2026-01-03", "2026-01-01", "2026-01-05", "2026-01-02", "2026-01-04"]
    for moment in moments:
        item = {
            **key(partition, f"ORDER#{moment}"),
            "GSI1_PK": {"S": partition},
            "GSI1_SK": {"S": moment},
            "status": {"S": "PAID" if moment == "2026-01-01" else "CANCELLED"},
        }
        aws("dynamodb").put_item(TableName=table, Item=item)
    wanted = sorted(moments)

    def indexed() -> bool | None:
        return [item["GSI1_SK"]["S"] for item in query(aws, table, partition)["Items"]] == wanted or None

    poll("the index has the orders", indexed, _INDEX_SECONDS)
    return wanted


def query(aws: Clients, table: str, partition: str, **options: Any) -> Any:
    """The items of a partition in the index by date."""
    values = {":pk": {"S": partition}, **options.pop("values", {})}
    condition = options.pop("condition", "GSI1_PK = :pk")
    return aws("dynamodb").query(
        TableName=table,
        IndexName="OrdersByDateIndex",
        KeyConditionExpression=condition,
        ExpressionAttributeValues=values,
        **options,
    )


def test_second_put_is_refused(aws: Clients, table: str, partition: str) -> None:
    """PutItem with attribute_not_exists is refused with ConditionalCheckFailedException when the item exists.

    Source: DynamoDB Developer Guide, "Condition expressions"
    <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html>
    """

    def put(value: str) -> None:
        aws("dynamodb").put_item(
            TableName=table,
            Item={**key(partition), "value": {"S": value}},
            ConditionExpression="attribute_not_exists(PK)",
        )

    put("first")
    assert code_of(lambda: put("second")) == "ConditionalCheckFailedException"
    found = aws("dynamodb").get_item(TableName=table, Key=key(partition), ConsistentRead=True)["Item"]
    assert found["value"] == {"S": "first"}


def test_refused_put_returns_the_item(aws: Clients, table: str, partition: str) -> None:
    """A refused PutItem returns the existing item in its error if it requests ALL_OLD, and not otherwise.

    Source: DynamoDB API Reference, "PutItem", ReturnValuesOnConditionCheckFailure
    <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html>
    """
    item = {**key(partition), "answer": {"N": "202"}}
    aws("dynamodb").put_item(TableName=table, Item=item)
    put = {"TableName": table, "Item": key(partition), "ConditionExpression": "attribute_not_exists(PK)"}
    error = refused(lambda: aws("dynamodb").put_item(**put, ReturnValuesOnConditionCheckFailure="ALL_OLD"))
    assert error["Item"] == item
    assert "Item" not in refused(lambda: aws("dynamodb").put_item(**put))


def test_stale_update_is_refused(aws: Clients, table: str, partition: str) -> None:
    """UpdateItem with an old version is refused and changes nothing.

    Source: DynamoDB Developer Guide, "Optimistic locking with version number"
    <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/DynamoDBMapper.OptimisticLocking.html>
    """

    def update(seen: int) -> Any:
        return aws("dynamodb").update_item(
            TableName=table,
            Key=key(partition),
            UpdateExpression="SET #version = :next",
            ConditionExpression="#version = :seen",
            ExpressionAttributeNames={"#version": "version"},
            ExpressionAttributeValues={":seen": {"N": str(seen)}, ":next": {"N": str(seen + 1)}},
            ReturnValues="ALL_NEW",
        )

    aws("dynamodb").put_item(TableName=table, Item={**key(partition), "version": {"N": "1"}, "kept": {"S": "x"}})
    assert update(1)["Attributes"] == {**key(partition), "version": {"N": "2"}, "kept": {"S": "x"}}
    assert code_of(lambda: update(1)) == "ConditionalCheckFailedException"
    assert code_of(lambda: update(3)) == "ConditionalCheckFailedException"


def test_conditional_update_creates_no_item(aws: Clients, table: str, partition: str) -> None:
    """UpdateItem whose condition compares an attribute of a missing item is refused and creates no item.

    Source: DynamoDB API Reference, "UpdateItem"
    <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html>
    """
    code = code_of(
        lambda: aws("dynamodb").update_item(
            TableName=table,
            Key=key(partition),
            UpdateExpression="SET lastNumber = :next",
            ConditionExpression="lastNumber = :last",
            ExpressionAttributeValues={":last": {"N": "1"}, ":next": {"N": "2"}},
        )
    )
    assert code == "ConditionalCheckFailedException"
    assert "Item" not in aws("dynamodb").get_item(TableName=table, Key=key(partition), ConsistentRead=True)


def numbered(table: str, partition: str, last: int, order: str) -> list[dict[str, Any]]:
    """A counter's update and an order's put, as the record function writes them."""
    return [
        {
            "Update": {
                "TableName": table,
                "Key": key(partition, "COUNTER"),
                "UpdateExpression": "SET lastNumber = :next",
                "ConditionExpression": "lastNumber = :last" if last else "attribute_not_exists(lastNumber)",
                "ExpressionAttributeValues": {":next": {"N": str(last + 1)}}
                | ({":last": {"N": str(last)}} if last else {}),
            }
        },
        {
            "Put": {
                "TableName": table,
                "Item": key(partition, order),
                "ConditionExpression": "attribute_not_exists(PK)",
            }
        },
    ]


def test_transaction_is_all_or_nothing(aws: Clients, table: str, partition: str) -> None:
    """A transaction with one failed condition writes nothing.

    Source: DynamoDB Developer Guide, "Amazon DynamoDB Transactions: How it works"
    <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html>
    """
    dynamodb = aws("dynamodb")
    dynamodb.transact_write_items(TransactItems=numbered(table, partition, 0, "ORDER#1"))
    code = code_of(lambda: dynamodb.transact_write_items(TransactItems=numbered(table, partition, 1, "ORDER#1")))
    assert code == "TransactionCanceledException"
    counter = dynamodb.get_item(TableName=table, Key=key(partition, "COUNTER"), ConsistentRead=True)["Item"]
    assert counter["lastNumber"] == {"N": "1"}


@pytest.mark.parametrize("failed", [(True, False), (False, True), (True, True)], ids=["first", "second", "both"])
def test_cancelled_transaction_has_reasons(aws: Clients, table: str, partition: str, failed: tuple[bool, bool]) -> None:
    """A cancelled transaction has a reason for each of its items, in their order: ConditionalCheckFailed or None.

    Source: DynamoDB API Reference, "TransactWriteItems", cancellation reasons
    <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
    """
    dynamodb = aws("dynamodb")
    dynamodb.transact_write_items(TransactItems=numbered(table, partition, 0, "ORDER#1"))
    items = numbered(table, partition, 7 if failed[0] else 1, "ORDER#1" if failed[1] else "ORDER#2")
    reasons = refused(lambda: dynamodb.transact_write_items(TransactItems=items))["CancellationReasons"]
    assert [reason["Code"] for reason in reasons] == [
        "ConditionalCheckFailed" if is_failed else "None" for is_failed in failed
    ]


def test_concurrent_transactions_one_wins(aws: Clients, table: str, partition: str) -> None:
    """Of ten concurrent transactions on one counter, exactly one is written.

    Source: DynamoDB Developer Guide, "Transaction isolation levels"
    <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html>
    """
    dynamodb = aws("dynamodb")

    def write(number: int) -> str:
        try:
            dynamodb.transact_write_items(TransactItems=numbered(table, partition, 0, f"ORDER#{number}"))
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "written"

    with ThreadPoolExecutor(max_workers=10) as pool:
        outcomes = sorted(pool.map(write, range(10)))
    assert outcomes == ["TransactionCanceledException"] * 9 + ["written"]


def test_transaction_with_one_item_twice_is_refused(aws: Clients, table: str, partition: str) -> None:
    """A transaction with two operations on one item is refused with ValidationException.

    Source: DynamoDB API Reference, "TransactWriteItems"
    <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
    """
    put = {"Put": {"TableName": table, "Item": key(partition)}}
    assert code_of(lambda: aws("dynamodb").transact_write_items(TransactItems=[put, put])) == "ValidationException"


def test_index_is_read_in_both_orders(aws: Clients, table: str, partition: str, orders: list[str]) -> None:
    """An index is read in the order of its sort key, and backwards with ScanIndexForward false.

    Source: DynamoDB API Reference, "Query", ScanIndexForward
    <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html>
    """
    found = query(aws, table, partition, ScanIndexForward=False)["Items"]
    assert [item["GSI1_SK"]["S"] for item in found] == orders[::-1]


def test_between_includes_both_ends(aws: Clients, table: str, partition: str, orders: list[str]) -> None:
    """BETWEEN in a key condition includes both ends.

    Source: DynamoDB Developer Guide, "Key condition expressions for the Query operation"
    <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.KeyConditionExpressions.html>
    """
    found = query(
        aws,
        table,
        partition,
        condition="GSI1_PK = :pk AND GSI1_SK BETWEEN :from AND :to",
        values={":from": {"S": orders[1]}, ":to": {"S": orders[3]}},
    )["Items"]
    assert [item["GSI1_SK"]["S"] for item in found] == orders[1:4]


def test_page_continues_from_the_last_key(aws: Clients, table: str, partition: str, orders: list[str]) -> None:
    """LastEvaluatedKey of a page of an index has the keys of index and table; the next page continues from it.

    Source: DynamoDB Developer Guide, "Paginating table query results"
    <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html>
    """
    first = query(aws, table, partition, Limit=2)
    assert set(first["LastEvaluatedKey"]) == {"PK", "SK", "GSI1_PK", "GSI1_SK"}
    second = query(aws, table, partition, Limit=2, ExclusiveStartKey=first["LastEvaluatedKey"])
    third = query(aws, table, partition, Limit=2, ExclusiveStartKey=second["LastEvaluatedKey"])
    found = [item["GSI1_SK"]["S"] for page in (first, second, third) for item in page["Items"]]
    assert found == orders
    assert "LastEvaluatedKey" not in third


def test_full_page_has_a_last_key(aws: Clients, table: str, partition: str, orders: list[str]) -> None:
    """A page that reached its limit has a LastEvaluatedKey even when nothing follows; the next page is empty.

    Source: DynamoDB API Reference, "Query", Limit and LastEvaluatedKey
    <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html>
    """
    page = query(aws, table, partition, Limit=len(orders))
    rest = query(aws, table, partition, ExclusiveStartKey=page["LastEvaluatedKey"])
    assert rest["Items"] == []
    assert "LastEvaluatedKey" not in rest


def test_limit_counts_before_the_filter(aws: Clients, table: str, partition: str, orders: list[str]) -> None:
    """Limit counts the items read, not those that pass the filter: an empty page can have a next one.

    Source: DynamoDB Developer Guide, "Filter expressions for the Query operation"
    <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.FilterExpression.html>
    """
    page = query(
        aws,
        table,
        partition,
        Limit=2,
        ScanIndexForward=False,
        FilterExpression="#status = :status",
        ExpressionAttributeNames={"#status": "status"},
        values={":status": {"S": "PAID"}},
    )
    assert (page["Count"], page["ScannedCount"], page["Items"]) == (0, 2, [])
    assert page["LastEvaluatedKey"]["GSI1_SK"] == {"S": orders[3]}


def test_start_key_out_of_bounds_is_refused(aws: Clients, table: str, partition: str, orders: list[str]) -> None:
    """A start key outside of the key condition is refused with ValidationException.

    Source: DynamoDB API Reference, "Query", ExclusiveStartKey
    <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html>
    """
    start = query(aws, table, partition, Limit=1)["LastEvaluatedKey"]
    code = code_of(
        lambda: query(
            aws,
            table,
            partition,
            condition="GSI1_PK = :pk AND GSI1_SK BETWEEN :from AND :to",
            values={":from": {"S": orders[2]}, ":to": {"S": orders[4]}},
            ExclusiveStartKey=start,
        )
    )
    assert code == "ValidationException"


def test_consistent_read_of_an_index_is_refused(aws: Clients, table: str, partition: str) -> None:
    """A consistent read of a global secondary index is refused with ValidationException.

    Source: DynamoDB Developer Guide, "DynamoDB read consistency"
    <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.ReadConsistency.html>
    """
    assert code_of(lambda: query(aws, table, partition, ConsistentRead=True)) == "ValidationException"


def test_item_without_index_keys_is_not_indexed(aws: Clients, table: str, partition: str, orders: list[str]) -> None:
    """An item without the keys of an index, such as the counter, is not in the index.

    Source: DynamoDB Developer Guide, "Take advantage of sparse indexes"
    <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-indexes-general-sparse-indexes.html>
    """
    counter = {**key(partition, "COUNTER"), "GSI1_PK": {"S": partition}}
    aws("dynamodb").put_item(TableName=table, Item=counter)
    late = {**key(partition, "ORDER#late"), "GSI1_PK": {"S": partition}, "GSI1_SK": {"S": "2026-01-06"}}
    aws("dynamodb").put_item(TableName=table, Item=late)

    def last_is_there() -> list[str] | None:
        found = [item["GSI1_SK"]["S"] for item in query(aws, table, partition)["Items"]]
        return found if found[-1] == "2026-01-06" else None

    assert poll("the later order in the index", last_is_there, _INDEX_SECONDS) == [*orders, "2026-01-06"]


def test_numbers_are_exact(aws: Clients, table: str, partition: str) -> None:
    """A number of 38 digits is read as it was written.

    Source: DynamoDB Developer Guide, "Supported data types and naming rules in Amazon DynamoDB"
    <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html>
    """
    number = "123456789012345678901234567890123456.78"
    aws("dynamodb").put_item(TableName=table, Item={**key(partition), "total": {"N": number}})
    found = aws("dynamodb").get_item(TableName=table, Key=key(partition), ConsistentRead=True)["Item"]
    assert found["total"] == {"N": number}


def test_number_of_39_digits_is_refused(aws: Clients, table: str, partition: str) -> None:
    """A number of 39 digits is refused with ValidationException.

    Source: DynamoDB Developer Guide, "Supported data types and naming rules in Amazon DynamoDB"
    <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html>
    """
    item = {**key(partition), "total": {"N": "123456789012345678901234567890123456789"}}
    assert code_of(lambda: aws("dynamodb").put_item(TableName=table, Item=item)) == "ValidationException"


def test_empty_key_is_refused(aws: Clients, table: str) -> None:
    """An empty string as a key is refused with ValidationException; as an attribute it is stored.

    Source: DynamoDB Developer Guide, "Supported data types and naming rules in Amazon DynamoDB"
    <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html>
    """
    assert code_of(lambda: aws("dynamodb").put_item(TableName=table, Item=key(""))) == "ValidationException"
    partition = f"P#{uuid4().hex}"
    aws("dynamodb").put_item(TableName=table, Item={**key(partition), "note": {"S": ""}})
    assert aws("dynamodb").get_item(TableName=table, Key=key(partition), ConsistentRead=True)["Item"]["note"] == {
        "S": ""
    }


def test_item_over_400_kilobytes_is_refused(aws: Clients, table: str, partition: str) -> None:
    """An item of more than 400 KB is refused with ValidationException.

    Source: DynamoDB Developer Guide, "Quotas in Amazon DynamoDB"
    <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>
    """
    item = {**key(partition), "text": {"S": "x" * 400 * 1024}}
    assert code_of(lambda: aws("dynamodb").put_item(TableName=table, Item=item)) == "ValidationException"


def test_reserved_word_needs_a_placeholder(aws: Clients, table: str, partition: str) -> None:
    """The reserved word `status` in an expression is refused with ValidationException.

    Source: DynamoDB Developer Guide, "Reserved words in DynamoDB"
    <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ReservedWords.html>
    """
    code = code_of(
        lambda: aws("dynamodb").update_item(
            TableName=table,
            Key=key(partition),
            UpdateExpression="SET status = :new",
            ExpressionAttributeValues={":new": {"S": "PAID"}},
        )
    )
    assert code == "ValidationException"


def test_unused_value_is_refused(aws: Clients, table: str, partition: str) -> None:
    """A value that no expression uses is refused with ValidationException.

    Source: DynamoDB Developer Guide, "Using expression attribute values in DynamoDB"
    <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ExpressionAttributeValues.html>
    """
    code = code_of(
        lambda: aws("dynamodb").update_item(
            TableName=table,
            Key=key(partition),
            UpdateExpression="SET paid = :new",
            ExpressionAttributeValues={":new": {"BOOL": True}, ":old": {"BOOL": False}},
        )
    )
    assert code == "ValidationException"


def test_missing_table_is_refused(aws: Clients) -> None:
    """A call on a missing table is refused with ResourceNotFoundException.

    Source: DynamoDB Developer Guide, "Error handling with DynamoDB"
    <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>
    """
    code = code_of(lambda: aws("dynamodb").get_item(TableName=f"none-{uuid4().hex}", Key=key("P")))
    assert code == "ResourceNotFoundException"
