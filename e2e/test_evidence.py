"""The evidence pack of an order of this stack."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from e2e.tenant import Tenant
from evidence import stages
from localstack.targets import Platform
from tests.support.evidence_plugin import CollectedTests, OrderTimer, Recorder, RunReporter


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a stage, for this test only."""
    made = tmp_path / "local"
    made.mkdir()
    return made


@pytest.fixture
def timer(folder: Path) -> OrderTimer:
    """Times the orders of this test for its own pack."""
    return OrderTimer(Recorder(folder, "main"), "alongside other tests")


@pytest.mark.sidecars
def test_pack_shows_an_order(
    make_tenant: Callable[..., Tenant], platform: Platform, folder: Path, pytestconfig: pytest.Config
) -> None:
    """The evidence pack shows an order's mail and invoice, its times and the tests in plain words."""
    tenant, correlation_id, evidence = make_tenant(), f"e2e-{uuid4()}", Recorder(folder, "main")
    order = tenant.invoiced(tenant.place(correlation_id))
    to_customer = next(mail for mail in tenant.mails(correlation_id, 2) if mail["To"] == tenant.email)
    evidence.save_exhibit("order.json", json.dumps(order).encode())
    evidence.save_exhibit("invoice.pdf", tenant.invoice(order))
    evidence.save_exhibit("confirmation.eml", to_customer.as_bytes())
    reporter = RunReporter(folder, pytestconfig, CollectedTests(pytestconfig))
    node = "e2e/test_campaign.py::test_price_in_the_request_is_refused"
    reporter.pytest_runtest_logreport(pytest.TestReport(node, ("", 0, ""), {}, "passed", None, "call"))
    reporter.pytest_sessionfinish(0)

    stage = stages.read(folder)
    # The other steps count only if they were checked promptly, which a busy machine may not manage.
    assert {time.step for time in stage.times} >= {"accepted", "internal mail", "customer mail"}
    assert {time.load for time in stage.times} == {"alongside other tests"}
    # Imported late: WeasyPrint takes a second to import, and every worker collects this file.
    from evidence import page

    html = page.render([stage], None, datetime.now(UTC))
    for shown in (order["orderNumber"], f"R {order['total']}", tenant.email, f"{order['orderNumber']}.pdf"):
        assert shown in html
    # The mail is shown in a frame, the invoice as a picture of its page.
    assert html.count("<iframe sandbox") == 1
    assert html.count('src="data:image/png;base64,') == 1
    assert "A request that gives a price is refused: prices come from the Cart service only" in html
