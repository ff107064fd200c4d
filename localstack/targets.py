"""The stack that tests and tools use: the local one, or that of an environment in AWS."""

import os
from dataclasses import dataclass
from typing import Any

from localstack import stack as stacks
from localstack.aws import Aws
from localstack.mails import Mailbox
from localstack.sidecars.issuer_client import Issuer
from localstack.stack import api_url
from release.environments import ENVIRONMENTS, Environment, terraform_outputs


@dataclass(frozen=True)
class Platform:
    """A stack as seen from outside, with Terraform's outputs; `target` is local or the name of its environment."""

    target: str
    aws: Aws
    outputs: dict[str, Any]
    api_url: str
    # Cart service where tests may create carts; None if there is none, as in prod.
    cart_url: str | None
    # Mails that the stack sent; None in AWS, where they leave.
    mailbox: Mailbox | None
    # Issuer of tokens if the engine has no Cognito; None if users sign in.
    issuer: Issuer | None = None

    def queue_url(self, name: str) -> str:
        """URL of a queue."""
        return self.aws.sqs.get_queue_url(QueueName=name)["QueueUrl"]


def deployed(name: str, environment: Environment) -> Platform:
    """Return the stack of an environment, from the Terraform state in the account that the shell is signed in to."""
    aws = Aws(None, environment.region)
    outputs = terraform_outputs(aws.s3, environment.state_bucket, environment.state_key)
    # The accounts of a rehearsal are on this machine, and so are their APIs.
    engine = os.environ.get("AWS_ENDPOINT_URL")
    url = api_url(engine, outputs) if engine else outputs["api_url"]
    return Platform(name, aws, outputs, url, cart_url=os.environ.get("E2E_CART_URL"), mailbox=None)


def chosen(target: str) -> Platform:
    """Return the stack of a target, local or an environment; StackError if there is no local stack."""
    if target != "local":
        return deployed(target, ENVIRONMENTS[target])  # type: ignore[index]  # no other names
    stack = stacks.require()
    aws, mailbox = Aws(stack.endpoint), Mailbox(stack.mail_dir)
    issuer = Issuer(stack.issuer_url) if stack.issuer_url else None
    return Platform(target, aws, stack.outputs, stack.api_url, stack.cart_url, mailbox, issuer)
