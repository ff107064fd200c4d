"""The counter of order numbers under load: writers that read it, write it in a transaction, and retry conflicts.

The policy is that of `OrderRepository.record`, and tests/unit/test_simulation.py holds the two together. The times are
assumptions, of DynamoDB and a Cart service in the same region; docs/scale.md says what half and twice of them give.
"""

import math
import random
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from labs.simulation.clock import Clock, Process

MAX_ATTEMPTS: Final = 30
SATURATED_SECONDS: Final = 30.0
# How often a message is tried, and how long it rests after its first failure (R4, RETRY_DELAY_SECONDS in AWS).
_MAX_TRIES: Final = 3
_RETRY_SECONDS: Final = 60.0
# In seconds.
_READ: Final = 0.005
_TRANSACTION: Final = 0.015
_TRANSACTION_EACH: Final = 0.0003
_CART: Final = 0.030
_PUBLISH: Final = 0.015
# From its prepare to its commit, which is so much of its time, a transaction has the counter for itself.
_HELD_SHARE: Final = 0.6
# Carts that a batch reads at once, and messages that one publish takes (SNS).
_CARTS_AT_ONCE: Final = 20
_PUBLISHED_AT_ONCE: Final = 10
# An empty queue is asked again so soon.
_POLL: Final = 0.01


def backoff(attempt: int) -> float:
    """The longest wait after an attempt, the first being 0, in seconds; the wait is anything from 0 to this."""
    return min(0.25, 0.005 * 2.0**attempt)


@dataclass(frozen=True)
class Numbering:
    """How orders get their numbers.

    Args:
        writers: invocations at the same time: the maximum concurrency of the mapping.
        together: orders that one transaction numbers and writes.
        pace: of everything, 1 for the assumed times, 0.5 for half of them.
        only: whether the writers do nothing else: another function prices before them, the table's stream publishes.
    """

    writers: int
    together: int = 1
    pace: float = 1.0
    only: bool = False


@dataclass
class Outcome:
    """What became of the orders of a run.

    Args:
        arrived: in the queue.
        recorded: with a number.
        dead: in the DLQ, after three tries.
        given_up: transactions that conflicted 30 times in a row.
        transactions: that were tried.
        waits: of each recorded order, in seconds from its arrival.
        waiting: in the queue, resting, or in work, at the end.
    """

    arrived: int = 0
    recorded: int = 0
    dead: int = 0
    given_up: int = 0
    transactions: int = 0
    waits: list[float] = field(default_factory=list)
    waiting: int = 0


@dataclass(frozen=True)
class _Message:
    arrived: float
    tries: int = 0


class _Run:
    def __init__(self, numbering: Numbering, rate: float, backlog: int, seed: int) -> None:
        self._numbering, self._rate = numbering, rate
        # Chance, and no secret.
        self._random = random.Random(seed)  # nosec B311
        self._clock = Clock()
        self._queue = deque([_Message(0.0)] * backlog)
        self._resting = self._in_work = 0
        self._last_number = 0
        self._held_until = 0.0
        self.outcome = Outcome(arrived=backlog)

    def go(self, seconds: float) -> Outcome:
        if self._rate:
            self._clock.start(self._arrivals())
        for _ in range(self._numbering.writers):
            self._clock.start(self._writer())
        self._clock.run(seconds)
        self.outcome.waiting = len(self._queue) + self._resting + self._in_work
        return self.outcome

    def _some(self, seconds: float) -> float:
        """About so long: writers that take equally long would never meet, or always."""
        return self._numbering.pace * seconds * self._random.uniform(0.8, 1.2)

    def _arrivals(self) -> Process[None]:
        while True:
            yield self._random.expovariate(self._rate)
            self._queue.append(_Message(self._clock.now))
            self.outcome.arrived += 1

    def _writer(self) -> Process[None]:
        while True:
            taken = [self._queue.popleft() for _ in range(min(self._numbering.together, len(self._queue)))]
            if not taken:
                yield _POLL
                continue
            self._in_work += len(taken)
            if not self._numbering.only:
                # Is the order there already, and what is in its cart?
                yield self._some(_READ + _CART * math.ceil(len(taken) / _CARTS_AT_ONCE))
            if (yield from self._number(len(taken))):
                if not self._numbering.only:
                    yield self._some(_PUBLISH * math.ceil(len(taken) / _PUBLISHED_AT_ONCE))
                self.outcome.recorded += len(taken)
                self.outcome.waits += [self._clock.now - message.arrived for message in taken]
            else:
                self.outcome.given_up += 1
                for message in taken:
                    self._fail(message)
            self._in_work -= len(taken)

    def _number(self, orders: int) -> Process[bool]:
        for attempt in range(MAX_ATTEMPTS):
            yield self._some(_READ / 2)
            seen = self._last_number
            yield self._some(_READ / 2)
            if (yield from self._transact(seen, orders)):
                return True
            yield self._random.uniform(0, backoff(attempt))
        return False

    def _transact(self, seen: int, orders: int) -> Process[bool]:
        """Write the counter and the orders, if the counter is free and still what was seen."""
        self.outcome.transactions += 1
        whole = self._some(_TRANSACTION + _TRANSACTION_EACH * orders)
        way = whole * (1 - _HELD_SHARE) / 2
        yield way
        # TransactionConflict, or ConditionalCheckFailed.
        if self._clock.now < self._held_until or seen != self._last_number:
            yield way
            return False
        held = whole * _HELD_SHARE
        self._held_until = self._clock.now + held
        yield held
        self._last_number += orders
        yield way
        return True

    def _fail(self, message: _Message) -> None:
        tries = message.tries + 1
        if tries == _MAX_TRIES:
            self.outcome.dead += 1
            return
        self._resting += 1
        self._clock.start(self._rest(_Message(message.arrived, tries)))

    def _rest(self, message: _Message) -> Process[None]:
        yield _RETRY_SECONDS * 2.0 ** (message.tries - 1)
        self._resting -= 1
        self._queue.append(message)


def run(numbering: Numbering, rate: float, seconds: float, backlog: int = 0, seed: int = 1) -> Outcome:
    """Let orders arrive at random moments, and number them.

    Args:
        numbering: how.
        rate: orders a second, on average.
        seconds: that pass.
        backlog: orders that wait when it begins.
        seed: the same one gives the same outcome.
    """
    return _Run(numbering, rate, backlog, seed).go(seconds)


def saturated(numbering: Numbering) -> Outcome:
    """What becomes of more orders than any numbering here gets through in SATURATED_SECONDS."""
    return run(numbering, 0, SATURATED_SECONDS, backlog=200_000)


def limit(numbering: Numbering) -> float:
    """Orders a second that are numbered when there are always some to number."""
    return saturated(numbering).recorded / SATURATED_SECONDS
