"""An orders table for responses that engines never give."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import boto3
import pytest
from botocore.stub import Stubber

from common.repository import OrderRepository


class StubbedTable:
    """A table that responds as a test expects, its repository, and the pauses in seconds between the requests to it."""

    NAME = "orders"

    def __init__(self, stubber: Stubber, repository: OrderRepository, pauses: list[float]) -> None:
        self.stubber = stubber
        self.repository = repository
        self.pauses = pauses

    @classmethod
    @contextmanager
    def open(cls, monkeypatch: pytest.MonkeyPatch) -> Iterator[Self]:
        """A table that must get every request that the test expects, and no other. It pauses for no time."""
        client, pauses = boto3.client("dynamodb", region_name="af-south-1"), list[float]()
        monkeypatch.setattr(time, "sleep", pauses.append)
        with Stubber(client) as stubber:
            yield cls(stubber, OrderRepository(client, cls.NAME), pauses)
            stubber.assert_no_pending_responses()
