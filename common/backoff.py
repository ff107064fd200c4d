"""The pause before a call is repeated; its length is random, so that callers that failed together do not meet again."""

import random
import time

_jitter = random.SystemRandom()


def pause(least: float, most: float) -> None:
    """Pause for a random time between two numbers of seconds."""
    time.sleep(_jitter.uniform(least, most))
