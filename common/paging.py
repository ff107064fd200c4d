"""The opaque token `startAt` of the order list."""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping

_MAX_TOKEN_LENGTH = 1_024


class InvalidTokenError(ValueError):
    """The token was not made by this service, or is one of another tenant or filter."""


def _binding(tenant_id: str, filters: Mapping[str, str | None]) -> str:
    """A digest of tenant and filters, so that a token of one list is rejected for another."""
    scope = json.dumps([tenant_id, sorted((key, value) for key, value in filters.items() if value)])
    return hashlib.sha256(scope.encode()).hexdigest()[:16]


def encode(tenant_id: str, filters: Mapping[str, str | None], position: str) -> str:
    """Make the token of the page after `position`, bound to tenant and filters.

    It needs no signature: a position is only used inside the partition of the tenant in the path.
    """
    content = json.dumps({"b": _binding(tenant_id, filters), "p": position}, separators=(",", ":"))
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def decode(tenant_id: str, filters: Mapping[str, str | None], token: str) -> str:
    """Read the position from a token; InvalidTokenError if it is not one, or is one of another tenant or filter."""
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
