"""What `make up` remembers of how it ended."""

from pathlib import Path

import pytest

from localstack import apply_check, redeploy, up
from localstack.stack import Stack, StackError
from release.packaging import build
from release.traffic import TrafficError


@pytest.mark.parametrize(
    ("error", "noted"),
    [(TrafficError("a new version does not run"), True), (StackError("a function is gone"), False)],
    ids=["a version that does not run", "anything else"],
)
def test_terraform_looks_again_after_all_but_a_version_that_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, noted: bool
) -> None:
    stack, notes = Stack(tmp_path), list[Stack]()

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(up, "_start", lambda *_: None)
    monkeypatch.setattr(up, "_finish", fail)
    monkeypatch.setattr(redeploy, "checked_templates", lambda _: {})
    monkeypatch.setattr(build, "build_all", list)
    monkeypatch.setattr(apply_check, "reason", lambda _: None)
    monkeypatch.setattr(apply_check, "note", notes.append)
    with pytest.raises(type(error)):
        up.up(stack, "embedded", free_ports=True)
    assert notes == ([stack] if noted else [])
