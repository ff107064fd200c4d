"""Keeps the configuration sets of SES v2 and their event destinations, which LocalStack lacks; no mail causes an event.

Source: SES API v2 Reference, the operations of `_OPERATIONS`. LocalStack runs this script when it starts.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from localstack.aws.api import CommonServiceException, RequestContext
from localstack.aws.handlers.service_plugin import ServiceLoader
from localstack.aws.skeleton import Skeleton
from localstack.aws.spec import load_service
from localstack.runtime import get_current_runtime

_Values = dict[str, Any]
_NAME = "ConfigurationSetName"
# Configuration sets by account and region, then by name, each with its event destinations by name.
_sets: dict[tuple[str, str], dict[str, _Values]] = defaultdict(dict)
_destinations: dict[tuple[str, str, str], dict[str, _Values]] = defaultdict(dict)


def _of(context: RequestContext) -> dict[str, _Values]:
    return _sets[context.account_id, context.region]


def _destinations_of(context: RequestContext, request: _Values) -> dict[str, _Values]:
    name = _found(context, request)[_NAME]
    return _destinations[context.account_id, context.region, name]


def _found(context: RequestContext, request: _Values) -> _Values:
    name = request[_NAME]
    if name not in _of(context):
        raise CommonServiceException("NotFoundException", f"Configuration set <{name}> does not exist.", 404)
    return _of(context)[name]


def _create(context: RequestContext, request: _Values) -> _Values:
    name = request[_NAME]
    if name in _of(context):
        raise CommonServiceException("AlreadyExistsException", f"Configuration set <{name}> already exists.", 400)
    _of(context)[name] = {"SendingOptions": {"SendingEnabled": True}, **request}
    return {}


def _delete(context: RequestContext, request: _Values) -> _Values:
    name = _found(context, request)[_NAME]
    del _of(context)[name]
    _destinations.pop((context.account_id, context.region, name), None)
    return {}


def _put(option: str) -> Callable[[RequestContext, _Values], _Values]:
    def put(context: RequestContext, request: _Values) -> _Values:
        _found(context, request)[option] = {name: value for name, value in request.items() if name != _NAME}
        return {}

    return put


def _put_destination(context: RequestContext, request: _Values) -> _Values:
    name = request["EventDestinationName"]
    _destinations_of(context, request)[name] = {**request["EventDestination"], "Name": name}
    return {}


def _delete_destination(context: RequestContext, request: _Values) -> _Values:
    _destinations_of(context, request).pop(request["EventDestinationName"], None)
    return {}


_OPERATIONS: dict[str, Callable[[RequestContext, _Values], _Values]] = {
    "CreateConfigurationSet": _create,
    "GetConfigurationSet": _found,
    "DeleteConfigurationSet": _delete,
    "PutConfigurationSetReputationOptions": _put("ReputationOptions"),
    "PutConfigurationSetSuppressionOptions": _put("SuppressionOptions"),
    "CreateConfigurationSetEventDestination": _put_destination,
    "UpdateConfigurationSetEventDestination": _put_destination,
    "GetConfigurationSetEventDestinations": lambda context, request: {
        "EventDestinations": list(_destinations_of(context, request).values())
    },
    "DeleteConfigurationSetEventDestination": _delete_destination,
    "ListTagsForResource": lambda context, request: {
        "Tags": _of(context).get(request["ResourceArn"].rpartition("/")[2], {}).get("Tags", [])
    },
}

_gateway = get_current_runtime().components.gateway
_gateway.service_request_router.add_skeleton(Skeleton(load_service("sesv2"), _OPERATIONS))
# There is no provider to load.
next(each for each in _gateway.request_handlers if isinstance(each, ServiceLoader)).loaded_services.add("sesv2")
