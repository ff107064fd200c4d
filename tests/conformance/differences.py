"""What engines are known to answer otherwise than AWS: each row is expected to fail, and noticed when it does not."""

from typing import NamedTuple


class Known(NamedTuple):
    """The differences of a version of an engine: id of the row, and what it does instead."""

    version: str
    rows: dict[str, str]


_NO_IAM = "it checks no rights: everybody may do everything"
_NO_SIGNATURE = "it checks neither signature nor time of a presigned URL"

DIFFERENCES: dict[str, Known] = {
    "embedded": Known(
        "1.5.33",
        {
            "lambda/an_error_of_a_function_is_told": "errorType is Runtime.HandlerError, whatever was raised",
            "lambda/an_answer_that_is_none_fails_the_whole_batch": "it takes the batch as done",
            "s3/objects_are_encrypted_unasked": "it tells of no encryption that was not asked for",
            "sns/a_filter_that_is_none_is_refused": "it takes any filter policy",
            "sns/an_empty_event_is_refused": "it takes an empty message",
            "sqs/a_batch_answers_for_each_of_its_messages": "it takes any delay",
            "sqs/a_message_is_hidden_for_12_hours_at_most": "it takes any visibility time-out",
            "sqs/an_old_receipt_handle_is_no_error": "it refuses a handle of an earlier receive",
        },
    ),
    "moto": Known(
        "5.2.5",
        {
            "cloudwatch/a_log_group_keeps_its_days": "it takes any number of days",
            "cloudwatch/an_alarm_begins_without_data": "a new alarm is OK",
            "cognito/a_user_does_not_choose_a_tenant": "a user may write any attribute",
            "cognito/an_unknown_user_looks_like_one_who_mistypes": "SRP signs in with any password",
            "cognito/nobody_signs_up": "everybody may sign up",
            "cognito/only_flows_that_were_chosen_sign_in": "every flow signs in",
            "dynamodb/a_number_of_39_digits_is_refused": "it takes numbers of any length",
            "dynamodb/a_page_that_is_full_has_a_key_to_go_on_from": "a full page has no key when nothing follows",
            "dynamodb/a_query_begins_within_its_bounds": "a query may begin anywhere",
            "iam/a_denial_beats_what_is_allowed": _NO_IAM,
            "iam/a_missing_object_looks_denied_to_who_may_not_list": _NO_IAM,
            "iam/a_right_to_the_table_is_none_to_its_index": _NO_IAM,
            "iam/a_transaction_needs_the_rights_of_its_items": _NO_IAM,
            "iam/mail_is_sent_as_the_granted_sender_only": _NO_IAM,
            "iam/the_bucket_denies_what_the_user_is_allowed": _NO_IAM,
            "iam/what_is_allowed_on_one_resource_is_denied_on_another": _NO_IAM,
            "iam/what_is_not_allowed_is_denied": _NO_IAM,
            "lambda/a_grant_is_given_once": "a second grant takes the place of the first",
            "lambda/a_mapping_is_on_the_alias": "the mapping is on the alias's version",
            "lambda/a_mapping_outlasts_its_function": "it does not compare time-outs",
            "lambda/a_queue_is_mapped_once": "it maps a queue as often as asked",
            "lambda/a_stale_change_of_code_is_refused": "functions have no revision",
            "s3/a_presigned_url_ends": _NO_SIGNATURE,
            "s3/a_presigned_url_is_for_one_method": _NO_SIGNATURE,
            "s3/a_presigned_url_is_for_one_object": _NO_SIGNATURE,
            "s3/an_altered_presigned_url_is_refused": _NO_SIGNATURE,
            "s3/objects_are_encrypted_unasked": "it tells of no encryption that was not asked for",
            "sns/an_empty_event_is_refused": "it takes an empty message",
            "sqs/a_control_character_is_refused": "it takes any character",
            "sqs/a_redrive_needs_its_dlq": "it is refused as a queue that is not there",
        },
    ),
    "localstack-host": Known(
        "4.14.0",
        {
            "api_gateway/a_refusal_has_the_body_that_was_chosen": "a refusal has API Gateway's own body, always",
            "cloudwatch/a_log_group_keeps_its_days": "it takes any number of days",
            "iam/a_denial_beats_what_is_allowed": _NO_IAM,
            "iam/a_missing_object_looks_denied_to_who_may_not_list": _NO_IAM,
            "iam/mail_is_sent_as_the_granted_sender_only": _NO_IAM,
            "iam/the_bucket_denies_what_the_user_is_allowed": _NO_IAM,
            "iam/what_is_allowed_on_one_resource_is_denied_on_another": _NO_IAM,
            "iam/what_is_not_allowed_is_denied": _NO_IAM,
            "s3/a_presigned_url_ends": _NO_SIGNATURE,
            "s3/a_presigned_url_is_for_one_method": _NO_SIGNATURE,
            "s3/a_presigned_url_is_for_one_object": _NO_SIGNATURE,
            "s3/an_altered_presigned_url_is_refused": _NO_SIGNATURE,
            "sqs/a_batch_answers_for_each_of_its_messages": "it takes any delay",
            "sqs/a_message_is_hidden_for_12_hours_at_most": "it takes any visibility time-out",
            "sqs/a_redrive_needs_its_dlq": "it takes a DLQ that is not there",
        },
    ),
}

# What a second plan would change, by the engine, of the version above: what it does not tell as it was put.
DRIFT: dict[str, dict[str, str]] = {
    "localstack-host": {
        "aws_cloudwatch_metric_alarm.tags_all": "it does not tell the tags of alarms",
    },
}
