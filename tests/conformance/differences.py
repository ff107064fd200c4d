"""Known differences of engines from AWS: each row is an expected failure, and a test that passes is reported."""

from typing import NamedTuple


class Known(NamedTuple):
    """The known differences of one version of an engine: what it does instead, by the id of the row."""

    version: str
    rows: dict[str, str]


_NO_IAM = "it checks no permissions: every caller may do everything"
_NO_SIGNATURE = "it checks neither signature nor expiry of a presigned URL"

# Of every engine that enforces no policy.
_ALL_ALLOWED = {
    "iam/deny_overrides_allow": _NO_IAM,
    "iam/missing_object_is_denied_without_list": _NO_IAM,
    "iam/index_needs_its_own_permission": _NO_IAM,
    "iam/transaction_needs_permissions_of_its_operations": _NO_IAM,
    "iam/mail_from_other_sender_is_denied": _NO_IAM,
    "iam/bucket_policy_denies_despite_user_policy": _NO_IAM,
    "iam/other_resource_is_denied": _NO_IAM,
    "iam/user_without_policy_is_denied": _NO_IAM,
}

# Of version 4.14.0, in Docker and without.
_LOCALSTACK = {
    "api_gateway/unknown_route_with_token_is_refused": "it responds as without a token",
    "cloudwatch/log_group_has_its_retention": "it accepts any number of days",
    **_ALL_ALLOWED,
    "lambda/alias_is_read_as_set": "an alias with weights ends in an internal error",
    "lambda/alias_of_missing_version_is_refused": "it accepts a version that does not exist",
    "lambda/mapping_of_short_visibility_is_refused": "it does not compare timeouts",
    "ses/malformed_recipient_is_refused": "it sends to any address",
    "sqs/batch_reports_each_failed_message": "it accepts any delay",
    "sqs/visibility_over_12_hours_is_refused": "it accepts any visibility timeout",
    "sqs/redrive_policy_needs_its_dlq": "it accepts a missing DLQ",
}

DIFFERENCES: dict[str, Known] = {
    "embedded": Known(
        "1.5.33",
        {
            "lambda/function_error_is_returned": "errorType is Runtime.HandlerError, whatever was raised",
            "lambda/invalid_batch_response_fails_the_batch": "it treats the batch as handled",
            "s3/objects_are_encrypted_by_default": "it reports no encryption by default",
            "sns/invalid_filter_policy_is_refused": "it accepts any filter policy",
            "sns/empty_event_is_refused": "it accepts an empty message",
            "sqs/batch_reports_each_failed_message": "it accepts any delay",
            "sqs/visibility_over_12_hours_is_refused": "it accepts any visibility timeout",
            "sqs/old_receipt_handle_is_accepted": "it refuses the handle of an earlier receive",
        },
    ),
    "moto": Known(
        "5.2.5",
        {
            "cloudwatch/log_group_has_its_retention": "it accepts any number of days",
            "cloudwatch/new_alarm_has_insufficient_data": "a new alarm is OK",
            "cognito/user_cannot_change_the_tenant": "a user may write any attribute",
            "cognito/unknown_user_looks_like_a_wrong_password": "SRP takes any password",  # pragma: allowlist secret
            "cognito/sign_up_is_refused": "anyone may sign up",
            "cognito/other_auth_flow_is_refused": "every flow is allowed",
            "dynamodb/number_of_39_digits_is_refused": "it accepts numbers of any length",
            "dynamodb/full_page_has_a_last_key": "a full page has no last key when nothing follows",
            "dynamodb/start_key_out_of_bounds_is_refused": "a query may start anywhere",
            **_ALL_ALLOWED,
            "lambda/statement_id_is_unique": "a second statement replaces the first",
            "lambda/mapping_is_read_as_set": "the mapping uses the alias's version",
            "lambda/mapping_of_short_visibility_is_refused": "it does not compare timeouts",
            "lambda/second_mapping_of_a_queue_is_refused": "it accepts further mappings of a queue",
            "lambda/code_update_with_old_revision_is_refused": "functions have no revision",
            "ses/malformed_recipient_is_refused": "it sends to most such addresses",
            "s3/expired_presigned_url_is_refused": _NO_SIGNATURE,
            "s3/presigned_url_is_for_one_method": _NO_SIGNATURE,
            "s3/presigned_url_is_for_one_object": _NO_SIGNATURE,
            "s3/altered_presigned_url_is_refused": _NO_SIGNATURE,
            "s3/objects_are_encrypted_by_default": "it reports no encryption by default",
            "sns/empty_event_is_refused": "it accepts an empty message",
            "sqs/control_character_is_refused": "it accepts any character",
            "sqs/redrive_policy_needs_its_dlq": "it is refused as a missing queue",
        },
    ),
    "localstack-host": Known("4.14.0", _LOCALSTACK),
    "localstack": Known("4.14.0", _LOCALSTACK),
}

# What the embedded engine does differently from AWS's DynamoDB Local, by request (tests/conformance/twins.py).
TWINS: dict[str, str] = {
    "add a text to a number": "it changes nothing, and does not refuse it",
    "filter on a key": "it filters, and does not refuse it",
    "numbers are normalised": "it trims zeros as AWS documents; DynamoDB Local does not inside of lists",
    "overlapping paths": "it writes both, and does not refuse it",
    "syntax error": "it takes == in an update for a change of nothing",
    "transaction with a wrong update": "it writes the other items, and does not refuse it",
}
