"""Traffic moves only to versions that are active."""

from unittest.mock import Mock, call

import pytest
from botocore.exceptions import WaiterError

from release import traffic
from release.traffic import TrafficError


def test_new_version_is_invoked_once_it_is_active() -> None:
    """A new version is called, and gets the traffic, only when AWS reports it as active."""
    client = Mock()
    client.invoke.return_value = {}
    traffic.move_to(client, {"orders": "2"})
    names = [name for name, _, _ in client.mock_calls]
    assert names == ["get_waiter", "get_waiter().wait", "invoke", "update_alias"]
    assert client.mock_calls[:2] == [
        call.get_waiter("function_active_v2"),
        call.get_waiter().wait(FunctionName="orders", Qualifier="2"),
    ]


def test_new_version_that_fails_gets_no_traffic() -> None:
    """A version that AWS cannot make active is not called, and the traffic stays."""
    client = Mock()
    client.get_waiter.return_value.wait.side_effect = WaiterError("FunctionActiveV2", "failed", {})
    with pytest.raises(TrafficError, match=r"orders:2 does not run: .*failed"):
        traffic.move_to(client, {"orders": "2"})
    client.invoke.assert_not_called()
    client.update_alias.assert_not_called()
