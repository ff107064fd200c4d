"""Finds payment card numbers, which the service must never store."""

import re

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_HASH = r"(?=[0-9]*[a-f])[0-9a-f]{20,}"
# Parts of UUIDs and hashes can look like card numbers.
_HEXADECIMAL = re.compile(rf"(?<![0-9a-z])(?:{_UUID}|{_HASH})(?![0-9a-z])", re.IGNORECASE)


def holds_card_number(text: str) -> bool:
    """Whether a text contains what may be the number of a payment card.

    That is 13 to 19 digits, with or without spaces, hyphens or underscores between them, that begin like an issuer's
    and pass the Luhn check (ISO/IEC 7812-1, annex B). One in twenty other numbers of this length matches by chance.
    UUIDs, hashes and the 12 digits of a retrieval reference number (ISO 8583, field 37) never match.
    """
    groups = re.split(r"[ _-]", re.sub(r"[^0-9 _-]+", "-x-", _HEXADECIMAL.sub("x", text)))
    return any(
        _is_card_number("".join(groups[first:last]))
        for first in range(len(groups))
        for last in range(first + 1, len(groups) + 1)
    )


def _is_card_number(text: str) -> bool:
    # 22 to 27 is Mastercard; 3 American Express, Diners Club and JCB; 4 Visa; 5 and 6 Mastercard and the others.
    if not re.fullmatch(r"(?:[3-6][0-9]|2[2-7])[0-9]{11,17}", text):
        return False
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in text[-2::-2])
    return (sum(doubled) + sum(int(digit) for digit in text[::-2])) % 10 == 0
