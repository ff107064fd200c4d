"""How the tests find the stack of an environment."""

from dataclasses import replace

import pytest

from localstack import stack as stacks
from localstack import targets
from localstack.targets import Platform
from release.environments import ENVIRONMENTS


@pytest.mark.sidecars
def test_deployed_stack_is_found_by_its_terraform_state(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployed stack is found by the Terraform state in its account."""
    for name, value in stacks.require().aws_environment().items():
        monkeypatch.setenv(name, value)
    environment = replace(ENVIRONMENTS["dev"], buckets="local")
    found = targets.deployed("dev", environment)
    assert found.outputs == platform.outputs
    assert found.api_url == platform.api_url
    assert found.outputs["api_url"].startswith(
        f"https://{platform.outputs['api_id']}.execute-api.af-south-1.amazonaws.com/"
    )
    assert found.mailbox is None
