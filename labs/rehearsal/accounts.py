"""The AWS accounts on one engine: bootstrapped as an administrator would, and signed in to as GitHub does."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import boto3
import botocore.session
import jwt
from botocore.exceptions import ClientError

from labs.customers import sign_up
from labs.rehearsal.dns import ApiName
from localstack import terraform
from localstack.aws import own_variables
from localstack.stack import SIGNATURE, Stack, StackError, api_url
from release.environments import ENVIRONMENTS, EnvironmentName, terraform_outputs
from tooling import commands
from tooling.files import write_whole
from tooling.order_client import OrderClient
from tooling.paths import ROOT

ACCOUNTS: Final[dict[EnvironmentName, str]] = {
    "dev": "536580886816",
    "sit": "815856636111",
    "prod": "093646564004",
    "failover": "093646564004",
}
REPOSITORY_ID: Final = "821093847"
# As GitHub writes `sub` since July 2026: names with their ids.
SUBJECT_PREFIX: Final = f"repo:kimmyai@5544123/bbws-order-lambda@{REPOSITORY_ID}"
_BOOTSTRAP = ROOT / "terraform" / "bootstrap"
_BOOTSTRAP_SECONDS = 300
_ZONE: Final = "TF_VAR_hosted_zone_id"


class Accounts:
    """The accounts of an engine, which must serve TLS: the real configuration refuses plain HTTP.

    Args:
        stack: Stack of the engine.
    """

    def __init__(self, stack: Stack) -> None:
        if stack.certificates is None:
            raise StackError("the accounts refuse plain HTTP: give the stack certificates")
        self.stack = stack
        self._trusted = stack.certificates.trusted()
        self.endpoint = stack.endpoint
        self.bundle = stack.certificates.bundle
        # Terraform's variable of the hosted zone by account; an account without one has no name for its API.
        self.zones: dict[str, dict[str, str]] = {}

    def client(self, service: Any, credentials: Mapping[str, str]) -> Any:
        """A client with these credentials, at the engine."""
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION")
        key, secret, token, region = map(credentials.get, names)
        session = boto3.Session(key, secret, token, region, botocore.session.get_session(own_variables()))
        return session.client(service, endpoint_url=self.endpoint, verify=self.bundle)

    def customer(self, environment: EnvironmentName) -> OrderClient:
        """A customer of an environment, who is signed in."""
        outputs, cognito = self.outputs(environment), self.client("cognito-idp", self.root(environment))
        tokens = sign_up(cognito, outputs, "tenant-acme", "thandi@acme.example")
        return OrderClient(api_url(self.endpoint, outputs), tokens["IdToken"], verify=self.bundle, timeout=60)

    def root(self, environment: EnvironmentName) -> dict[str, str]:
        """Environment variables of an account's root user, who bootstraps it."""
        return self._variables(environment, ACCOUNTS[environment], SIGNATURE)

    def _variables(self, environment: EnvironmentName, key: str, secret: str) -> dict[str, str]:
        region = ENVIRONMENTS[environment].region
        own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_", "GITHUB_"))}
        credentials = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
        regions = {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
        return {**own, **self.engine(), **credentials, **regions, **self.zones.get(ACCOUNTS[environment], {})}

    def engine(self) -> dict[str, str]:
        """Environment variables that make SDKs and Terraform call the engine in place of AWS."""
        # Without a mirror Terraform downloads its providers, so it must trust the usual authorities.
        trusted = {name: value for name, value in self._trusted.items() if name != "SSL_CERT_FILE"}
        return {
            **trusted,
            **terraform.cli_environment(self.stack.directory),
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @staticmethod
    def token(environment: str, audience: str = "sts.amazonaws.com", **claims: str) -> str:
        """A token as GitHub's for a job in a GitHub environment, or outside one; claims replace its own."""
        payload = {
            "iss": "https://token.actions.githubusercontent.com",
            "aud": audience,
            "sub": f"{SUBJECT_PREFIX}:{f'environment:{environment}' if environment else 'ref:refs/heads/main'}",
            "repository_id": REPOSITORY_ID,
            **claims,
        }
        # The engine reads the claims; only AWS can check GitHub's signature.
        return jwt.encode(payload, "not GitHub's key, which only GitHub has", algorithm="HS256")

    def sign_in(self, environment: EnvironmentName, job: str | None = None, **claims: str) -> dict[str, str]:
        """Environment variables of a GitHub job in an environment: a session of its role.

        A job may be in another GitHub environment, such as `dev-drift`, and have other claims, such as `sub`.
        StackError if the role refuses the token.
        """
        name = job or ("prod" if environment == "failover" else environment)
        token = self.token(name, **claims)
        role = f"arn:aws:iam::{ACCOUNTS[environment]}:role/github-2-bbws-order-lambda-{name}"
        try:
            response = self.client("sts", self.root(environment)).assume_role_with_web_identity(
                RoleArn=role, RoleSessionName="rehearsal", WebIdentityToken=token, DurationSeconds=3600
            )
        except ClientError as error:
            subject = jwt.decode(token, options={"verify_signature": False})["sub"]
            raise StackError(f"{role} refuses {subject}: {error}") from error
        session = response["Credentials"]
        variables = self._variables(environment, session["AccessKeyId"], session["SecretAccessKey"])
        return variables | {"AWS_SESSION_TOKEN": session["SessionToken"]}

    def bootstrap(self, environment: EnvironmentName) -> None:
        """Apply terraform/bootstrap to an account; CommandError if Terraform failed."""
        folder = self.stack.directory / "bootstrap" / environment
        folder.mkdir(parents=True, exist_ok=True)
        variables = self.root(environment) | {"TF_DATA_DIR": str(folder / "terraform")}
        apply = (
            *("apply", "-input=false", "-auto-approve", "-no-color", "-parallelism=40"),
            f"-var-file=env/{environment}.tfvars",
            f"-var=subject_prefix={SUBJECT_PREFIX}",
            f"-var=repository_id={REPOSITORY_ID}",
        )
        init = ("init", "-input=false", "-lockfile=readonly", f"-backend-config=path={folder / 'terraform.tfstate'}")
        for arguments in (init, apply):
            what, log = f"bootstrap of {environment}: terraform {arguments[0]}", folder / f"{arguments[0]}.log"
            command = ["terraform", f"-chdir={_BOOTSTRAP}", *arguments]
            commands.run(what, command, _BOOTSTRAP_SECONDS, variables, log=log).checked()

    def delegate(self, environment: EnvironmentName, name: str) -> None:
        """Create the hosted zone of an API's name in an account, as an administrator does before the bootstrap."""
        route53 = self.client("route53", self.root(environment))
        zone = route53.create_hosted_zone(Name=name, CallerReference=name)["HostedZone"]["Id"]
        self.zones[ACCOUNTS[environment]] = {_ZONE: zone.removeprefix("/hostedzone/")}

    def api_name(self, environment: EnvironmentName) -> ApiName:
        """The name of an account's API, which was delegated to it."""
        # Route 53 is in us-east-1, so the loss of a region of ours does not reach it.
        route53 = self.client("route53", self.root(environment) | {"AWS_REGION": "us-east-1"})
        return ApiName(route53, self.zones[ACCOUNTS[environment]][_ZONE], self.endpoint, str(self.bundle))

    def outputs(self, environment: EnvironmentName) -> dict[str, Any]:
        """Outputs of an environment's Terraform state."""
        s3, known = self.client("s3", self.root(environment)), ENVIRONMENTS[environment]
        return terraform_outputs(s3, known.state_bucket, known.state_key)

    def var_file(self) -> Path:
        """Terraform variables that differ from AWS: the URL of the Cart service."""
        path = self.stack.directory / "rehearsal.tfvars"
        write_whole(path, f'cart_api_url = "{self.stack.cart_url}"\n')
        return path
