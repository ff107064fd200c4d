"""Small Lambda functions for tests."""

import io
import json
import zipfile
from typing import Any
from uuid import uuid4

import boto3

from localstack.aws import Aws
from release import traffic


def package(source: str) -> bytes:
    """The package of a function, as a zip."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("function.py", source)
    return content.getvalue()


def publish(aws: Aws, function: str, source: str) -> str:
    """Publish a new version and return its number."""
    return aws.functions.update_function_code(FunctionName=function, ZipFile=package(source), Publish=True)["Version"]


def make_function(source: str, session: boto3.Session | None = None) -> str:
    """Create a function whose alias sends all traffic to its first version, and return its name.

    Args:
        source: Source of the function.
        session: Session of the account; the tests' own if None.
    """
    session = session or boto3.Session()
    name = f"function-{uuid4().hex[:8]}"
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    iam: Any = session.client("iam")
    role = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    functions = session.client("lambda")
    functions.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=role["Role"]["Arn"],
        Handler="function.handler",
        Code={"ZipFile": package(source)},
        Publish=True,
    )
    functions.create_alias(FunctionName=name, Name=traffic.ALIAS, FunctionVersion="1")
    return name
