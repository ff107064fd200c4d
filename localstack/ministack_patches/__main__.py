"""Patches MiniStack and serves until stopped."""

import sys
from pathlib import Path

# Run by its path and without PYTHONPATH, which the functions that the engine starts would inherit.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ministack import app

from localstack.ministack_patches import (
    apigateway,
    cloudwatch,
    cognito,
    dynamodb,
    harness,
    iam,
    lambda_,
    logs,
    s3,
    ses,
    sqs,
    sts,
)

# The harness records what IAM decides, so it comes after everything that changes a decision.
_SERVICES = (iam, apigateway, cloudwatch, cognito, dynamodb, lambda_, logs, s3, ses, sqs, sts, harness)

if __name__ == "__main__":
    for service in _SERVICES:
        service.patches.apply()
    app.main()
