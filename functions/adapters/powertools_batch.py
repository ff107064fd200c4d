"""Powertools' batch processor beside pydantic 1.

Powertools 3 takes a pydantic that is already imported for pydantic 2 and fails to import its own models with it
(aws_lambda_powertools/utilities/batch/types.py); so it is imported while pydantic is out of sight.
"""

import sys

_pydantic = sys.modules.pop("pydantic", None)
try:
    from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
finally:
    if _pydantic is not None:
        sys.modules["pydantic"] = _pydantic

__all__ = ["BatchProcessor", "EventType", "process_partial_response"]
