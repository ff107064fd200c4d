"""Mails that do not arrive: the order shows it, the team gets a mail, and a complaint ends mails to an address."""

import json
from typing import Any
from uuid import uuid4

import pytest

from common.mail_problem import MailKind
from e2e import alarms
from e2e.tenant import DEADLINE_SECONDS, Tenant, paid
from localstack.targets import Platform
from tests.support.ses_reports import report
from tooling.polling import poll

pytestmark = [pytest.mark.sidecars, pytest.mark.needs("mail feedback")]


def problems(tenant: Tenant, order_id: str, count: int) -> list[dict[str, Any]]:
    """Wait until an order shows so many problems with its mails, and return them without their times."""

    def found() -> list[dict[str, Any]] | None:
        shown = tenant.get(order_id).json().get("mailProblems", [])
        return shown if len(shown) >= count else None

    shown = poll(f"{count} problems with mails of order {order_id}", found, DEADLINE_SECONDS)
    return [{name: value for name, value in problem.items() if name != "at"} for problem in shown]


def recipients(tenant: Tenant, correlation_id: str, count: int) -> list[str]:
    """Wait until so many mails with a correlation id have arrived, and return their recipients."""
    assert tenant.platform.mailbox
    find = tenant.platform.mailbox.find

    def found() -> list[str] | None:
        arrived = [str(mail["To"]) for _, mail in find(correlation_id)]
        return arrived if len(arrived) >= count else None

    return poll(f"{count} mails with correlation id {correlation_id}", found, DEADLINE_SECONDS)


def test_bounce_shows_on_order_and_team_is_told(tenant: Tenant) -> None:
    """An order whose confirmation bounced says so without a new version, and the team gets a mail about it."""
    correlation_id = f"e2e-{uuid4()}"
    order_id = tenant.place(correlation_id, customerEmail="bounce+e2e@simulator.amazonses.com")
    tenant.invoiced(order_id)
    assert problems(tenant, order_id, 1) == [{"type": "BOUNCE", "mail": "CONFIRMATION", "kind": "PERMANENT"}]
    assert tenant.get(order_id).headers["ETag"] == '"1"'
    # One about the order, one about the bounce, and none to the customer.
    assert set(recipients(tenant, correlation_id, 2)) == {"orders@kimmyai.io"}


def test_address_that_complained_gets_no_further_mail(tenant: Tenant) -> None:
    """A customer who reports the confirmation as spam gets no mail about the payment; the order shows both."""
    address, about_payment = f"{tenant.id}@complaint.example", f"e2e-{uuid4()}"
    order_id = tenant.place(customerEmail=address)
    tenant.invoiced(order_id)
    complaint = {"type": "COMPLAINT", "mail": "CONFIRMATION"}
    assert problems(tenant, order_id, 1) == [complaint]
    assert tenant.change(order_id, paid(), **{"X-Correlation-Id": about_payment}).status_code == 200
    suppressed = {"type": "BOUNCE", "mail": "STATUS", "kind": "SUPPRESSED"}
    assert problems(tenant, order_id, 2) == [complaint, suppressed]
    assert recipients(tenant, about_payment, 1) == ["orders@kimmyai.io"]


def test_bounce_of_internal_mail_raises_alarm(platform: Platform, tenant: Tenant) -> None:
    """When the team's own mails bounce, which no mail can say, an alarm does."""
    order = tenant.ordered()
    alarm = f"bbws-mail-internal-{platform.target}"
    with alarms.short_periods(platform, [alarm]):
        platform.aws.sns.publish(
            TopicArn="arn:aws:sns:af-south-1:000000000000:bbws-ses-bounces-local",
            Message=json.dumps(report(tenant.id, order["id"], of=MailKind.INTERNAL)),
        )
        alarms.wait_for_alarm(platform, [alarm])
    assert "mailProblems" not in tenant.get(order["id"]).json()
