"""The pack for an approval, written by the read-only role, with TLS and IAM enforced."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from evidence import stages
from labs.rehearsal.accounts import Accounts
from release import manifest
from release.deploy import Planned
from release.manifest import Manifest
from release.packaging import build
from release.store import Store
from tests.support.bootstrapped import bootstrapped
from tests.support.programs import program, run_here
from tests.support.releases import make_release
from tests.unit.test_evidence_pack import recorded_test, write_records
from tooling.paths import ROOT


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Accounts]:
    """The bootstrapped accounts of an engine."""
    with bootstrapped(tmp_path_factory.mktemp("accounts")) as accounts:
        yield accounts


@pytest.fixture
def release(tmp_path: Path) -> Manifest:
    """A release of this tree's Terraform code, with packages that hold nothing."""
    folder = tmp_path / "release"
    for name in [*manifest._tracked("terraform"), *manifest._tracked("templates")]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    (folder / "packages").mkdir()
    for function in build.function_names():
        (folder / "packages" / f"{function}.zip").write_bytes(b"zip")
    return make_release(folder)


def test_approval_pack_changes_nothing(accounts: Accounts, release: Manifest, tmp_path: Path) -> None:
    """The pack for an approval has the plan, and writing it changes nothing."""
    digest = release.digest()
    dev = Store(accounts.client("s3", accounts.sign_in("dev")), "bbws-releases-dev")
    dev.upload(tmp_path / "release")
    credentials = accounts.sign_in("sit", "sit-drift") | {"EVIDENCE_DIR": str(tmp_path / "evidence")}
    arguments = ("pack", digest, "--to", "sit", "--var-file", str(accounts.var_file()))

    def approve() -> tuple[int, str]:
        return run_here(program("release"), ("bin/release", *arguments), credentials)

    status, output = approve()
    assert status == 1
    refusal = f"error: there are no records of {digest[:12]} in bbws-releases-dev: `bin/release record --to dev`"
    assert output.startswith(refusal)

    for stage in ("local", "dev"):
        write_records(tmp_path / "tested", stage, release, recorded_test())
    assert stages.upload(dev, digest, tmp_path / "tested") == ["local", "dev"]
    root = accounts.client("s3", accounts.root("sit"))
    before = {name: Store(root, name).keys("") for name in ("bbws-releases-sit", "bbws-terraform-state-sit")}
    status, output = approve()
    assert status == 0, output
    planned = Planned.parse_raw((tmp_path / "evidence" / "records" / "plan.json").read_bytes())
    assert (planned.environment, planned.release) == ("sit", digest)
    # Nothing is deployed in sit yet, so all of it would be added.
    assert {change.action for change in planned.changes} == {"add"}
    table = next(c.address for c in planned.changes if c.address.startswith("module.orders_table"))
    html = (tmp_path / "evidence" / "to-sit.html").read_text()
    assert table in html.replace("&#34;", '"')
    assert "<strong>Dev</strong>: 1 of 1 test passed" in html
    assert {name: Store(root, name).keys("") for name in before} == before


def test_drift_role_reads_release_only(accounts: Accounts) -> None:
    """The role that writes the pack reads the release bucket before, and nothing else."""
    s3 = accounts.client("s3", accounts.sign_in("sit", "sit-drift"))
    s3.list_objects_v2(Bucket="bbws-releases-dev")
    for bucket in ("bbws-releases-dev", "bbws-releases-sit"):
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.put_object(Bucket=bucket, Key="content/a", Body=b"a")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.list_objects_v2(Bucket="bbws-terraform-state-dev")


def test_records_travel_with_release(accounts: Accounts, tmp_path: Path) -> None:
    """Records travel with the release, and the first records of a stage stay."""
    release = make_release(tmp_path / "release")
    digest = release.digest()
    dev = Store(accounts.client("s3", accounts.root("dev")), "bbws-releases-dev")
    sit = Store(accounts.client("s3", accounts.root("sit")), "bbws-releases-sit")
    write_records(tmp_path / "first", "dev", release, recorded_test(sentence="The first"))
    write_records(tmp_path / "second", "dev", release, recorded_test(sentence="The second"))
    stages.upload(dev, digest, tmp_path / "first")
    stages.upload(dev, digest, tmp_path / "second")
    stages.copy(dev, sit, digest)
    (tmp_path / "fetched" / "dev").mkdir(parents=True)
    (tmp_path / "fetched" / "dev" / "run-0.json").write_text("of another release")
    assert stages.fetch(sit, digest, tmp_path / "fetched") == ["dev"]
    assert [test.sentence for test in stages.read(tmp_path / "fetched" / "dev").tests] == ["The first"]
    other = make_release(tmp_path / "other", package=b"other").digest()
    assert stages.upload(dev, other, tmp_path / "first") == []
    assert stages.fetch(dev, other, tmp_path / "fetched") == []
