"""Which region the name of an API leads to: its records in Route 53, and the health check that decides between them.

Stands for Route 53's name servers and health checkers. The engine has the records and the check, but neither of these.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import requests

from localstack.stack import StackError

# Clients may use a record for so long: Route 53 gives this time to live to records that lead to API Gateway.
TTL_SECONDS: Final = 60
_REQUEST_SECONDS: Final = 4


class ApiName:
    """A name that leads to an API, in a hosted zone of the same name.

    Args:
        route53: Client of the account that has the zone.
        zone_id: Id of the zone.
        endpoint: URL of the engine, which serves every API.
        verify: Certificate bundle of the engine.
    """

    def __init__(self, route53: Any, zone_id: str, endpoint: str, verify: str) -> None:
        self._route53, self._endpoint, self._verify = route53, endpoint, verify
        self.zone_id = zone_id
        self.name: str = route53.get_hosted_zone(Id=zone_id)["HostedZone"]["Name"]
        # Route 53 takes an endpoint for healthy until it knows better.
        self._responds, self._different = True, 0

    def _records(self) -> list[dict[str, Any]]:
        found = self._route53.list_resource_record_sets(HostedZoneId=self.zone_id)["ResourceRecordSets"]
        return [record for record in found if (record["Name"], record["Type"]) == (self.name, "A")]

    def _health_check(self) -> dict[str, Any]:
        """The configuration of the name's health check; empty if there is none."""
        ids = [record["HealthCheckId"] for record in self._records() if "HealthCheckId" in record]
        if not ids:
            return {}
        found: dict[str, Any] = self._route53.get_health_check(HealthCheckId=ids[0])["HealthCheck"]["HealthCheckConfig"]
        return found

    def check(self) -> None:
        """Request what the health check requests, once; as many results in a row as it says change the status."""
        config = self._health_check()
        if not config or config.get("Disabled"):
            self._responds, self._different = True, 0
            return
        api_id = config["FullyQualifiedDomainName"].partition(".")[0]
        url = f"{self._endpoint}/_aws/execute-api/{api_id}{config['ResourcePath']}"
        try:
            responds = requests.get(url, timeout=_REQUEST_SECONDS, verify=self._verify).ok
        except requests.RequestException:
            responds = False
        self._different = self._different + 1 if responds != self._responds else 0
        if self._different >= config["FailureThreshold"]:
            self._responds, self._different = responds, 0

    def resolve(self) -> str:
        """The target of the record that Route 53 returns now; StackError if there is no record."""
        targets: dict[str | None, str] = {
            record.get("Failover"): record["AliasTarget"]["DNSName"] for record in self._records()
        }
        if not targets:
            raise StackError(f"{self.name} has no record in zone {self.zone_id}")
        healthy = self._responds is not self._health_check().get("Inverted", False)
        order = ("PRIMARY", "SECONDARY") if healthy else ("SECONDARY", "PRIMARY")
        return next(targets[kind] for kind in (None, *order) if kind in targets).rstrip(".")

    def get(self, path: str) -> requests.Response:
        """Request a path of the API by its name."""
        headers = {"Host": self.resolve()}
        return requests.get(f"{self._endpoint}{path}", headers=headers, timeout=60, verify=self._verify)

    @contextmanager
    def checked(self) -> Iterator[None]:
        """Make the health check at its interval, until the end of the block."""
        ended, interval = threading.Event(), self._health_check()["RequestInterval"]

        def run() -> None:
            while not ended.wait(interval):
                self.check()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
