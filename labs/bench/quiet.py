"""When a stack has nothing left to do."""

from localstack.aws import Aws
from localstack.stack import Stack
from ops.queues import held
from tooling.polling import poll


def settle(stack: Stack, seconds: float) -> None:
    """Wait until every message has been handled or set aside.

    Args:
        stack: whose queues are watched.
        seconds: to wait.

    Raises:
        StackError: some have not been in time.
    """
    sqs, names = Aws(stack.endpoint).sqs, list(stack.outputs["queue_names"].values())

    def quiet() -> bool | None:
        # Twice, since a message can move from a queue not yet asked to one asked already.
        return None if any(held(sqs, name) for name in 2 * names) else True

    poll("every message handled", quiet, seconds)
