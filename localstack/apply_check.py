"""Whether Terraform would find a stack as it left it, told without Terraform (docs/decisions/0013-up-again.md)."""

from localstack.stack import Applied, Stack
from localstack.terraform import LocalTerraform


def _calls(stack: Stack) -> list[str] | None:
    """The calls that may have changed the engine, in order; None if it does not note them."""
    return stack.changes_file.read_text().splitlines() if stack.changes_file.exists() else None


def reason(stack: Stack) -> str | None:
    """Why Terraform must look at a stack; None if nothing but packages and templates can be otherwise.

    Args:
        stack: whose engine answers.
    """
    calls = _calls(stack)
    if stack.applied is None or calls is None:
        return "nothing is known of the stack"
    if LocalTerraform(stack).inputs() != stack.applied.inputs:
        return "configuration, variables or names of templates have changed"
    since = sorted(set(calls[stack.applied.changes :]))
    return f"called since: {', '.join(since)}" if since else None


def note(stack: Stack) -> None:
    """Note that a stack is as it should be."""
    calls = _calls(stack)
    stack.applied = None if calls is None else Applied(LocalTerraform(stack).inputs(), len(calls))
    stack.save()
