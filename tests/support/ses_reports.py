"""Reports of SES on mails."""

from typing import Any
from uuid import UUID, uuid4

from common.mail_problem import MailKind


def report(
    tenant_id: str, order_id: UUID | str, event: str = "Bounce", of: MailKind = MailKind.CONFIRMATION, **about: Any
) -> dict[str, Any]:
    """A report of SES, as its Developer Guide shows it, on a mail of an order."""
    tags = {"tenantId": [tenant_id], "orderId": [str(order_id)], "mail": [of.value], "ses:source-ip": ["x"]}
    details = {
        "bounceType": "Permanent",
        "bounceSubType": "General",
        "bouncedRecipients": [{"emailAddress": "thandi@example.com", "diagnosticCode": "smtp; 550 no thandi here"}],
        "timestamp": "2026-11-26T10:00:00.123Z",
        "feedbackId": str(uuid4()),
        **about,
    }
    return {
        "eventType": event,
        "mail": {
            "timestamp": "2026-11-26T09:59:00.000Z",
            "messageId": "0102-m-1",
            "destination": ["thandi@example.com"],
            "headers": [{"name": "X-Correlation-Id", "value": f"c-{order_id}"}],
            "tags": tags,
        },
        event.lower(): {"reason": "Bad content"} if event == "Reject" else details,
    }
