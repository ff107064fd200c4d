"""Templates in the bucket that the functions read, put there without Terraform."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from release.store import Store

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# What Terraform uploads too (terraform/main.tf, module templates_bucket).
ENDINGS = (".html", ".txt")


def put(client: S3Client, bucket: str, key: str, content: bytes) -> bool:
    """Put a template into a bucket, unless it is what is there.

    Args:
        client: of S3.
        bucket: of the templates; its versions keep what was there.
        key: path below templates/.
        content: of the template.

    Returns:
        Whether it was put.
    """
    there = Store(client, bucket).read(key)
    if there == content:
        return False
    kind = "html" if key.endswith(".html") else "plain"
    # Terraform's, which a put without them would take away.
    tags = client.get_object_tagging(Bucket=bucket, Key=key)["TagSet"] if there is not None else []
    client.put_object(
        Bucket=bucket,
        Key=key,
        Body=content,
        ContentType=f"text/{kind}; charset=utf-8",
        Tagging=urlencode({tag["Key"]: tag["Value"] for tag in tags}),
    )
    return True
