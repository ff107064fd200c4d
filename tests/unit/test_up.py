"""What `make up` saves when it fails."""

from pathlib import Path

import pytest

from localstack import redeploy, up
from localstack.stack import Stack, StackError
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
