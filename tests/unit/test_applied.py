"""When `make up` needs Terraform, and when what is there is what Terraform left."""

from pathlib import Path

import pytest

from localstack import apply_check
from localstack.stack import Stack, load


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    """A stack of a release with a file of each kind, just applied, after two calls of Terraform's."""
    for name in ("terraform/main.tf", "terraform/tests/a.tftest.hcl", "terraform/env/local.tfvars", "templates/a.txt"):
        path = tmp_path / "release" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("as it was")
    stack = Stack(tmp_path, ports={"engine": 1, "cart": 2}, release=str(tmp_path / "release"))
    stack.engine_dir.mkdir()
    stack.changes_file.write_text("iam:CreateRole\nsqs:CreateQueue\n")
    apply_check.note(stack)
    return stack


def change(stack: Stack, name: str) -> None:
    """Change a file of the release."""
    Path(str(stack.release), name).write_text("as it is now")


def test_nothing_is_asked_of_terraform_twice(stack: Stack) -> None:
    assert apply_check.reason(stack) is None
    assert apply_check.reason(load(stack.directory)) is None


def test_what_a_template_or_a_test_says_is_not_for_terraform(stack: Stack) -> None:
    change(stack, "templates/a.txt")
    change(stack, "terraform/tests/a.tftest.hcl")
    assert apply_check.reason(stack) is None


@pytest.mark.parametrize(
    "name", ["terraform/main.tf", "terraform/env/local.tfvars", "terraform/new.tf", "templates/new.txt"]
)
def test_another_configuration_is_for_terraform(stack: Stack, name: str) -> None:
    change(stack, name)
    assert apply_check.reason(stack) == "configuration, variables or names of templates have changed"


def test_a_template_that_is_gone_is_for_terraform(stack: Stack) -> None:
    Path(str(stack.release), "templates/a.txt").unlink()
    assert apply_check.reason(stack) is not None


def test_another_variable_is_for_terraform(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_VAR_log_level", "DEBUG")
    assert apply_check.reason(stack) is not None
    monkeypatch.undo()
    assert apply_check.reason(stack) is None
    stack.ports["cart"] = 3
    assert apply_check.reason(stack) is not None


def test_calls_that_may_have_changed_the_stack_are_named(stack: Stack) -> None:
    with stack.changes_file.open("a") as notes:
        notes.write("sqs:SetQueueAttributes\niam:PutRolePolicy\nsqs:SetQueueAttributes\n")
    assert apply_check.reason(stack) == "called since: iam:PutRolePolicy, sqs:SetQueueAttributes"
    apply_check.note(stack)
    assert apply_check.reason(stack) is None


def test_of_an_engine_that_notes_nothing_nothing_is_known(stack: Stack) -> None:
    stack.changes_file.unlink()
    assert apply_check.reason(stack) == "nothing is known of the stack"
    apply_check.note(stack)
    assert load(stack.directory).applied is None
