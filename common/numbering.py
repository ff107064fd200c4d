"""Order numbers `ORD-{year}-{00001…}`."""

from datetime import datetime, timedelta, timezone

# South Africa has had no daylight saving since 1944: a fixed offset is enough, without a time zone database.
SAST = timezone(timedelta(hours=2), "SAST")


def number_year(created: datetime) -> int:
    """The year in the number of an order created at this time: the calendar year in South Africa."""
    return created.astimezone(SAST).year


def format_number(year: int, sequence: int) -> str:
    """Format an order number; more than 99,999 orders in a year make it longer, never ambiguous.

    >>> format_number(2026, 7)
    'ORD-2026-00007'
    """
    return f"ORD-{year}-{sequence:05d}"
