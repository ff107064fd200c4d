"""What an account needs before a deployment, checked in AWS. Each check names its step in docs/first-account.md."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from botocore.exceptions import ClientError

from release.environments import ENVIRONMENTS, EnvironmentName
from tooling.paths import ROOT

# The four consumers take 35 at once; the rest is for the API.
_CONCURRENCY: Final = 100
_DOMAIN: Final = "kimmyai.io"
_OIDC_PROVIDER: Final = "token.actions.githubusercontent.com"

type Client = Callable[[Any], Any]


class Check(NamedTuple):
    """One thing that an account needs.

    Args:
        name: What it is.
        missing: What is missing, and what to do; None if nothing is.
    """

    name: str
    missing: str | None


def checks(client: Client, environment: EnvironmentName) -> Iterator[Check]:
    """Check an account; nothing is changed.

    Args:
        client: Makes the client of a service in the environment's region, by the service's name.
        environment: Environment of the account.
    """
    variables = _variables(environment)
    region = ENVIRONMENTS[environment].region
    account = client("sts").get_caller_identity()["Account"]
    if account != variables["account_id"]:
        yield Check("account", f"you are signed in to {account}; {environment} is {variables['account_id']}")
        return
    checks: dict[str, Callable[[], str | None]] = {
        f"account {account}": lambda: None,
        f"region {region}": lambda: _region(client, region),
        "concurrency of Lambda": lambda: _concurrency(client),
        "throttling of API Gateway": lambda: _throttling(client, int(variables["throttle_rate"])),
        "production access of SES": lambda: _production_access(client),
        f"domain {_DOMAIN} in SES": lambda: _domain(client),
        "API Gateway's service-linked role": lambda: _role(client, "AWSServiceRoleForAPIGateway"),
        "GitHub's OIDC provider": lambda: _oidc_provider(client),
        "deployment role": lambda: _role(client, f"github-2-bbws-order-lambda-{variables['environment']}"),
        "state bucket": lambda: _bucket(client, ENVIRONMENTS[environment].state_bucket),
        "release bucket": lambda: _bucket(client, ENVIRONMENTS[environment].release_bucket),
    }
    if "alarm_emails" in variables:
        topic = f"arn:aws:sns:{region}:{account}:bbws-alerts-{variables['environment']}"
        checks["subscribers of the alarms"] = lambda: _subscribers(client, topic)
    for name, check in checks.items():
        try:
            yield Check(name, check())
        except ClientError as error:
            yield Check(name, f"not checked: {error}")


def _variables(environment: EnvironmentName) -> dict[str, str]:
    texts = [(ROOT / "terraform" / "env" / name).read_text() for name in ENVIRONMENTS[environment].var_files]
    return {name: value.strip('"') for name, value in re.findall(r"^(\w+) *= *(.+)$", "\n".join(texts), re.MULTILINE)}


def _region(client: Client, region: str) -> str | None:
    status = client("account").get_region_opt_status(RegionName=region)["RegionOptStatus"]
    return None if status.startswith("ENABLED") else f"it is {status}: enable it in the account (step 1)"


def _concurrency(client: Client) -> str | None:
    limit = client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    return None if limit >= _CONCURRENCY else f"{limit}: request 1,000 (step 2)"


def _throttling(client: Client, rate: int) -> str | None:
    found = client("apigateway").get_account()["throttleSettings"]
    if found["rateLimit"] >= rate:
        return None
    return f"{found['rateLimit']:g} requests a second, burst {found['burstLimit']}; {rate} are agreed (step 2)"


def _production_access(client: Client) -> str | None:
    return None if client("sesv2").get_account()["ProductionAccessEnabled"] else "SES is in its sandbox (step 3)"


def _domain(client: Client) -> str | None:
    try:
        verified = client("sesv2").get_email_identity(EmailIdentity=_DOMAIN)["VerifiedForSendingStatus"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NotFoundException":
            raise
        return "not there yet: the first deployment creates it (step 7)"
    return None if verified else "not verified: create the DNS records (step 7)"


def _role(client: Client, name: str) -> str | None:
    try:
        client("iam").get_role(RoleName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchEntity":
            raise
        return f"{name} does not exist: apply bootstrap (step 6)"
    return None


def _oidc_provider(client: Client) -> str | None:
    found = client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]
    return None if any(one["Arn"].endswith(_OIDC_PROVIDER) for one in found) else "apply bootstrap (step 6)"


def _bucket(client: Client, name: str) -> str | None:
    try:
        client("s3").head_bucket(Bucket=name)
    except ClientError as error:
        return {
            "404": f"{name} does not exist: apply bootstrap (step 6)",
            "403": f"{name} belongs to somebody else, or you may not read it (step 4)",
        }.get(error.response["Error"]["Code"], str(error))
    return None


def _subscribers(client: Client, topic: str) -> str | None:
    try:
        found = client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NotFound", "NotFoundException"):
            raise
        return "not there yet: the first deployment creates the topic"
    confirmed = [one for one in found if one["SubscriptionArn"].startswith("arn:")]
    return None if confirmed else "nobody has confirmed: no alarm reaches anybody (step 9)"
