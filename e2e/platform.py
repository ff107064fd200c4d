"""The stack that is tested: this machine's, or one that Terraform made in an AWS account."""

import json
import os
from dataclasses import dataclass
from typing import Any

from localstack import stack as stacks
from localstack.aws import Aws
from localstack.mailbox import Mailbox

TARGETS = ("local", "dev", "sit", "prod")


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
    """

    target: str
    aws: Aws
    outputs: dict[str, Any]
    api_url: str
    cart_url: str | None
    mailbox: Mailbox | None

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
    )


def deployed(environment: str) -> Platform:
    """The stack of an environment, by the Terraform state in the account that the shell is signed in to."""
    aws = Aws(None)
    state = aws.s3.get_object(Bucket=f"bbws-terraform-state-{environment}", Key="order-lambda/terraform.tfstate")
    outputs = {name: output["value"] for name, output in json.loads(state["Body"].read())["outputs"].items()}
    return Platform(
        target=environment,
        aws=aws,
        outputs=outputs,
        api_url=outputs["api_url"],
        cart_url=os.environ.get("E2E_CART_URL"),
        mailbox=None,
    )
