"""What is kept between runs is made once for its inputs."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.kept import kept


def test_kept_is_made_once_for_its_inputs(tmp_path: Path) -> None:
    """It is made once by all who need it at once, and again when an input changes, which removes the old one."""
    source, made = tmp_path / "source" / "main.tf", list[str]()
    source.parent.mkdir()
    source.write_text("one")

    def make(folder: Path) -> None:
        made.append(source.read_text())
        (folder / "plan").write_text(source.read_text())

    def of(_: int) -> Path:
        return kept("plans", [source.parent], make, tmp_path / "kept")

    with ThreadPoolExecutor(4) as pool:
        (first,) = set(pool.map(of, range(4)))
    assert (first / "plan").read_text() == "one"
    source.write_text("two")
    assert (of(0) / "plan").read_text() == "two"
    assert made == ["one", "two"]
    assert not first.exists()


def test_kept_that_cannot_be_made_is_made_next_time(tmp_path: Path) -> None:
    """What was made only in part is not kept."""

    def fail(folder: Path) -> None:
        (folder / "plan").write_text("half")
        raise OSError("no disk")

    with pytest.raises(OSError, match="no disk"):
        kept("plans", [], fail, tmp_path)
    made = kept("plans", [], lambda folder: None, tmp_path)
    assert list(made.iterdir()) == []
