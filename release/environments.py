"""The environments that releases are deployed to: dev, sit, prod and prod's fail-over."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

EnvironmentName = Literal["dev", "sit", "prod", "failover"]


@dataclass(frozen=True)
class Environment:
    """An environment, with its buckets and rules.

    Args:
        before: The environment that a release must pass first; None for dev.
        approvals: The roles that must approve, each a different person.
        var_files: Terraform's variable files in `terraform/env/`; a later one wins.
        buckets: Suffix of the names of its buckets.
        canary: Whether new versions first get part of the traffic.
    """

    before: EnvironmentName | None
    approvals: tuple[str, ...]
    var_files: tuple[str, ...]
    buckets: str
    region: str = "af-south-1"
    canary: bool = False
    state_key: str = "order-lambda/terraform.tfstate"

    @property
    def release_bucket(self) -> str:
        """Name of the bucket with the releases."""
        return f"bbws-releases-{self.buckets}"

    @property
    def state_bucket(self) -> str:
        """Name of the bucket with Terraform's state."""
        return f"bbws-terraform-state-{self.buckets}"


_BOTH = ("business-owner", "tech-lead")
ENVIRONMENTS: dict[EnvironmentName, Environment] = {
    "dev": Environment(None, (), ("dev.tfvars",), "dev"),
    "sit": Environment("dev", ("tech-lead",), ("sit.tfvars",), "sit"),
    "prod": Environment("sit", _BOTH, ("prod.tfvars",), "prod", canary=True),
    # Prod's account in the other region. S3 replicates prod's releases to it; nothing is promoted.
    "failover": Environment("prod", _BOTH, ("prod.tfvars", "failover.tfvars"), "prod-failover", region="eu-west-1"),
}


def terraform_outputs(client: S3Client, bucket: str, key: str) -> dict[str, Any]:
    """Terraform's outputs in the state at a key, by name."""
    state = json.loads(client.get_object(Bucket=bucket, Key=key)["Body"].read())
    return {name: output["value"] for name, output in state["outputs"].items()}
