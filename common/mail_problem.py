"""What can become of a mail about an order: it bounced, was rejected, or was reported as spam."""

from datetime import datetime
from enum import StrEnum

from common.models import TolerantModel


class MailKind(StrEnum):
    """The mails about an order."""

    CONFIRMATION = "CONFIRMATION"
    STATUS = "STATUS"
    REJECTION = "REJECTION"
    INTERNAL = "INTERNAL"


class MailProblemType(StrEnum):
    """What became of a mail. REJECT: SES found a virus in it and did not send it."""

    BOUNCE = "BOUNCE"
    COMPLAINT = "COMPLAINT"
    REJECT = "REJECT"


class BounceKind(StrEnum):
    """Why a mail bounced. SUPPRESSED: SES did not send it, since the address bounced or complained before."""

    PERMANENT = "PERMANENT"
    TRANSIENT = "TRANSIENT"
    UNDETERMINED = "UNDETERMINED"
    SUPPRESSED = "SUPPRESSED"


class MailProblem(TolerantModel):
    """A mail about an order that did not arrive, or that its recipient reported as spam. It names no address."""

    type: MailProblemType
    mail: MailKind
    kind: BounceKind | None = None
    at: datetime
