"""First program of a function's process, as /var/runtime/bootstrap.py of Lambda's image."""

import os
import sys

# The function's own libraries come first.
sys.path = [os.environ["LAMBDA_TASK_ROOT"], *sys.path[1:]]

from awslambdaric import __main__ as runtime  # noqa: E402

runtime.main(["awslambdaric", os.environ["_HANDLER"]])
