"""What bootstrap makes of an account: who gets the deployment role, and what it may not do; TLS and IAM enforced."""

from __future__ import annotations

import ipaddress
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import jwt
import pytest
import requests
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from localstack import processes, terraform
from localstack.machine import ENGINE_VENV
from localstack.stack import REGION, ROOT
from localstack.waiting import poll

ACCOUNT = "536580886816"
ROLE = "github-2-bbws-order-lambda-dev"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/bbws-order-lambda-function-boundary-dev"
SUBJECT = "repo:kimmyai/orders:environment:dev"
FUNCTIONS_TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)
EVERYTHING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of this machine, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


class Account:
    """The account of dev, on an engine.

    Args:
        endpoint: URL of the engine.
        certificate: that it shows.
    """

    def __init__(self, endpoint: str, certificate: Path) -> None:
        self.endpoint = endpoint
        self.certificate = certificate

    def client(self, service: Any, session: boto3.Session, **options: Any) -> Any:
        """A client of the engine."""
        return session.client(service, endpoint_url=self.endpoint, verify=str(self.certificate), **options)

    def sign_in(self, subject: str, audience: str = "sts.amazonaws.com") -> boto3.Session:
        """A session of the deployment role, for a token as GitHub gives it."""
        claims = {"iss": "https://token.actions.githubusercontent.com", "aud": audience, "sub": subject}
        sts = self.client("sts", boto3.Session(region_name=REGION), config=Config(signature_version=UNSIGNED))
        # The engine looks at the claims and not at the signature.
        found = sts.assume_role_with_web_identity(
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{ROLE}",
            RoleSessionName="test",
            WebIdentityToken=jwt.encode(claims, "x" * 32, algorithm="HS256"),
        )["Credentials"]
        return boto3.Session(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"], REGION)


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """The account, after bootstrap was applied to it."""
    folder = tmp_path_factory.mktemp("bootstrap")
    certificate, key = _certificate(folder)
    port = processes.free_port()
    endpoint = f"https://127.0.0.1:{port}"
    settings = {
        "AUTH": "true",
        "USE_SSL": "1",
        "MINISTACK_SSL_CERT": str(certificate),
        "MINISTACK_SSL_KEY": str(key),
        "MINISTACK_REGION": REGION,
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LAMBDA_EXECUTOR": "local",
        "TMPDIR": str(folder),
        "PATH": os.environ["PATH"],
    }
    # Safe-path: the modules beside the file are not the engine's.
    command = [str(ENGINE_VENV / "bin" / "python"), "-P", str(ROOT / "localstack" / "engine_iam.py")]
    engine = processes.start(command, folder / "engine.log", settings, folder)

    def answers() -> bool | None:
        try:
            return requests.get(f"{endpoint}/_ministack/health", timeout=2, verify=str(certificate)).ok or None
        except requests.RequestException:
            return None

    try:
        poll("MiniStack answers with TLS", answers, 60)
        _apply(folder, endpoint, certificate)
        yield Account(endpoint, certificate)
    finally:
        # Nothing in it is kept, and it would wait for the connections of the clients.
        processes.stop(engine, seconds=1)


def _apply(folder: Path, endpoint: str, certificate: Path) -> None:
    variables = terraform.environment(folder) | {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_CA_BUNDLE": str(certificate),
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for arguments in (
        ["init", "-lockfile=readonly", f"-backend-config=path={folder / 'dev.tfstate'}"],
        ["apply", "-auto-approve", "-parallelism=40", "-var-file=env/dev.tfvars", "-var=repository=kimmyai/orders"],
    ):
        command = ["terraform", f"-chdir={terraform.TERRAFORM_DIR / 'bootstrap'}", *arguments, "-no-color"]
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr


def refusal(call: Callable[[], object]) -> str:
    """The code of the error that a call ends with."""
    with pytest.raises(ClientError) as refused:
        call()
    code: str = refused.value.response["Error"]["Code"]
    return code


@pytest.mark.parametrize(
    "subject",
    [
        "repo:kimmyai/orders:ref:refs/heads/main",
        "repo:kimmyai/orders:environment:sit",
        "repo:kimmyai/orders:environment:dev2",
        "repo:someone/orders:environment:dev",
    ],
)
def test_a_token_of_anything_else_gets_no_role(account: Account, subject: str) -> None:
    assert refusal(lambda: account.sign_in(subject)) == "AccessDenied"


def test_a_token_for_another_audience_gets_no_role(account: Account) -> None:
    assert refusal(lambda: account.sign_in(SUBJECT, "https://github.com/kimmyai")) == "AccessDenied"


def test_the_role_makes_bounded_roles_of_the_service_and_no_others(account: Account) -> None:
    iam = account.client("iam", account.sign_in(SUBJECT))

    def make(name: str, **options: str) -> None:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=FUNCTIONS_TRUST, **options)

    make("bbws-order-lambda-new-dev", PermissionsBoundary=BOUNDARY)
    iam.put_role_policy(RoleName="bbws-order-lambda-new-dev", PolicyName="all", PolicyDocument=EVERYTHING)
    assert refusal(lambda: make("bbws-order-lambda-free-dev")) == "AccessDenied"
    assert refusal(lambda: make("somebody-else", PermissionsBoundary=BOUNDARY)) == "AccessDenied"
    administrator = "arn:aws:iam::aws:policy/AdministratorAccess"
    assert refusal(lambda: make("bbws-order-lambda-free-dev", PermissionsBoundary=administrator)) == "AccessDenied"


def test_a_role_without_the_boundary_is_given_no_rights(account: Account) -> None:
    administrator = account.client("iam", boto3.Session(ACCOUNT, "test", region_name=REGION))
    administrator.create_role(RoleName="bbws-order-unbound", AssumeRolePolicyDocument=FUNCTIONS_TRUST)
    iam = account.client("iam", account.sign_in(SUBJECT))

    def extend() -> None:
        iam.put_role_policy(RoleName="bbws-order-unbound", PolicyName="all", PolicyDocument=EVERYTHING)

    assert refusal(extend) == "AccessDenied"


def test_the_role_does_not_change_itself_or_a_boundary(account: Account) -> None:
    iam = account.client("iam", account.sign_in(SUBJECT))
    calls: list[Callable[[], object]] = [
        lambda: iam.delete_role_permissions_boundary(RoleName=ROLE),
        lambda: iam.put_role_policy(RoleName=ROLE, PolicyName="all", PolicyDocument=EVERYTHING),
        lambda: iam.update_assume_role_policy(RoleName=ROLE, PolicyDocument=FUNCTIONS_TRUST),
        lambda: iam.create_policy_version(PolicyArn=BOUNDARY, PolicyDocument=EVERYTHING, SetAsDefault=True),
    ]
    assert [refusal(call) for call in calls] == ["AccessDenied"] * len(calls)


def test_a_release_is_put_and_read_but_not_removed(account: Account) -> None:
    s3 = account.client("s3", account.sign_in(SUBJECT))
    s3.put_object(Bucket="bbws-releases-dev", Key="content/a", Body=b"a", IfNoneMatch="*")
    assert s3.get_object(Bucket="bbws-releases-dev", Key="content/a")["Body"].read() == b"a"
    assert refusal(lambda: s3.get_object(Bucket="bbws-releases-dev", Key="content/b")) == "NoSuchKey"
    assert refusal(lambda: s3.delete_object(Bucket="bbws-releases-dev", Key="content/a")) == "AccessDenied"
    assert refusal(lambda: s3.delete_bucket_policy(Bucket="bbws-releases-dev")) == "AccessDenied"


def test_another_region_is_refused(account: Account) -> None:
    sqs = account.client("sqs", account.sign_in(SUBJECT), region_name="eu-west-1")
    assert refusal(lambda: sqs.create_queue(QueueName="bbws-order-elsewhere")).startswith("AccessDenied")
