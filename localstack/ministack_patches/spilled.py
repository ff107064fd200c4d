"""A list that only grows, and is on disk but for its end: what AWS keeps on disk does not belong into memory."""

import json
import os
import tempfile
import weakref
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

# Values of a chunk on disk; the end that is in memory has at most twice as many.
CHUNK = 64


class SpilledList(Sequence[Any]):
    """Values that JSON can express. Older ones are compressed in a file without a name, which ends with the process.

    One thread may change it while others read. A copy is an ordinary list, for the state that MiniStack saves.
    """

    def __init__(self, values: Iterable[Any] = ()) -> None:
        self._file: int | None = None
        # How many values at the begin are deleted, offset and length of each chunk in the file, and the values after
        # them; replaced together.
        self._state: tuple[int, list[tuple[int, int]], list[Any]] = (0, [], [])
        # The chunk that was read last, by its offset.
        self._decoded: tuple[int, list[Any]] = (-1, [])
        self.extend(values)

    def append(self, value: Any) -> None:
        """Add a value."""
        self.extend([value])

    def extend(self, values: Iterable[Any]) -> None:
        """Add values."""
        deleted, chunks, end = self._state
        end.extend(values)
        while len(end) >= 2 * CHUNK:
            chunks, end = [*chunks, self._write(end[:CHUNK])], end[CHUNK:]
            self._state = deleted, chunks, end

    def replace_end(self, values: Iterable[Any]) -> None:
        """Replace the values that are in memory."""
        self._state = (*self._state[:2], [])
        self.extend(values)

    @property
    def end(self) -> list[Any]:
        """A copy of the values that are in memory."""
        return list(self._state[2])

    def __delitem__(self, index: slice) -> None:
        """Delete values at the begin; ValueError for others."""
        start, stop, step = index.indices(len(self))
        if (start, step) != (0, 1):
            raise ValueError("only values at the begin can be deleted")
        deleted, chunks, end = self._state
        deleted += stop
        whole = min(deleted // CHUNK, len(chunks))
        deleted, chunks = deleted - whole * CHUNK, chunks[whole:]
        self._state = (deleted, chunks, end) if chunks else (0, [], end[deleted:])

    def _write(self, values: list[Any]) -> tuple[int, int]:
        if self._file is None:
            # In TMPDIR, which the stack removes.
            self._file, name = tempfile.mkstemp()
            os.unlink(name)
            weakref.finalize(self, os.close, self._file)
        content = zlib.compress(json.dumps(values, separators=(",", ":")).encode(), level=1)
        offset = os.lseek(self._file, 0, os.SEEK_END)
        os.write(self._file, content)
        return offset, len(content)

    def _read(self, offset: int, length: int) -> list[Any]:
        known, decoded = self._decoded
        if known == offset:
            return decoded
        # Several threads may read at the same time: none moves the position of the file.
        values: list[Any] = json.loads(zlib.decompress(os.pread(self._file or 0, length, offset)))
        self._decoded = offset, values
        return values

    def __len__(self) -> int:
        deleted, chunks, end = self._state
        return CHUNK * len(chunks) + len(end) - deleted

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        deleted, chunks, end = self._state
        spilled = CHUNK * len(chunks)
        index = index + spilled + len(end) if index < 0 else index + deleted
        if index < deleted:
            raise IndexError(index)
        return self._read(*chunks[index // CHUNK])[index % CHUNK] if index < spilled else end[index - spilled]

    def __iter__(self) -> Iterator[Any]:
        deleted, chunks, end = self._state
        end = list(end)
        for chunk in chunks:
            yield from self._read(*chunk)[deleted:]
            deleted = 0
        yield from end[deleted:]

    def __deepcopy__(self, _: Any) -> list[Any]:
        return list(self)
