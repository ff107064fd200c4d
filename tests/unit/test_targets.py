"""Which end-to-end tests a target allows."""

import subprocess
import sys

import pytest

from tooling.paths import ROOT


def collected(target: str) -> set[str]:
    command = [sys.executable, "-m", "pytest", "e2e", "--collect-only", "-q", "--target", target]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    return {line for line in done.stdout.splitlines() if "::" in line}


@pytest.fixture(scope="module")
def everything() -> set[str]:
    """All end-to-end tests."""
    return collected("local")


def test_prod_is_only_read(everything: set[str]) -> None:
    allowed = collected("prod")
    assert allowed == {test for test in everything if test.startswith("e2e/test_reachable.py")}
    assert allowed


def test_an_account_runs_all_but_what_needs_the_sidecars(everything: set[str]) -> None:
    allowed = collected("dev")
    left_out = {test.partition("[")[0].rpartition("::")[2] for test in everything - allowed}
    assert "test_order_is_mailed_to_customer_and_team" in left_out
    assert "test_order_during_cart_outage_is_recorded_later" in left_out
    assert "test_order_is_recorded_and_invoiced" not in left_out
    # What is left out is mostly of modules that try the local stack itself: its console, logs, rights and engine.
    modules = {test.partition("::")[0] for test in allowed}
    of_both = {test for test in everything if test.partition("::")[0] in modules}
    assert len(modules) > 8
    assert len(allowed) > 0.9 * len(of_both)
