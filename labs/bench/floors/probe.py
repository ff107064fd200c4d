"""A handler in a process of its own, as a script: the standard library, and what is on the path, and nothing else.

Arguments: the handler, and a file for what it took; an event a line on the standard input.
"""

import importlib
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any


class _Context:
    function_name = "probe"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:af-south-1:000000000000:function:probe:live"
    aws_request_id = "probe"

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _queued() -> float:
    """Seconds that this process could have run, and another did."""
    return int(Path("/proc/self/schedstat").read_text().split()[1]) / 1e9


def _peak() -> int:
    """Bytes of memory at most; not ru_maxrss, which begins with what the parent had."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1_024 for line in lines if line.startswith("VmHWM:"))


def main() -> None:
    """Import, call, and write what it took."""
    module, _, name = sys.argv[1].rpartition(".")
    handler = getattr(importlib.import_module(module), name)
    ready = _cpu()
    calls: list[dict[str, Any]] = []
    for line in sys.stdin:
        cpu, queued, moment = _cpu(), _queued(), time.perf_counter()
        answer = handler(json.loads(line), _Context())
        seconds, computing = time.perf_counter() - moment, _cpu() - cpu
        waiting = max(0.0, seconds - computing - (_queued() - queued))
        calls.append({"cpu": computing, "waiting": waiting, "answer": answer})
    Path(sys.argv[2]).write_text(json.dumps({"init": ready, "calls": calls, "peak": _peak()}))


if __name__ == "__main__":
    main()
