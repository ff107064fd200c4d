"""What a deployment refuses before Terraform runs."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from release import deploy, manifest, promotion
from release.deploy import DeployError, Prepared
from release.environments import EnvironmentName
from release.manifest import ManifestError, Sha256
from release.promotion import EvidenceError, Plan
from tests.support.releases import make_release

TABLE = "module.orders_table.aws_dynamodb_table.this"


def change(address: str, *actions: str) -> dict[str, Any]:
    """A resource change, as `terraform show -json` gives it."""
    return {"address": address, "type": address.rsplit(".", 2)[-2], "change": {"actions": list(actions)}}


@pytest.mark.parametrize("actions", [("delete",), ("delete", "create"), ("create", "delete")])
@pytest.mark.parametrize("kind", ["aws_dynamodb_table", "aws_s3_bucket", "aws_sqs_queue", "aws_cognito_user_pool"])
def test_plan_that_deletes_data_is_refused(kind: str, actions: tuple[str, ...]) -> None:
    """What holds orders is not deleted or replaced unless it is named."""
    changes = [change(f"module.x.{kind}.this", *actions), change(f"module.y.{kind}.this", "update")]
    with pytest.raises(
        DeployError, match=rf"would delete or replace module\.x\.{kind}\.this; to allow that, .* --remove"
    ):
        deploy.require_no_data_loss(changes, [])
    deploy.require_no_data_loss(changes, [f"module.x.{kind}.this"])


def test_plan_may_replace_resources_without_data() -> None:
    """Resources without data may be replaced."""
    changes = [change("module.api.aws_api_gateway_deployment.this", "create", "delete"), change(TABLE, "no-op")]
    deploy.require_no_data_loss(changes, [])
    assert deploy.summarise([*changes, change(TABLE, "update")]) == Plan(add=1, change=1, destroy=1)


@pytest.mark.parametrize("endpoint", ["", "https://lambda.af-south-1.amazonaws.com", "http://10.0.0.1:4566"])
def test_pango_is_required_in_aws(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release without Pango is not deployed to AWS."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    release = make_release(tmp_path)
    deploy.require_pango(release)
    with pytest.raises(DeployError, match="has no Pango, and AWS has none either; run `make release` where"):
        deploy.require_pango(release.copy(update={"natives": "host"}))
    with pytest.raises(DeployError, match="made with a stand-in for Lambda's image: its invoice package has Debian's"):
        deploy.require_pango(release.copy(update={"natives": "stand-in"}))


def test_prepare_checks_pango_before_terraform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release without Pango is refused before Terraform runs."""
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    (tmp_path / manifest.NAME).write_bytes(make_release(tmp_path).copy(update={"natives": "host"}).encode())
    with pytest.raises(DeployError, match="has no Pango"):
        deploy.prepare("dev", tmp_path, [])


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:4566", "http://localhost:4566", "http://[::1]:4566"])
def test_pango_is_optional_on_this_machine(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release without Pango may be deployed to this machine."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    deploy.require_pango(make_release(tmp_path).copy(update={"natives": "host"}))


@pytest.fixture
def work_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of all plans."""
    monkeypatch.setattr(deploy, "work_dir", lambda environment: tmp_path)
    return tmp_path


def plan_in(folder: Path, environment: EnvironmentName) -> Prepared:
    """A saved plan for an environment."""
    (folder / "plan.tfplan").write_bytes(b"plan")
    prepared = Prepared(
        environment=environment,
        release=Sha256("a" * 64),
        folder=folder / "release",
        sha256=deploy._digest(folder / "plan.tfplan"),
        summary=Plan(add=1, change=0, destroy=0),
    )
    (folder / "plan.json").write_text(prepared.json())
    return prepared


def test_read_plan_of_other_environment_is_refused(work_dir: Path) -> None:
    """A plan is applied to its own environment only."""
    prepared = plan_in(work_dir, "dev")
    assert deploy.read_plan("dev") == prepared
    with pytest.raises(DeployError, match="was made for dev, not for prod: run `bin/release plan --to prod`"):
        deploy.read_plan("prod")


def test_read_plan_with_changed_file_is_refused(work_dir: Path) -> None:
    """A plan whose file has changed is refused."""
    plan_in(work_dir, "dev")
    (work_dir / "plan.tfplan").write_bytes(b"another plan")
    with pytest.raises(DeployError, match="has changed since it was made"):
        deploy.read_plan("dev")


def test_read_plan_without_plan_says_how_to_make_one(work_dir: Path) -> None:
    """A missing plan is reported with the command that makes one."""
    with pytest.raises(DeployError, match=r"there is no plan .* --to sit"):
        deploy.read_plan("sit")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git repository with one commit."""
    repository = tmp_path / "repository"
    git = ["git", "-C", str(repository), "-c", "user.name=test", "-c", "user.email=test@example.com"]
    subprocess.run(["git", "init", "--quiet", repository], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "--message=first"], check=True)
    monkeypatch.setattr(manifest, "ROOT", repository)
    return repository


def test_prepare_with_uncommitted_changes_is_refused(checkout: Path, tmp_path: Path) -> None:
    """Nothing is deployed with uncommitted changes."""
    make_release(tmp_path / "made")
    (checkout / "changed.py").touch()
    with pytest.raises(ManifestError, match=r"(?s)uncommitted changes; commit them first:.*changed\.py"):
        deploy.prepare("dev", tmp_path / "made")


def test_prepare_of_changed_release_is_refused(checkout: Path, tmp_path: Path) -> None:
    """A release with a changed byte is not planned."""
    make_release(tmp_path / "made")
    (tmp_path / "made" / "packages" / "get_order.zip").write_bytes(b"zap")
    with pytest.raises(ManifestError, match=r"packages/get_order\.zip has digest [0-9a-f]{64}, the manifest says"):
        deploy.prepare("dev", tmp_path / "made")


def test_apply_of_release_changed_since_is_refused(work_dir: Path) -> None:
    """A release that has changed since its plan is not applied."""
    make_release(work_dir / "release")
    plan_in(work_dir, "dev")
    (work_dir / "release" / "sbom.json").write_bytes(b"[]")
    with pytest.raises(ManifestError, match=r"sbom\.json has digest"):
        deploy.apply("dev")


def report(folder: Path, **counts: int) -> Path:
    """A JUnit report, as pytest writes it."""
    attributes = " ".join(f'{name}="{number}"' for name, number in counts.items())
    path = folder / "e2e.xml"
    path.write_text(f"<testsuites><testsuite {attributes}/></testsuites>")
    return path


def test_report_without_failure_counts_passed_tests(tmp_path: Path) -> None:
    """A report without a failure counts the tests that passed."""
    assert promotion.tests_passed(report(tmp_path, tests=130, failures=0, errors=0, skipped=2), "sit") == 128


@pytest.mark.parametrize(
    "counts",
    [{"tests": 130, "failures": 1}, {"tests": 130, "errors": 1}, {"tests": 0}, {"tests": 3, "skipped": 3}],
)
def test_report_with_failure_is_no_evidence(tmp_path: Path, counts: dict[str, int]) -> None:
    """A report with a failure, or without a passed test, is no evidence."""
    path = report(tmp_path, **counts)
    with pytest.raises(EvidenceError, match=f"no evidence: .*; run `bin/test e2e --target sit --report {path}`"):
        promotion.tests_passed(path, "sit")


def test_missing_report_says_how_to_get_one(tmp_path: Path) -> None:
    """A missing report is reported with the command that writes one."""
    path = tmp_path / "e2e.xml"
    with pytest.raises(EvidenceError, match=f"no test report .*: run `bin/test e2e --target prod --report {path}`"):
        promotion.tests_passed(path, "prod")
