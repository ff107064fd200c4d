"""Traffic moves only to versions that are active."""

import time
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import WaiterError
from botocore.stub import ANY, Stubber

from release import traffic
from release.traffic import TrafficError


def test_pending_version_is_invoked_once_it_is_active(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new version is called, and gets the traffic, only when AWS reports it as active."""
    monkeypatch.setattr(time, "sleep", lambda _: None)
    client = boto3.client("lambda", "af-south-1")
    version = {"FunctionName": "orders", "Qualifier": "2"}
    moved = {"FunctionName": "orders", "Name": "live", "FunctionVersion": "2", "RoutingConfig": ANY}
    with Stubber(client) as stubber:
        for state in ("Pending", "Pending", "Active"):
            stubber.add_response("get_function", {"Configuration": {"State": state}}, version)
        stubber.add_response("invoke", {}, {**version, "Payload": ANY})
        stubber.add_response("update_alias", {}, moved)
        traffic.move_to(client, {"orders": "2"})
        stubber.assert_no_pending_responses()


def test_new_version_that_fails_gets_no_traffic() -> None:
    """A version that AWS cannot make active is not called, and the traffic stays."""
    client = Mock()
    client.get_waiter.return_value.wait.side_effect = WaiterError("FunctionActiveV2", "failed", {})
    with pytest.raises(TrafficError, match=r"orders:2 does not run: .*failed"):
        traffic.move_to(client, {"orders": "2"})
    client.invoke.assert_not_called()
    client.update_alias.assert_not_called()
