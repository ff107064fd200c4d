"""Between SES and the customer notifier: SES's reports on mails become events of the service.

The reports come through SNS in SES's own format (SES Developer Guide, "Contents of event data that Amazon SES publishes
to Amazon SNS"). They hold addresses, and reasons that may quote a mail; neither is kept.
"""

import json
from typing import Any, Literal
from uuid import UUID

from pydantic import Field, ValidationError

from common import events
from common.correlation import CORRELATION_HEADER
from common.errors import PermanentError
from common.events import Envelope, MailFailed
from common.field_types import Identifier, Timestamp
from common.mail_problem import BounceKind, MailKind, MailProblem, MailProblemType
from common.models import TolerantModel, invalid_fields

# What SES sends to a topic, once, when an event destination is created.
_TOPIC_VALIDATED = "Successfully validated SNS topic for Amazon SES event publishing."
_TYPES = {"Bounce": MailProblemType.BOUNCE, "Complaint": MailProblemType.COMPLAINT, "Reject": MailProblemType.REJECT}
_SUPPRESSED = {"Suppressed", "OnAccountSuppressionList"}


class _Tags(TolerantModel):
    """The tags that common/mail.py gave the mail; each has a list of values."""

    order_id: list[UUID] = Field(..., min_items=1, max_items=1)
    tenant_id: list[Identifier] = Field(..., min_items=1, max_items=1)
    mail: list[MailKind] = Field(..., min_items=1, max_items=1)


class _Header(TolerantModel):
    name: str
    value: str


class _Mail(TolerantModel):
    message_id: str
    timestamp: Timestamp
    tags: _Tags
    headers: list[_Header] = Field(default_factory=list)


class _Feedback(TolerantModel):
    feedback_id: str
    timestamp: Timestamp


class _Bounce(_Feedback):
    bounce_type: str
    bounce_sub_type: str

    @property
    def kind(self) -> BounceKind:
        """SES's type, and SUPPRESSED for what it did not send."""
        if self.bounce_sub_type in _SUPPRESSED:
            return BounceKind.SUPPRESSED
        known = self.bounce_type.upper() in list(BounceKind)
        return BounceKind(self.bounce_type.upper()) if known else BounceKind.UNDETERMINED


class _Complaint(_Feedback):
    complaint_sub_type: str | None

    @property
    def kind(self) -> BounceKind | None:
        """None for a complaint; SUPPRESSED for a mail that SES did not send, since its address complained before."""
        return BounceKind.SUPPRESSED if self.complaint_sub_type in _SUPPRESSED else None


class _Report(TolerantModel):
    event_type: Literal["Bounce", "Complaint", "Reject"]
    mail: _Mail
    bounce: _Bounce | None
    complaint: _Complaint | None


def parse(body: str) -> Envelope | None:
    """Parse a message of the customer queue: a report of SES, or an envelope; None if there is nothing to do.

    Raises PermanentError if it is malformed; the text names fields and never values, since it is logged.
    """
    if body == _TOPIC_VALIDATED:
        return None
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise PermanentError("message refused: not JSON") from None
    return _parse_report(content) if isinstance(content, dict) and "mail" in content else events.parse(body)


def _parse_report(content: dict[str, Any]) -> Envelope:
    try:
        report = _Report.parse_obj(content)
        feedback = report.bounce or report.complaint
        if feedback is None and report.event_type != "Reject":
            raise PermanentError(f"message refused: {report.event_type} without its details")
        tags, kind = report.mail.tags, feedback.kind if feedback else None
        problem = MailProblem(
            # A mail that was not sent bounced, whatever its address did before.
            type=MailProblemType.BOUNCE if kind is BounceKind.SUPPRESSED else _TYPES[report.event_type],
            mail=tags.mail[0],
            kind=kind,
            at=feedback.timestamp if feedback else report.mail.timestamp,
        )
        event = MailFailed(
            tenant_id=tags.tenant_id[0],
            order_id=tags.order_id[0],
            problem=problem,
            feedback_id=feedback.feedback_id if feedback else report.mail.message_id,
        )
        given = {header.name.lower(): header.value for header in report.mail.headers}
        return Envelope.of(event, given.get(CORRELATION_HEADER.lower()) or report.mail.message_id)
    except ValidationError as error:
        raise PermanentError(f"message refused: {invalid_fields(error)}") from None
