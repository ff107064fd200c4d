"""Puts floors beside the functions of a stack, and takes them away again."""

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from localstack.aws import Aws
from localstack.stack import ACCOUNT, REGION, Stack
from release import traffic
from tooling.paths import ROOT

_SOURCES = Path(__file__).parent
# As functions import them; the rest is the runtime's.
_SHARED: Final = ("common/__init__.py", "common/clients.py")
# Of the role that terraform/modules/lambda makes.
_POLICY = "function"
_MOST_RESOURCES = 500


class Floor(NamedTuple):
    """A floor.

    Args:
        source: module of this package.
        function: folder of the function that it has the rights, environment, memory and time-out of.
        method: of its route.
        path: of its route, below the API's root.
    """

    source: str
    function: str
    method: str
    path: str

    @property
    def name(self) -> str:
        """Of the function, and of its role."""
        return f"bench-{self.source.replace('_', '-')}"


CREATE: Final = Floor("one_message", "create_order", "POST", "/bench/orders")
GET: Final = Floor("one_read", "get_order", "GET", "/bench/orders/{orderId}")
LIST: Final = Floor("one_query", "list_orders", "GET", "/bench/tenants/{tenantId}/orders")


def package(source: str) -> bytes:
    """The zip of a floor.

    Args:
        source: module of this package.
    """
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.write(_SOURCES / f"{source}.py", "floor.py")
        for file in _SHARED:
            archive.write(ROOT / file, file)
    return content.getvalue()


@contextmanager
def beside(stack: Stack, *floors: Floor) -> Iterator[None]:
    """Floors on the API of a stack, as long as the context lasts.

    Args:
        stack: on the embedded engine, which serves a route as soon as it is there, without a deployment.
        floors: that are put there.
    """
    aws = Aws(stack.endpoint)
    with ExitStack() as removal:
        for floor in floors:
            _make_function(aws, stack, floor, removal)
            _make_route(aws, stack, floor, removal)
        yield


def _make_function(aws: Aws, stack: Stack, floor: Floor, removal: ExitStack) -> None:
    model = aws.functions.get_function_configuration(FunctionName=stack.outputs["function_names"][floor.function])
    aws.functions.create_function(
        FunctionName=floor.name,
        Runtime=model["Runtime"],
        Role=_make_role(aws, stack.outputs["role_names"][floor.function], model["FunctionName"], floor.name, removal),
        Handler="floor.handler",
        Code={"ZipFile": package(floor.source)},
        MemorySize=model["MemorySize"],
        Timeout=model["Timeout"],
        Environment={"Variables": model["Environment"]["Variables"]},
        Publish=True,
    )
    removal.callback(_forget_logs, aws, f"/aws/lambda/{floor.name}")
    removal.callback(aws.functions.delete_function, FunctionName=floor.name)
    aws.functions.create_alias(FunctionName=floor.name, Name=traffic.ALIAS, FunctionVersion="1")


def _make_role(aws: Aws, model: str, function: str, name: str, removal: ExitStack) -> str:
    """A role with the rights of another, but the logs of its own function; its ARN."""
    trust = aws.iam.get_role(RoleName=model)["Role"]["AssumeRolePolicyDocument"]
    rights = json.dumps(aws.iam.get_role_policy(RoleName=model, PolicyName=_POLICY)["PolicyDocument"])
    arn: str = aws.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    removal.callback(aws.iam.delete_role, RoleName=name)
    aws.iam.put_role_policy(RoleName=name, PolicyName=_POLICY, PolicyDocument=rights.replace(function, name))
    removal.callback(aws.iam.delete_role_policy, RoleName=name, PolicyName=_POLICY)
    return arn


def _forget_logs(aws: Aws, group: str) -> None:
    # A function that was not called has none.
    with suppress(aws.logs.exceptions.ResourceNotFoundException):
        aws.logs.delete_log_group(logGroupName=group)


def _make_route(aws: Aws, stack: Stack, floor: Floor, removal: ExitStack) -> None:
    """The same route as terraform/modules/api_gateway makes, with the same authorizer."""
    api, of = aws.client("apigateway"), {"restApiId": stack.outputs["api_id"]}
    target = {**of, "resourceId": _resource(api, of, floor.path, removal), "httpMethod": floor.method}
    authorizer = api.get_authorizers(**of)["items"][0]["id"]
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{floor.name}:{traffic.ALIAS}"
    api.put_method(**target, authorizationType="COGNITO_USER_POOLS", authorizerId=authorizer)
    api.put_integration(
        **target,
        type="AWS_PROXY",
        integrationHttpMethod="POST",
        uri=f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function}/invocations",
    )
    aws.functions.add_permission(
        FunctionName=floor.name,
        Qualifier=traffic.ALIAS,
        StatementId="api-gateway",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
    )


def _resource(api: Any, of: dict[str, str], path: str, removal: ExitStack) -> str:
    """The id of the resource of a path; what is missing of the path is made."""
    known = {found["path"]: found["id"] for found in api.get_resources(**of, limit=_MOST_RESOURCES)["items"]}
    parts = path.strip("/").split("/")
    identity: str = known["/"]
    for depth, part in enumerate(parts, start=1):
        above, upto = identity, "/" + "/".join(parts[:depth])
        if upto in known:
            identity = known[upto]
            continue
        identity = api.create_resource(**of, parentId=above, pathPart=part)["id"]
        removal.callback(api.delete_resource, **of, resourceId=identity)
    return identity
