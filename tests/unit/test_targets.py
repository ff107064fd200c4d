"""The end-to-end tests: which run against which environment, and what the evidence pack says of them."""

import ast
import subprocess
import sys

import pytest

from tooling.paths import ROOT

# One process, because importing the tests takes most of the time.
_COLLECT = """
import sys
import pytest
for target in sys.argv[1:]:
    print(f"target {target}")
    pytest.main(["e2e", "--collect-only", "-q", "-p", "no:cacheprovider", "--target", target])
"""


@pytest.fixture(scope="module")
def collected() -> dict[str, set[str]]:
    """The ids of the end-to-end tests that run against each environment."""
    command = [sys.executable, "-c", _COLLECT, "local", "dev", "prod"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=240)
    found: dict[str, set[str]] = {}
    for line in done.stdout.splitlines():
        word, _, target = line.partition(" ")
        if word == "target":
            tests = found.setdefault(target, set())
        elif "::" in line:
            tests.add(line)
    return found


@pytest.fixture(scope="module")
def everything(collected: dict[str, set[str]]) -> set[str]:
    """All end-to-end tests."""
    return collected["local"]


@pytest.mark.slow("e2e", "tests/support", "pyproject.toml")
def test_prod_runs_read_only_tests(collected: dict[str, set[str]], everything: set[str]) -> None:
    """In production only the tests run that change nothing."""
    allowed = collected["prod"]
    assert allowed == {test for test in everything if test.startswith("e2e/test_reachable.py")}
    assert allowed


@pytest.mark.slow("e2e", "tests/support", "pyproject.toml")
def test_dev_runs_all_tests_without_sidecars(collected: dict[str, set[str]], everything: set[str]) -> None:
    """In an AWS account every test runs that needs no part of the local stack, such as its mailbox."""
    allowed = collected["dev"]
    left_out = {test.partition("[")[0].rpartition("::")[2] for test in everything - allowed}
    assert "test_order_is_mailed_to_customer_and_team" in left_out
    assert "test_order_during_cart_outage_is_recorded_later" in left_out
    assert "test_order_is_recorded_and_invoiced" not in left_out
    # Most tests that do not run are in modules about the local stack itself: its console, logs, permissions and engine.
    modules = {test.partition("::")[0] for test in allowed}
    of_both = {test for test in everything if test.partition("::")[0] in modules}
    assert len(modules) > 8
    assert len(allowed) > 0.85 * len(of_both)


def test_every_e2e_test_has_a_sentence() -> None:
    """Each end-to-end test has a docstring, which the evidence pack shows to approvers."""
    functions = [
        node
        for file in (ROOT / "e2e").glob("test_*.py")
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    assert functions
    assert [node.name for node in functions if not ast.get_docstring(node)] == []
