"""When `make up` needs Terraform, and when the stack is as Terraform left it."""

from pathlib import Path

import pytest

from localstack.stack import Stack, StackError, load
from localstack.terraform import LocalTerraform


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    """A stack of a release with a file of each kind, just applied, after two recorded calls."""
    for name in ("terraform/main.tf", "terraform/tests/a.tftest.hcl", "terraform/env/local.tfvars", "templates/a.txt"):
        path = tmp_path / "release" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("as it was")
    stack = Stack(tmp_path, ports={"engine": 1, "cart": 2}, release=str(tmp_path / "release"))
    stack.engine_dir.mkdir()
    stack.changes_file.write_text("iam:CreateRole\nsqs:CreateQueue\n")
    LocalTerraform(stack).mark_applied()
    return stack


def change(stack: Stack, name: str) -> None:
    """Change a file of the release."""
    Path(str(stack.release), name).write_text("as it is now")


def test_reason_to_apply_unchanged_is_none(stack: Stack) -> None:
    """An unchanged stack needs no second apply."""
    assert LocalTerraform(stack).reason_to_apply() is None
    assert LocalTerraform(load(stack.directory)).reason_to_apply() is None


def test_reason_to_apply_content_changed_is_none(stack: Stack) -> None:
    """The content of templates and of Terraform tests needs no apply."""
    change(stack, "templates/a.txt")
    change(stack, "terraform/tests/a.tftest.hcl")
    assert LocalTerraform(stack).reason_to_apply() is None


@pytest.mark.parametrize(
    "name", ["terraform/main.tf", "terraform/env/local.tfvars", "terraform/new.tf", "templates/new.txt"]
)
def test_reason_to_apply_configuration_changed(stack: Stack, name: str) -> None:
    """Changed or new Terraform files, and new templates, need an apply."""
    change(stack, name)
    assert LocalTerraform(stack).reason_to_apply() == "configuration, variables or names of templates have changed"


def test_reason_to_apply_template_removed(stack: Stack) -> None:
    """A removed template needs an apply."""
    Path(str(stack.release), "templates/a.txt").unlink()
    assert LocalTerraform(stack).reason_to_apply() is not None


def test_reason_to_apply_variable_changed(stack: Stack) -> None:
    """A changed variable of the stack needs an apply."""
    stack.ports["cart"] = 3
    assert LocalTerraform(stack).reason_to_apply() is not None


def test_reason_to_apply_resources_changed_names_calls(stack: Stack) -> None:
    """Calls that may have changed a resource need an apply, which names them."""
    with stack.changes_file.open("a") as record:
        record.write("sqs:SetQueueAttributes\niam:PutRolePolicy\nsqs:SetQueueAttributes\n")
    assert LocalTerraform(stack).reason_to_apply() == "called since: iam:PutRolePolicy, sqs:SetQueueAttributes"
    LocalTerraform(stack).mark_applied()
    assert LocalTerraform(stack).reason_to_apply() is None


def test_reason_to_apply_engine_without_record(stack: Stack) -> None:
    """An engine that records no changes always needs an apply."""
    stack.changes_file.unlink()
    assert LocalTerraform(stack).reason_to_apply() == "the state of the stack is unknown"
    LocalTerraform(stack).mark_applied()
    assert load(stack.directory).applied is None


def test_terraform_with_override_of_tflocal_is_refused(stack: Stack) -> None:
    """A file that tflocal left in the configuration is named, since Terraform would follow it to another engine."""
    change(stack, "terraform/localstack_providers_override.tf")
    with pytest.raises(StackError, match=r"localstack_providers_override\.tf would lead Terraform elsewhere: .*delete"):
        LocalTerraform(stack).init()
