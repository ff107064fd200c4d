"""What the invoice may load."""

import pytest

from common.invoice import ASSETS, AssetFetcher


def test_fetch_own_asset_succeeds() -> None:
    """The invoice's own assets are fetched."""
    assert AssetFetcher().fetch((ASSETS / "invoice.css").as_uri())


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        (ASSETS.parent / "customer" / "order_confirmation.html").as_uri(),
        ASSETS.as_uri() + "/../../common/settings.py",
        ASSETS.as_uri() + "/%2e%2e/%2e%2e/common/settings.py",
        "file://example.com" + str(ASSETS / "invoice.css"),
        "http://169.254.169.254/latest/meta-data/",
        "https://example.com/x.css",
        "ftp://example.com/x.css",
        "data:text/css,*{}",
    ],
)
def test_fetch_other_url_is_refused(url: str) -> None:
    """Every other URL is refused."""
    with pytest.raises(ValueError, match="own assets only"):
        AssetFetcher().fetch(url)
