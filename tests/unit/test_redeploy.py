"""What `make watch` refuses before it calls the stack."""

import threading
from pathlib import Path

import pytest

from localstack import redeploy, up
from localstack.stack import Stack, StackError
from release.packaging import build
from release.packaging.libraries import BuildError

IMPORT = """get_order.zip cannot be imported alone:
Traceback (most recent call last):
  File "<string>", line 4, in <module>
  File "functions/get_order/handler.py", line 7, in <module>
    from common.repository import OrderRepository
  File "common/repository.py", line 12, in <module>
    client = boto3.client("no-such")
  File "boto3/session.py", line 296, in client
    raise UnknownServiceError
UnknownServiceError: Unknown service: 'no-such'
"""


def test_blame_names_last_line_of_ours() -> None:
    """A traceback is reduced to the last line of our code and the error."""
    assert (
        redeploy.blame(IMPORT, ["get_order"])
        == "common/repository.py:12: UnknownServiceError: Unknown service: 'no-such'"
    )
    assert redeploy.blame("get_order.zip: not imported in 60 s", ["get_order"]) == "get_order.zip: not imported in 60 s"


def test_redeploy_stack_of_release_is_refused(tmp_path: Path) -> None:
    """A stack that runs a release is not redeployed."""
    with pytest.raises(StackError, match="runs the release in release: `make up` deploys this tree"):
        redeploy.redeploy(Stack(tmp_path, release="release"))


def test_redeploy_missing_function_is_named(tmp_path: Path) -> None:
    """A function that the stack lacks is named, with what to do."""
    names = {name: name for name in build.function_names() if name != "get_order"}
    with pytest.raises(StackError, match=r"the stack has no get_order: .*terraform/locals\.tf.*`make up`"):
        redeploy._names(Stack(tmp_path, outputs={"function_names": names}))


def test_checked_templates_syntax_error_names_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A template with a syntax error is refused with file and line."""
    monkeypatch.setattr(redeploy, "ROOT", tmp_path)
    (tmp_path / "templates" / "a").mkdir(parents=True)
    (tmp_path / "templates" / "a" / "style.css").write_text("{% not Jinja %}")
    (tmp_path / "templates" / "a" / "good.html").write_text("{{ order.total | money }}")
    assert redeploy.checked_templates(Stack(tmp_path)) == {"a/good.html": b"{{ order.total | money }}"}
    (tmp_path / "templates" / "a" / "mail.txt").write_text("Good day\n{% if order %}\n")
    with pytest.raises(StackError, match=r"^templates/a/mail\.txt:2: Unexpected end of template"):
        redeploy.checked_templates(Stack(tmp_path))


@pytest.mark.parametrize(
    ("source", "refusal"),
    [("x = 1\ndef broken(:\n", ":2: invalid syntax"), ("import os\n\nreturn 1\n", ":3: 'return' outside function")],
)
def test_build_syntax_error_names_line(
    source: str, refusal: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function with a syntax error is not built; the error names file and line."""
    monkeypatch.setattr(build, "ROOT", tmp_path)
    path = tmp_path / "broken.py"
    path.write_text(source)
    with pytest.raises(BuildError) as refused:
        build._parse(path)
    assert str(refused.value) == f"broken.py{refusal}"


def test_exclusive_waits_for_make_up(tmp_path: Path) -> None:
    """A redeployment waits for a running `make up` to end."""
    stack, ended = Stack(tmp_path), threading.Event()
    order: list[str] = []

    def save() -> None:
        with up.exclusive(stack, 20):
            order.append("save")
        ended.set()

    with up.exclusive(stack):
        waiting = threading.Thread(target=save)
        waiting.start()
        with pytest.raises(StackError, match="wait for it to end"), up.exclusive(stack, 0.3):
            pass
        order.append("make up")
    assert ended.wait(20)
    waiting.join()
    assert order == ["make up", "save"]
