"""The way back to a release that was live before: versions of real functions, templates in a real bucket."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from localstack.aws import Aws
from release import history, rollback, traffic
from release.manifest import Manifest
from release.rollback import RollbackError
from release.store import Store
from release.traffic import TrafficError
from tests.support.lambda_functions import make_function, publish
from tests.support.releases import make_release

GOOD = "def handler(event, context):\n    return {'statusCode': 404}\n"
TEMPLATE = "customer/order_confirmation.html"


def make_bucket(aws: Aws) -> str:
    """A bucket of the test's own."""
    name = f"bucket-{uuid4().hex[:8]}"
    aws.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "af-south-1"})
    return name


@pytest.fixture
def store(aws: Aws) -> Store:
    """A release bucket."""
    return Store(aws.s3, make_bucket(aws))


def put_release(store: Store, folder: Path, name: str) -> Manifest:
    """A release in the bucket, with a template that holds its name."""
    make_release(folder / name, package=name.encode(), templates={TEMPLATE: f"<p>{name}</p>".encode()})
    return store.upload(folder / name)


def test_the_former_release_is_the_one_deployed_before(store: Store) -> None:
    def note(letter: str, kind: str = "deploy") -> None:
        history.note(store, "prod", letter * 64, kind, {})  # type: ignore[arg-type]

    def former() -> str | None:
        found = history.former(store, "prod")
        return found.release[0] if found else None

    assert former() is None
    note("a")
    assert former() is None
    note("b")
    assert former() == "a"
    note("b")
    assert former() == "a", "a release deployed again is no way back from itself"
    note("c")
    assert former() == "b"
    note("b", "rollback")
    assert former() == "a", "going back twice goes further back, not forth"
    live = history.live(store, "prod")
    assert live
    assert live.release == "b" * 64
    assert history.live(store, "sit") is None


def test_traffic_and_templates_go_back(aws: Aws, store: Store, tmp_path: Path) -> None:
    function, templates = make_function(GOOD), make_bucket(aws)
    first, second = put_release(store, tmp_path, "first"), put_release(store, tmp_path, "second")
    history.note(store, "dev", first.digest(), "deploy", {function: "1"})
    publish(aws, function, GOOD + "# second\n")
    traffic.finish(aws.functions, [function])
    rollback.put_templates(aws.s3, templates, store, second)
    history.note(store, "dev", second.digest(), "deploy", {function: "2"})
    tags: Any = [{"Key": "ManagedBy", "Value": "terraform & people"}]
    aws.s3.put_object_tagging(Bucket=templates, Key=TEMPLATE, Tagging={"TagSet": tags})

    to = rollback.target(store, "dev", None)
    done, changed = rollback.roll_back(aws.functions, aws.s3, store, to, {"templates_bucket": templates})

    assert (done.release, done.kind, changed) == (first.digest(), "rollback", [TEMPLATE])
    assert traffic.live_versions(aws.functions, [function]) == {function: "1"}
    assert Store(aws.s3, templates).read(TEMPLATE) == b"<p>first</p>"
    assert aws.s3.get_object_tagging(Bucket=templates, Key=TEMPLATE)["TagSet"] == tags
    live = history.live(store, "dev")
    assert live
    assert live.release == first.digest()
    # Forth again by its digest; what is the same is not put again.
    forth = rollback.target(store, "dev", second.digest())
    rollback.roll_back(aws.functions, aws.s3, store, forth, {"templates_bucket": templates})
    assert traffic.live_versions(aws.functions, [function]) == {function: "2"}
    assert rollback.put_templates(aws.s3, templates, store, second) == []


def test_a_version_that_does_not_run_gets_no_traffic_back(aws: Aws, store: Store, tmp_path: Path) -> None:
    function = make_function("import no_such_module\n")
    release = put_release(store, tmp_path, "broken")
    to = history.note(store, "dev", release.digest(), "deploy", {function: "1"})
    publish(aws, function, GOOD)
    traffic.finish(aws.functions, [function])
    with pytest.raises(TrafficError, match="does not run"):
        rollback.roll_back(aws.functions, aws.s3, store, to, {"templates_bucket": make_bucket(aws)})
    assert traffic.live_versions(aws.functions, [function]) == {function: "2"}


def test_without_a_former_release_the_refusal_says_so(store: Store) -> None:
    with pytest.raises(RollbackError, match="dev has no release before the one that is live: deploy one"):
        rollback.target(store, "dev", None)
    with pytest.raises(RollbackError, match=r"aaaaaaaaaaaa was never live in dev: promote and deploy it"):
        rollback.target(store, "dev", "a" * 64)
