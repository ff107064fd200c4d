"""Rollback to an earlier release: versions of real functions, templates in a real bucket."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from localstack.aws import Aws
from release import history, pipeline, traffic
from release.history import RollbackError
from release.manifest import Manifest
from release.store import Store
from release.traffic import TrafficError
from tests.support.lambda_functions import make_function, publish
from tests.support.releases import make_release

type SignIn = Callable[[str], None]

GOOD = "def handler(event, context):\n    return {'statusCode': 404}\n"
TEMPLATE = "customer/order_confirmation.html"


def make_bucket(aws: Aws) -> str:
    """A bucket for one test."""
    name = f"bucket-{uuid4().hex[:8]}"
    aws.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "af-south-1"})
    return name


@pytest.fixture
def store(aws: Aws) -> Store:
    """A release bucket."""
    return Store(aws.s3, make_bucket(aws))


@pytest.fixture
def sign_in(aws: Aws, store: Store, monkeypatch: pytest.MonkeyPatch) -> SignIn:
    """Makes the engine the account of every environment, with the bucket of its templates."""

    def signed_in(templates_bucket: str) -> None:
        monkeypatch.setattr(pipeline, "client", lambda service, _: {"lambda": aws.functions, "s3": aws.s3}[service])
        monkeypatch.setattr(pipeline, "store", lambda _: store)
        monkeypatch.setattr(pipeline, "outputs", lambda _: {"templates_bucket": templates_bucket})

    return signed_in


def put_release(store: Store, folder: Path, name: str) -> Manifest:
    """A release in the bucket, with a template that holds its name."""
    make_release(folder / name, package=name.encode(), templates={TEMPLATE: f"<p>{name}</p>".encode()})
    return store.upload(folder / name)


def test_previous_is_release_deployed_before(store: Store) -> None:
    """The previous release is the one deployed before the live one, also after rollbacks."""

    def record(letter: str, kind: str = "deploy") -> None:
        history.record(store, "prod", letter * 64, kind, {})  # type: ignore[arg-type]

    def previous() -> str | None:
        found = history.previous(store, "prod")
        return found.release[0] if found else None

    assert previous() is None
    record("a")
    assert previous() is None
    record("b")
    assert previous() == "a"
    record("b")
    assert previous() == "a", "a release deployed again is not its own previous one"
    record("c")
    assert previous() == "b"
    record("b", "rollback")
    assert previous() == "a", "two rollbacks go back two releases"
    live = history.live(store, "prod")
    assert live
    assert live.release == "b" * 64
    assert history.live(store, "sit") is None


def test_roll_back_moves_traffic_and_templates(aws: Aws, store: Store, tmp_path: Path, sign_in: SignIn) -> None:
    """A rollback returns traffic and templates to the earlier release."""
    function, bucket = make_function(GOOD), make_bucket(aws)
    sign_in(bucket)
    first, second = put_release(store, tmp_path, "first"), put_release(store, tmp_path, "second")
    history.record(store, "dev", first.digest(), "deploy", {function: "1"})
    publish(aws, function, GOOD + "# second\n")
    traffic.move_to_newest(aws.functions, [function])
    Store(aws.s3, bucket).put_templates(store, second)
    history.record(store, "dev", second.digest(), "deploy", {function: "2"})
    tags: Any = [{"Key": "ManagedBy", "Value": "terraform & people"}]
    aws.s3.put_object_tagging(Bucket=bucket, Key=TEMPLATE, Tagging={"TagSet": tags})

    done, changed = pipeline.roll_back("dev", None)

    assert (done.release, done.kind, changed) == (first.digest(), "rollback", [TEMPLATE])
    assert traffic.live_versions(aws.functions, [function]) == {function: "1"}
    assert Store(aws.s3, bucket).read(TEMPLATE) == b"<p>first</p>"
    assert aws.s3.get_object_tagging(Bucket=bucket, Key=TEMPLATE)["TagSet"] == tags
    live = history.live(store, "dev")
    assert live
    assert live.release == first.digest()
    # Roll forward by digest; equal templates are not put again.
    pipeline.roll_back("dev", second.digest())
    assert traffic.live_versions(aws.functions, [function]) == {function: "2"}
    assert Store(aws.s3, bucket).put_templates(store, second) == []


def test_roll_back_to_broken_version_is_refused(aws: Aws, store: Store, tmp_path: Path, sign_in: SignIn) -> None:
    """A version that does not run gets no traffic back."""
    function = make_function("import no_such_module\n")
    release = put_release(store, tmp_path, "broken")
    history.record(store, "dev", release.digest(), "deploy", {function: "1"})
    sign_in(make_bucket(aws))
    publish(aws, function, GOOD)
    traffic.move_to_newest(aws.functions, [function])
    with pytest.raises(TrafficError, match="does not run"):
        pipeline.roll_back("dev", release.digest())
    assert traffic.live_versions(aws.functions, [function]) == {function: "2"}


def test_target_without_earlier_release_is_refused(store: Store) -> None:
    """Without an earlier release, a rollback says what to do instead."""
    with pytest.raises(RollbackError, match="dev has no earlier release than the live one: deploy one"):
        history.rollback_target(store, "dev", None)
    with pytest.raises(RollbackError, match=r"aaaaaaaaaaaa was never live in dev: promote and deploy it"):
        history.rollback_target(store, "dev", "a" * 64)
