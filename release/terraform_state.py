"""Reads Terraform's outputs of an environment from its state."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def outputs(client: S3Client, bucket: str, key: str) -> dict[str, Any]:
    """The outputs in a state, by name.

    Args:
        client: Client of S3 in the account of the state.
        bucket: Bucket of the state.
        key: Key of the state.
    """
    state = json.loads(client.get_object(Bucket=bucket, Key=key)["Body"].read())
    return {name: output["value"] for name, output in state["outputs"].items()}
