"""A file that is written in one step."""

import threading
from pathlib import Path

import pytest

from tooling.files import digests, write_whole


def test_reader_never_sees_a_part(tmp_path: Path) -> None:
    """A reader of the file meanwhile sees its former or its new content, and nothing else is left."""
    path, contents = tmp_path / "page.html", {"a" * 100_000, "b" * 200_000}
    write_whole(path, "a" * 100_000)
    ended = threading.Event()

    def write() -> None:
        for _ in range(100):
            for content in contents:
                write_whole(path, content)
        ended.set()

    thread = threading.Thread(target=write)
    thread.start()
    while not ended.is_set():
        assert path.read_text() in contents
    thread.join()
    assert list(tmp_path.iterdir()) == [path]


def test_writers_at_the_same_time_do_not_disturb_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that another writes between two steps of this one has the content of the writer that ends last."""
    path, replace = tmp_path / "terraform.rc", Path.replace

    def replace_later(partial: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "replace", replace)
        write_whole(path, "theirs")
        assert path.read_text() == "theirs"
        return replace(partial, target)

    monkeypatch.setattr(Path, "replace", replace_later)
    write_whole(path, "ours")
    assert path.read_text() == "ours"
    assert list(tmp_path.iterdir()) == [path]


def test_bytes_are_written_as_they_are(tmp_path: Path) -> None:
    """A mail keeps its line ends."""
    write_whole(tmp_path / "mail", b"one\r\ntwo\n")
    assert (tmp_path / "mail").read_bytes() == b"one\r\ntwo\n"


def test_digests_of_a_copy_are_the_same(tmp_path: Path) -> None:
    """Where a folder is and in which order its files are given does not matter; their names and contents do."""

    def folder(name: str, **files: str) -> bytes:
        made = tmp_path / name
        made.mkdir()
        for file, text in files.items():
            (made / file).write_text(text)
        return digests(sorted(made.iterdir(), reverse=name == "copy"), made)

    first = folder("first", a="1", b="2")
    assert folder("copy", a="1", b="2") == first
    assert first not in {folder("changed", a="1", b="3"), folder("renamed", a="1", c="2")}
