"""The calls of AWS that an order needs, if no promise is to be broken: each with its reason."""

from typing import NamedTuple

NOTES, COUNTER, ORDERS, BOTH = "notes", "counter", "orders", "counter and order"


class Needed(NamedTuple):
    """A call.

    Args:
        function: its folder.
        action: service and action.
        target: what it is about.
        why: what is broken without it (docs/promises.md, or the requirement).
    """

    function: str
    action: str
    target: str
    why: str


NEEDED = (
    Needed(
        "create_order",
        "dynamodb:PutItem",
        NOTES,
        "the same key with another body is refused, and with the same body while it is handled is answered 409 (R5)",
    ),
    Needed(
        "create_order",
        "sqs:SendMessage",
        "creation queue",
        "an accepted order is never lost: it is in the queue before the 202",
    ),
    Needed("create_order", "dynamodb:UpdateItem", NOTES, "the same key and body give the same answer (R5)"),
    Needed(
        "order_creator_record",
        "dynamodb:GetItem",
        COUNTER,
        "numbered without gaps: the transaction moves the counter from a number that was read",
    ),
    Needed("order_creator_record", "dynamodb:TransactWriteItems", BOTH, "recorded once, numbered once"),
    Needed("order_creator_record", "sns:Publish", "events", "the invoice and the internal mail begin with it"),
    Needed(
        "order_pdf_creator",
        "dynamodb:GetItem",
        ORDERS,
        "messages hold no personal data: an order is read from the table",
    ),
    Needed("order_pdf_creator", "s3:PutObject", "invoice", "invoiced once: put if it is not there"),
    Needed("order_pdf_creator", "dynamodb:UpdateItem", ORDERS, "an order names its invoice (R3)"),
    Needed("order_pdf_creator", "sns:Publish", "events", "the confirmation begins with it"),
    Needed("order_internal_notification", "dynamodb:GetItem", ORDERS, "as the invoice"),
    Needed("order_internal_notification", "dynamodb:PutItem", NOTES, "a mail is not sent twice: it is claimed before"),
    Needed("order_internal_notification", "ses:SendRawEmail", "mail", "each mail is sent"),
    Needed("order_internal_notification", "dynamodb:UpdateItem", NOTES, "a mail is not sent twice: it is noted after"),
    Needed("customer_order_confirmation", "dynamodb:GetItem", ORDERS, "as the invoice"),
    Needed("customer_order_confirmation", "dynamodb:PutItem", NOTES, "a mail is not sent twice: it is claimed before"),
    Needed("customer_order_confirmation", "s3:GetObject", "invoice", "the confirmation has the invoice with it (R2)"),
    Needed("customer_order_confirmation", "ses:SendRawEmail", "mail", "each mail is sent"),
    Needed("customer_order_confirmation", "dynamodb:UpdateItem", NOTES, "a mail is not sent twice: it is noted after"),
)
