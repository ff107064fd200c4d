"""Serves until stopped."""

import os
import sys
from pathlib import Path

# Run by its path, not by PYTHONPATH, which the functions that the engine starts would see too.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ministack import app

from localstack.ministack_patches import (
    alarms,
    aliases,
    authorizer,
    backups,
    changes,
    decisions,
    grants,
    index_order,
    invocations,
    log_ends,
    loss,
    mail,
    mappings,
    metrics,
    missing_objects,
    queries,
    service_rights,
    sts,
    unsigned,
    users,
)


def main() -> None:
    """Teach the engine, and serve."""
    grants.check_as_aws_does()
    sts.give_github_claims()
    mail.check_mail_grants()
    aliases.route_by_weight()
    aliases.need_their_version()
    mappings.refuse_as_aws_does()
    invocations.count_every_call()
    log_ends.end_with_the_call()
    metrics.measure_queues()
    metrics.measure_apis()
    metrics.extract_from_logs()
    authorizer.take_id_tokens_only()
    authorizer.tell_nothing_of_a_failed_function()
    if "ISSUER_URL" in os.environ:
        authorizer.trust_the_issuer(os.environ["ISSUER_URL"])
    users.sign_in_with_short_secrets()
    users.write_what_the_client_may()
    users.sign_up_where_the_pool_lets()
    missing_objects.deny_to_who_may_not_list()
    alarms.evaluate_alarms()
    queries.save_queries()
    queries.find_fields_of_json()
    index_order.read_what_is_returned()
    backups.keep_the_recovery_period()
    backups.restore_to_the_moment()
    unsigned.sign_in_to_any_account()
    unsigned.call_apis_of_any_account()
    unsigned.fetch_keys_over_tls()
    service_rights.consume_as_the_role_may()
    service_rights.log_as_the_role_may()
    loss.lose_what_is_listed(Path(os.environ["LOST_FILE"]))
    decisions.note_decisions(Path(os.environ["DECISIONS_FILE"]))
    changes.note_changes(Path(os.environ["CHANGES_FILE"]))
    app.main()


if __name__ == "__main__":
    main()
