"""boto3 clients of an engine, as its root user, or of the account that the shell is signed in to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

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

# boto3's names of the services whose clients have another name here.
_SERVICES: Final = {"cognito": "cognito-idp", "functions": "lambda"}


def own_variables() -> dict[str, tuple[None, None, Any, Any]]:
    """botocore's variables as they are where no variable of the shell, profile or file of AWS sets them.

    Those of the shell are for an account in AWS. The bundle of certificates is also an engine's that has TLS.
    """
    from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES as VARIABLES

    own = {name: (None, None, default, convert) for name, (_, _, default, convert) in VARIABLES.items()}
    files = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
    return {name: value for name, value in (own | files).items() if name != "ca_bundle"}


class Aws:
    """Clients by service, each created when first used: of the engine at a URL, or of AWS if that is None."""

    cloudwatch: CloudWatchClient
    cognito: CognitoIdentityProviderClient
    dynamodb: DynamoDBClient
    functions: LambdaClient
    iam: Any
    logs: CloudWatchLogsClient
    s3: S3Client
    ses: SESClient
    sesv2: Any
    sns: SNSClient
    sqs: SQSClient

    def __init__(self, endpoint: str | None, region: str = REGION) -> None:
        # Imported late: they take half a second, and `make down` does not need them.
        import boto3
        import botocore.session

        self._endpoint = endpoint
        self.session = boto3.Session(
            aws_access_key_id=ACCOUNT if endpoint else None,
            aws_secret_access_key=SIGNATURE if endpoint else None,
            region_name=region,
            botocore_session=botocore.session.get_session(own_variables() if endpoint else None),
        )

    if not TYPE_CHECKING:  # mypy would accept any attribute

        def __getattr__(self, name: str) -> Any:
            """Create a client; Python calls this only for one that does not exist yet."""
            if name not in Aws.__annotations__:
                raise AttributeError(name)
            client = self.client(_SERVICES.get(name, name))
            setattr(self, name, client)
            return client

    def client(self, service: Any) -> Any:
        """Create a client of a service by boto3's name."""
        return self.session.client(service, endpoint_url=self._endpoint)
