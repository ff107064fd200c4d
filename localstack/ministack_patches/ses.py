"""SES: permissions to send mail, MAIL FROM domains and feedback on bounces."""

import base64
import email
import email.utils
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from ministack.core import iam_actions
from ministack.services import ses

from localstack.ministack_patches.patching import Function, replaces


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
