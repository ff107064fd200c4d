"""What an account needs before a deployment, checked in AWS. Each check names its step in docs/first-account.md."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final, NamedTuple

import boto3
from botocore.exceptions import ClientError

from release.environments import ENVIRONMENTS, EnvironmentName
from tooling.paths import ROOT

# The four consumers take 35 at once; the rest is for the API.
_CONCURRENCY: Final = 100
# Each release stores some 50 MB of code, and nothing deletes an old version.
_STORED_SHARE: Final = 0.8
_TEMPLATE: Final = "customer/order_confirmation.html"
_DOMAIN: Final = "kimmyai.io"
_OIDC_PROVIDER: Final = "token.actions.githubusercontent.com"
# Where to find out who is signed in: the endpoint of a region that is off in the account refuses every call.
_ALWAYS_ON: Final = "us-east-1"
_ENABLE_REGION: Final = "enable it in the account, and check again (step 1)"

type Client = Callable[[Any], Any]


# What an AWS error code says about the requested resource.
_ABSENT: Final = {
    "NoSuchEntity": "it does not exist: apply bootstrap (step 6)",
    "404": "it does not exist: apply bootstrap (step 6)",
    "403": "it belongs to somebody else, or you may not read it (step 4)",
    "NotFound": "not there yet: the first deployment creates it (step 7)",
    "NotFoundException": "not there yet: the first deployment creates it (step 7)",
}


class Check(NamedTuple):
    """One thing that an account needs; `missing` says what is missing and what to do, None if nothing is."""

    name: str
    missing: str | None


def checks(client: Client, environment: EnvironmentName) -> Iterator[Check]:
    """Check the account of an environment, with clients by the name of their service; nothing is changed."""
    variables, known = _variables(environment), ENVIRONMENTS[environment]
    account = client("sts").get_caller_identity()["Account"]
    if account != variables["account_id"]:
        yield Check("account", f"you are signed in to {account}; {environment} is {variables['account_id']}")
        return
    yield Check(f"account {account}", None)
    region = _check(f"region {known.region}", partial(_region, client, known.region))
    yield region
    if region.missing and region.missing.endswith(_ENABLE_REGION):
        # Each call there fails, with errors that name something else.
        return
    iam, s3 = client("iam"), client("s3")
    gateway_role, role = "AWSServiceRoleForAPIGateway", f"github-2-bbws-order-lambda-{variables['environment']}"
    probes: dict[str, Callable[[], str | None]] = {
        "concurrency of Lambda": lambda: _concurrency(client),
        "storage of Lambda": lambda: _code_storage(client),
        "throttling of API Gateway": lambda: _throttling(client, int(variables["throttle_rate"])),
        "log role of API Gateway": lambda: _log_role(client),
        "production access of SES": lambda: _production_access(client),
        f"domain {_DOMAIN} in SES": lambda: _domain(client),
        f"service-linked role {gateway_role}": lambda: _exists(iam.get_role, RoleName=gateway_role),
        "GitHub's OIDC provider": lambda: _oidc_provider(client),
        f"deployment role {role}": lambda: _exists(iam.get_role, RoleName=role),
        f"state bucket {known.state_bucket}": lambda: _exists(s3.head_bucket, Bucket=known.state_bucket),
        f"release bucket {known.release_bucket}": lambda: _exists(s3.head_bucket, Bucket=known.release_bucket),
    }
    own = f"{variables['environment']}{variables.get('bucket_suffix', '')}"
    copies = ("", "-failover") if "failover_region" in variables else ("",)
    for bucket in (f"bbws-{kind}-{own}{copy}" for kind in ("orders", "email-templates") for copy in copies):
        probes[f"bucket name {bucket}"] = partial(_free_or_ours, s3, bucket)
    if environment == "prod":
        probes["replication of the templates"] = lambda: _replicated(s3, f"bbws-email-templates-{own}")
    if "alarm_emails" in variables:
        topic = f"arn:aws:sns:{known.region}:{account}:bbws-alerts-{variables['environment']}"
        probes["subscribers of the alarms"] = lambda: _subscribers(client, topic)
    for name, probe in probes.items():
        yield _check(name, probe)


def clients(environment: EnvironmentName) -> Client:
    """Clients of the account that the shell is signed in to, by the name of their service."""
    region = ENVIRONMENTS[environment].region
    return lambda service: boto3.client(service, region_name=_ALWAYS_ON if service == "sts" else region)


def _check(name: str, probe: Callable[[], str | None]) -> Check:
    try:
        return Check(name, probe())
    except ClientError as error:
        return Check(name, _ABSENT.get(error.response["Error"]["Code"], f"not checked: {error}"))


def _variables(environment: EnvironmentName) -> dict[str, str]:
    texts = [(ROOT / "terraform" / "env" / name).read_text() for name in ENVIRONMENTS[environment].var_files]
    return {name: value.strip('"') for name, value in re.findall(r"^(\w+) *= *(.+)$", "\n".join(texts), re.MULTILINE)}


def _exists(get: Callable[..., object], **arguments: str) -> None:
    get(**arguments)


def _region(client: Client, region: str) -> str | None:
    status = client("account").get_region_opt_status(RegionName=region)["RegionOptStatus"]
    return None if status.startswith("ENABLED") else f"it is {status}: {_ENABLE_REGION}"


def _concurrency(client: Client) -> str | None:
    limit = client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    return None if limit >= _CONCURRENCY else f"{limit}: request 1,000 (step 2)"


def _code_storage(client: Client) -> str | None:
    found = client("lambda").get_account_settings()
    used, limit = found["AccountUsage"]["TotalCodeSize"], found["AccountLimit"]["TotalCodeSize"]
    if used < _STORED_SHARE * limit:
        return None
    return f"{used / 1e9:.0f} of {limit / 1e9:.0f} GB are used: delete old versions, or request more (docs/release.md)"


def _throttling(client: Client, rate: int) -> str | None:
    found = client("apigateway").get_account()["throttleSettings"]
    if found["rateLimit"] >= rate:
        return None
    return f"{found['rateLimit']:g} requests a second, burst {found['burstLimit']}; {rate} are agreed (step 2)"


def _log_role(client: Client) -> str | None:
    role = client("apigateway").get_account().get("cloudwatchRoleArn")
    if role is None or ":role/bbws-order-api-" in role:
        return None
    return f"{role} belongs to another project, and this deployment replaces it (step 2)"


def _production_access(client: Client) -> str | None:
    return None if client("sesv2").get_account()["ProductionAccessEnabled"] else "SES is in its sandbox (step 3)"


def _domain(client: Client) -> str | None:
    verified = client("sesv2").get_email_identity(EmailIdentity=_DOMAIN)["VerifiedForSendingStatus"]
    return None if verified else "not verified: create the DNS records (step 7)"


def _oidc_provider(client: Client) -> str | None:
    found = client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]
    return None if any(one["Arn"].endswith(_OIDC_PROVIDER) for one in found) else "apply bootstrap (step 6)"


def _free_or_ours(s3: Any, bucket: str) -> str | None:
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        # 404: the name is free.
        if error.response["Error"]["Code"] != "404":
            raise
    return None


def _replicated(s3: Any, bucket: str) -> str | None:
    try:
        status = s3.head_object(Bucket=bucket, Key=_TEMPLATE).get("ReplicationStatus", "none")
    except ClientError as error:
        if error.response["Error"]["Code"] != "404":
            raise
        return "not there yet: the first deployment uploads them (step 9)"
    return None if status == "COMPLETED" else f"the status of {_TEMPLATE} is {status}: upload it again (step 9)"


def _subscribers(client: Client, topic: str) -> str | None:
    found = client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    confirmed = [one for one in found if one["SubscriptionArn"].startswith("arn:")]
    return None if confirmed else "nobody has confirmed: no alarm reaches anybody (step 9)"
