"""Bootstrap applied to an account, with TLS and IAM enforced: who may assume the deployment role, and for what."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from labs.rehearsal import stand_ins
from labs.rehearsal.accounts import ACCOUNTS, SUBJECT_PREFIX, Accounts
from labs.rehearsal.github import GitHub
from labs.rehearsal.workflows import Workflows
from localstack.stack import StackError
from release import canary, preflight
from tests.support.bootstrapped import bootstrapped
from tests.support.rehearsal_jobs import Jobs

ROLE = "github-2-bbws-order-lambda-dev"
BOUNDARY = f"arn:aws:iam::{ACCOUNTS['dev']}:policy/bbws-order-lambda-function-boundary-dev"
GATEWAY_ROLE = "AWSServiceRoleForAPIGateway"
FUNCTIONS_TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)
EVERYTHING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Accounts]:
    """The bootstrapped accounts of an engine."""
    with bootstrapped(tmp_path_factory.mktemp("accounts")) as accounts:
        yield accounts


@pytest.fixture
def client(accounts: Accounts) -> Callable[..., Any]:
    """Create clients with the permissions of the deployment role."""
    credentials = accounts.sign_in("dev")

    def make(service: str, region: str = "af-south-1") -> Any:
        return accounts.client(service, credentials | {"AWS_REGION": region})

    return make


def error_code(call: Callable[[], object]) -> str:
    """Return the error code that a call fails with."""
    with pytest.raises(ClientError) as refused:
        call()
    code: str = refused.value.response["Error"]["Code"]
    return code


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": f"{SUBJECT_PREFIX}:ref:refs/heads/main"},
        {"sub": f"{SUBJECT_PREFIX}:environment:sit"},
        {"sub": f"{SUBJECT_PREFIX}:environment:dev2"},
        {"sub": "repo:kimmyai/bbws-order-lambda:environment:dev"},
        {"sub": "repo:someone@1/orders@2:environment:dev"},
        {"repository_id": "2"},
        {"aud": "https://github.com/kimmyai"},
        {"iss": "https://token.example.com"},
    ],
    ids=["branch", "environment", "longer environment", "name", "repository", "id", "audience", "issuer"],
)
def test_role_with_another_token_is_denied(accounts: Accounts, claims: dict[str, str]) -> None:
    """Only a job in this environment of this repository may assume the deployment role."""
    with pytest.raises(StackError, match=f"{ROLE} refuses .*AccessDenied"):
        accounts.sign_in("dev", **claims)


def test_preflight_of_bootstrapped_account_misses_only_the_domain(accounts: Accounts) -> None:
    """After bootstrap, everything that AWS can show before a deployment is there, except the domain of mails."""
    root = accounts.root("dev")
    found = preflight.checks(lambda service: accounts.client(service, root), "dev")
    assert [check.name for check in found if check.missing] == ["domain kimmyai.io in SES"]


def test_profile_of_the_shell_is_not_used(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    """An emulated account is signed in to with its own credentials, whatever profile the shell names."""
    monkeypatch.setenv("AWS_PROFILE", "nobody-has-this")
    caller = accounts.client("sts", accounts.root("dev")).get_caller_identity()
    assert caller["Account"] == ACCOUNTS["dev"]


def test_job_signs_in_to_the_role_of_its_environment(accounts: Accounts, tmp_path: Path) -> None:
    """The rehearsal's jobs get a session of the role that trusts their environment, and of no other."""
    github = GitHub(Workflows(), accounts.token)
    jobs = Jobs(tmp_path, github, accounts.engine())
    sign_in = {"aws-region": "af-south-1", "role-duration-seconds": "3600"}
    role = f"arn:aws:iam::{ACCOUNTS['dev']}:role/{ROLE}"
    with github.serving():
        run = github.start("deploy-dev", {}, {})
        job = jobs.job(run, "deploy-dev", "deploy")
        stand_ins.configure_aws_credentials(job, {**sign_in, "role-to-assume": role})
        with pytest.raises(ClientError, match="AccessDenied"):
            stand_ins.configure_aws_credentials(job, {**sign_in, "role-to-assume": f"{role}-drift"})
    variables = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines())
    caller = accounts.client("sts", variables).get_caller_identity()["Arn"]
    assert caller == f"arn:aws:sts::{ACCOUNTS['dev']}:assumed-role/{ROLE}/GitHubActions"


def test_new_role_without_boundary_is_denied(client: Callable[..., Any]) -> None:
    """The deployment role creates this service's roles, and only with the functions' boundary."""
    iam = client("iam")

    def make(name: str, **options: str) -> None:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=FUNCTIONS_TRUST, **options)

    make("bbws-order-lambda-new-dev", PermissionsBoundary=BOUNDARY)
    iam.put_role_policy(RoleName="bbws-order-lambda-new-dev", PolicyName="all", PolicyDocument=EVERYTHING)
    assert error_code(lambda: make("bbws-order-lambda-free-dev")) == "AccessDenied"
    assert error_code(lambda: make("somebody-else", PermissionsBoundary=BOUNDARY)) == "AccessDenied"
    administrator = "arn:aws:iam::aws:policy/AdministratorAccess"
    assert error_code(lambda: make("bbws-order-lambda-free-dev", PermissionsBoundary=administrator)) == "AccessDenied"


def test_policy_for_unbounded_role_is_denied(accounts: Accounts, client: Callable[..., Any]) -> None:
    """The deployment role gives no permissions to a role without the functions' boundary."""
    administrator = accounts.client("iam", accounts.root("dev"))
    administrator.create_role(RoleName="bbws-order-unbound", AssumeRolePolicyDocument=FUNCTIONS_TRUST)
    iam = client("iam")

    def extend() -> None:
        iam.put_role_policy(RoleName="bbws-order-unbound", PolicyName="all", PolicyDocument=EVERYTHING)

    assert error_code(extend) == "AccessDenied"


def test_change_of_own_role_is_denied(client: Callable[..., Any]) -> None:
    """The deployment role changes neither itself nor a boundary."""
    iam = client("iam")
    calls: list[Callable[[], object]] = [
        lambda: iam.delete_role_permissions_boundary(RoleName=ROLE),
        lambda: iam.put_role_policy(RoleName=ROLE, PolicyName="all", PolicyDocument=EVERYTHING),
        lambda: iam.update_assume_role_policy(RoleName=ROLE, PolicyDocument=FUNCTIONS_TRUST),
        lambda: iam.create_policy_version(PolicyArn=BOUNDARY, PolicyDocument=EVERYTHING, SetAsDefault=True),
    ]
    assert [error_code(call) for call in calls] == ["AccessDenied"] * len(calls)


def test_deletion_of_release_is_denied(client: Callable[..., Any]) -> None:
    """The deployment role writes and reads releases, and deletes none."""
    s3 = client("s3")
    s3.put_object(Bucket="bbws-releases-dev", Key="content/a", Body=b"a", IfNoneMatch="*")
    assert s3.get_object(Bucket="bbws-releases-dev", Key="content/a")["Body"].read() == b"a"
    assert error_code(lambda: s3.get_object(Bucket="bbws-releases-dev", Key="content/b")) == "NoSuchKey"
    assert error_code(lambda: s3.delete_object(Bucket="bbws-releases-dev", Key="content/a")) == "AccessDenied"
    assert error_code(lambda: s3.delete_bucket_policy(Bucket="bbws-releases-dev")) == "AccessDenied"


def test_canary_may_read_metrics(client: Callable[..., Any]) -> None:
    """The deployment role reads how many calls of a new version failed."""
    found = canary.seen(client("cloudwatch"), {"bbws-order-lambda-get-order-dev": "2"}, datetime.now(UTC))
    assert found == {"bbws-order-lambda-get-order-dev": canary.Seen(0, 0)}


def test_lock_of_state_is_deleted(client: Callable[..., Any]) -> None:
    """The deployment role deletes Terraform's lock, and neither a state nor the lock of another project."""
    s3 = client("s3")
    bucket, state = "bbws-terraform-state-dev", "order-lambda/terraform.tfstate"
    for key in (state, f"{state}.tflock"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"{}")
    s3.delete_object(Bucket=bucket, Key=f"{state}.tflock")
    for key in (state, "other/terraform.tfstate.tflock"):
        assert error_code(partial(s3.delete_object, Bucket=bucket, Key=key)) == "AccessDenied"


def test_tags_of_configuration_set_are_read(client: Callable[..., Any]) -> None:
    """The deployment role reads the tags of this service's configuration sets, and of no others."""
    ses, arn = client("sesv2"), f"arn:aws:ses:af-south-1:{ACCOUNTS['dev']}:configuration-set"
    ses.create_configuration_set(ConfigurationSetName="bbws-order-mail-dev")
    assert ses.list_tags_for_resource(ResourceArn=f"{arn}/bbws-order-mail-dev")["Tags"] == []
    assert error_code(lambda: ses.list_tags_for_resource(ResourceArn=f"{arn}/other")).startswith("AccessDenied")


def test_role_of_service_is_deleted(client: Callable[..., Any]) -> None:
    """The deployment role deletes this service's roles, but not its own or that of another service."""
    iam = client("iam")
    name = "bbws-order-lambda-old-dev"
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=FUNCTIONS_TRUST, PermissionsBoundary=BOUNDARY)
    iam.delete_role(RoleName=name)
    for other in (ROLE, GATEWAY_ROLE):
        assert error_code(partial(iam.delete_role, RoleName=other)) == "AccessDenied"


def test_tracing_without_service_linked_role_is_denied(accounts: Accounts, client: Callable[..., Any]) -> None:
    """The deployment role enables tracing only where bootstrap created API Gateway's service-linked role."""
    administrator, api = accounts.client("iam", accounts.root("dev")), client("apigateway")
    made = api.create_rest_api(name="bbws-order-api-dev")
    target = {"restApiId": made["id"], "resourceId": made["rootResourceId"], "httpMethod": "GET"}
    api.put_method(**target, authorizationType="NONE")
    api.put_integration(**target, type="MOCK")
    deployment = api.create_deployment(restApiId=made["id"])["id"]

    def stage(name: str) -> None:
        api.create_stage(restApiId=made["id"], stageName=name, deploymentId=deployment, tracingEnabled=True)

    stage("dev")
    administrator.delete_service_linked_role(RoleName=GATEWAY_ROLE)
    try:
        with pytest.raises(ClientError, match="permissions to create a Service Linked Role"):
            stage("other")
        # An administrator's call creates the role.
        accounts.client("apigateway", accounts.root("dev")).update_stage(
            restApiId=made["id"],
            stageName="dev",
            patchOperations=[{"op": "replace", "path": "/tracingEnabled", "value": "true"}],
        )
        stage("other")
    finally:
        with suppress(administrator.exceptions.InvalidInputException):
            administrator.create_service_linked_role(AWSServiceName="ops.apigateway.amazonaws.com")


def test_other_region_is_denied(client: Callable[..., Any]) -> None:
    """The deployment role works in the account's own regions only."""
    sqs = client("sqs", "eu-west-1")
    assert error_code(lambda: sqs.create_queue(QueueName="bbws-order-elsewhere")).startswith("AccessDenied")


def test_change_by_drift_role_is_denied(accounts: Accounts) -> None:
    """The drift role reads and changes nothing."""
    credentials = accounts.sign_in("dev", "dev-drift")
    s3, functions = (accounts.client(service, credentials) for service in ("s3", "lambda"))
    assert s3.list_objects_v2(Bucket="bbws-releases-dev")["KeyCount"] >= 0
    assert error_code(lambda: s3.put_object(Bucket="bbws-releases-dev", Key="content/c", Body=b"c")) == "AccessDenied"
    update = {"FunctionName": "bbws-order-lambda-get-order-dev", "Name": "live", "FunctionVersion": "1"}
    assert error_code(lambda: functions.update_alias(**update)).startswith("AccessDenied")
    with pytest.raises(StackError, match=r"refuses .*AccessDenied"):
        accounts.sign_in("dev", "dev-drift", sub=f"{SUBJECT_PREFIX}:environment:dev")
