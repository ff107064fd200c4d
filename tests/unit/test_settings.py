"""Settings from environment variables."""

import pytest

from common.settings import MissingSettingError, settings


def test_setting_is_read_on_access(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting is read when it is accessed."""
    monkeypatch.setenv("CART_API_URL", "https://cart.example.com/")
    assert settings.cart_api_url == "https://cart.example.com/"


@pytest.mark.parametrize("value", [None, "", " "])
def test_setting_missing_is_named(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    """A setting that is missing or empty is named."""
    monkeypatch.delenv("ORDERS_TABLE")
    if value is not None:
        monkeypatch.setenv("ORDERS_TABLE", value)
    with pytest.raises(MissingSettingError, match="ORDERS_TABLE"):
        _ = settings.orders_table
