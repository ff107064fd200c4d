"""Puts templates into the bucket that the functions read, without Terraform."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from release.manifest import Manifest
from release.store import Store

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Terraform uploads the same files (terraform/main.tf, module templates_bucket).
ENDINGS = (".html", ".txt")


def put(client: S3Client, bucket: str, key: str, content: bytes) -> bool:
    """Put a template into the bucket, unless it is there already; returns whether it was put.

    The key is the path below templates/. The versioned bucket keeps the old content.
    """
    current = Store(client, bucket).read(key)
    if current == content:
        return False
    kind = "html" if key.endswith(".html") else "plain"
    # A put without tags would remove Terraform's.
    tags = client.get_object_tagging(Bucket=bucket, Key=key)["TagSet"] if current is not None else []
    client.put_object(
        Bucket=bucket,
        Key=key,
        Body=content,
        ContentType=f"text/{kind}; charset=utf-8",
        Tagging=urlencode({tag["Key"]: tag["Value"] for tag in tags}),
    )
    return True


def put_all(client: S3Client, bucket: str, store: Store, release: Manifest) -> list[str]:
    """Put the templates of a release into the bucket; returns the keys that changed."""
    found = {name.removeprefix("templates/"): name for name in release.files if name.startswith("templates/")}
    return [
        key
        for key, name in found.items()
        if key.endswith(ENDINGS) and put(client, bucket, key, store.file(name, release.files[name].sha256))
    ]
