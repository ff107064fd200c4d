"""What `bin/ops alarms` looks at."""

from typing import Any

import pytest

from ops import alarms, incident


def test_alarms_of_mails_are_shown_with_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """The alarms on bounces and complaints, which a canary ignores, are shown to the person on call."""
    asked: list[str] = []

    def found(_: Any, names: list[str]) -> list[alarms.Alarm]:
        asked.extend(names)
        return []

    monkeypatch.setattr(alarms, "alarms", found)
    outputs = {"alarm_names": ["bbws-order-api-5xx-prod"], "mail_alarm_names": ["bbws-mail-bounces-prod"]}
    assert incident.show_alarms(incident.Account(lambda _: None, outputs)) == ["0 alarms, 0 in ALARM"]
    assert asked == ["bbws-order-api-5xx-prod", "bbws-mail-bounces-prod"]
