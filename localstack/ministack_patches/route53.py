"""Route 53: changes of records that it refuses, and switches of a health check."""

from typing import Any

from ministack.services import route53

from localstack.ministack_patches.patching import Function, replaces


@replaces(route53, "_build_health_check_el")
def write_switches(build: Function, parent: Any, check: dict[str, Any]) -> None:
    """Write `true` and `false` as AWS does; MiniStack writes `True`, which the Python SDK reads as false.

    Source: Route 53 API Reference, HealthCheckConfig.
    """
    build(parent, check)
    for element in parent.iter():
        if element.text in ("True", "False"):
            element.text = element.text.lower()


@replaces(route53, "_change_resource_record_sets")
def refuse_records(change: Function, zone_id: str, body: bytes) -> Any:
    """Refuse a record outside the zone, a plain record next to one with routing, and an unknown health check.

    MiniStack accepts all three. Source: Route 53 API Reference, ChangeResourceRecordSets; Developer Guide, "Values
    specific for failover records".
    """
    root, zone = route53._parse_body(body), route53._zones.get(zone_id)
    if root is None or zone is None:
        return change(zone_id, body)
    existing = list(route53._records[zone_id])
    for element in root.iter():
        if not element.tag.endswith("}Change"):
            continue
        record = route53._parse_record_set(route53._find(element, "ResourceRecordSet"))
        if route53._text(element, "Action") == "DELETE":
            existing = [other for other in existing if route53._rs_key(other) != route53._rs_key(record)]
            continue
        if problem := _problem(record, zone["name"], existing):
            return route53._error_response("InvalidChangeBatch", problem)
        existing.append(record)
    return change(zone_id, body)


def _problem(record: dict[str, Any], zone: str, existing: list[dict[str, Any]]) -> str | None:
    name, check = record["Name"], record.get("HealthCheckId")
    if not f".{name}".endswith(f".{zone}"):
        return f"RRSet with DNS name {name} is not permitted in zone {zone}"
    if check and check not in route53._health_checks:
        return f"The specified health check does not exist: {check}"
    same = [other for other in existing if (other["Name"], other["Type"]) == (name, record["Type"])]
    if any(bool(other.get("SetIdentifier")) != bool(record.get("SetIdentifier")) for other in same):
        return f"RRSet with DNS name {name} cannot be created as other RRSets exist with the same name and type."
    return None
