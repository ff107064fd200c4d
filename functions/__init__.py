"""The eight Lambda functions, one folder each: `handler.py` has the entry point, `lambda_handler`.

Nothing in AWS imports them. Start with create_order/handler.py, then order_creator_record.
"""

import gc

_DEFAULT_THRESHOLDS = gc.get_threshold()
# Imports create almost only long-lived objects: collecting them again and again makes a cold start slower.
gc.set_threshold(1_000_000)


def freeze_startup_objects() -> None:
    """Exclude what the imports created from garbage collection, and collect as usual from now on."""
    gc.freeze()
    gc.set_threshold(*_DEFAULT_THRESHOLDS)
