"""Snapshots of a stack."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from localstack import processes, snapshots
from localstack.aws import Aws
from localstack.engines.ministack import MiniStack
from localstack.stack import Certificates, Stack


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "order-platform" / "snapshots"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A stack with an engine."""
    stack = Stack(tmp_path / "stack", ports={use: processes.free_port() for use in ("engine", "cart")})
    MiniStack().start(stack)
    yield stack
    MiniStack().stop(stack)


def test_snapshot_restores_into_another_folder(stack: Stack, tmp_path: Path) -> None:
    """A stack with the same inputs in another folder gets the saved resources and outputs; a saved query is one."""
    aws = Aws(stack.endpoint)
    aws.logs.put_query_definition(name="errors", queryString="fields @message")
    aws.s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": "af-south-1"})
    aws.s3.put_object(Bucket="kept", Key="a", Body=b"bytes")
    stack.outputs = {"api_id": "a"}
    snapshots.save(stack)
    MiniStack().stop(stack)
    other = Stack(tmp_path / "other", ports=stack.ports)
    assert snapshots.restore(other)
    MiniStack().start(other)
    try:
        snapshots.adopt(other)
        assert other.outputs == {"api_id": "a"}
        assert other.applied is not None
        assert aws.s3.get_object(Bucket="kept", Key="a")["Body"].read() == b"bytes"
        assert [each["name"] for each in aws.logs.describe_query_definitions()["queryDefinitions"]] == ["errors"]
    finally:
        MiniStack().stop(other)


def test_snapshot_of_other_inputs_is_not_used(stack: Stack, tmp_path: Path) -> None:
    """A snapshot is not used for other ports, or for a stack with certificates."""
    snapshots.save(stack)
    moved = Stack(tmp_path / "moved", ports=stack.ports | {"engine": 1})
    secure = Stack(tmp_path / "secure", ports=stack.ports, certificates=Certificates("a", "b", "c"))
    assert (snapshots.restore(moved), snapshots.restore(secure)) == (False, False)
    assert snapshots.restore(Stack(tmp_path / "same", ports=stack.ports))


def test_save_removes_snapshots_unused_for_longest(stack: Stack, cache: Path) -> None:
    """The cache keeps a few snapshots, and no half-written one."""
    for number in range(9):
        (cache / f"old-{number}").mkdir(parents=True)
    snapshots.save(stack)
    kept = [path for path in cache.iterdir() if not path.name.startswith("old-")]
    assert (len(list(cache.iterdir())), len(kept)) == (6, 1)
    assert json.loads((kept[0] / "outputs.json").read_text()) == {}


def test_restore_half_deleted_snapshot_is_not_used(stack: Stack, cache: Path, tmp_path: Path) -> None:
    """A snapshot without its outputs or its state is as good as none."""
    snapshots.save(stack)
    (folder,) = cache.iterdir()
    (folder / "outputs.json").unlink()
    assert not snapshots.restore(Stack(tmp_path / "other", ports=stack.ports))
    snapshots.save(stack)
    shutil.rmtree(folder / "engine")
    assert not snapshots.restore(Stack(tmp_path / "other", ports=stack.ports))
