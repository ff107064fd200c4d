"""Where a release can be: the environments of R1, and prod's fail-over."""

from dataclasses import dataclass
from typing import Literal

EnvironmentName = Literal["dev", "sit", "prod", "failover"]


@dataclass(frozen=True)
class Environment:
    """What there is to know of an environment.

    Args:
        before: the environment that a release must have passed; None for the first.
        approvals: the roles that must approve, each another person.
        var_files: of Terraform, in `terraform/env/`; a later one wins.
        backend: of Terraform's state, in `terraform/env/`.
        region: of its resources.
        release_bucket: name of the bucket with its releases.
        state_bucket: name of the bucket with Terraform's state.
        state_key: of the state in it.
        canary: whether new versions get a part of the traffic first.
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
    # Prod's account in the other region. What prod passed is replicated there; nothing is promoted.
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
