"""The checks of an account before a deployment."""

from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError

from labs.rehearsal.accounts import ACCOUNTS
from release import preflight
from release.environments import ENVIRONMENTS, EnvironmentName


def missing(code: str) -> ClientError:
    """An error of AWS."""
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Get")


def lambda_settings(concurrency: int, stored_gb: int) -> dict[str, dict[str, int]]:
    """Settings of Lambda: the account's concurrency, and how much of 75 GB of code is used."""
    return {
        "AccountLimit": {"ConcurrentExecutions": concurrency, "TotalCodeSize": 75_000_000_000},
        "AccountUsage": {"TotalCodeSize": stored_gb * 1_000_000_000},
    }


def ready(account: str) -> dict[str, Mock]:
    """The services of an account that has everything."""
    arn = f"arn:aws:iam::{account}:oidc-provider/token.actions.githubusercontent.com"
    services = {name: Mock() for name in ("sts", "account", "lambda", "apigateway", "sesv2", "iam", "s3", "sns")}
    services["sts"].get_caller_identity.return_value = {"Account": account}
    services["account"].get_region_opt_status.return_value = {"RegionOptStatus": "ENABLED"}
    services["lambda"].get_account_settings.return_value = lambda_settings(1000, 20)
    services["s3"].head_object.return_value = {"ReplicationStatus": "COMPLETED"}
    services["apigateway"].get_account.return_value = {"throttleSettings": {"rateLimit": 10000.0, "burstLimit": 5000}}
    services["sesv2"].get_account.return_value = {"ProductionAccessEnabled": True}
    services["sesv2"].get_email_identity.return_value = {"VerifiedForSendingStatus": True}
    services["iam"].list_open_id_connect_providers.return_value = {"OpenIDConnectProviderList": [{"Arn": arn}]}
    services["sns"].list_subscriptions_by_topic.return_value = {"Subscriptions": [{"SubscriptionArn": "arn:aws:sns:x"}]}
    return services


def failures(services: dict[str, Any], environment: EnvironmentName) -> dict[str, str]:
    """The checks that failed."""
    found = list(preflight.checks(services.__getitem__, environment))
    return {check.name: check.missing for check in found if check.missing}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_complete_account_passes(environment: EnvironmentName) -> None:
    """An account that has everything passes every check."""
    services = ready(ACCOUNTS[environment])
    assert failures(services, environment) == {}
    services["s3"].head_bucket.assert_any_call(Bucket=ENVIRONMENTS[environment].state_bucket)


def test_empty_account_names_each_step() -> None:
    """Each thing that is missing is named, with the step of docs/first-account.md that provides it."""
    services = ready(ACCOUNTS["prod"])
    services["lambda"].get_account_settings.return_value = lambda_settings(10, 61)
    services["apigateway"].get_account.return_value = {
        "throttleSettings": {"rateLimit": 2500.0, "burstLimit": 1250},
        "cloudwatchRoleArn": "arn:aws:iam::1:role/logs",
    }
    services["sesv2"].get_account.return_value = {"ProductionAccessEnabled": False}
    services["sesv2"].get_email_identity.side_effect = missing("NotFoundException")
    services["iam"].get_role.side_effect = missing("NoSuchEntity")
    services["iam"].list_open_id_connect_providers.return_value = {"OpenIDConnectProviderList": []}
    services["s3"].head_bucket.side_effect = [
        missing("404"),
        missing("403"),
        missing("404"),
        missing("403"),
        None,
        None,
    ]
    services["s3"].head_object.side_effect = missing("404")
    services["sns"].list_subscriptions_by_topic.return_value = {
        "Subscriptions": [{"SubscriptionArn": "PendingConfirmation"}]
    }
    assert failures(services, "prod") == {
        "concurrency of Lambda": "10: request 1,000 (step 2)",
        "storage of Lambda": "61 of 75 GB are used: delete old versions, or request more (docs/release.md)",
        "throttling of API Gateway": "2500 requests a second, burst 1250; 10000 are agreed (step 2)",
        "log role of API Gateway": (
            "arn:aws:iam::1:role/logs belongs to another project, and this deployment replaces it (step 2)"
        ),
        "production access of SES": "SES is in its sandbox (step 3)",
        "domain kimmyai.io in SES": "not there yet: the first deployment creates it (step 7)",
        "service-linked role AWSServiceRoleForAPIGateway": "it does not exist: apply bootstrap (step 6)",
        "GitHub's OIDC provider": "apply bootstrap (step 6)",
        "deployment role github-2-bbws-order-lambda-prod": "it does not exist: apply bootstrap (step 6)",
        "state bucket bbws-terraform-state-prod": "it does not exist: apply bootstrap (step 6)",
        "release bucket bbws-releases-prod": "it belongs to somebody else, or you may not read it (step 4)",
        "bucket name bbws-orders-prod-failover": "it belongs to somebody else, or you may not read it (step 4)",
        "replication of the templates": "not there yet: the first deployment uploads them (step 9)",
        "subscribers of the alarms": "nobody has confirmed: no alarm reaches anybody (step 9)",
    }


def test_region_that_is_off_is_the_only_thing_reported() -> None:
    """While the region is off every other call fails, with errors such as 403, which would be taken for a lack."""
    services = ready(ACCOUNTS["dev"])
    services["account"].get_region_opt_status.return_value = {"RegionOptStatus": "DISABLED"}
    services["s3"].head_bucket.side_effect = missing("403")
    off = "it is DISABLED: enable it in the account, and check again (step 1)"
    assert failures(services, "dev") == {"region af-south-1": off}


def test_caller_is_known_while_the_region_is_off() -> None:
    """STS is called in a region that every account has: those of other regions refuse a call until they are on."""
    client = preflight.clients("dev")
    assert [client(service).meta.region_name for service in ("sts", "sqs")] == ["us-east-1", "af-south-1"]


def test_other_account_is_not_checked() -> None:
    """In the account of another environment nothing is checked."""
    assert failures(ready(ACCOUNTS["sit"]), "dev") == {
        "account": "you are signed in to 815856636111; dev is 536580886816"
    }


def test_denied_check_is_reported_and_the_others_run() -> None:
    """A check that the caller may not make is reported, and the others run."""
    services = ready(ACCOUNTS["dev"])
    services["lambda"].get_account_settings.side_effect = missing("AccessDenied")
    assert list(failures(services, "dev")) == ["concurrency of Lambda", "storage of Lambda"]


def test_template_that_failed_to_replicate_is_reported() -> None:
    """A template of prod that is not in the other region is reported with what to do."""
    services = ready(ACCOUNTS["prod"])
    services["s3"].head_object.return_value = {"ReplicationStatus": "FAILED"}
    status = "the status of customer/order_confirmation.html is FAILED: upload it again (step 9)"
    assert failures(services, "prod") == {"replication of the templates": status}
