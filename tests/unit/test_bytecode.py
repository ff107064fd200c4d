import importlib.util
from pathlib import Path

import pytest

from release.packaging import libraries

# PEP 552: the second four bytes of a hash-based pyc whose source is not checked.
UNCHECKED_HASH = (1).to_bytes(4, "little")
SOURCES = {
    "package/__init__.py": '"""A package."""\n',
    "package/one.py": "NAMES = {'a', 'b', 'c'}\n\n\ndef has(name):\n    return name in {'x', 'y', 'z', 'package'}\n",
    "package/two.py": "from package.one import NAMES\n\nname = 'package'\n",
}


def _write(folder: Path, sources: dict[str, str]) -> None:
    for name, source in sources.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(source)


def _compiled(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.pyc")}


def test_bytecode_is_equal_in_any_folder(tmp_path: Path) -> None:
    """Equal sources compile to equal bytes in any folder."""
    first, second = tmp_path / "a", tmp_path / "somewhere" / "else"
    _write(first, SOURCES)
    _write(second, dict(reversed(SOURCES.items())))
    libraries.add_bytecode(first)
    libraries.add_bytecode(second)
    assert len(_compiled(first)) == 3
    assert _compiled(first) == _compiled(second)


def test_bytecode_names_source_by_unchecked_hash(tmp_path: Path) -> None:
    """Python loads the bytecode without checking the source, and the bytecode names no folder."""
    _write(tmp_path, SOURCES)
    libraries.add_bytecode(tmp_path)
    for name in SOURCES:
        content = Path(importlib.util.cache_from_source(str(tmp_path / name))).read_bytes()
        assert content.startswith(importlib.util.MAGIC_NUMBER + UNCHECKED_HASH)
        assert str(tmp_path).encode() not in content


def test_bytecode_of_invalid_module_names_it(tmp_path: Path) -> None:
    """A module that is not Python is named, with what to do."""
    _write(tmp_path, {**SOURCES, "package/three.py": "def broken(:\n"})
    with pytest.raises(libraries.BuildError, match=r"(?s)leave its library out:.*package/three\.py.*SyntaxError"):
        libraries.add_bytecode(tmp_path)
