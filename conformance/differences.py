"""What engines are known to answer otherwise than AWS: each row is expected to fail, and noticed when it does not."""

from typing import NamedTuple


class Known(NamedTuple):
    """The differences of a version of an engine: id of the row, and what it does instead."""

    version: str
    rows: dict[str, str]


DIFFERENCES: dict[str, Known] = {
    "embedded": Known("1.5.33", {}),
    "moto": Known("5.2.5", {}),
    "localstack-host": Known("4.14.0", {}),
}
