"""Whether an engine lacks exactly the features that are listed as missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests
from botocore.exceptions import BotoCoreError, ClientError

from tests.conformance.engines import Clients, Engine
from tests.conformance.resources import Resources
from tests.conformance.test_api_gateway import Api
from tests.conformance.test_lambda import ECHO, invoke


def _api_calls(engine: Engine, aws: Clients, make: Resources) -> bool:
    api = Api(engine, aws, make)
    api.mock("health")
    api.deploy()
    return requests.get(f"{engine.api_url(api.id, 'test')}/health", timeout=30).status_code == 200


def _invocations(engine: Engine, aws: Clients, make: Resources) -> bool:
    return bool(invoke(aws, make.function(ECHO)).get("ExecutedVersion") == "1")


def _lambda(engine: Engine, aws: Clients, make: Resources) -> bool:
    return make.publish(make.function(ECHO), ECHO + "# changed\n") == "2"


_PROBES: dict[str, Callable[[Engine, Clients, Resources], Any]] = {
    "API calls": _api_calls,
    "Cognito": lambda engine, aws, make: aws("cognito-idp").list_user_pools(MaxResults=1),
    "DynamoDB": lambda engine, aws, make: aws("dynamodb").list_tables(),
    "Lambda": _lambda,
    "invocations": _invocations,
}


@pytest.mark.parametrize("what", _PROBES)
def test_engine_lacks_what_is_listed(engine: Engine, aws: Clients, make: Resources, what: str) -> None:
    """An engine lacks exactly the features that are listed as missing.

    Source: AWS General Reference, "Service endpoints and quotas"
    <https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html>
    """
    try:
        works = bool(_PROBES[what](engine, aws, make))
    except (BotoCoreError, ClientError, requests.RequestException):
        works = False
    assert works == (what not in engine.lacks)
