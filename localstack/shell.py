"""`bin/ops stack shell`: a Python shell with clients of the local stack."""

import code
import sys
from functools import partial
from typing import Any

from localstack import seed
from localstack.aws import Aws
from localstack.stack import Stack, StackError

_BANNER = """The stack in {directory}, API {api}
  table         the orders table as a boto3 resource: table.scan()["Items"]
  order(id)     the item of an order
  token(email)  the ID token of a seeded user: token({email!r})
  stack         ports, folders and Terraform's outputs: stack.outputs["queue_names"]
  dynamodb sqs s3 sns lambda_ logs ses cognito
                boto3 clients with all permissions: sqs.list_queues()["QueueUrls"]
Press Ctrl-D to leave."""


def names(stack: Stack) -> dict[str, Any]:
    """Names that the shell starts with."""
    aws = Aws(stack.endpoint)
    table = aws.session.resource("dynamodb", endpoint_url=stack.endpoint).Table(stack.outputs["orders_table"])

    def order(order_id: str) -> dict[str, Any]:
        """Return the item of an order; StackError if there is none."""
        found: list[dict[str, Any]] = table.query(
            IndexName="OrderByIdIndex",
            KeyConditionExpression="GSI2_PK = :order",
            ExpressionAttributeValues={":order": f"ORDER#{order_id}"},
        )["Items"]
        if not found:
            raise StackError(f'there is no order {order_id}: table.scan()["Items"] lists all')
        return found[0]

    services = ("dynamodb", "sqs", "s3", "sns", "logs", "ses", "cognito")
    clients = {name: getattr(aws, name) for name in services} | {"lambda_": aws.functions}
    return {"stack": stack, "table": table, "order": order, "token": partial(seed.token, stack), **clients}


def open_shell(stack: Stack) -> None:
    """Run an interactive Python shell until the input ends."""
    banner = _BANNER.format(directory=stack.directory, api=stack.api_url, email=seed.users()[0]["email"])
    if sys.stdin.isatty():
        # Importing it gives the shell history and line editing.
        import readline  # noqa: F401
    code.interact(banner, local=names(stack), exitmsg="")
