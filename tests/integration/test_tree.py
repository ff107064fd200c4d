"""Functions that run from a working tree on a bare engine: what a save changes, and what it leaves."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from localstack.engines.ministack import harness
from localstack.run_tree import exclusive_claim
from localstack.stack import Stack
from tests.support import trees
from tests.support.lambda_functions import make_function
from tests.support.trees import ENTRY, HANDLER, SOURCE, TEXT, call, modules, save
from tooling.polling import poll

stack = trees.stack


class Tree:
    """A function that runs from a tree.

    Args:
        stack: Its stack.
        root: The tree.
        function: Its name.
    """

    def __init__(self, stack: Stack, root: Path, function: str) -> None:
        self.stack, self.root, self.function = stack, root, function

    def save(self, path: str, source: str) -> dict[str, str | None]:
        """Save a file, and return the functions that were restarted, with their errors."""
        save(self.root, {path: source})
        module = path.removesuffix(".py").replace("/", ".")
        done: dict[str, str | None] = harness(self.stack, "tree", {"modules": [module]})
        return done

    def call(self, qualifier: str = "live", **event: str) -> Any:
        """What the function returns."""
        return call(self.stack, self.function, qualifier, event)


@pytest.fixture(scope="module")
def function(stack: Stack) -> str:
    """A function whose package returns `packaged`."""
    return make_function(ENTRY, modules=modules("packaged"))


@pytest.fixture
def tree(stack: Stack, function: str, tmp_path: Path) -> Iterator[Tree]:
    """The function while it runs from a tree and returns `first`; its package runs again afterwards."""
    save(tmp_path, modules("first"))
    with exclusive_claim(stack.tree_file, str(tmp_path), "the test"):
        assert harness(stack, "tree", {"modules": None}) == {function: None}
        yield Tree(stack, tmp_path, function)
    poll("the package runs", lambda: call(stack, function) == "packaged" or None, 30)


def test_save_is_live_without_deployment(tree: Tree) -> None:
    """A saved module is live at once for calls of the alias; a call of a version still runs the package."""
    assert tree.call() == "first"
    assert tree.save(TEXT, "TEXT = 'second'\n") == {tree.function: None}
    assert [tree.call(), tree.call("1"), tree.call("$LATEST")] == ["second", "packaged", "packaged"]


def test_saves_within_a_second_are_all_live(tree: Tree) -> None:
    """Two saves of the same length within a second, which bytecode cannot tell apart, are both live."""
    seen = []
    for text in ("aaaaa", "bbbbb", "ccccc"):
        tree.save(TEXT, f"TEXT = {text!r}\n")
        seen.append(tree.call())
    assert seen == ["aaaaa", "bbbbb", "ccccc"]


def test_broken_save_leaves_last_good_code(tree: Tree) -> None:
    """A save that cannot be imported is reported with its line; the last good code runs until the next good save."""
    for source, reason in (
        ("TEXT = (\n", "SyntaxError: '(' was never closed"),
        ("from common.nothing import TEXT\n", "ModuleNotFoundError: No module named 'common.nothing'"),
    ):
        error = tree.save(TEXT, source)[tree.function]
        assert error is not None
        assert f'File "{tree.root / TEXT}", line 1' in error
        assert error.strip().endswith(reason)
        assert tree.call() == "first"
    # Nothing has imported the module that was missing.
    assert tree.save("common/nothing.py", "TEXT = 'found'\n") == {tree.function: None}
    assert tree.call() == "found"
    assert tree.save(TEXT, "TEXT = 'good'\n") == {tree.function: None}
    assert tree.call() == "good"


def test_module_that_is_not_imported_restarts_nothing(tree: Tree) -> None:
    """A saved module that the function does not import does not restart it."""
    assert tree.save("common/other.py", "OTHER = 1\n") == {}


def test_module_of_package_alone_is_not_seen(tree: Tree) -> None:
    """A module that was deleted in the tree is missing, although the package has it."""
    (tree.root / TEXT).unlink()
    error = harness(tree.stack, "tree", {"modules": ["common.text"]})[tree.function]
    assert error.strip().endswith("ModuleNotFoundError: No module named 'common.text'")


def test_call_in_flight_ends_with_its_code(tree: Tree) -> None:
    """A call that runs during a save ends with the code with which it began; the next one runs what was saved."""
    waits = SOURCE.replace(
        "    return answer",
        "    import pathlib, time\n"
        "    pathlib.Path(event['begun']).touch()\n"
        "    while not pathlib.Path(event['go']).exists():\n"
        "        time.sleep(0.01)\n"
        "    return answer",
    )
    tree.save(HANDLER, waits)
    begun, go = tree.root / "begun", tree.root / "go"
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(tree.call, begun=str(begun), go=str(go))
        poll("the call runs", lambda: begun.exists() or None, 3)
        tree.save(TEXT, "TEXT = 'second'\n")
        tree.save(HANDLER, SOURCE)
        assert tree.call() == "second"
        go.touch()
        assert running.result() == "first"


def test_calls_at_the_same_time_run_alongside(tree: Tree) -> None:
    """Calls at the same time get a process each."""
    meets = "import os, pathlib, time\n\n\ndef handler(event, context):\n"
    meets += "    folder = pathlib.Path(event['folder'])\n    (folder / event['name']).touch()\n"
    meets += "    while len(list(folder.iterdir())) < 2:\n        time.sleep(0.01)\n    return os.getpid()\n"
    tree.save(HANDLER, meets)
    folder = tree.root / "met"
    folder.mkdir()
    with ThreadPoolExecutor(2) as pool:
        numbers = set(pool.map(lambda name: tree.call(folder=str(folder), name=name), ("a", "b")))
    assert len(numbers) == 2


def test_failed_call_leaves_function_running(tree: Tree) -> None:
    """A call that raises fails alone, and a save after it is live."""
    tree.save(HANDLER, SOURCE.replace("    answer", "    int(event.get('number', 0))\n    answer", 1))
    assert "invalid literal" in tree.call(number="none")["errorMessage"]
    assert tree.call() == "first"
    assert "invalid literal" in tree.call(number="none")["errorMessage"]
    assert tree.save(TEXT, "TEXT = 'second'\n") == {tree.function: None}
    assert tree.call() == "second"


def test_broken_tree_leaves_package(tree: Tree, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A function that cannot be imported from the tree at first runs its package until it can."""
    other = make_function(
        ENTRY.replace("small", "other"),
        modules=modules("packaged")
        | {
            "functions/other/__init__.py": "",
            "functions/other/handler.py": "def handler(*_):\n    return 'packaged'\n",
        },
    )
    error = harness(tree.stack, "tree", {"modules": []})[other]
    assert error.strip().endswith("No module named 'functions.other'")
    assert call(tree.stack, other) == "packaged"
    save(tree.root, {"functions/other/__init__.py": ""})
    assert tree.save("functions/other/handler.py", "def handler(*_):\n    return 'saved'\n")[other] is None
    assert call(tree.stack, other) == "saved"
