import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import paging

FILTERS: dict[str, str | None] = {"status": "PAID", "dateFrom": None}


@given(st.text(max_size=200))
def test_a_token_gives_back_its_position(position: str) -> None:
    assert paging.decode("t", FILTERS, paging.encode("t", FILTERS, position)) == position


@pytest.mark.parametrize(
    ("tenant_id", "filters"), [("other", FILTERS), ("t", {"status": "PENDING_PAYMENT"}), ("t", {}), ("", FILTERS)]
)
def test_a_token_is_refused_for_another_tenant_or_filter(tenant_id: str, filters: dict[str, str | None]) -> None:
    token = paging.encode("t", FILTERS, "p")
    with pytest.raises(paging.InvalidTokenError, match="same tenant"):
        paging.decode(tenant_id, filters, token)


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(paging.InvalidTokenError):
        paging.decode("t", FILTERS, text)


@pytest.mark.parametrize("content", ['{"b":"x"}', '{"p":"x"}', "[]", "1", '"x"', "[" * 900])
def test_json_of_another_shape_is_refused(content: str) -> None:
    with pytest.raises(paging.InvalidTokenError):
        paging.decode("t", FILTERS, base64.urlsafe_b64encode(content.encode()).decode())


def test_a_long_token_is_refused_with_the_limit() -> None:
    with pytest.raises(paging.InvalidTokenError, match="1024"):
        paging.decode("t", FILTERS, "a" * 1_025)
