"""The two kinds of failure that a message consumer tells apart."""


class PermanentError(Exception):
    """A retry cannot help: the message is malformed, or names something that does not exist."""


class TransientError(Exception):
    """A retry can help: a service did not answer, or another writer was faster."""
