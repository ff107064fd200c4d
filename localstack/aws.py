"""boto3 clients of an engine, with the rights of its root user, or of the account that the shell is signed in to."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3

from localstack.stack import ACCOUNT, REGION, SIGNATURE

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ses import SESClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient


class Aws:
    """Clients, each built when first used.

    Args:
        endpoint: URL of the engine; None for AWS.
        region: of the account.
    """

    def __init__(self, endpoint: str | None, region: str = REGION) -> None:
        self._endpoint = endpoint
        self._session = boto3.Session(
            aws_access_key_id=ACCOUNT if endpoint else None,
            aws_secret_access_key=SIGNATURE if endpoint else None,
            region_name=region,
        )

    def client(self, service: Any) -> Any:
        """A client of a service, by its name."""
        return self._session.client(service, endpoint_url=self._endpoint)

    @cached_property
    def cloudwatch(self) -> CloudWatchClient:
        """Alarms."""
        return self._session.client("cloudwatch", endpoint_url=self._endpoint)

    @cached_property
    def cognito(self) -> CognitoIdentityProviderClient:
        """User pools."""
        return self._session.client("cognito-idp", endpoint_url=self._endpoint)

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        """Tables."""
        return self._session.client("dynamodb", endpoint_url=self._endpoint)

    @cached_property
    def functions(self) -> LambdaClient:
        """Functions."""
        return self._session.client("lambda", endpoint_url=self._endpoint)

    @cached_property
    def iam(self) -> Any:
        """Roles and users."""
        return self._session.client("iam", endpoint_url=self._endpoint)

    @cached_property
    def logs(self) -> CloudWatchLogsClient:
        """Logs."""
        return self._session.client("logs", endpoint_url=self._endpoint)

    @cached_property
    def s3(self) -> S3Client:
        """Buckets."""
        return self._session.client("s3", endpoint_url=self._endpoint)

    @cached_property
    def ses(self) -> SESClient:
        """Mail."""
        return self._session.client("ses", endpoint_url=self._endpoint)

    @cached_property
    def sns(self) -> SNSClient:
        """Topics."""
        return self._session.client("sns", endpoint_url=self._endpoint)

    @cached_property
    def sqs(self) -> SQSClient:
        """Queues."""
        return self._session.client("sqs", endpoint_url=self._endpoint)
