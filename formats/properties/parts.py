"""The parts of an office document that is a zip (OOXML, ODF): read one by one, with limits, never unpacked to disk."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, Final, cast

from formats.properties.facts import CannotTell
from formats.xml import Element, NotWellFormed, events
from policies.phrases import foreign, phrase

__all__ = ["Parts", "opened"]

MOST_PARTS: Final = 100_000
MOST_BYTES: Final = 1 << 30
"""Of one part, unpacked: the sheet of a table of a million rows has some hundreds of megabytes."""


class Parts:
    """An open document."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file
        self.names = [info.filename for info in file.infolist()]

    def __contains__(self, name: str) -> bool:
        return name in self._file.NameToInfo

    @contextmanager
    def stream(self, name: str) -> Iterator[BinaryIO]:
        """One part. Raises CannotTell when there is none, or it cannot be read."""
        try:
            with self._file.open(name) as part:
                yield cast(BinaryIO, _Bounded(part, name))
        except (KeyError, RuntimeError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
            raise CannotTell(phrase("part-not-read", name=name, why=foreign(error))) from error

    def events(self, name: str) -> Iterator[tuple[str, Element]]:
        """The XML of a part as `formats.xml.events`. Raises CannotTell."""
        with self.stream(name) as part:
            try:
                yield from events(part)
            except NotWellFormed as error:
                raise CannotTell(phrase("part-not-read", name=name, why=foreign(error))) from error


class _Bounded:
    """A part that ends with an error where a bomb would go on."""

    def __init__(self, part: IO[bytes], name: str) -> None:
        self._part = part
        self._name = name
        self._left = MOST_BYTES

    def read(self, size: int = -1) -> bytes:
        data = self._part.read(size)
        self._count(len(data))
        return data

    def readinto(self, buffer: bytearray) -> int:
        data = self._part.read(len(buffer))
        buffer[: len(data)] = data
        self._count(len(data))
        return len(data)

    def readable(self) -> bool:
        return True

    def _count(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise CannotTell(phrase("part-too-large", name=self._name, most=MOST_BYTES >> 30))


@contextmanager
def opened(path: Path) -> Iterator[Parts]:
    """A document. Raises CannotTell when it is no zip (an encrypted OOXML document is none), or has too many parts."""
    try:
        with zipfile.ZipFile(path) as file:
            if len(file.infolist()) > MOST_PARTS:
                raise CannotTell(phrase("parts-too-many", most=MOST_PARTS))
            yield Parts(file)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise CannotTell(foreign(error)) from error
