"""The opaque token `startAt` of the order list (R5)."""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping

_MAX_TOKEN_LENGTH = 1_024


class InvalidTokenError(ValueError):
    """The token was not made by this service, or not for this tenant and filter."""


def _binding(tenant_id: str, filters: Mapping[str, str | None]) -> str:
    """A digest of what the token is good for, so that a page of one list never continues another."""
    scope = json.dumps([tenant_id, sorted((key, value) for key, value in filters.items() if value)])
    return hashlib.sha256(scope.encode()).hexdigest()[:16]


def encode(tenant_id: str, filters: Mapping[str, str | None], position: str) -> str:
    """A token for the page after `position`, bound to the tenant and the filter.

    It needs no signature: the position is only ever read inside the partition of the tenant in the path.
    """
    content = json.dumps({"b": _binding(tenant_id, filters), "p": position}, separators=(",", ":"))
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def decode(tenant_id: str, filters: Mapping[str, str | None], token: str) -> str:
    """The position in a token.

    Raises:
        InvalidTokenError: for any other text, and for a token of another tenant or filter.
    """
    if len(token) > _MAX_TOKEN_LENGTH:
        raise InvalidTokenError(f"must be at most {_MAX_TOKEN_LENGTH} characters")
    try:
        content = json.loads(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True))
        binding, position = content["b"], content["p"]
    except (binascii.Error, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidTokenError("must be the startAt of an earlier page") from error
    if binding != _binding(tenant_id, filters) or not isinstance(position, str):
        raise InvalidTokenError("must be the startAt of an earlier page of the same tenant, status and dates")
    return position
