"""What `make up` and `make reset` do while others change the stack, and what `make up` saves when it fails."""

import os
from pathlib import Path

import pytest

from localstack import processes, redeploy, up
from localstack.stack import Running, Stack, StackError, load
from localstack.terraform import LocalTerraform
from release.packaging import build
from release.traffic import TrafficError


@pytest.mark.parametrize(
    ("error", "applied"),
    [(TrafficError("a new version does not run"), True), (StackError("a function is gone"), False)],
    ids=["failing-version", "other-error"],
)
def test_up_failed_step_marks_applied_only_for_traffic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, applied: bool
) -> None:
    """The next `make up` applies again after any error except a new version that does not run."""
    stack, marked = Stack(tmp_path), list[Stack]()

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(up, "_start_sidecars", lambda *_: ())
    monkeypatch.setattr(up, "_start", lambda *_: None)
    monkeypatch.setattr(up, "_finish", fail)
    monkeypatch.setattr(redeploy, "checked_templates", lambda _: {})
    monkeypatch.setattr(build, "build_all", lambda *_: [])
    monkeypatch.setattr(LocalTerraform, "reason_to_apply", lambda _: None)
    monkeypatch.setattr(LocalTerraform, "mark_applied", lambda self: marked.append(self._stack))
    with pytest.raises(type(error)):
        up.up(stack, "embedded", free_ports=True)
    assert marked == ([stack] if applied else [])


def test_up_sees_what_was_saved_before_it_had_the_lock(tmp_path: Path) -> None:
    """A start that waited for another one takes its stack over, and does not start a second engine in its folder."""
    stack = Stack(tmp_path)
    Stack(tmp_path, engine="localstack-host", running={"engine": Running(os.getpid(), "another")}).save()
    with pytest.raises(StackError, match="a stack on engine localstack-host is up: run `make down` first"):
        up.up(stack, "embedded")


def test_reset_keeps_the_lock_until_the_stack_is_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No other command gets the stack between its end and its new start."""
    monkeypatch.setenv("STACK_DIR", str(tmp_path))
    stack = Stack(tmp_path, outputs={"api_id": "a"})
    stack.save()
    refused = list[Stack]()

    def bring_up(stack: Stack, *_: object) -> None:
        with pytest.raises(StackError, match="another `make up` works on"), up.exclusive(stack):
            pass
        refused.append(stack)

    monkeypatch.setattr(up, "_start_sidecars", lambda *_: ())
    monkeypatch.setattr(up, "_bring_up", bring_up)
    up.reset()
    assert refused == [stack]


def test_start_page_keeps_what_was_saved_meanwhile(tmp_path: Path) -> None:
    """A page that waited for a `make up` does not save the stack as it was before."""
    stack = Stack(tmp_path)
    Stack(tmp_path, outputs={"api_id": "a"}, release="/release").save()
    try:
        up.start_page(stack, "console", processes.free_port())
        saved = load(tmp_path)
        assert (saved.outputs, saved.release, list(saved.running)) == ({"api_id": "a"}, "/release", ["console"])
    finally:
        up.down(stack)
