"""Promotion of a release through the buckets of the accounts, and what refuses it."""

import os
from pathlib import Path
from uuid import uuid4

import pytest

from localstack.aws import Aws
from release import promotion
from release.manifest import Manifest, ManifestError
from release.promotion import EvidenceError, Plan
from release.store import Store
from tests.support.programs import program, run_here
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


def test_download_after_two_copies_has_equal_bytes(stores: dict[str, Store], release: Manifest, tmp_path: Path) -> None:
    """The bytes that were made in dev arrive in prod."""
    stores["sit"].copy_from(stores["dev"], release.digest())
    stores["prod"].copy_from(stores["sit"], release.digest())
    assert stores["prod"].download(release.digest(), tmp_path / "deployed") == release
    for name in release.files:
        assert (tmp_path / "deployed" / name).read_bytes() == (tmp_path / "made" / name).read_bytes()


def test_upload_and_copy_can_be_repeated(stores: dict[str, Store], release: Manifest, tmp_path: Path) -> None:
    """Upload and copy can be repeated."""
    assert stores["dev"].upload(tmp_path / "made") == release
    for _ in range(2):
        assert stores["sit"].copy_from(stores["dev"], release.digest()) == release


def test_copy_of_unknown_release_names_it(stores: dict[str, Store], release: Manifest, tmp_path: Path) -> None:
    """A release that is not in the bucket is named."""
    with pytest.raises(ManifestError, match=f"there is no release {release.digest()} in {stores['sit'].bucket}"):
        stores["prod"].copy_from(stores["sit"], release.digest())
    with pytest.raises(ManifestError, match="there is no release"):
        stores["prod"].download(release.digest(), tmp_path / "deployed")


def test_copy_of_changed_file_is_refused(aws: Aws, stores: dict[str, Store], release: Manifest) -> None:
    """A file with a changed byte is not copied, nor is its release."""
    file = release.files["packages/get_order.zip"]
    aws.s3.put_object(Bucket=stores["dev"].bucket, Key=f"content/{file.sha256}", Body=b"zap")
    with pytest.raises(ManifestError, match=r"packages/get_order\.zip in .* is not what the manifest says"):
        stores["sit"].copy_from(stores["dev"], release.digest())
    with pytest.raises(ManifestError, match="there is no release"):
        stores["sit"].manifest(release.digest())


def test_copy_of_replaced_manifest_is_refused(
    aws: Aws, stores: dict[str, Store], release: Manifest, tmp_path: Path
) -> None:
    """A manifest under the name of another is refused."""
    other = make_release(tmp_path / "other", package=b"other")
    key = f"releases/{release.digest()}.json"
    aws.s3.put_object(Bucket=stores["dev"].bucket, Key=key, Body=other.encode())
    with pytest.raises(ManifestError, match="does not have the digest in its name"):
        stores["sit"].copy_from(stores["dev"], release.digest())


def test_copy_without_file_names_it(aws: Aws, stores: dict[str, Store], release: Manifest) -> None:
    """A missing file of a release is named."""
    file = release.files["sbom.json"]
    aws.s3.delete_object(Bucket=stores["dev"].bucket, Key=f"content/{file.sha256}")
    with pytest.raises(ManifestError, match=r"sbom\.json \([0-9a-f]{64}\) is not in"):
        stores["sit"].copy_from(stores["dev"], release.digest())


def test_dev_requires_no_evidence(stores: dict[str, Store], release: Manifest) -> None:
    """A release needs no evidence for dev."""
    promotion.require_evidence(stores["dev"], release.digest(), "dev", {})


def test_prod_requires_evidence_of_sit(stores: dict[str, Store], release: Manifest) -> None:
    """A release passes dev, then sit, then prod."""
    digest = release.digest()
    with pytest.raises(EvidenceError, match=r"cannot go to sit: it has not passed dev"):
        promotion.require_evidence(stores["dev"], digest, "sit", TECH_LEAD)
    promotion.record_passed(stores["dev"], release, "dev", 130, PLAN, {})
    promotion.require_evidence(stores["dev"], digest, "sit", TECH_LEAD)
    # Evidence of dev is not enough for prod.
    with pytest.raises(EvidenceError, match="it has not passed sit"):
        promotion.require_evidence(stores["sit"], digest, "prod", BOTH)
    promotion.record_passed(stores["sit"], release, "sit", 130, PLAN, TECH_LEAD)
    promotion.require_evidence(stores["sit"], digest, "prod", BOTH)


@pytest.mark.parametrize(
    ("approvals", "message"),
    [
        ({}, "the approval of business-owner is missing .*the approval of tech-lead is missing"),
        (TECH_LEAD, "the approval of business-owner is missing"),
        ({"tech-lead": "Thandi", "business-owner": " thandi"}, "must be two different people"),
        ({**BOTH, "intern": "Lerato"}, "intern does not approve prod"),
        ({"tech-lead": "", "business-owner": "Sipho"}, "the approval of tech-lead is missing"),
    ],
)
def test_prod_requires_two_approvers(
    stores: dict[str, Store], release: Manifest, approvals: dict[str, str], message: str
) -> None:
    """Prod needs the approvals of two different people."""
    promotion.record_passed(stores["sit"], release, "sit", 130, PLAN, TECH_LEAD)
    with pytest.raises(EvidenceError, match=message):
        promotion.require_evidence(stores["sit"], release.digest(), "prod", approvals)


def test_evidence_of_other_release_is_refused(
    aws: Aws, stores: dict[str, Store], release: Manifest, tmp_path: Path
) -> None:
    """Evidence of another release, or that cannot be read, does not count."""
    other = make_release(tmp_path / "other", package=b"other")
    promotion.record_passed(stores["dev"], other, "dev", 130, PLAN, {})
    content = stores["dev"].read(f"evidence/{other.digest()}/dev.json")
    assert content
    key = f"evidence/{release.digest()}/dev.json"
    aws.s3.put_object(Bucket=stores["dev"].bucket, Key=key, Body=content)
    with pytest.raises(EvidenceError, match="belongs to another release"):
        promotion.require_evidence(stores["dev"], release.digest(), "sit", TECH_LEAD)
    aws.s3.put_object(Bucket=stores["dev"].bucket, Key=key, Body=b"{}")
    with pytest.raises(EvidenceError, match="cannot be read"):
        promotion.require_evidence(stores["dev"], release.digest(), "sit", TECH_LEAD)


def test_first_evidence_stays(stores: dict[str, Store], release: Manifest) -> None:
    """Evidence does not change once it is recorded."""
    promotion.record_passed(stores["dev"], release, "dev", 130, PLAN, {})
    before = stores["dev"].read(f"evidence/{release.digest()}/dev.json")
    promotion.record_passed(stores["dev"], release, "dev", 1, PLAN, {})
    assert stores["dev"].read(f"evidence/{release.digest()}/dev.json") == before


def test_approvals_of_unpromoted_release_are_refused(stores: dict[str, Store], release: Manifest) -> None:
    """A release that was not promoted is not deployed; its first approvals stay."""
    digest = release.digest()
    assert promotion.approvals_of(stores["dev"], digest, "dev") == {}
    stores["prod"].copy_from(stores["dev"], digest)
    with pytest.raises(EvidenceError, match=rf"was not promoted to prod: run `bin/release promote {digest} --to prod`"):
        promotion.approvals_of(stores["prod"], digest, "prod")
    promotion.record_promotion(stores["prod"], digest, "prod", BOTH)
    promotion.record_promotion(stores["prod"], digest, "prod", {"tech-lead": "Somebody else"})
    assert promotion.approvals_of(stores["prod"], digest, "prod") == BOTH


def command(*arguments: str) -> tuple[int, str]:
    """Exit status and output of a release command."""
    return run_here(program("release"), ("bin/release", *arguments), dict(os.environ))


def test_commands_upload_refuse_and_promote(aws: Aws, tmp_path: Path) -> None:
    """The commands upload a release, refuse it without evidence, and promote it."""
    for environment in ("dev", "sit", "prod"):
        aws.s3.create_bucket(
            Bucket=f"bbws-releases-{environment}", CreateBucketConfiguration={"LocationConstraint": "af-south-1"}
        )
    made = make_release(tmp_path / "made")
    digest = made.digest()
    assert digest in command("upload", "--folder", str(tmp_path / "made"))[1]
    assert command("promote", digest, "--to", "sit") == (
        1,
        f"error: {digest[:12]} cannot go to sit: it has not passed dev (there is no evidence in bbws-releases-dev); "
        "the approval of tech-lead is missing (--approvals tech-lead=NAME)\n",
    )
    promotion.record_passed(Store(aws.s3, "bbws-releases-dev"), made, "dev", 130, PLAN, {})
    assert digest in command("promote", digest, "--to", "sit", "--approvals", "tech-lead=Thandi")[1]
    assert promotion.approvals_of(Store(aws.s3, "bbws-releases-sit"), digest, "sit") == TECH_LEAD
    assert Store(aws.s3, "bbws-releases-sit").download(digest, tmp_path / "sit") == made
    assert "nothing is promoted to dev" in command("promote", digest, "--to", "dev")[1]
    assert "nothing is promoted to failover" in command("promote", digest, "--to", "failover")[1]
    assert "was not promoted to prod" in command("deploy", digest, "--to", "prod")[1]
    assert "role=name" in command("promote", digest, "--to", "sit", "--approvals", "me")[1]
