"""The two kinds of failure that a message consumer tells apart."""


class PermanentError(Exception):
    """A retry cannot help: the message is malformed, or names something that does not exist."""


class TransientError(Exception):
    """A retry can help: a service did not answer, or another writer was faster.

    Args:
        text: what happened.
        wait_seconds: how long a retry cannot help yet.
    """

    def __init__(self, text: str, wait_seconds: int = 0) -> None:
        super().__init__(text)
        self.wait_seconds = wait_seconds
