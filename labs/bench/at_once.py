"""The agreed limits while more and more orders are placed at once: p95 of each step, as rows and as a picture."""

import json
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from labs.bench.cost import logs_since
from labs.bench.report import Row, frame, new_figure, save
from labs.chaos.load import retried
from localstack import demo, engines, seed
from localstack.aws import Aws
from localstack.mails import CUSTOMER, INTERNAL, Mail, MailFolder
from localstack.stack import Stack
from tooling.agreed_limits import LIMITED_SHARE, LIMITS, STEPS, Step, percentile
from tooling.order_client import OrderClient
from tooling.paths import ROOT
from tooling.polling import poll

PICTURE = ROOT / "build" / "bench" / "limits.svg"
# Orders at once; the agreed limits are for the last of them.
COUNTS: Final = (10, 25, 50, 100)
# Each sends its share of the orders one after another, as in e2e/test_burst.py.
_CLIENTS = 10
_SECONDS = 300
_LOOKS: Final[dict[Step, tuple[str, str]]] = {
    "accepted": ("#0b4884", "o"),
    "recorded": ("#2e7d32", "s"),
    "invoice": ("#b26a00", "^"),
    "internal mail": ("#6a1b9a", "D"),
    "customer mail": ("#57606a", "v"),
}

# p95 in seconds of each step, by the number of orders at once.
type Limited = Mapping[int, Mapping[Step, float]]


class Sent(NamedTuple):
    """An order that was accepted: its id, its correlation id, when it was sent, and after how many seconds accepted."""

    order: str
    correlation: str
    at: float
    accepted: float


def logged(lines: Iterable[str], message: str) -> dict[str, float]:
    """When functions logged a message about an order first, in seconds since the epoch, by the order's id."""
    found: dict[str, float] = {}
    for line in lines:
        if f'"{message}"' in line:
            content = json.loads(line)
            at = datetime.strptime(content["timestamp"], "%Y-%m-%d %H:%M:%S,%f%z").timestamp()
            found.setdefault(content["order_id"], at)
    return found


def times(
    sent: Sequence[Sent], recorded: Mapping[str, float], invoiced: Mapping[str, float], mails: Iterable[Mail]
) -> dict[Step, list[float]]:
    """Seconds from the request to each step of each order."""
    arrived = {(mail.kind, mail.correlation_id): mail.at.timestamp() for mail in mails}
    return {
        "accepted": [each.accepted for each in sent],
        "recorded": [recorded[each.order] - each.at for each in sent],
        "invoice": [invoiced[each.order] - each.at for each in sent],
        "internal mail": [arrived[INTERNAL, each.correlation] - each.at for each in sent],
        "customer mail": [arrived[CUSTOMER, each.correlation] - each.at for each in sent],
    }


def broken(p95: Limited) -> str:
    """Which limits break at the fewest orders at once that break one, in words."""
    for count, steps in p95.items():
        if found := [step for step in STEPS if steps[step] >= LIMITS[step]]:
            return f"{count} at once break first: {', '.join(found)}"
    return f"up to {max(p95)} at once break none"


def plot(p95: Limited, path: Path) -> None:
    """Plot p95 of each step, as a share of its agreed limit, against the number of orders at once."""
    with new_figure(8, 4.4) as figure:
        axes = figure.subplots()
        for step in STEPS:
            colour, marker = _LOOKS[step]
            shares = [p95[count][step] / LIMITS[step] for count in p95]
            label = f"{step}, limit {LIMITS[step]:g} s"
            axes.plot([*p95], shares, color=colour, marker=marker, markersize=5, linewidth=1.6, label=label)
        axes.axhline(1, color="#b3261e", linewidth=1.4, linestyle=(0, (4, 2)), label="agreed limit")
        axes.set_xticks([*p95])
        axes.set_xlabel("orders placed at once by ten clients")
        frame(axes, "p95 of each step, as a share of its agreed limit", "×")
        axes.legend(frameon=False, fontsize=9)
        path.parent.mkdir(parents=True, exist_ok=True)
        save(figure, path)


def measure(rounds: int) -> Iterator[Row]:
    """Measure p95 of each step of the orders, and plot it; each round counts its own p95."""
    stack = engines.require()
    # All processes start before the first round.
    _at_once(stack, COUNTS[-1])
    found: dict[int, dict[Step, list[float]]] = {count: {step: [] for step in STEPS} for count in COUNTS}
    for _ in range(rounds):
        for count, steps in found.items():
            for step, seconds in _at_once(stack, count).items():
                steps[step].append(percentile(seconds, LIMITED_SHARE))
    medians = {count: {step: percentile(p95, 0.5) for step, p95 in steps.items()} for count, steps in found.items()}
    plot(medians, PICTURE)
    most = COUNTS[-1]
    for step in STEPS:
        note = broken(medians) if step == STEPS[0] else ""
        yield Row(
            "limits", f"{most} orders at once: {step}, p95", "s", (*found[most][step],), limit=LIMITS[step], note=note
        )


def _at_once(stack: Stack, count: int) -> dict[Step, list[float]]:
    """Place demo orders, and return the seconds of each step of each of them."""
    aws, mails, body = Aws(stack.endpoint), MailFolder(stack.mail_dir), demo.order()
    mails.refresh()
    since, token = int(time.time() * 1_000), seed.token(stack, body["customerEmail"])

    def client(orders: int) -> list[Sent]:
        sent = []
        with OrderClient(stack.api_url, token, timeout=60) as api:
            for _ in range(orders):
                key, at = f"bench-{uuid.uuid4()}", time.time()
                placed = retried(partial(api.place, body, idempotency_key=key, correlation_id=key))
                sent.append(Sent(placed.order_id, key, at, time.time() - at))
        return sent

    shares = [len(range(first, count, _CLIENTS)) for first in range(_CLIENTS)]
    with ThreadPoolExecutor(_CLIENTS) as pool:
        sent = [each for share in pool.map(client, shares) for each in share]
    waiting, arrived = {each.correlation for each in sent}, list[Mail]()

    def all_mailed() -> bool | None:
        arrived.extend(mail for mail in mails.refresh() if mail.correlation_id in waiting)
        return len(arrived) >= 2 * count or None

    poll(f"mails of {count} orders", all_mailed, _SECONDS, interval=0.2)
    names = stack.outputs["function_names"]
    recorded = logged(logs_since(aws, names["order_creator_record"], since), "order recorded")
    invoiced = logged(logs_since(aws, names["order_pdf_creator"], since), "invoice created")
    return times(sent, recorded, invoiced, arrived)
