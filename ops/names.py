"""The API's own name in Route 53: its records, and the health check that decides which region it leads to."""

from typing import Any

from tooling.cli import UserError


class ApiNameError(UserError):
    """The environment has no name, or its name no health check; the text says which."""


def records(client: Any, zone_id: str, name: str) -> list[str]:
    """Describe each record of a name, a line for each."""
    lines = []
    for record in _records(client, zone_id, name):
        line = f"{record.get('Failover', 'record')} {record['AliasTarget']['DNSName'].rstrip('.')}"
        if check := record.get("HealthCheckId"):
            config = client.get_health_check(HealthCheckId=check)["HealthCheck"]["HealthCheckConfig"]
            held = config.get("Disabled") and config.get("Inverted")
            line += f", health check {check}{', held as failed' if held else ''}"
        lines.append(line)
    return lines


def hold(client: Any, zone_id: str, name: str) -> None:
    """Take the home region for lost whatever it responds, until its next deployment."""
    checks = [record["HealthCheckId"] for record in _records(client, zone_id, name) if "HealthCheckId" in record]
    if not checks:
        raise ApiNameError(f"{name} has no health check, so it cannot lead to another region")
    # A disabled check counts as healthy, and inverted as failed.
    client.update_health_check(HealthCheckId=checks[0], Disabled=True, Inverted=True)


def _records(client: Any, zone_id: str, name: str) -> list[dict[str, Any]]:
    if not zone_id:
        raise ApiNameError("this environment's API has no name of its own: hosted_zone_id is not set in terraform/env")
    found = client.list_resource_record_sets(HostedZoneId=zone_id)["ResourceRecordSets"]
    return [one for one in found if (one["Name"].rstrip("."), one["Type"]) == (name, "A")]
