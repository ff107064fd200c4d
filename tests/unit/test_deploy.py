"""What a deployment refuses before Terraform is asked for anything."""

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
def test_what_holds_orders_is_not_removed_unless_named(kind: str, actions: tuple[str, ...]) -> None:
    changes = [change(f"module.x.{kind}.this", *actions), change(f"module.y.{kind}.this", "update")]
    with pytest.raises(DeployError, match=rf"would delete or replace module\.x\.{kind}\.this; .* --remove"):
        deploy.require_kept(changes, [])
    deploy.require_kept(changes, [f"module.x.{kind}.this"])


def test_the_rest_may_come_and_go() -> None:
    changes = [change("module.api.aws_api_gateway_deployment.this", "create", "delete"), change(TABLE, "no-op")]
    deploy.require_kept(changes, [])
    assert deploy.summarise([*changes, change(TABLE, "update")]) == Plan(add=1, change=1, destroy=1)


@pytest.mark.parametrize("endpoint", ["", "https://lambda.af-south-1.amazonaws.com", "http://10.0.0.1:4566"])
def test_a_release_without_pango_is_not_for_aws(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    release = make_release(tmp_path)
    deploy.require_drawing(release)
    with pytest.raises(DeployError, match="has no Pango, and AWS has none either; run `make release` where a Docker"):
        deploy.require_drawing(release.copy(update={"natives": "host"}))


def test_a_plan_for_aws_asks_for_pango_before_terraform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    (tmp_path / manifest.NAME).write_bytes(make_release(tmp_path).copy(update={"natives": "host"}).encode())
    with pytest.raises(DeployError, match="has no Pango"):
        deploy.prepare("dev", tmp_path, [])


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:4566", "http://localhost:4566", "http://[::1]:4566"])
def test_a_release_without_pango_is_for_the_local_stack(
    endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    deploy.require_drawing(make_release(tmp_path).copy(update={"natives": "host"}))


def plan_in(folder: Path, environment: EnvironmentName) -> Prepared:
    """A plan that was kept."""
    (folder / "plan.tfplan").write_bytes(b"plan")
    prepared = Prepared(
        environment=environment,
        release=Sha256("a" * 64),
        folder=folder / "release",
        sha256=manifest._file(folder / "plan.tfplan").sha256,
        summary=Plan(add=1, change=0, destroy=0),
    )
    (folder / "plan.json").write_text(prepared.json())
    return prepared


def test_a_plan_is_for_one_environment(tmp_path: Path) -> None:
    prepared = plan_in(tmp_path, "dev")
    assert deploy.read(tmp_path, "dev") == prepared
    with pytest.raises(DeployError, match="was made for dev, not for prod: run `bin/release plan --to prod`"):
        deploy.read(tmp_path, "prod")


def test_a_plan_that_has_changed_is_not_the_one_that_was_looked_at(tmp_path: Path) -> None:
    plan_in(tmp_path, "dev")
    (tmp_path / "plan.tfplan").write_bytes(b"another plan")
    with pytest.raises(DeployError, match="has changed since it was made"):
        deploy.read(tmp_path, "dev")


def test_no_plan_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match=r"there is no plan .* --to sit"):
        deploy.read(tmp_path, "sit")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git repository with one commit."""
    repository = tmp_path / "repository"
    git = ["git", "-C", str(repository), "-c", "user.name=test", "-c", "user.email=test@example.com"]
    subprocess.run(["git", "init", "--quiet", repository], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "--message=first"], check=True)
    monkeypatch.setattr(manifest, "ROOT", repository)
    return repository


def test_a_dirty_tree_deploys_nothing(checkout: Path, tmp_path: Path) -> None:
    make_release(tmp_path / "made")
    (checkout / "changed.py").touch()
    with pytest.raises(DeployError, match=r"(?s)from a tree that no commit describes: .*changed\.py"):
        deploy.prepare("dev", tmp_path / "made")


def test_a_changed_byte_is_not_planned(checkout: Path, tmp_path: Path) -> None:
    make_release(tmp_path / "made")
    (tmp_path / "made" / "packages" / "get_order.zip").write_bytes(b"zap")
    with pytest.raises(ManifestError, match=r"packages/get_order\.zip has digest [0-9a-f]{64}, the manifest says"):
        deploy.prepare("dev", tmp_path / "made")


def test_a_byte_changed_after_the_plan_is_not_applied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_release(tmp_path / "release")
    plan_in(tmp_path, "dev")
    monkeypatch.setattr(deploy, "work_dir", lambda environment: tmp_path)
    (tmp_path / "release" / "sbom.json").write_bytes(b"[]")
    with pytest.raises(ManifestError, match=r"sbom\.json has digest"):
        deploy.apply("dev")


def report(folder: Path, **counts: int) -> Path:
    """A JUnit report, as pytest writes it."""
    attributes = " ".join(f'{name}="{number}"' for name, number in counts.items())
    path = folder / "e2e.xml"
    path.write_text(f"<testsuites><testsuite {attributes}/></testsuites>")
    return path


def test_a_report_without_a_failure_is_evidence(tmp_path: Path) -> None:
    assert promotion.tests_passed(report(tmp_path, tests=130, failures=0, errors=0, skipped=2)) == 128


@pytest.mark.parametrize(
    "counts",
    [{"tests": 130, "failures": 1}, {"tests": 130, "errors": 1}, {"tests": 0}, {"tests": 3, "skipped": 3}],
)
def test_any_other_is_none(tmp_path: Path, counts: dict[str, int]) -> None:
    with pytest.raises(EvidenceError, match="no evidence"):
        promotion.tests_passed(report(tmp_path, **counts))


def test_no_report_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="run the tests with --junitxml"):
        promotion.tests_passed(tmp_path / "e2e.xml")
