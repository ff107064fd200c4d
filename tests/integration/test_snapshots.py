"""Snapshots of a stack."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from localstack import packages, processes, seed, snapshots, up
from localstack.aws import Aws
from localstack.engines.ministack import MiniStack
from localstack.stack import Certificates, Stack, StackError
from localstack.terraform import LocalTerraform


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "order-platform" / "snapshots"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A stack with an engine."""
    stack = Stack(tmp_path / "stack", ports={use: processes.free_port() for use in ("engine", "cart")})
    try:
        MiniStack().start(stack)
        yield stack
    finally:
        MiniStack().stop(stack)


def short_port() -> int:
    """A free port of four digits."""
    return next(port for port in range(9999, 5000, -1) if not processes.listens(port))


def test_snapshot_restores_into_another_folder_on_other_ports(stack: Stack, tmp_path: Path) -> None:
    """A stack with the same inputs gets the saved resources and outputs, with the addresses of its own ports."""
    aws = Aws(stack.endpoint)
    aws.logs.put_query_definition(name="errors", queryString="fields @message")
    aws.s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": "af-south-1"})
    queue = aws.sqs.create_queue(QueueName="queue")["QueueUrl"]
    state = f"{queue} {stack.cart_url}!".encode()
    aws.s3.put_object(Bucket="kept", Key="state", Body=state, ChecksumAlgorithm="SHA256")
    aws.s3.put_object(Bucket="kept", Key="a", Body=b"bytes")
    stack.outputs = {"api_id": "a"}
    snapshots.save(stack)
    MiniStack().stop(stack)
    # One digit fewer, so that sizes differ too.
    ports = {"engine": short_port(), "cart": 2, "proxy": 3}
    other = Stack(tmp_path / "other", ports=ports)
    assert snapshots.restore(other)
    try:
        MiniStack().start(other)
        snapshots.adopt(other)
        assert other.outputs == {"api_id": "a"}
        assert other.applied is not None
        aws = Aws(other.endpoint)
        moved = aws.sqs.get_queue_url(QueueName="queue")["QueueUrl"]
        assert moved == queue.replace(str(stack.ports["engine"]), str(ports["engine"]))
        aws.sqs.send_message(QueueUrl=moved, MessageBody="a")
        found = aws.s3.get_object(Bucket="kept", Key="state", ChecksumMode="ENABLED")
        assert found["Body"].read() == f"{moved} {other.proxy_url}!".encode()
        assert aws.s3.get_object(Bucket="kept", Key="a")["Body"].read() == b"bytes"
        assert [each["name"] for each in aws.logs.describe_query_definitions()["queryDefinitions"]] == ["errors"]
    finally:
        MiniStack().stop(other)


def test_snapshot_of_other_inputs_is_not_used(stack: Stack, tmp_path: Path) -> None:
    """A snapshot is not used for a stack with certificates or with another issuer of tokens."""
    snapshots.save(stack)
    issuer = Stack(tmp_path / "issuer", ports=stack.ports | {"issuer": 1})
    secure = Stack(tmp_path / "secure", ports=stack.ports, certificates=Certificates("a", "b", "c"))
    assert (snapshots.restore(issuer), snapshots.restore(secure)) == (False, False)
    assert snapshots.restore(Stack(tmp_path / "same", ports=stack.ports))


def test_save_keeps_the_snapshot_of_another_stack(stack: Stack, tmp_path: Path) -> None:
    """A stack from the snapshot gets the same resources by a reset, although another with its inputs came up later."""
    stack.outputs = {"api_id": "first"}
    snapshots.save(stack)
    stack.outputs = {"api_id": "second"}
    snapshots.save(stack)
    other = Stack(tmp_path / "other", ports=stack.ports)
    assert snapshots.restore(other)
    snapshots.adopt(other)
    assert other.outputs == {"api_id": "first"}


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


@pytest.mark.parametrize("content", [b"", b"{}"], ids=["empty", "changed"])
def test_restore_damaged_snapshot_is_not_used(stack: Stack, cache: Path, tmp_path: Path, content: bytes) -> None:
    """A snapshot with a file that is not as it was saved, such as after a power cut, is as good as none."""
    stack.outputs = {"api_id": "a"}
    snapshots.save(stack)
    (folder,) = cache.iterdir()
    other = Stack(tmp_path / "other", ports=stack.ports)
    for file in (folder / "outputs.json", *list((folder / "engine" / "state").iterdir())[:1]):
        before = file.read_bytes()
        file.write_bytes(content)
        assert not snapshots.restore(other)
        file.write_bytes(before)
    assert snapshots.restore(other)
    (folder / "outputs.json").write_bytes(content)
    snapshots.save(stack)
    assert snapshots.restore(other)


def test_snapshot_that_cannot_be_saved_breaks_nothing(
    stack: Stack, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the cache cannot keep it, as on a full disk, the stack is up all the same."""
    cache.parent.mkdir(parents=True)
    cache.touch()
    up._save_snapshot(stack)
    assert "no snapshot is saved, so the next start waits for Terraform too" in capsys.readouterr().out


def test_up_reports_a_damaged_snapshot(
    stack: Stack, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A damaged snapshot is not said to be missing, as if its inputs were new."""
    snapshots.save(stack)
    (folder,) = cache.iterdir()
    (folder / "outputs.json").write_bytes(b"")
    other = Stack(tmp_path / "other", ports={"engine": processes.free_port(), "cart": 1})
    try:
        assert up._start_engine(other, MiniStack()) is up._Began.EMPTY
    finally:
        MiniStack().stop(other)
    assert "the snapshot is damaged or cannot be copied, so Terraform makes the" in capsys.readouterr().out


@pytest.mark.parametrize("failure", ["NoSuchBucket", "MiniStack ended"], ids=["resources", "engine"])
def test_up_removes_a_snapshot_that_does_not_work(
    stack: Stack,
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    failure: str,
) -> None:
    """A stack that does not come up from a whole snapshot comes up without it, and so does the next one."""
    # Resources that the engine does not have.
    stack.outputs = {"function_names": {}, "user_pool_id": "none", "templates_bucket": "none"}
    snapshots.save(stack)
    start = MiniStack.start

    def end(engine: MiniStack, stack: Stack) -> None:
        if failure == "MiniStack ended" and (stack.engine_dir / "outputs.json").exists():
            raise StackError(failure)
        start(engine, stack)

    def init(_: LocalTerraform) -> None:
        raise StackError("Terraform would make the resources")

    # MiniStack itself goes on without a file of its state that it cannot read.
    monkeypatch.setattr(MiniStack, "start", end)
    monkeypatch.setattr(packages, "build_all", lambda _: [])
    monkeypatch.setattr(LocalTerraform, "init", init)
    other = Stack(tmp_path / "other")
    try:
        with pytest.raises(StackError, match="Terraform would make the resources"):
            up.up(other, "embedded", free_ports=True)
        assert MiniStack().healthy(other)
    finally:
        up.down(other)
    printed = capsys.readouterr().out
    assert "the stack does not come up from its snapshot, which is removed: " in printed
    assert failure in printed
    assert printed.count("from a snapshot") == printed.count("no snapshot has these inputs") == 1
    assert list(cache.iterdir()) == []


def test_snapshot_of_other_users_is_not_used(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot is not used once the code that adds the users has changed: they keep the attributes that they have."""
    snapshots.save(stack)
    same = Stack(tmp_path / "same", ports=stack.ports)
    assert snapshots.exists(same)
    (tmp_path / "seed.py").write_text("# changed")
    monkeypatch.setattr(seed, "__file__", str(tmp_path / "seed.py"))
    assert not snapshots.exists(same)
