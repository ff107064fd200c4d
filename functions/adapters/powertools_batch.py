"""Powertools' batch processor alongside pydantic 1.

If pydantic is already imported, Powertools 3 takes it for pydantic 2 and fails to import its own models
(aws_lambda_powertools/utilities/batch/types.py). So pydantic is hidden while Powertools is imported.
"""

import sys

_pydantic = sys.modules.pop("pydantic", None)
try:
    from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
finally:
    if _pydantic is not None:
        sys.modules["pydantic"] = _pydantic

__all__ = ["BatchProcessor", "EventType", "process_partial_response"]
