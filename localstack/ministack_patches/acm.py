"""ACM: a certificate is issued once DNS has its validation record."""

import hashlib
import json
from typing import Any

from ministack.core.responses import get_account_id
from ministack.services import acm, route53

from localstack.ministack_patches.patching import Function, replaces

_PENDING = "PENDING_VALIDATION"


@replaces(acm, "_validation_options")
def name_validation_records(options: Function, domain: str, method: str) -> dict[str, Any]:
    """Give a name of an account the same validation record in every region, and wait for it.

    MiniStack names no account in it and calls it found. Source: ACM User Guide, "DNS validation".
    """
    found: dict[str, Any] = options(domain, method)
    base = domain.removeprefix("*.")
    digest = hashlib.sha256(f"{get_account_id()} {base}".encode()).hexdigest()
    record = {"Name": f"_{digest[:32]}.{base}.", "Type": "CNAME", "Value": f"_{digest[32:]}.acm-validations.aws."}
    return found | {"ValidationStatus": _PENDING, "ResourceRecord": record}


@replaces(acm, "_request_certificate")
def wait_for_validation(request: Function, data: dict[str, Any]) -> Any:
    """Keep a new certificate in PENDING_VALIDATION; MiniStack issues it at once.

    Source: ACM API Reference, DescribeCertificate.
    """
    response = request(data)
    if response[0] == 200:
        acm._certificates[json.loads(response[2])["CertificateArn"]]["Status"] = _PENDING
    return response


@replaces(acm, "_get_local_certificate")
def issue_when_validated(find: Function, arn: str) -> dict[str, Any] | None:
    """Issue a certificate whose validation records are in a public zone of any account."""
    certificate: dict[str, Any] | None = find(arn)
    if certificate and certificate["Status"] == _PENDING:
        records = {
            (record["Name"], record["Type"], value)
            for zone in route53._records._data.values()
            for record in zone
            for value in record.get("ResourceRecords", [])
        }
        options = certificate["DomainValidationOptions"]
        for option in options:
            if tuple(option["ResourceRecord"].values()) in records:
                option["ValidationStatus"] = "SUCCESS"
        if all(option["ValidationStatus"] == "SUCCESS" for option in options):
            certificate["Status"] = "ISSUED"
    return certificate
