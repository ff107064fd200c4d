"""The hook for the tags of alarms, in stand-ins for LocalStack's modules."""

import runpy
import sys
from collections import defaultdict
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from localstack.engines.localstack import HOOKS

ALARM = {"AlarmName": "deep", "Tags": [{"Key": "service", "Value": "orders"}]}
# LocalStack's store of CloudWatch: version 4 has this attribute, later ones do not.
STORES = {"4": {"TAGS": None}, "2026": {}}


class Provider:
    """LocalStack's provider of CloudWatch."""

    def __init__(self) -> None:
        self.tagged: dict[str, Any] = defaultdict(list)
        self.put: list[dict[str, Any]] = []

    def put_metric_alarm(self, context: Any, request: dict[str, Any]) -> None:
        self.put.append(request)

    def get_store(self, account: str, region: str) -> Any:
        return SimpleNamespace(TAGS=SimpleNamespace(tag_resource=lambda arn, tags: self.tagged[arn].extend(tags)))


@pytest.mark.parametrize("version", STORES)
def test_alarm_keeps_its_tags(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An alarm is tagged on LocalStack 4, which drops its tags; later versions, which keep them, are left alone."""

    class Patched(Provider):
        put_metric_alarm = Provider.put_metric_alarm

    modules: dict[str, dict[str, Any]] = {
        "localstack.aws.api": {"RequestContext": Any, "handler": lambda *_, **__: lambda function: function},
        "localstack.services.cloudwatch.models": {"CloudWatchStore": type("CloudWatchStore", (), STORES[version])},
        "localstack.services.cloudwatch.provider_v2": {"CloudwatchProvider": Patched},
        "localstack.utils.aws": {"arns": SimpleNamespace(cloudwatch_alarm_arn=lambda name, *_: f"arn:{name}")},
    }
    for name, content in modules.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    runpy.run_path(str(HOOKS / "start.d" / "alarm_tags.py"))
    provider = Patched()
    provider.put_metric_alarm(SimpleNamespace(account_id="1", region="af-south-1"), {**ALARM})
    if version == "4":
        assert (provider.put, provider.tagged) == ([{"AlarmName": "deep"}], {"arn:deep": ALARM["Tags"]})
    else:
        assert (provider.put, provider.tagged) == ([ALARM], {})
