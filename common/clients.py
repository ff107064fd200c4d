"""boto3 clients, one per use and process; handlers create theirs at import, so that a warm call creates none."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ses import SESClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

# Three attempts of at most 2 + 5 seconds each fit into a function's timeout of 30 s.
_CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})


@cache
def dynamodb() -> DynamoDBClient:
    return boto3.client("dynamodb", config=_CONFIG)


@cache
def dynamodb_for_mail_records() -> DynamoDBClient:
    """The DynamoDB client for the idempotency records of mails; it retries until the function's time is up, since a
    mail without its record is sent again."""
    return boto3.client("dynamodb", config=_CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": 8})))


@cache
def dynamodb_without_retries() -> DynamoDBClient:
    """The DynamoDB client for writes that may fail: it gives up after at most two seconds."""
    quick = Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1})
    return boto3.client("dynamodb", config=_CONFIG.merge(quick))


@cache
def s3() -> S3Client:
    return boto3.client("s3", config=_CONFIG)


@cache
def s3_for_links(addressing: str) -> S3Client:
    """The S3 client that presigns URLs for browsers: with the region's host name, since the global one redirects.

    The bucket's name is in the host name (`virtual`) or in the path (`path`).
    """
    style: Any = addressing
    config = Config(signature_version="s3v4", s3={"addressing_style": style})
    return boto3.client("s3", config=_CONFIG.merge(config))


@cache
def ses() -> SESClient:
    """The SES client; it does not retry, since a retry after a lost response would send the mail twice."""
    return boto3.client("ses", config=_CONFIG.merge(Config(retries={"total_max_attempts": 1})))


@cache
def sns() -> SNSClient:
    return boto3.client("sns", config=_CONFIG)


@cache
def sqs() -> SQSClient:
    return boto3.client("sqs", config=_CONFIG)
