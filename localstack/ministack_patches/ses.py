"""SES: permissions to send mail, addresses that it refuses, MAIL FROM domains, what becomes of a mail, suppression."""

import base64
import email.utils
import json
import os
import re
import time
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from ministack import app as gateway
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region, json_response
from ministack.services import ses, ses_v2, sns

from localstack.ministack_patches.patching import Function, replaces
from localstack.sidecars.mail_catcher import MailCatcher

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# RFC 5321, 4.1.2 (dot-string and quoted string) and 4.5.3.1 (lengths).
_ADDRESS = re.compile(
    rf"(?=.{{1,64}}@[^@]{{1,255}}$)(?:{_ATOM}(?:\.{_ATOM})*|\"[^\"\\]+\")@{_LABEL}(?:\.{_LABEL})+", re.ASCII
)
_ADDRESS_FIELD = re.compile(r"Source|Destinations\.member\.\d+|Destination\.\w+\.member\.\d+|ReplyToAddresses\..+")
# MiniStack shows them at an address of its own, and counts them for GetSendQuota.
_MAILS_KEPT, _TEXTS_KEPT = 1_000, 50
_END_OF_HEADERS = re.compile(rb"(?:\r\n|\n|\r(?!\n)){2}")
_headers = BytesHeaderParser()
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


@replaces(iam_actions, "extract_resource_arn")
def check_tagged_resource(
    arn_of: Function, service: str, method: str, path: str, headers: dict[str, str], body: bytes, *request: Any
) -> Any:
    """Check the calls for tags on the resource that they name; MiniStack checks them on `*`.

    Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon SES v2".
    """
    if service == "ses" and path == "/v2/email/tags":
        named = request[0].get("ResourceArn") or json.loads(body or b"{}").get("ResourceArn", "*")
        return named[0] if isinstance(named, list) else named
    return arn_of(service, method, path, headers, body, *request)


@replaces(iam_actions, "request_tag_context")
def give_sender_address(context: Function, service: str, action: str, body: bytes, parameters: dict[str, Any]) -> Any:
    """Give SendRawEmail the condition key `ses:FromAddress`, which MiniStack leaves out.

    Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon SES".
    """
    keys = {}
    if action == "ses:SendRawEmail":
        keys = {"ses:FromAddress": _sender(body), _SET_KEY: _raw_message(body)["X-SES-CONFIGURATION-SET"] or ""}
    return {**context(service, action, body, parameters), **keys}


# Carries the name from the request to the check, as a condition key that no policy has.
_SET_KEY = "engine:ConfigurationSet"


@replaces(iam_evaluator, "enforce")
def check_configuration_set(
    enforce: Function, access_key: str, action: str, service: str, region: str, **named: Any
) -> Any:
    """Check SendRawEmail on its configuration set too; MiniStack checks it on the identity only.

    Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon SES".
    """
    context = dict(named.pop("service_context", None) or {})
    name = context.pop(_SET_KEY, "")
    denied = enforce(access_key, action, service, region, service_context=context, **named)
    if not name or denied:
        return denied
    named["resource_arn"] = _arn("configuration-set", name)
    return enforce(access_key, action, service, region, service_context=context, **named)


def _arn(kind: str, name: str) -> str:
    return f"arn:aws:ses:{get_region()}:{get_account_id()}:{kind}/{name}"


def _form(body: bytes) -> dict[str, list[str]]:
    # As MiniStack does it, so that it is parsed once.
    fields: dict[str, list[str]] = gateway.parse_qs(body.decode(errors="replace"), keep_blank_values=True)
    return fields


# Of the request that is handled, before and after its headers are changed.
@lru_cache(maxsize=2)
def _mail(data: str) -> tuple[bytes, Message]:
    """A mail in Base64 as bytes, and its headers: attachments take long to parse."""
    raw = base64.b64decode(data)
    end = _END_OF_HEADERS.search(raw)
    return raw, _headers.parsebytes(raw[: end.end()] if end else raw)


def _raw_message(body: bytes) -> Message:
    return _mail(_form(body)["RawMessage.Data"][0])[1]


def _sender(body: bytes) -> str:
    """Address of the From header of a SendRawEmail request."""
    source = _form(body).get("Source", [""])[0]
    return email.utils.parseaddr(_raw_message(body)["From"] or source)[1]


@replaces(ses, "_send_email")
@replaces(ses, "_send_raw_email")
def refuse_addresses(send: Function, fields: dict[str, Any]) -> Any:
    """Refuse a mail from or to an address that is not 7-bit ASCII or not as in RFC 5321; MiniStack sends most of them.

    Source: SES API Reference, SendEmail, SendRawEmail and Destination; RFC 5321, 4.1.2 and 4.5.3.1.
    """
    given = [ses._p(fields, name) for name in fields if _ADDRESS_FIELD.fullmatch(name)]
    if raw := ses._p(fields, "RawMessage.Data"):
        _, mail = _mail(raw)
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
async def serve_mail_from(
    handle: Function, method: str, path: str, headers: dict[str, str], body: bytes, *request: Any
) -> Any:
    """Serve MAIL FROM domains, which MiniStack lacks; they are only stored.

    Source: SES API Reference (2010-12-01), the actions of `_MAIL_FROM`.
    """
    fields = {name: values[0] for name, values in _form(body).items()}
    action = fields.get("Action", "")
    if action not in _MAIL_FROM:
        return await handle(method, path, headers, body, *request)
    return ses._xml(200, f"{action}Response", f"<{action}Result>{_MAIL_FROM[action](fields)}</{action}Result>")


def _set_mail_from(fields: dict[str, str]) -> str:
    ses._identities[fields["Identity"]] |= {
        "MailFromDomain": fields.get("MailFromDomain", ""),
        "BehaviorOnMXFailure": fields.get("BehaviorOnMXFailure", "UseDefaultValue"),
    }
    return ""


def _mail_from(fields: dict[str, str]) -> str:
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


_MAIL_FROM: dict[str, Callable[[dict[str, str]], str]] = {
    "SetIdentityMailFromDomain": _set_mail_from,
    "GetIdentityMailFromDomainAttributes": _mail_from,
}


# What becomes of mails, as event type and subtype: by the local part of the simulator's addresses (SES Developer Guide,
# "Using the Amazon SES mailbox simulator"), and by domains that stand for real mailboxes, on this engine only.
_SIMULATED = {
    "bounce": ("Bounce", "General"),
    "suppressionlist": ("Bounce", "OnAccountSuppressionList"),
    "complaint": ("Complaint", ""),
}
_MAILBOXES = {"bounce.example": ("Bounce", "General"), "complaint.example": ("Complaint", "")}
_TAG = re.compile(r"\s*([A-Za-z0-9_-]{1,256})\s*=\s*([A-Za-z0-9_-]{1,256})\s*")
_SES_HEADER = re.compile(rb"(?im)^X-SES-[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*")

# Addresses that SES sends nothing to, with PutSuppressedDestination's members.
_suppressed = AccountRegionScopedDict()
_mailbox = MailCatcher(Path(os.environ["MAIL_DIR"]))
# Recipients of the mail that is being sent whom it does not reach.
_unreached: ContextVar[frozenset[str]] = ContextVar("unreached", default=frozenset())


@replaces(ses, "_send_raw_email")
def report_on_mail(send: Function, parameters: dict[str, Any]) -> Any:
    """Send a mail with a configuration set as SES does, and publish what becomes of it; MiniStack ignores the set.

    The set must exist, tags have limited characters, and headers that begin with X-SES- are removed. SES accepts a mail
    to a suppressed address, does not send it, and reports a bounce. An address that bounced for good or complained is
    suppressed if the set says so; the simulator's addresses are not.

    Source: SES Developer Guide, "Specifying a configuration set when you send email", "Using the Amazon SES
    account-level suppression list", "Using the Amazon SES mailbox simulator"; API Reference, "MessageTag".
    """
    raw, message = _mail(parameters["RawMessage.Data"][0])
    name = message["X-SES-CONFIGURATION-SET"]
    if name and name not in ses_v2._config_sets:
        return ses._config_set_missing(name)
    given = " ".join((message["X-SES-MESSAGE-TAGS"] or "").split())
    tags = [_TAG.fullmatch(tag) for tag in given.split(",") if tag.strip()]
    if not all(tags):
        return ses._error("InvalidParameterValue", "Invalid tag: only A-Z, a-z, 0-9, - and _ are allowed.", 400)
    settings = ses_v2._config_sets.get(name) or {}
    suppressing = settings.get("SuppressionOptions", {}).get("SuppressedReasons", [])
    outcomes = {
        recipient: outcome
        for recipient in ses._collect_list(parameters, "Destinations.member")
        if (outcome := _outcome(recipient, suppressing))
    }
    lines = raw.replace(b"\r\n", b"\n")
    end = lines.find(b"\n\n")
    head, rest = lines[: end + 1], lines[end + 1 :]
    content = base64.b64encode(_SES_HEADER.sub(b"", head) + rest).decode()
    token = _unreached.set(frozenset(address for address, (event, _) in outcomes.items() if event == "Bounce"))
    try:
        response = send({**parameters, "RawMessage.Data": [content]})
    finally:
        _unreached.reset(token)
    sent = re.search(r"<MessageId>([^@<]+)", response[2].decode() if isinstance(response[2], bytes) else response[2])
    if sent and name:
        mail = _event_mail(message, sent[1], list(outcomes), {tag[1]: [tag[2]] for tag in tags if tag}, name)
        for recipient, (event, subtype) in outcomes.items():
            _report(settings, mail, recipient, event, subtype)
            simulated = recipient.lower().endswith(f"@{ses._SIMULATOR_DOMAIN}")
            if event.upper() in suppressing and subtype != "OnAccountSuppressionList" and not simulated:
                _suppress(recipient, event.upper())
    return response


@replaces(ses, "_parse_raw_mime")
def parse_headers(_: Function, data: str) -> dict[str, str]:
    """Parse addresses and subject of a mail; MiniStack also parses its attachments, and keeps its text."""
    message = _mail(data)[1]
    return {name: _decoded(message[name] or "") for name in ("From", "To", "Subject")}


def _decoded(value: Any) -> str:
    """The value of a header without line breaks and RFC 2047 encoding; unchanged if that is wrong."""
    try:
        return "".join(str(make_header(decode_header(value))).splitlines())
    except (ValueError, LookupError, MessageError):
        return str(value)


def _outcome(recipient: str, suppressing: list[str]) -> tuple[str, str] | None:
    """What becomes of a mail to a recipient; None if it arrives."""
    address = email.utils.parseaddr(recipient)[1].lower()
    local, _, domain = address.partition("@")
    found = _suppressed.get(address)
    if found and found["Reason"] in suppressing:
        return "Bounce", "OnAccountSuppressionList"
    return _SIMULATED.get(local.partition("+")[0]) if domain == ses._SIMULATOR_DOMAIN else _MAILBOXES.get(domain)


@replaces(ses, "_smtp_relay")
@replaces(ses_v2, "_smtp_relay")
def deliver(_: Function, source: str, recipients: list[str], message: str) -> None:
    """Deliver a mail to the mailbox, unless it reaches none of its recipients; MiniStack needs an SMTP server."""
    if not _unreached.get().issuperset(recipients):
        _mailbox.keep(b"".join(line + b"\r\n" for line in message.encode().splitlines()))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _event_mail(message: Message, sent: str, to: list[str], tags: dict[str, list[str]], name: str) -> dict[str, Any]:
    """The mail object of an event: SES Developer Guide, "Contents of event data ... to Amazon SNS"."""
    sender = email.utils.parseaddr(message["From"])[1]
    domain = sender.partition("@")[2]
    headers = {"from": [message["From"]], "to": [message["To"]], "messageId": sent, "subject": message["Subject"]}
    return {
        "timestamp": _now(),
        "source": sender,
        "sourceArn": _arn("identity", domain),
        "sendingAccountId": get_account_id(),
        "messageId": sent,
        "destination": to,
        "headersTruncated": False,
        "headers": [{"name": key, "value": " ".join(str(value).split())} for key, value in message.items()],
        "commonHeaders": {**headers, "date": message["Date"]},
        "tags": {"ses:configuration-set": [name], "ses:from-domain": [domain], **tags},
    }


def _report(settings: dict[str, Any], mail: dict[str, Any], recipient: str, event: str, subtype: str) -> None:
    """Publish an event to each topic of the configuration set that takes it."""
    about: dict[str, Any] = {"timestamp": _now(), "feedbackId": f"{uuid4()}-000000"}
    if event == "Bounce":
        reason = {"action": "failed", "status": "5.1.1", "diagnosticCode": f"smtp; 550 5.1.1 {recipient} user unknown"}
        bounced = {"emailAddress": recipient, **(reason if subtype == "General" else {})}
        about |= {"bounceType": "Permanent", "bounceSubType": subtype, "bouncedRecipients": [bounced]}
    else:
        about |= {"complainedRecipients": [{"emailAddress": recipient}], "complaintFeedbackType": "abuse"}
        about |= {"complaintSubType": None, "arrivalDate": _now(), "userAgent": "Amazon SES Mailbox Simulator"}
    text = json.dumps({"eventType": event, "mail": mail, event.lower(): about})
    for destination in (settings.get("EventDestinations") or {}).values():
        topic = destination.get("SnsDestination", {}).get("TopicArn")
        if topic and destination["Enabled"] and event.upper() in destination["MatchingEventTypes"]:
            sns.publish_internal(topic, text, "Amazon SES Email Event Notification")


@replaces(ses_v2, "_put_event_destination")
def validate_topic(put: Function, name: str, destination: str, definition: Any, **named: Any) -> Any:
    """Refuse a topic that SES may not publish to, and publish a first message to one that it may.

    Source: SES Developer Guide, "Set up an Amazon SNS event destination for event publishing". The message's text is
    the one that subscribers got: https://github.com/ope-tech/laravel-ses/issues/10.
    """
    topic = ((definition or {}).get("SnsDestination") or {}).get("TopicArn")
    if topic and not sns.topic_policy_allows(
        topic, "ses.amazonaws.com", _arn("configuration-set", name), get_account_id()
    ):
        return ses_v2._json_err("BadRequestException", f"Could not publish to SNS topic <{topic}>.")
    refused = put(name, destination, definition, **named)
    if topic and not refused:
        sns.publish_internal(topic, "Successfully validated SNS topic for Amazon SES event publishing.")
    return refused


@replaces(ses_v2, "handle_request")
async def serve_suppression_list(
    handle: Function, method: str, path: str, headers: dict[str, str], body: bytes, *request: Any
) -> Any:
    """Serve the account's suppression list, which is always empty in MiniStack.

    Source: SES API v2 Reference, PutSuppressedDestination, GetSuppressedDestination, ListSuppressedDestinations,
    DeleteSuppressedDestination.
    """
    _, found, address = path.partition("/v2/email/suppression/addresses")
    address = unquote(address.strip("/")).lower()
    if not found:
        return await handle(method, path, headers, body, *request)
    if method == "PUT":
        fields = json.loads(body)
        _suppress(fields["EmailAddress"], fields["Reason"])
        return json_response({})
    if not address:
        return json_response({"SuppressedDestinationSummaries": list(_suppressed.values())})
    if address not in _suppressed:
        text = f"Email address {address} does not exist on your suppression list."
        return ses_v2._json_err("NotFoundException", text, 404)
    if method == "DELETE":
        del _suppressed[address]
        return json_response({})
    return json_response({"SuppressedDestination": _suppressed[address]})


@replaces(ses_v2, "get_state")
def state_with_suppression_list(get_state: Function) -> dict[str, Any]:
    """Add the suppression list to the state that is kept on disk."""
    return {**get_state(), "suppressed": _suppressed}


@replaces(ses_v2, "load_persisted_state")
def load_suppression_list(load: Function, state: dict[str, Any]) -> None:
    """Load the suppression list from the state that was kept on disk."""
    load(state)
    _suppressed.update(state.get("suppressed", {}))


def _suppress(address: str, reason: str) -> None:
    address = email.utils.parseaddr(address)[1].lower()
    _suppressed[address] = {"EmailAddress": address, "Reason": reason, "LastUpdateTime": int(time.time())}


@replaces(ses, "_sent_emails_list")
def bound_sent_mails(sent: Function) -> Any:
    """Forget the oldest mails that were sent, and soon what they say; MiniStack keeps all in memory for ever."""
    found = sent()
    del found[:-_MAILS_KEPT]
    for record in found[-_TEXTS_KEPT - 2 : -_TEXTS_KEPT]:
        record |= {"BodyText": "", "BodyHtml": ""}
    return found
