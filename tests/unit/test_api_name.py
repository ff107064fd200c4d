"""Where the name of an API leads: routing of its records, and the status of its health check."""

from typing import Any

import pytest
import requests

from labs.rehearsal.dns import ApiName
from localstack.stack import StackError

CHECK = {"FullyQualifiedDomainName": "a1.execute-api.af-south-1.amazonaws.com", "ResourcePath": "/prod/health"}


class Route53:
    """A zone with the records of one name and their health check."""

    def __init__(self, *records: dict[str, Any]) -> None:
        self.records = list(records)
        self.config: dict[str, Any] = {**CHECK, "FailureThreshold": 2, "RequestInterval": 30}

    def get_hosted_zone(self, Id: str) -> dict[str, Any]:  # noqa: N803
        """The zone."""
        return {"HostedZone": {"Name": "api.kimmyai.io."}}

    def list_resource_record_sets(self, HostedZoneId: str) -> dict[str, Any]:  # noqa: N803
        """The records."""
        return {"ResourceRecordSets": self.records}

    def get_health_check(self, HealthCheckId: str) -> dict[str, Any]:  # noqa: N803
        """The health check."""
        return {"HealthCheck": {"HealthCheckConfig": self.config}}


def record(target: str, **more: str) -> dict[str, Any]:
    """A record of the name."""
    return {"Name": "api.kimmyai.io.", "Type": "A", "AliasTarget": {"DNSName": f"{target}."}, **more}


@pytest.fixture
def responds(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What the health check sees, one result after the other."""
    results: list[bool] = []

    def get(*_: object, **__: object) -> requests.Response:
        response = requests.Response()
        response.status_code = 200 if results.pop(0) else 503
        return response

    monkeypatch.setattr(requests, "get", get)
    return results


def name_of(zone: Route53) -> ApiName:
    """The name, at an engine that is not called."""
    return ApiName(zone, "Z1", "https://localhost", "bundle")


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([False], "home"),
        ([False, False], "other"),
        ([False, True, False], "home"),
        ([False, False, True], "other"),
        ([False, False, True, True], "home"),
    ],
    ids=["one failure", "two failures", "no two in a row", "one success", "two successes"],
)
def test_resolve_after_health_checks_follows_two_in_a_row(
    results: list[bool], expected: str, responds: list[bool]
) -> None:
    """Two equal results in a row change where the name leads; one does not."""
    zone = Route53(record("home", Failover="PRIMARY", HealthCheckId="h"), record("other", Failover="SECONDARY"))
    name = name_of(zone)
    responds += results
    for _ in results:
        name.check()
    assert name.resolve() == expected


def test_resolve_without_a_secondary_stays_at_home(responds: list[bool]) -> None:
    """While nothing is deployed in the other region, Route 53 returns the record that it has."""
    name = name_of(Route53(record("home", Failover="PRIMARY", HealthCheckId="h")))
    responds += [False, False]
    name.check()
    name.check()
    assert name.resolve() == "home"


def test_resolve_of_a_plain_record_is_its_target() -> None:
    """A name without a fail-over has one record."""
    assert name_of(Route53(record("home"))).resolve() == "home"


def test_resolve_without_a_record_is_reported() -> None:
    """A name whose record is missing is an error of its own."""
    with pytest.raises(StackError, match=r"api\.kimmyai\.io\. has no record in zone Z1"):
        name_of(Route53()).resolve()
