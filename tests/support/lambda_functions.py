"""Small Lambda functions for tests."""

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import boto3

from localstack.aws import Aws
from localstack.stack import ACCOUNT, REGION, Stack
from release import traffic


def package(source: str, modules: Mapping[str, str] | None = None) -> bytes:
    """The package of a function, as a zip, with more modules by path."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path, text in {"function.py": source, **(modules or {})}.items():
            archive.writestr(path, text)
    return content.getvalue()


def publish(aws: Aws, function: str, source: str) -> str:
    """Publish a new version and return its number."""
    return aws.functions.update_function_code(FunctionName=function, ZipFile=package(source), Publish=True)["Version"]


def make_function(
    source: str, session: boto3.Session | None = None, modules: Mapping[str, str] | None = None, seconds: int = 20
) -> str:
    """Create a function whose alias sends all traffic to its first version, and return its name.

    Args:
        source: Source of the function.
        session: Session of the account; the tests' own if None.
        modules: Source of more modules in the package, by path.
        seconds: Timeout of the function; a busy machine starts it slowly.
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
        Code={"ZipFile": package(source, modules)},
        Timeout=seconds,
        Publish=True,
    )
    functions.create_alias(FunctionName=name, Name=traffic.ALIAS, FunctionVersion="1")
    return name


def api_of(function: str, stack: Stack, account: str = ACCOUNT) -> str:
    """URL of an API whose root calls a function's alias `live`."""
    session = boto3.Session(aws_access_key_id=account, aws_secret_access_key="test")
    api: Any = session.client("apigateway")
    made = api.create_rest_api(name=function)
    root = made.get("rootResourceId") or api.get_resources(restApiId=made["id"])["items"][0]["id"]
    target = {"restApiId": made["id"], "resourceId": root, "httpMethod": "GET"}
    alias = f"arn:aws:lambda:{REGION}:{account}:function:{function}:{traffic.ALIAS}"
    api.put_method(**target, authorizationType="NONE")
    api.put_integration(
        **target,
        type="AWS_PROXY",
        integrationHttpMethod="POST",
        uri=f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{alias}/invocations",
    )
    session.client("lambda").add_permission(
        FunctionName=function,
        Qualifier=traffic.ALIAS,
        StatementId="api",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
    )
    api.create_deployment(restApiId=made["id"], stageName="test")
    return f"{stack.endpoint}/_aws/execute-api/{made['id']}/test/"


def ratio(function: str) -> dict[str, Any]:
    """Alarm on more than 5 % failed calls of a function, as in Terraform's monitoring module."""

    def query(identity: str, metric: str) -> dict[str, Any]:
        of = {
            "Namespace": "AWS/Lambda",
            "MetricName": metric,
            "Dimensions": [{"Name": "FunctionName", "Value": function}],
        }
        return {"Id": identity, "MetricStat": {"Metric": of, "Period": 300, "Stat": "Sum"}, "ReturnData": False}

    return {
        "AlarmName": f"{function}-errors",
        "Threshold": 5,
        "EvaluationPeriods": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
        "Metrics": [
            {"Id": "rate", "Expression": "100 * errors / invocations", "ReturnData": True},
            query("errors", "Errors"),
            query("invocations", "Invocations"),
        ],
    }
