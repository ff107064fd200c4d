"""The API's own name in two regions, applied with prod's deployment role: certificates, records, the fail-over."""

import re
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError

from labs.rehearsal.accounts import Accounts
from labs.rehearsal.dns import ApiName
from localstack.stack import Stack
from ops import names
from tests.support.bootstrapped import NAME, bootstrapped, inputs, save
from tests.support.kept import kept
from tests.support.shared_provider import shared_provider
from tooling import commands
from tooling.paths import ROOT

HOME, OTHER = "af-south-1", "eu-west-1"
_FOLDER = ROOT / "tests" / "support" / "named_api"
_TERRAFORM_SECONDS = 300


class Named(NamedTuple):
    """An engine with prod's account, and what Terraform needs to apply an API with its name there.

    Args:
        accounts: The bootstrapped accounts.
        name: The name.
        variables: Environment variables of Terraform: a session of the deployment role, the process of the provider.
    """

    accounts: Accounts
    name: ApiName
    variables: Mapping[str, str]

    @property
    def stack(self) -> Stack:
        """The stack of the engine."""
        return self.accounts.stack

    def client(self, service: str, region: str = HOME) -> Any:
        """A client with the permissions of the deployment role."""
        return self.accounts.client(service, self.accounts.sign_in("prod") | {"AWS_REGION": region})

    def state(self, region: str) -> Path:
        """Terraform's state of a region."""
        return self.stack.directory / f"{region}.tfstate"

    def apply(self, region: str, failover: str) -> None:
        """Apply the API and its name in a region, with the deployment role."""
        options = ("-input=false", "-auto-approve", "-no-color", "-parallelism=40", f"-state={self.state(region)}")
        variables = {**self.variables, "TF_VAR_region": region, "TF_VAR_failover": failover}
        command = ["terraform", f"-chdir={_FOLDER}", "apply", *options]
        commands.run(f"terraform apply, {region}", command, _TERRAFORM_SECONDS, variables).checked()


@contextmanager
def _account(folder: Path, saved: Path | None = None) -> Iterator[Named]:
    """Prod's bootstrapped account with a delegated zone; what was saved of it if it is given."""
    with bootstrapped(folder, saved) as accounts:
        session = accounts.sign_in("prod") | {"TF_DATA_DIR": str(folder / "data")}
        init = ["terraform", f"-chdir={_FOLDER}", "init", "-input=false", "-lockfile=readonly"]
        commands.run("terraform init", init, _TERRAFORM_SECONDS, session).checked()
        with shared_provider(folder / "data", session | {"SSL_CERT_FILE": str(accounts.bundle)}) as provider:
            yield Named(accounts, accounts.api_name("prod"), session | provider)


def _make(folder: Path) -> None:
    """Apply the home region to a new engine, and save both."""
    with tempfile.TemporaryDirectory() as made, _account(Path(made)) as named:
        named.apply(HOME, "PRIMARY")
        save(named.accounts, folder)
        shutil.copyfile(named.state(HOME), folder / "home.tfstate")


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Named]:
    """Prod's bootstrapped account with a delegated zone, and the API with its name in the home region."""
    saved = kept("named", [*inputs(), _FOLDER, Path(__file__)], _make)
    with _account(tmp_path_factory.mktemp("named"), saved) as named:
        shutil.copyfile(saved / "home.tfstate", named.state(HOME))
        yield named


def _record(name: str, **more: str) -> dict[str, Any]:
    values = {"TTL": 60, "ResourceRecords": [{"Value": "target.example.com"}]}
    record = {"Name": name, "Type": "CNAME", **values, **more}
    return {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}


def _refusal(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    error = refused.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


def test_name_when_the_home_region_is_lost_leads_to_the_other_region(named: Named) -> None:
    """The name leads to the other region after two failed health checks, and back after two that succeed."""
    assert HOME in named.name.resolve()
    assert named.name.get("/health").json() == {"status": "ok"}
    named.stack.lost_file.write_text(f"{HOME}\n{named.client('apigateway').get_rest_apis()['items'][0]['id']}\n")
    try:
        assert named.name.get("/health").status_code == 503
        named.name.check()
        named.name.check()
        # Nothing is deployed there yet, so Route 53 has no other record.
        assert HOME in named.name.resolve()
        named.apply(OTHER, "SECONDARY")
        assert OTHER in named.name.resolve()
        assert named.name.get("/health").json() == {"status": "ok"}
    finally:
        named.stack.lost_file.unlink()
    named.name.check()
    assert OTHER in named.name.resolve()
    named.name.check()
    assert HOME in named.name.resolve()


def test_name_held_by_a_person_leads_to_the_other_region(named: Named) -> None:
    """A disabled and inverted health check keeps the name in the other region, until the home region's deployment."""
    # The test above has applied it, if it ran.
    if not named.state(OTHER).exists():
        named.apply(OTHER, "SECONDARY")
    zone = named.name.zone_id
    names.hold(named.client("route53"), zone, NAME)
    primary, secondary = names.records(named.client("route53"), zone, NAME)
    assert re.fullmatch(r"PRIMARY \S+af-south-1\S+, health check \S+, held as failed", primary)
    assert re.fullmatch(r"SECONDARY \S+eu-west-1\S+", secondary)
    named.name.check()
    assert OTHER in named.name.resolve()
    named.apply(HOME, "PRIMARY")
    named.name.check()
    assert HOME in named.name.resolve()


def test_records_of_others_are_refused_to_the_deployment_role(named: Named) -> None:
    """The deployment role changes the API's own records and no others of the zone, and no other zone."""
    route53, zone = named.client("route53"), named.name.zone_id
    for name in ("www.api.kimmyai.io", "x._y.kimmyai.io"):
        assert _refusal(route53.change_resource_record_sets, HostedZoneId=zone, ChangeBatch=_record(name)).startswith(
            "AccessDenied"
        )
    root = named.accounts.client("route53", named.accounts.root("prod"))
    other = root.create_hosted_zone(Name="kimmyai.io", CallerReference=str(uuid.uuid4()))["HostedZone"]["Id"]
    assert _refusal(route53.change_resource_record_sets, HostedZoneId=other, ChangeBatch=_record(NAME)).startswith(
        "AccessDenied"
    )


def test_certificates_of_others_are_refused_to_the_deployment_role(named: Named) -> None:
    """The deployment role requests certificates for the API's name alone, and only by DNS."""
    acm = named.client("acm")
    assert _refusal(acm.request_certificate, DomainName="kimmyai.io", ValidationMethod="DNS").startswith("AccessDenied")
    assert _refusal(acm.request_certificate, DomainName=NAME, ValidationMethod="EMAIL").startswith("AccessDenied")


def test_engine_refuses_what_aws_refuses(named: Named) -> None:
    """A name needs an issued certificate of its region, a mapping its stage, a record its zone."""
    acm, gateway = named.client("acm"), named.client("apigateway")
    root, zone = named.accounts.client("route53", named.accounts.root("prod")), named.name.zone_id
    root_acm = named.accounts.client("acm", named.accounts.root("prod"))
    root_gateway = named.accounts.client("apigateway", named.accounts.root("prod"))
    pending = root_acm.request_certificate(DomainName="new.example.com", ValidationMethod="DNS")["CertificateArn"]
    described = acm.describe_certificate(CertificateArn=pending)["Certificate"]
    assert described["Status"] == "PENDING_VALIDATION"
    create = {"domainName": "new.example.com", "endpointConfiguration": {"types": ["REGIONAL"]}}
    refusal = _refusal(root_gateway.create_domain_name, regionalCertificateArn=pending, **create)
    assert refusal == "BadRequestException: The provided certificate is not issued here."
    refusal = _refusal(gateway.create_base_path_mapping, domainName=NAME, restApiId="none", stage="prod")
    assert refusal == "BadRequestException: Invalid stage identifier specified"
    refusal = _refusal(root.change_resource_record_sets, HostedZoneId=zone, ChangeBatch=_record("example.com"))
    assert "not permitted in zone" in refusal
    plain = _record(NAME)
    plain["Changes"][0]["ResourceRecordSet"] = {
        "Name": NAME,
        "Type": "A",
        "TTL": 60,
        "ResourceRecords": [{"Value": "1.2.3.4"}],
    }
    refusal = _refusal(root.change_resource_record_sets, HostedZoneId=zone, ChangeBatch=plain)
    assert "other RRSets exist with the same name and type" in refusal
