"""Logs of processes are bounded."""

from pathlib import Path

from localstack import log_files


def test_trim_large_log_keeps_its_end(tmp_path: Path) -> None:
    """A log above the limit is emptied while a process appends to it, and its last lines are kept."""
    log = tmp_path / "engine.log"
    with log.open("ab", buffering=0) as process:
        process.write(b"old\n" * 1_000_000 + b"last\n")
        log_files.trim(log, 1_000_000)
        process.write(b"new\n")
    assert log.read_bytes() == b"new\n"
    kept = (tmp_path / "engine.log.1").read_bytes()
    assert (len(kept), kept[-9:]) == (2_000_000, b"old\nlast\n")


def test_trim_small_or_missing_log_changes_nothing(tmp_path: Path) -> None:
    """A log below the limit stays as it is, and one that does not exist yet is not made."""
    log = tmp_path / "engine.log"
    log_files.trim(log)
    assert list(tmp_path.iterdir()) == []
    log.write_bytes(b"line\n")
    log_files.trim(log)
    assert [path.name for path in tmp_path.iterdir()] == ["engine.log"]
