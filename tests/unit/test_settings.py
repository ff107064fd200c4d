import pytest

from common.settings import MissingSettingError, settings


def test_a_setting_is_read_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CART_API_URL", "https://cart.example.com/")
    assert settings.cart_api_url == "https://cart.example.com"


@pytest.mark.parametrize("value", [None, "", " "])
def test_one_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("ORDERS_TABLE")
    if value is not None:
        monkeypatch.setenv("ORDERS_TABLE", value)
    with pytest.raises(MissingSettingError, match="ORDERS_TABLE"):
        _ = settings.orders_table
