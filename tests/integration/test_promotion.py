"""A release on its way through the buckets of the accounts, and the refusals on it."""

import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from localstack.aws import Aws
from release import promotion
from release.manifest import Manifest, ManifestError
from release.promotion import EvidenceError, Plan
from release.store import Store
from tests.support.releases import make_release

PLAN = Plan(add=1, change=2, destroy=0)
TECH_LEAD = {"tech-lead": "Thandi"}
BOTH = {**TECH_LEAD, "business-owner": "Sipho"}


@pytest.fixture
def stores(aws: Aws) -> dict[str, Store]:
    """A release bucket for each environment."""
    found = {}
    for environment in ("dev", "sit", "prod"):
        name = f"bbws-releases-{environment}-{uuid4().hex[:8]}"
        aws.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "af-south-1"})
        found[environment] = Store(aws.s3, name)
    return found


@pytest.fixture
def release(tmp_path: Path, stores: dict[str, Store]) -> Manifest:
    """A release in DEV's bucket."""
    make_release(tmp_path / "made")
    return stores["dev"].upload(tmp_path / "made")


def test_the_bytes_that_were_made_arrive(stores: dict[str, Store], release: Manifest, tmp_path: Path) -> None:
    stores["sit"].copy_from(stores["dev"], release.digest())
    stores["prod"].copy_from(stores["sit"], release.digest())
    assert stores["prod"].download(release.digest(), tmp_path / "deployed") == release
    for name in release.files:
        assert (tmp_path / "deployed" / name).read_bytes() == (tmp_path / "made" / name).read_bytes()


def test_each_step_can_be_repeated(stores: dict[str, Store], release: Manifest, tmp_path: Path) -> None:
    assert stores["dev"].upload(tmp_path / "made") == release
    for _ in range(2):
        assert stores["sit"].copy_from(stores["dev"], release.digest()) == release


def test_a_release_that_is_not_there_is_named(stores: dict[str, Store], release: Manifest, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=f"there is no release {release.digest()} in {stores['sit'].bucket}"):
        stores["prod"].copy_from(stores["sit"], release.digest())
    with pytest.raises(ManifestError, match="there is no release"):
        stores["prod"].download(release.digest(), tmp_path / "deployed")


def test_a_changed_byte_in_a_bucket_goes_no_further(aws: Aws, stores: dict[str, Store], release: Manifest) -> None:
    file = release.files["packages/get_order.zip"]
    aws.s3.put_object(Bucket=stores["dev"].bucket, Key=f"content/{file.sha256}", Body=b"zap")
    with pytest.raises(ManifestError, match=r"packages/get_order\.zip in .* is not what the manifest says"):
        stores["sit"].copy_from(stores["dev"], release.digest())
    with pytest.raises(ManifestError, match="there is no release"):
        stores["sit"].manifest(release.digest())


def test_another_manifest_under_its_name_is_refused(
    aws: Aws, stores: dict[str, Store], release: Manifest, tmp_path: Path
) -> None:
    other = make_release(tmp_path / "other", package=b"other")
    key = f"releases/{release.digest()}.json"
    aws.s3.put_object(Bucket=stores["dev"].bucket, Key=key, Body=other.encode())
    with pytest.raises(ManifestError, match="not the manifest that its name says"):
        stores["sit"].copy_from(stores["dev"], release.digest())


def test_a_file_that_is_gone_is_named(aws: Aws, stores: dict[str, Store], release: Manifest) -> None:
    file = release.files["sbom.json"]
    aws.s3.delete_object(Bucket=stores["dev"].bucket, Key=f"content/{file.sha256}")
    with pytest.raises(ManifestError, match=r"sbom\.json \([0-9a-f]{64}\) is not in"):
        stores["sit"].copy_from(stores["dev"], release.digest())


def test_dev_asks_for_nothing(release: Manifest) -> None:
    promotion.require(None, release.digest(), "dev", {})


def test_a_stage_is_not_skipped(stores: dict[str, Store], release: Manifest) -> None:
    digest = release.digest()
    with pytest.raises(EvidenceError, match=r"cannot go to sit: dev has not passed it"):
        promotion.require(stores["dev"], digest, "sit", TECH_LEAD)
    promotion.write(stores["dev"], release, "dev", 130, PLAN, {})
    promotion.require(stores["dev"], digest, "sit", TECH_LEAD)
    # What dev passed is no proof for prod: SIT's bucket has none.
    with pytest.raises(EvidenceError, match="sit has not passed it"):
        promotion.require(stores["sit"], digest, "prod", BOTH)
    promotion.write(stores["sit"], release, "sit", 130, PLAN, TECH_LEAD)
    promotion.require(stores["sit"], digest, "prod", BOTH)


@pytest.mark.parametrize(
    ("approvals", "message"),
    [
        ({}, "the approval of business-owner is missing .*the approval of tech-lead is missing"),
        (TECH_LEAD, "the approval of business-owner is missing"),
        ({"tech-lead": "Thandi", "business-owner": " thandi"}, "must be two people"),
        ({**BOTH, "intern": "Lerato"}, "intern is no role that approves prod"),
        ({"tech-lead": "", "business-owner": "Sipho"}, "the approval of tech-lead is missing"),
    ],
)
def test_prod_takes_two_people(
    stores: dict[str, Store], release: Manifest, approvals: dict[str, str], message: str
) -> None:
    promotion.write(stores["sit"], release, "sit", 130, PLAN, TECH_LEAD)
    with pytest.raises(EvidenceError, match=message):
        promotion.require(stores["sit"], release.digest(), "prod", approvals)


def test_evidence_of_another_release_is_none(
    aws: Aws, stores: dict[str, Store], release: Manifest, tmp_path: Path
) -> None:
    other = make_release(tmp_path / "other", package=b"other")
    promotion.write(stores["dev"], other, "dev", 130, PLAN, {})
    content = stores["dev"].read(f"evidence/{other.digest()}/dev.json")
    assert content
    key = f"evidence/{release.digest()}/dev.json"
    aws.s3.put_object(Bucket=stores["dev"].bucket, Key=key, Body=content)
    with pytest.raises(EvidenceError, match="of another release"):
        promotion.require(stores["dev"], release.digest(), "sit", TECH_LEAD)
    aws.s3.put_object(Bucket=stores["dev"].bucket, Key=key, Body=b"{}")
    with pytest.raises(EvidenceError, match="cannot be read"):
        promotion.require(stores["dev"], release.digest(), "sit", TECH_LEAD)


def test_evidence_once_written_stays(stores: dict[str, Store], release: Manifest) -> None:
    promotion.write(stores["dev"], release, "dev", 130, PLAN, {})
    before = stores["dev"].read(f"evidence/{release.digest()}/dev.json")
    promotion.write(stores["dev"], release, "dev", 1, PLAN, {})
    assert stores["dev"].read(f"evidence/{release.digest()}/dev.json") == before


def test_what_was_not_promoted_is_not_deployed(stores: dict[str, Store], release: Manifest) -> None:
    digest = release.digest()
    assert promotion.approvals_of(stores["dev"], digest, "dev") == {}
    stores["prod"].copy_from(stores["dev"], digest)
    with pytest.raises(EvidenceError, match=rf"was not promoted to prod: run `bin/release promote {digest} --to prod`"):
        promotion.approvals_of(stores["prod"], digest, "prod")
    promotion.promoted(stores["prod"], digest, "prod", BOTH)
    promotion.promoted(stores["prod"], digest, "prod", {"tech-lead": "Somebody else"})
    assert promotion.approvals_of(stores["prod"], digest, "prod") == BOTH


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a release command as a workflow does."""
    return subprocess.run(
        [sys.executable, "-m", "cli.release", *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def test_the_commands_upload_refuse_and_promote(aws: Aws, tmp_path: Path) -> None:
    for environment in ("dev", "sit", "prod"):
        aws.s3.create_bucket(
            Bucket=f"bbws-releases-{environment}", CreateBucketConfiguration={"LocationConstraint": "af-south-1"}
        )
    made = make_release(tmp_path / "made")
    digest = made.digest()
    assert digest in command("upload", "--folder", str(tmp_path / "made")).stdout
    refused = command("promote", digest, "--to", "sit")
    assert refused.returncode == 1
    assert refused.stderr == (
        f"error: {digest[:12]} cannot go to sit: dev has not passed it (there is no evidence in bbws-releases-dev); "
        "the approval of tech-lead is missing (--approvals tech-lead=NAME)\n"
    )
    promotion.write(Store(aws.s3, "bbws-releases-dev"), made, "dev", 130, PLAN, {})
    promoted = command("promote", digest, "--to", "sit", "--approvals", "tech-lead=Thandi")
    assert digest in promoted.stdout
    assert promotion.approvals_of(Store(aws.s3, "bbws-releases-sit"), digest, "sit") == TECH_LEAD
    assert Store(aws.s3, "bbws-releases-sit").download(digest, tmp_path / "sit") == made
    assert "nothing is promoted to dev" in command("promote", digest, "--to", "dev").stderr
    assert "nothing is promoted to failover" in command("promote", digest, "--to", "failover").stderr
    assert "was not promoted to prod" in command("deploy", digest, "--to", "prod").stderr
    assert "role=name" in command("promote", digest, "--to", "sit", "--approvals", "me").stderr
