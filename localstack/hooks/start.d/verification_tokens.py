"""Gives a domain the same verification token each time; LocalStack gives a new one, which a second plan would show.

Source: SES API Reference, IdentityVerificationAttributes. LocalStack runs this script when it starts.
"""

from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from localstack.aws.api import RequestContext, handler
from localstack.services.ses.provider import SesProvider

_get = SesProvider.get_identity_verification_attributes


@handler("GetIdentityVerificationAttributes")
def get_identity_verification_attributes(
    provider: SesProvider, context: RequestContext, identities: list[str], **options: Any
) -> dict[str, Any]:
    """Return the state of identities, with the token of each domain."""
    found = _get(provider, context, identities, **options)
    for identity, attributes in found["VerificationAttributes"].items():
        if "VerificationToken" in attributes:
            attributes["VerificationToken"] = str(uuid5(NAMESPACE_DNS, f"{context.account_id} {identity}"))
    return found


SesProvider.get_identity_verification_attributes = get_identity_verification_attributes
