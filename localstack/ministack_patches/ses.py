"""SES: permissions to send mail, addresses that it refuses, MAIL FROM domains and feedback on bounces."""

import base64
import email
import email.utils
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from ministack.core import iam_actions
from ministack.services import ses

from localstack.ministack_patches.patching import Function, replaces

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# RFC 5321, 4.1.2 (dot-string and quoted string) and 4.5.3.1 (lengths).
_ADDRESS = re.compile(
    rf"(?=.{{1,64}}@[^@]{{1,255}}$)(?:{_ATOM}(?:\.{_ATOM})*|\"[^\"\\]+\")@{_LABEL}(?:\.{_LABEL})+", re.ASCII
)
_ADDRESS_FIELD = re.compile(r"Source|Destinations\.member\.\d+|Destination\.\w+\.member\.\d+|ReplyToAddresses\..+")
_ADDRESS_HEADERS = ("From", "To", "Cc", "Bcc", "Reply-To")


@replaces(iam_actions, "extract_resource_arn")
def check_sender_identity(
    arn_of: Function, service: str, method: str, path: str, headers: dict[str, str], body: bytes, *request: Any
) -> Any:
    """Check SendRawEmail on the identity of the sender's domain; MiniStack checks it on `*`.

    Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon SES".
    """
    if service == "ses" and b"Action=SendRawEmail" in body:
        _, region, account = request
        return f"arn:aws:ses:{region}:{account}:identity/{_sender(body).partition('@')[2]}"
    return arn_of(service, method, path, headers, body, *request)


@replaces(iam_actions, "request_tag_context")
def give_sender_address(context: Function, service: str, action: str, body: bytes, parameters: dict[str, Any]) -> Any:
    """Give SendRawEmail the condition key `ses:FromAddress`, which MiniStack leaves out.

    Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon SES".
    """
    keys = {"ses:FromAddress": _sender(body)} if action == "ses:SendRawEmail" else {}
    return {**context(service, action, body, parameters), **keys}


def _sender(body: bytes) -> str:
    """Address of the From header of a SendRawEmail request."""
    fields = parse_qs(body.decode(errors="replace"))
    header = email.message_from_bytes(base64.b64decode(fields["RawMessage.Data"][0]))["From"]
    return email.utils.parseaddr(header or fields.get("Source", [""])[0])[1]


@replaces(ses, "_send_email")
@replaces(ses, "_send_raw_email")
def refuse_addresses(send: Function, fields: dict[str, Any]) -> Any:
    """Refuse a mail from or to an address that is not 7-bit ASCII or not as in RFC 5321; MiniStack sends most of them.

    Source: SES API Reference, SendEmail, SendRawEmail and Destination; RFC 5321, 4.1.2 and 4.5.3.1.
    """
    given = [ses._p(fields, name) for name in fields if _ADDRESS_FIELD.fullmatch(name)]
    if raw := ses._p(fields, "RawMessage.Data"):
        mail = email.message_from_bytes(base64.b64decode(raw))
        given += [str(value) for header in _ADDRESS_HEADERS for value in mail.get_all(header, [])]
    for _, address in email.utils.getaddresses(given):
        if not _ADDRESS.fullmatch(address):
            return ses._error("InvalidParameterValue", _refusal(address), 400)
    return send(fields)


def _refusal(address: str) -> str:
    """What SES says of an address that it refuses."""
    local, _, domain = address.rpartition("@")
    if not address.isascii() or not local or not domain:
        return "Missing final '@domain'"
    for part, name in ((local, "Local address"), (domain, "Domain")):
        if part.startswith("."):
            return f"{name} starts with dot"
        if ".." in part:
            return f"{name} contains dot-dot"
        if part.endswith("."):
            return f"{name} ends with dot"
    return "Illegal address"


@replaces(ses, "handle_request")
async def serve_mail_feedback(
    handle: Function, method: str, path: str, headers: dict[str, str], body: bytes, *request: Any
) -> Any:
    """Serve MAIL FROM domains and event destinations, which MiniStack lacks; they are only stored.

    Source: SES API Reference (2010-12-01), the actions of `_FEEDBACK`.
    """
    fields = {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}
    action = fields.get("Action", "")
    if action not in _FEEDBACK:
        return await handle(method, path, headers, body, *request)
    name = fields.get("ConfigurationSetName")
    if name is not None and name not in ses._configuration_sets:
        return ses._config_set_missing(name)
    result = _FEEDBACK[action](ses._configuration_sets[name] if name else {}, fields) or ""
    return ses._xml(200, f"{action}Response", f"<{action}Result>{result}</{action}Result>")


def _create_destination(configuration_set: dict[str, Any], fields: dict[str, str]) -> None:
    types = [value for name, value in fields.items() if name.startswith("EventDestination.MatchingEventTypes.member.")]
    configuration_set.setdefault("EventDestinations", {})[fields["EventDestination.Name"]] = (
        f"<member><Name>{fields['EventDestination.Name']}</Name><Enabled>{fields['EventDestination.Enabled']}</Enabled>"
        f"<MatchingEventTypes>{''.join(f'<member>{each}</member>' for each in types)}</MatchingEventTypes>"
        f"<SNSDestination><TopicARN>{fields['EventDestination.SNSDestination.TopicARN']}</TopicARN></SNSDestination></member>"
    )


def _delete_destination(configuration_set: dict[str, Any], fields: dict[str, str]) -> None:
    configuration_set.get("EventDestinations", {}).pop(fields["EventDestinationName"], None)


def _publish_reputation(configuration_set: dict[str, Any], fields: dict[str, str]) -> None:
    configuration_set["Reputation"] = fields["Enabled"]


def _describe(configuration_set: dict[str, Any], _: dict[str, str]) -> str:
    return (
        f"<ConfigurationSet><Name>{configuration_set['Name']}</Name></ConfigurationSet>"
        f"<EventDestinations>{''.join(configuration_set.get('EventDestinations', {}).values())}</EventDestinations>"
        "<ReputationOptions><SendingEnabled>true</SendingEnabled><ReputationMetricsEnabled>"
        f"{configuration_set.get('Reputation', 'false')}</ReputationMetricsEnabled></ReputationOptions>"
    )


def _set_mail_from(_: dict[str, Any], fields: dict[str, str]) -> None:
    ses._identities[fields["Identity"]] |= {
        "MailFromDomain": fields.get("MailFromDomain", ""),
        "BehaviorOnMXFailure": fields.get("BehaviorOnMXFailure", "UseDefaultValue"),
    }


def _mail_from(_: dict[str, Any], fields: dict[str, str]) -> str:
    entries = ""
    for name, identity in fields.items():
        found = ses._identities.get(identity) if name.startswith("Identities.member.") else None
        if found and found.get("MailFromDomain"):
            entries += (
                f"<entry><key>{identity}</key><value><MailFromDomain>{found['MailFromDomain']}</MailFromDomain>"
                "<MailFromDomainStatus>Success</MailFromDomainStatus>"
                f"<BehaviorOnMXFailure>{found['BehaviorOnMXFailure']}</BehaviorOnMXFailure></value></entry>"
            )
    return f"<MailFromDomainAttributes>{entries}</MailFromDomainAttributes>"


_FEEDBACK: dict[str, Callable[[dict[str, Any], dict[str, str]], str | None]] = {
    "CreateConfigurationSetEventDestination": _create_destination,
    "DeleteConfigurationSetEventDestination": _delete_destination,
    "UpdateConfigurationSetReputationMetricsEnabled": _publish_reputation,
    "DescribeConfigurationSet": _describe,
    "SetIdentityMailFromDomain": _set_mail_from,
    "GetIdentityMailFromDomainAttributes": _mail_from,
}
