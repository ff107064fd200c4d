"""The stack that is tested: this machine's, or one that Terraform made in an AWS account."""

import os
from dataclasses import dataclass
from typing import Any

from localstack import stack as stacks
from localstack.aws import Aws
from localstack.mailbox import Mailbox
from localstack.sidecars.issuer import Issuer
from localstack.stack import api_url
from release import terraform_state
from release.environments import ENVIRONMENTS, Environment


@dataclass(frozen=True)
class Platform:
    """A stack, reached from outside.

    Args:
        target: its environment.
        aws: clients of its account.
        outputs: of its Terraform.
        api_url: of its API.
        cart_url: of a Cart service where tests may put carts; None where there is none, as in prod.
        mailbox: where its mails arrive; None in AWS, where they leave for good.
        issuer: of tokens, where an engine has no Cognito; None where users sign in.
    """

    target: str
    aws: Aws
    outputs: dict[str, Any]
    api_url: str
    cart_url: str | None
    mailbox: Mailbox | None
    issuer: Issuer | None = None

    def queue_url(self, name: str) -> str:
        """The URL of a queue."""
        return self.aws.sqs.get_queue_url(QueueName=name)["QueueUrl"]


def local() -> Platform:
    """The stack in STACK_DIR.

    Raises:
        StackError: it has not been made.
    """
    stack = stacks.require()
    return Platform(
        target="local",
        aws=Aws(stack.endpoint),
        outputs=stack.outputs,
        api_url=stack.api_url,
        cart_url=stack.cart_url,
        mailbox=Mailbox(stack.mail_dir),
        issuer=Issuer(stack.issuer_url) if stack.issuer_url else None,
    )


def deployed(name: str, place: Environment) -> Platform:
    """The stack of an environment, by the Terraform state in the account that the shell is signed in to.

    Args:
        name: of the environment.
        place: where it is.
    """
    aws = Aws(None, place.region)
    outputs = terraform_state.outputs(aws.s3, place.state_bucket, place.state_key)
    # A rehearsal's account is on this machine, and so is its API.
    engine = os.environ.get("AWS_ENDPOINT_URL")
    return Platform(
        target=name,
        aws=aws,
        outputs=outputs,
        api_url=api_url(engine, outputs) if engine else outputs["api_url"],
        cart_url=os.environ.get("E2E_CART_URL"),
        mailbox=None,
    )


def chosen(target: str) -> Platform:
    """The stack of a target: local, or the name of an environment.

    Raises:
        StackError: the local one has not been made.
    """
    return local() if target == "local" else deployed(target, ENVIRONMENTS[target])  # type: ignore[index]  # these are the only others
