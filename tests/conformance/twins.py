"""Compares the embedded engine's DynamoDB with AWS's own DynamoDB Local, request by request.

`python -m tests.conformance.twins` starts both, sends the requests below to each, and fails on a difference that is not
in TWINS of tests/conformance/differences.py, and on one there that is gone.
"""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from localstack.stack import ACCOUNT, REGION, SIGNATURE
from tests.conformance import engines
from tests.conformance.differences import TWINS
from tests.conformance.engines import Clients
from tests.conformance.resources import Resources

type _Call = tuple[str, dict[str, Any]]
type _Item = dict[str, Any]

_CONFIG = Config(retries={"total_max_attempts": 1}, read_timeout=60, parameter_validation=False)
_WRITE_LIMIT, _TRANSACTION_LIMIT = 25, 100


def _key(sort: str) -> _Item:
    return {"PK": {"S": "P"}, "SK": {"S": sort}}


_ITEM: _Item = {
    **_key("A"),
    "GSI1_PK": {"S": "P"},
    "GSI1_SK": {"S": "2026-01-01"},
    "n": {"N": "5"},
    "word": {"S": "rooibos"},
    "tags": {"SS": ["a", "b"]},
    "things": {"L": [{"N": "1"}, {"S": "x"}]},
    "tree": {"M": {"leaf": {"N": "1"}}},
    "nothing": {"NULL": True},
}
_READ: _Call = ("get_item", {"Key": _key("A"), "ConsistentRead": True})


def _put(item: _Item, **options: Any) -> _Call:
    return "put_item", {"Item": item, **options}


def _with(values: dict[str, Any]) -> dict[str, Any]:
    return {"ExpressionAttributeValues": values} if values else {}


def _update(expression: str, returns: str = "ALL_NEW", condition: str | None = None, **values: Any) -> list[_Call]:
    """An update of the item, and the item afterwards; `values` are those of the expressions."""
    request = {"Key": _key("A"), "UpdateExpression": expression, "ReturnValues": returns}
    condition_of = {"ConditionExpression": condition} if condition else {}
    return [
        ("update_item", {**request, **condition_of, **_with({f":{name}": value for name, value in values.items()})}),
        _READ,
    ]


def _query(condition: str, values: dict[str, Any], **options: Any) -> _Call:
    return "query", {"KeyConditionExpression": condition, "ExpressionAttributeValues": values, **options}


def _of_partition(**options: Any) -> _Call:
    values = {":pk": {"S": "P"}, **options.pop("values", {})}
    return _query("PK = :pk", values, **options)


def _filter(expression: str, **values: Any) -> list[_Call]:
    return [_of_partition(FilterExpression=expression, values={f":{name}": value for name, value in values.items()})]


_ONE, _TEXT = {"N": "1"}, {"S": "x"}
_FIVE = [_put({**_key(str(number)), "n": {"N": str(number)}}) for number in range(5)]
_CHECK = {"ConditionCheck": {"Key": _key("A"), "ConditionExpression": "attribute_exists(PK)"}}
_DEEP: _Item = _ONE
for _ in range(40):
    _DEEP = {"L": [_DEEP]}


def _transaction(*operations: dict[str, Any], **options: Any) -> _Call:
    return "transact_write_items", {"TransactItems": list(operations), **options}


# By name; each begins with _ITEM in an empty table.
REQUESTS: dict[str, list[_Call]] = {
    "set, remove and add": _update("SET a = :v REMOVE nothing ADD n :v", v=_ONE),
    "add to a missing number": _update("ADD a :v", v=_ONE),
    "add to a set": _update("ADD tags :v", v={"SS": ["b", "c"]}),
    "add to a text": _update("ADD word :v", v=_ONE),
    "delete from a set": _update("DELETE tags :v", v={"SS": ["a"]}),
    "delete the last of a set": _update("DELETE tags :v", v={"SS": ["a", "b"]}),
    "append to a list": _update("SET things = list_append(things, :v)", v={"L": [_ONE]}),
    "set past the end of a list": _update("SET things[9] = :v", v=_ONE),
    "remove from a list": _update("REMOVE things[0]"),
    "keep what exists": _update("SET n = if_not_exists(n, :v), a = if_not_exists(a, :v)", v=_ONE),
    "set inside a map": _update("SET tree.leaf = :v, tree.bud = :v", v=_ONE),
    "set inside a missing map": _update("SET absent.leaf = :v", v=_ONE),
    "add a missing number to another": _update("SET a = missing + :v", v=_ONE),
    "subtract": _update("SET n = n - :v", v=_ONE),
    "add a text to a number": _update("SET n = n + :v", v=_TEXT),
    "overlapping paths": _update("SET tree.leaf = :v, tree = :v", v=_ONE),
    "update of a key": _update("SET SK = :v", v=_TEXT),
    "remove of a missing attribute": _update("REMOVE missing"),
    "updated old": _update("SET n = :v", "UPDATED_OLD", v=_ONE),
    "updated new": _update("SET n = :v, tree.leaf = :v", "UPDATED_NEW", v=_ONE),
    "all old": _update("SET n = :v", "ALL_OLD", v=_ONE),
    "unknown return values": _update("SET n = :v", "EVERYTHING", v=_ONE),
    "update without an expression": [("update_item", {"Key": _key("NEW")}), ("get_item", {"Key": _key("NEW")})],
    "syntax error": _update("SET n == :v", v=_ONE),
    "unknown function": _update("SET n = reverse(n)"),
    "undefined value": _update("SET n = :other", v=_ONE),
    "unused name": [("update_item", {"Key": _key("A"), "ExpressionAttributeNames": {"#n": "n"}})],
    "index key of another type": _update("SET GSI1_SK = :v", v=_ONE),
    "empty index key": _update("SET GSI1_SK = :v", v={"S": ""}),
    "condition with or and not": _update("SET n = :v", condition="NOT n = :v OR n = :v AND n = :v", v=_ONE),
    "condition on a missing attribute": _update("SET n = :v", condition="missing <> :v", v=_ONE),
    "condition on another type": _update("SET n = :v", condition="word > :v", v=_ONE),
    "condition in a list": _update("SET n = :v", condition="n IN (:v, :w)", v=_ONE, w={"N": "5.0"}),
    "condition on the size": _update("SET n = :v", condition="size(word) > :v AND size(tags) > :v", v=_ONE),
    "condition on the type": _update("SET n = :v", condition="attribute_type(word, :t)", v=_ONE, t={"S": "S"}),
    "condition that a set contains": _update("SET n = :v", condition="contains(tags, :t)", v=_ONE, t={"S": "a"}),
    "condition that a text contains": _update("SET n = :v", condition="contains(word, :t)", v=_ONE, t={"S": "oib"}),
    "condition that a list contains": _update("SET n = :v", condition="contains(things, :v)", v=_ONE),
    "condition that a number begins": _update("SET n = :v", condition="begins_with(word, :v)", v=_ONE),
    "condition between the wrong way": _update("SET n = :v", condition="n BETWEEN :w AND :v", v=_ONE, w={"N": "9"}),
    "empty condition": _update("SET n = :v", condition="", v=_ONE),
    "put returns the old item": [_put(_key("A"), ReturnValues="ALL_OLD")],
    "put returns the new item": [_put(_key("A"), ReturnValues="ALL_NEW")],
    "put without a sort key": [_put({"PK": {"S": "P"}})],
    "put with a key of another type": [_put({"PK": _ONE, "SK": {"S": "A"}})],
    "put with an index key of another type": [_put({**_key("B"), "GSI1_PK": _ONE})],
    "put with an empty index key": [_put({**_key("B"), "GSI1_PK": {"S": ""}, "GSI1_SK": _TEXT})],
    "put with half of the index keys": [
        _put({**_key("B"), "GSI1_PK": {"S": "P"}}),
        _query("GSI1_PK = :pk", {":pk": {"S": "P"}}, IndexName="OrdersByDateIndex"),
    ],
    "numbers are normalised": [
        _put({**_key("A"), "a": {"L": [{"N": n} for n in ("1.0", "1e2", "-0", "0012", "1.50", "1E-3")]}}),
        _READ,
    ],
    "no number": [_put({**_key("A"), "a": {"N": "NaN"}})],
    "number out of range": [_put({**_key("A"), "a": {"N": "1e126"}})],
    "equal numbers in a set": [_put({**_key("A"), "a": {"NS": ["1", "1.0"]}})],
    "equal texts in a set": [_put({**_key("A"), "a": {"SS": ["x", "x"]}})],
    "empty set": [_put({**_key("A"), "a": {"SS": []}})],
    "empty text in a set": [_put({**_key("A"), "a": {"SS": [""]}}), _READ],
    "null that is false": [_put({**_key("A"), "a": {"NULL": False}})],
    "two types in one value": [_put({**_key("A"), "a": {"S": "x", "N": "1"}})],
    "40 levels": [_put({**_key("A"), "a": _DEEP})],
    "long key": [_put(_key("x" * 1_025))],
    "delete returns the item": [("delete_item", {"Key": _key("A"), "ReturnValues": "ALL_OLD"}), _READ],
    "delete of a missing item": [("delete_item", {"Key": _key("Z"), "ReturnValues": "ALL_OLD"})],
    "refused delete": [("delete_item", {"Key": _key("A"), "ConditionExpression": "attribute_not_exists(PK)"}), _READ],
    "get with another attribute": [("get_item", {"Key": {**_key("A"), "n": _ONE}})],
    "get with half of the key": [("get_item", {"Key": {"PK": {"S": "P"}}})],
    "get parts": [("get_item", {"Key": _key("A"), "ProjectionExpression": "tree.leaf, things[1], missing, n"})],
    "get parts that overlap": [("get_item", {"Key": _key("A"), "ProjectionExpression": "tree.leaf, tree"})],
    "query without partition": [_query("SK = :sk", {":sk": {"S": "A"}})],
    "query of a range of partitions": [_query("PK > :pk", {":pk": {"S": "A"}})],
    "query with limit 0": [_of_partition(Limit=0)],
    "query by a prefix": [
        *_FIVE,
        _query("PK = :pk AND begins_with(SK, :sk)", {":pk": {"S": "P"}, ":sk": {"S": "3"}}),
    ],
    "query above": [*_FIVE, _query("PK = :pk AND SK > :sk", {":pk": {"S": "P"}, ":sk": {"S": "2"}})],
    "query between the wrong way": [
        _query("PK = :pk AND SK BETWEEN :b AND :a", {":pk": {"S": "P"}, ":a": {"S": "1"}, ":b": {"S": "2"}})
    ],
    "query of a sort key twice": [
        _query("PK = :pk AND SK > :a AND SK < :b", {":pk": {"S": "P"}, ":a": {"S": "1"}, ":b": {"S": "2"}})
    ],
    "query of another attribute": [_query("PK = :pk AND n = :n", {":pk": {"S": "P"}, ":n": _ONE})],
    "query by a number": [_query("PK = :pk", {":pk": _ONE})],
    "query backwards in pages": [*_FIVE, _of_partition(Limit=2, ScanIndexForward=False)],
    "query that counts": [*_FIVE, _of_partition(Select="COUNT")],
    "query for parts": [_of_partition(ProjectionExpression="n, SK")],
    "query of an unknown index": [_of_partition(IndexName="None")],
    "query from half of a key": [_of_partition(ExclusiveStartKey={"PK": {"S": "P"}})],
    "query from a missing key": [*_FIVE, _of_partition(ExclusiveStartKey=_key("25"))],
    "query from another partition": [_of_partition(ExclusiveStartKey={"PK": {"S": "Q"}, "SK": {"S": "A"}})],
    "filter on a key": _filter("SK = :v", v={"S": "A"}),
    "filter on a missing attribute": _filter("missing <> :v", v=_ONE),
    "filter on nothing": _filter("attribute_type(nothing, :v)", v={"S": "NULL"}),
    "filter by brackets": _filter("(n > :v) AND ((word = :t) OR NOT (n = :v))", v=_ONE, t=_TEXT),
    "filter on a path": _filter("tree.leaf = :v AND things[0] = :v", v=_ONE),
    "filter with a syntax error": _filter("n = = :v", v=_ONE),
    "scan with a filter": [
        *_FIVE,
        ("scan", {"FilterExpression": "n > :v", "ExpressionAttributeValues": {":v": {"N": "2"}}}),
    ],
    "scan by segments": [*_FIVE, ("scan", {"Segment": 0, "TotalSegments": 1})],
    "scan of a missing segment": [("scan", {"Segment": 2, "TotalSegments": 2})],
    "batch of puts": [
        (
            "batch_write_item",
            {"RequestItems": {"$": [{"PutRequest": {"Item": _key("B")}}, {"DeleteRequest": {"Key": _key("A")}}]}},
        ),
        _of_partition(),
    ],
    "batch with one item twice": [
        ("batch_write_item", {"RequestItems": {"$": [{"PutRequest": {"Item": _key("B")}}] * 2}})
    ],
    "batch of too many": [
        (
            "batch_write_item",
            {"RequestItems": {"$": [{"PutRequest": {"Item": _key(str(n))}} for n in range(_WRITE_LIMIT + 1)]}},
        )
    ],
    "batch of reads": [("batch_get_item", {"RequestItems": {"$": {"Keys": [_key("A"), _key("Z")]}}})],
    "batch with one key twice": [("batch_get_item", {"RequestItems": {"$": {"Keys": [_key("A"), _key("A")]}}})],
    "transaction of each kind": [
        _transaction(
            _CHECK,
            {"Put": {"Item": _key("B")}},
            {"Update": {"Key": _key("C"), "UpdateExpression": "SET n = :v", "ExpressionAttributeValues": {":v": _ONE}}},
            {"Delete": {"Key": _key("D")}},
        ),
        _of_partition(),
    ],
    "transaction that is cancelled": [
        _transaction(
            {"Put": {"Item": _key("B")}},
            {
                "Delete": {
                    "Key": _key("A"),
                    "ConditionExpression": "attribute_not_exists(PK)",
                    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                }
            },
        ),
        _of_partition(),
    ],
    "transaction with a wrong update": [
        _transaction(
            {"Put": {"Item": _key("B")}},
            {
                "Update": {
                    "Key": _key("A"),
                    "UpdateExpression": "SET word = word + :v",
                    "ExpressionAttributeValues": {":v": _ONE},
                }
            },
        ),
        _of_partition(),
    ],
    "transaction of nothing": [_transaction()],
    "transaction of too many": [
        _transaction(*({"Put": {"Item": _key(str(number))}} for number in range(_TRANSACTION_LIMIT + 1)))
    ],
    "transaction again": [_transaction({"Put": {"Item": _key("B")}}, ClientRequestToken="once")] * 2,
    "another transaction with the same token": [
        _transaction({"Put": {"Item": _key("B")}}, ClientRequestToken="twice"),
        _transaction({"Put": {"Item": _key("C")}}, ClientRequestToken="twice"),
        _of_partition(),
    ],
    "transaction of reads": [
        ("transact_get_items", {"TransactItems": [{"Get": {"Key": _key("A")}}, {"Get": {"Key": _key("Z")}}]})
    ],
}


def _on(table: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """A request for a table."""
    if "RequestItems" in request:
        return {"RequestItems": {table: request["RequestItems"]["$"]}}
    if "TransactItems" in request:
        items = [{kind: {"TableName": table, **of} for kind, of in each.items()} for each in request["TransactItems"]]
        return {**request, "TransactItems": items}
    return {"TableName": table, **request}


def _plain(value: Any, table: str, key: str = "") -> Any:
    """A response without what may differ: its metadata and capacity, the table's name, the order of sets."""
    if isinstance(value, dict):
        return {
            name.replace(table, "$"): _plain(each, table, name)
            for name, each in value.items()
            # DynamoDB Local adds the capacity to one response that nobody asked it for.
            if name not in ("ResponseMetadata", "ConsumedCapacity")
        }
    if isinstance(value, list):
        found = [_plain(each, table) for each in value]
        return sorted(found, key=json.dumps) if key in ("SS", "NS", table) else found
    return value


class Twin:
    """DynamoDB of one engine.

    Args:
        endpoint: URL of the engine.
        table: A table like the orders table.
    """

    def __init__(self, endpoint: str, table: str) -> None:
        self._table = table
        session = boto3.Session(ACCOUNT, SIGNATURE, region_name=REGION)
        self._client = session.client("dynamodb", endpoint_url=endpoint, config=_CONFIG)

    def responses(self, calls: list[_Call]) -> list[str]:
        """What it responds to requests on a table with _ITEM alone: each response as JSON, or the code of the error."""
        for item in self._client.scan(TableName=self._table)["Items"]:
            self._client.delete_item(TableName=self._table, Key={name: item[name] for name in ("PK", "SK")})
        self._client.put_item(TableName=self._table, Item=_ITEM)
        return [self._response(*call) for call in calls]

    def _response(self, operation: str, request: dict[str, Any]) -> str:
        try:
            found = getattr(self._client, operation)(**_on(self._table, operation, request))
        except ClientError as error:
            found = {"code": error.response["Error"]["Code"]}
            if "CancellationReasons" in error.response:
                reasons = error.response["CancellationReasons"]
                found["reasons"] = [(reason["Code"], reason.get("Item")) for reason in reasons]
        if operation == "scan" and "Items" in found:
            found["Items"] = sorted(found["Items"], key=lambda item: str(item["SK"]))
        return json.dumps(_plain(found, self._table), sort_keys=True)


def main() -> int:
    """Compare the engines; returns the exit status."""
    with ExitStack() as end:
        twins = []
        for name in ("embedded", "dynamodb-local"):
            folder = Path(end.enter_context(tempfile.TemporaryDirectory(prefix="twins-")))
            engine = end.enter_context(engines.ENGINES[name](folder))
            twins.append(Twin(str(engine.endpoint), Resources(engine, Clients(engine), end).table()))
        found = {}
        for name, calls in REQUESTS.items():
            ours, theirs = (twin.responses(calls) for twin in twins)
            if ours != theirs:
                found[name] = "\n".join(
                    f"  {call[0]}:\n    embedded {a}\n    AWS's    {b}"
                    for call, a, b in zip(calls, ours, theirs, strict=True)
                    if a != b
                )
    new, gone = sorted(found.keys() - TWINS.keys()), sorted(TWINS.keys() - found.keys())
    for name in new:
        print(f"{name}: a difference that tests/conformance/differences.py does not know\n{found[name]}")
    for name in gone:
        print(f"{name}: no longer different: remove it from TWINS in tests/conformance/differences.py")
    print(f"{len(REQUESTS)} requests: {len(REQUESTS) - len(found)} the same, {len(found)} known or new differences")
    return 1 if new or gone else 0


if __name__ == "__main__":
    sys.exit(main())
