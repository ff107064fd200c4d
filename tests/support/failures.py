"""Pytest plugin that names a test when it fails, not only at the end of the run."""

import pytest


class _Failures:
    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    # After the terminal's own letter of the test.
    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Print the name of a test that failed, and the first line of its error."""
        terminal: pytest.TerminalReporter | None = self._config.pluginmanager.get_plugin("terminalreporter")
        if report.failed and terminal:
            crash = getattr(report.longrepr, "reprcrash", None)
            error = crash.message.partition("\n")[0] if crash else ""
            terminal.write(f"\nfailed: {report.nodeid}: {error}\n", red=True)


def pytest_configure(config: pytest.Config) -> None:
    """Name failed tests in pytest alone, and in the controller of its workers."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Failures(config))
