"""The AWS calls that an order requires, and the promise that each one keeps (docs/promises.md)."""

from typing import Final, NamedTuple

RECORD, COUNTER, ORDER, BOTH = "idempotency record", "counter", "order", "counter and order"


class Call(NamedTuple):
    """A call: folder of the function that makes it, service and action, and what it reads or writes."""

    function: str
    action: str
    target: str


_NO_PERSONAL_DATA = "messages hold no personal data, so the order is read from the table"
_CLAIM = "no mail is sent twice: it is claimed before"
_MARK = "no mail is sent twice: it is marked as sent after"

REQUIRED: Final = {
    Call("create_order", "dynamodb:PutItem", RECORD): "a key used twice at once, or with another body, is refused",
    Call("create_order", "sqs:SendMessage", "creation queue"): "an accepted order is never lost: queued before the 202",
    Call("create_order", "dynamodb:UpdateItem", RECORD): "the same key and body get the same response",
    Call("order_creator_record", "dynamodb:GetItem", COUNTER): "numbered without gaps: the number to count on from",
    Call("order_creator_record", "dynamodb:TransactWriteItems", BOTH): "recorded once, numbered once",
    Call("order_creator_record", "sns:Publish", "events"): "starts the invoice and the internal mail",
    Call("order_pdf_creator", "dynamodb:GetItem", ORDER): _NO_PERSONAL_DATA,
    Call("order_pdf_creator", "s3:PutObject", "invoice"): "invoiced once: put only if it does not exist",
    Call("order_pdf_creator", "dynamodb:UpdateItem", ORDER): "an order names its invoice",
    Call("order_pdf_creator", "sns:Publish", "events"): "starts the confirmation",
    Call("order_internal_notification", "dynamodb:GetItem", ORDER): _NO_PERSONAL_DATA,
    Call("order_internal_notification", "dynamodb:PutItem", RECORD): _CLAIM,
    Call("order_internal_notification", "ses:SendRawEmail", "mail"): "each mail is sent",
    Call("order_internal_notification", "dynamodb:UpdateItem", RECORD): _MARK,
    Call("customer_order_confirmation", "dynamodb:GetItem", ORDER): _NO_PERSONAL_DATA,
    Call("customer_order_confirmation", "dynamodb:PutItem", RECORD): _CLAIM,
    Call("customer_order_confirmation", "s3:GetObject", "invoice"): "the confirmation has the invoice attached",
    Call("customer_order_confirmation", "ses:SendRawEmail", "mail"): "each mail is sent",
    Call("customer_order_confirmation", "dynamodb:UpdateItem", RECORD): _MARK,
}  # fmt: skip
