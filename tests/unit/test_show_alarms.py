"""Which alarms `bin/ops alarms` shows."""

from typing import Any

import pytest
from typer.testing import CliRunner

from cli import ops
from ops import alarms


def test_alarms_shows_alarms_of_mails_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The alarms on bounces and complaints, which a canary ignores, are shown to the person on call."""
    requested: list[str] = []

    def find(_: Any, names: list[str]) -> list[alarms.Alarm]:
        requested.extend(names)
        return []

    outputs = {"alarm_names": ["bbws-order-api-5xx-prod"], "mail_alarm_names": ["bbws-mail-bounces-prod"]}
    monkeypatch.setattr(alarms, "alarms", find)
    monkeypatch.setattr(ops, "_account", lambda _: (lambda _: None, outputs))
    assert CliRunner().invoke(ops.app, ["alarms", "--target", "local"]).stdout == "0 alarms, 0 in ALARM\n"
    assert requested == ["bbws-order-api-5xx-prod", "bbws-mail-bounces-prod"]
