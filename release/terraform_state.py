"""Reads Terraform's outputs of an environment from its state."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def outputs(client: S3Client, bucket: str, key: str) -> dict[str, Any]:
    """The outputs in the state at a key, by name."""
    state = json.loads(client.get_object(Bucket=bucket, Key=key)["Body"].read())
    return {name: output["value"] for name, output in state["outputs"].items()}
