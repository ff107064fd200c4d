"""The page token of the order list."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import paging

FILTERS: dict[str, str | None] = {"status": "PAID", "dateFrom": None}


@given(st.text(max_size=200))
def test_token_decoded_is_position(position: str) -> None:
    """A token contains its position."""
    assert paging.decode("t", FILTERS, paging.encode("t", FILTERS, position)) == position


@pytest.mark.parametrize(
    ("tenant_id", "filters"), [("other", FILTERS), ("t", {"status": "PENDING_PAYMENT"}), ("t", {}), ("", FILTERS)]
)
def test_token_other_tenant_or_filter_is_refused(tenant_id: str, filters: dict[str, str | None]) -> None:
    """A token of another tenant or filter is refused."""
    token = paging.encode("t", FILTERS, "p")
    with pytest.raises(paging.InvalidTokenError, match="same tenant"):
        paging.decode(tenant_id, filters, token)


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_token_any_other_text_is_refused(text: str) -> None:
    """Any other text is refused."""
    with pytest.raises(paging.InvalidTokenError):
        paging.decode("t", FILTERS, text)


@pytest.mark.parametrize("content", ['{"b":"x"}', '{"p":"x"}', "[]", "1", '"x"', "[" * 900])
def test_token_other_json_is_refused(content: str) -> None:
    """A token with other JSON in it is refused."""
    with pytest.raises(paging.InvalidTokenError):
        paging.decode("t", FILTERS, base64.urlsafe_b64encode(content.encode()).decode())


def test_token_too_long_is_refused() -> None:
    """A token that is too long is refused, with the limit."""
    with pytest.raises(paging.InvalidTokenError, match="1024"):
        paging.decode("t", FILTERS, "a" * 1_025)


_names = st.text('abcTENANT#,[]"', max_size=8)
_filters = st.dictionaries(st.sampled_from(["status", "dateFrom", "dateTo"]), st.none() | _names)


def given_only(filters: dict[str, str | None]) -> dict[str, str]:
    """The filters that have an effect: None and empty ones have not."""
    return {name: value for name, value in filters.items() if value}


@given(_names, _filters, _names, _filters)
def test_token_is_bound_to_its_list(
    tenant_id: str, filters: dict[str, str | None], other_id: str, others: dict[str, str | None]
) -> None:
    """A token is valid for exactly one tenant and filter."""
    token = paging.encode(tenant_id, filters, "p")
    if (tenant_id, given_only(filters)) == (other_id, given_only(others)):
        assert paging.decode(other_id, others, token) == "p"
    else:
        with pytest.raises(paging.InvalidTokenError, match="same tenant"):
            paging.decode(other_id, others, token)


@given(st.data())
def test_token_altered_is_refused_or_decoded(data: st.DataObject) -> None:
    """A token with one character altered is refused, or contains a position."""
    token = paging.encode("t", FILTERS, "2026-11-24T08:30:00.000000Z#6f1c1e4e-0b0c-4b8e-9c57-3f5f3f1f0a11")
    place = data.draw(st.integers(0, len(token) - 1))
    forged = token[:place] + data.draw(st.characters(codec="utf-8")) + token[place + 1 :]
    try:
        assert isinstance(paging.decode("t", FILTERS, forged), str)
    except paging.InvalidTokenError as error:
        assert "earlier page" in str(error)  # noqa: PT017
