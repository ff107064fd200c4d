"""Objects that are not there, as they look to who may not list the bucket."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from ministack.core import iam_evaluator, responses
from ministack.services import s3

_reader: ContextVar[str] = ContextVar("reader", default="")


def deny_to_who_may_not_list() -> None:
    """Answer AccessDenied instead of NoSuchKey to one who may read the object but not list the bucket.

    Source: S3 API Reference, GetObject, permissions.
    """
    enforce, get = iam_evaluator.enforce, s3._get_object

    def enforce_and_remember(access_key: str, action: str, *request: Any, **named: Any) -> Any:
        _reader.set(access_key if action == "s3:GetObject" else "")
        return enforce(access_key, action, *request, **named)

    def get_object(bucket: str, key: str, *request: Any) -> Any:
        answer = get(bucket, key, *request)
        if answer[0] != 404 or b"<Code>NoSuchKey</Code>" not in answer[2] or not _reader.get():
            return answer
        named = f"arn:aws:s3:::{bucket}"
        if enforce(_reader.get(), "s3:ListBucket", "s3", responses.get_region(), resource_arn=named) is None:
            return answer
        return s3._error("AccessDenied", "Access Denied", 403, f"/{bucket}/{key}")

    iam_evaluator.enforce, s3._get_object = enforce_and_remember, get_object
