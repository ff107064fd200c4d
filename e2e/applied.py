"""Tests that change resources of the local stack and put them back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from localstack import stack as stacks
from localstack.terraform import LocalTerraform


@contextmanager
def put_back(state: Callable[[], object]) -> Iterator[None]:
    """Leave the stack as Terraform applied it, so that the next `make up` need not run Terraform.

    Args:
        state: Returns what the block changes; it must be the same at the end as at the beginning.
    """
    before = state()
    with LocalTerraform(stacks.require()).leaving_as_applied():
        yield
        assert state() == before
