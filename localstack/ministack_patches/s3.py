"""S3: missing objects, and bodies on disk."""

from contextvars import ContextVar
from typing import Any

from ministack.core import iam_evaluator, responses
from ministack.services import s3

from localstack.ministack_patches.patching import Function, replaces

# Access key of the caller whose GetObject is handled.
_reader: ContextVar[str] = ContextVar("reader", default="")
_enforce = iam_evaluator.enforce


@replaces(iam_evaluator, "enforce")
def remember_reader(enforce: Function, access_key: str, action: str, *request: Any, **named: Any) -> Any:
    """Remember who reads an object, for `deny_missing_objects`."""
    _reader.set(access_key if action == "s3:GetObject" else "")
    return enforce(access_key, action, *request, **named)


@replaces(s3, "_get_object")
def deny_missing_objects(get_object: Function, bucket: str, key: str, *request: Any) -> Any:
    """Respond with AccessDenied instead of NoSuchKey to a caller that may read the object but not list the bucket.

    MiniStack responds with NoSuchKey. Source: S3 API Reference, GetObject, permissions.
    """
    response = get_object(bucket, key, *request)
    if response[0] != 404 or b"<Code>NoSuchKey</Code>" not in response[2] or not _reader.get():
        return response
    bucket_arn = f"arn:aws:s3:::{bucket}"
    # MiniStack's own: the caller requested an object, so this check must not be recorded as a denied ListBucket.
    if _enforce(_reader.get(), "s3:ListBucket", "s3", responses.get_region(), resource_arn=bucket_arn) is None:
        return response
    return s3._error("AccessDenied", "Access Denied", 403, f"/{bucket}/{key}")


@replaces(s3, "_persist_object")
def keep_bodies_on_disk(persist: Function, bucket: str, key: str, written: Any) -> None:
    """Keep the body of a versioned object on disk alone; MiniStack keeps it in memory as well, with the version."""
    persist(bucket, key, written)
    if not isinstance(written, dict) or written["body"] is not None:
        return
    for version in s3._object_versions.get((bucket, key)) or []:
        if version["version_id"] == (written.get("version_id") or "null"):
            version["data"] = None
