"""How long a call takes at a size of a function, and what that costs: a model, since no emulator shares out processors.

Source: AWS Lambda Developer Guide, "Configure Lambda function memory": at 1,769 MB a function has one vCPU, and less in
proportion below that.
"""

from math import ceil

from labs.bench.prices import prices

SIZES_MB = (256, 512, 1024, 1769)
_VCPU_MB = 1_769


def modelled_seconds(cpu: float, waiting: float, memory_mb: int) -> float:
    """How long a call takes, as it is billed: whole milliseconds.

    Args:
        cpu: seconds that it computes, on one core of this machine.
        waiting: seconds that it waits for others.
        memory_mb: of the function.
    """
    milliseconds = 1_000 * (waiting + cpu / min(1, memory_mb / _VCPU_MB))
    # What is below a nanosecond is the float's.
    return ceil(round(milliseconds, 6)) / 1_000


def gb_seconds(seconds: float, memory_mb: int) -> float:
    """What a call of so many seconds is billed."""
    return seconds * memory_mb / 1_024


def usd_per_million(seconds: float, memory_mb: int) -> float:
    """What a million calls of so many seconds cost, the calls themselves included."""
    return 1e6 * (gb_seconds(seconds, memory_mb) * prices()["lambda_gb_second"].each + prices()["lambda_request"].each)
