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
        backend: File in `terraform/env/` with the backend of Terraform's state.
        region: AWS region of the resources.
        release_bucket: Name of the bucket with the releases.
        state_bucket: Name of the bucket with Terraform's state.
        state_key: Key of the state in that bucket.
        canary: Whether new versions first get part of the traffic.
    """

    before: EnvironmentName | None
    approvals: tuple[str, ...]
    var_files: tuple[str, ...]
    backend: str
    region: str
    release_bucket: str
    state_bucket: str
    state_key: str = "order-lambda/terraform.tfstate"
    canary: bool = False


def _account(
    name: EnvironmentName, before: EnvironmentName | None, approvals: tuple[str, ...], canary: bool = False
) -> Environment:
    return Environment(
        before=before,
        approvals=approvals,
        var_files=(f"{name}.tfvars",),
        backend=f"{name}.backend.hcl",
        region="af-south-1",
        release_bucket=f"bbws-releases-{name}",
        state_bucket=f"bbws-terraform-state-{name}",
        canary=canary,
    )


ENVIRONMENTS: dict[EnvironmentName, Environment] = {
    "dev": _account("dev", None, ()),
    "sit": _account("sit", "dev", ("tech-lead",)),
    "prod": _account("prod", "sit", ("business-owner", "tech-lead"), canary=True),
    # Prod's account in the other region. S3 replicates prod's releases to it; nothing is promoted.
    "failover": Environment(
        before="prod",
        approvals=("business-owner", "tech-lead"),
        var_files=("prod.tfvars", "failover.tfvars"),
        backend="failover.backend.hcl",
        region="eu-west-1",
        release_bucket="bbws-releases-prod-failover",
        state_bucket="bbws-terraform-state-prod-failover",
    ),
}


def terraform_outputs(client: S3Client, bucket: str, key: str) -> dict[str, Any]:
    """Terraform's outputs in the state at a key, by name."""
    state = json.loads(client.get_object(Bucket=bucket, Key=key)["Body"].read())
    return {name: output["value"] for name, output in state["outputs"].items()}
