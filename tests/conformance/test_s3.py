"""Invoices and templates: versions, errors, presigned URLs."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.auth
import pytest
import requests

from tests.conformance.engines import Clients
from tests.conformance.resources import Resources, code_of, unique


def body(response: Any) -> bytes:
    """The content of an object."""
    found: bytes = response["Body"].read()
    return found


def test_object_is_read_as_put(aws: Clients, make: Resources) -> None:
    """An object is read with its bytes, type and metadata, and has the MD5 of its bytes as ETag.

    Source: S3 API Reference, "Object", ETag
    <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html>
    """
    bucket, content = make.bucket(), bytes(range(256))
    aws("s3").put_object(
        Bucket=bucket, Key="a/orders/1.pdf", Body=content, ContentType="application/pdf", Metadata={"order": "1"}
    )
    found = aws("s3").get_object(Bucket=bucket, Key="a/orders/1.pdf")
    assert (found["ContentType"], found["Metadata"]) == ("application/pdf", {"order": "1"})
    assert found["ETag"] == f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
    assert body(found) == content


def test_missing_object_is_refused(aws: Clients, make: Resources) -> None:
    """A missing object is refused with NoSuchKey to a user who may list the bucket.

    Source: S3 API Reference, "GetObject", permissions
    <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>
    """
    bucket = make.bucket()
    assert code_of(lambda: aws("s3").get_object(Bucket=bucket, Key="none")) == "NoSuchKey"


def test_missing_bucket_is_refused(aws: Clients) -> None:
    """A missing bucket is refused with NoSuchBucket.

    Source: S3 API Reference, "Error responses"
    <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
    """
    assert code_of(lambda: aws("s3").get_object(Bucket=unique(), Key="none")) == "NoSuchBucket"


def test_versions_are_kept(aws: Clients, make: Resources) -> None:
    """A versioned bucket keeps overwritten objects and lists the versions, the latest first.

    Source: S3 User Guide, "Retaining multiple versions of objects with S3 Versioning"
    <https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html>
    """
    bucket, s3 = make.bucket(), aws("s3")
    first, second = (s3.put_object(Bucket=bucket, Key="key", Body=text)["VersionId"] for text in (b"1", b"2"))
    assert body(s3.get_object(Bucket=bucket, Key="key")) == b"2"
    assert body(s3.get_object(Bucket=bucket, Key="key", VersionId=first)) == b"1"
    listed = s3.list_object_versions(Bucket=bucket, Prefix="key")["Versions"]
    assert [(found["VersionId"], found["IsLatest"]) for found in listed] == [(second, True), (first, False)]


def test_deletion_leaves_a_marker(aws: Clients, make: Resources) -> None:
    """Deleting an object of a versioned bucket leaves a delete marker; the version stays.

    Source: S3 User Guide, "Working with delete markers"
    <https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeleteMarker.html>
    """
    bucket, s3 = make.bucket(), aws("s3")
    version = s3.put_object(Bucket=bucket, Key="key", Body=b"1")["VersionId"]
    assert s3.delete_object(Bucket=bucket, Key="key")["DeleteMarker"] is True
    assert code_of(lambda: s3.get_object(Bucket=bucket, Key="key")) == "NoSuchKey"
    assert body(s3.get_object(Bucket=bucket, Key="key", VersionId=version)) == b"1"


def test_objects_are_encrypted_by_default(aws: Clients, make: Resources) -> None:
    """A bucket encrypts objects with AES256 by default.

    Source: S3 User Guide, "Setting default server-side encryption behavior for Amazon S3 buckets"
    <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-encryption.html>
    """
    bucket = make.bucket()
    aws("s3").put_object(Bucket=bucket, Key="key", Body=b"1")
    assert aws("s3").head_object(Bucket=bucket, Key="key")["ServerSideEncryption"] == "AES256"


def test_lifecycle_is_read_as_put(aws: Clients, make: Resources) -> None:
    """A lifecycle rule is read as it was put.

    Source: S3 API Reference, "GetBucketLifecycleConfiguration"
    <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLifecycleConfiguration.html>
    """
    bucket = make.bucket()
    rule = {
        "ID": "archive",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "Transitions": [{"Days": 730, "StorageClass": "GLACIER"}],
        "Expiration": {"Days": 2557},
    }
    aws("s3").put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    assert aws("s3").get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == [rule]


def presigned(aws: Clients, bucket: str, operation: str = "get_object", **options: Any) -> str:
    """A URL of the object `key`."""
    url: str = aws("s3").generate_presigned_url(operation, Params={"Bucket": bucket, "Key": "key"}, **options)
    return url


@pytest.fixture
def filled(aws: Clients, make: Resources) -> str:
    """A bucket with the object `key`."""
    bucket = make.bucket()
    aws("s3").put_object(Bucket=bucket, Key="key", Body=b"invoice")
    return bucket


def test_presigned_url_needs_no_credentials(aws: Clients, filled: str) -> None:
    """A presigned URL gives its object to a caller without credentials.

    Source: S3 User Guide, "Sharing objects with presigned URLs"
    <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ShareObjectPreSignedURL.html>
    """
    response = requests.get(presigned(aws, filled), timeout=30)
    assert (response.status_code, response.content) == (200, b"invoice")


def test_altered_presigned_url_is_refused(aws: Clients, filled: str) -> None:
    """A presigned URL with an altered signature is refused with 403 SignatureDoesNotMatch.

    Source: S3 API Reference, "Error responses", SignatureDoesNotMatch
    <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
    """
    url = presigned(aws, filled)
    response = requests.get(url[:-4] + ("0000" if url[-4:] != "0000" else "1111"), timeout=30)
    assert (response.status_code, "SignatureDoesNotMatch" in response.text) == (403, True)


def test_presigned_url_is_for_one_object(aws: Clients, filled: str) -> None:
    """The signature of a presigned URL does not open another object.

    Source: S3 API Reference, "Authenticating requests: using query parameters"
    <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>
    """
    aws("s3").put_object(Bucket=filled, Key="other", Body=b"of another tenant")
    response = requests.get(presigned(aws, filled).replace("/key?", "/other?"), timeout=30)
    assert (response.status_code, b"another tenant" in response.content) == (403, False)


def test_presigned_url_is_for_one_method(aws: Clients, filled: str) -> None:
    """A URL presigned for reading does not write.

    Source: S3 API Reference, "Authenticating requests: using query parameters"
    <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>
    """
    assert requests.put(presigned(aws, filled), data=b"changed", timeout=30).status_code == 403
    assert body(aws("s3").get_object(Bucket=filled, Key="key")) == b"invoice"


def test_expired_presigned_url_is_refused(aws: Clients, filled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An expired presigned URL is refused with 403.

    Source: S3 API Reference, "Authenticating requests: using query parameters", X-Amz-Expires
    <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>
    """
    earlier = datetime.now(UTC) - timedelta(minutes=5)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: earlier.replace(tzinfo=None))
    url = presigned(aws, filled, ExpiresIn=60)
    assert earlier.strftime("%Y%m%dT%H%M") in url, "the URL is signed as of now"
    response = requests.get(url, timeout=30)
    assert (response.status_code, b"invoice" in response.content) == (403, False)
