"""Terraform's outputs of an environment, read from the state that Terraform keeps in its account."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def outputs(client: S3Client, bucket: str, key: str) -> dict[str, Any]:
    """The outputs of an environment, by name.

    Args:
        client: of S3, with rights in the account.
        bucket: that the state is in.
        key: of the state.
    """
    state = json.loads(client.get_object(Bucket=bucket, Key=key)["Body"].read())
    return {name: output["value"] for name, output in state["outputs"].items()}
