"""Enclosed: how much of which format lies in one archive, as it is recorded beside the archive's own format."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Self

__all__ = ["Enclosed", "EnclosedFormat"]


@dataclass(frozen=True, slots=True)
class EnclosedFormat:
    """The files of one format in an archive; ``puid`` is "" where none is known, or the file is empty."""

    puid: str
    name: str
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Enclosed:
    """Sums of one archive (and of those in it). ``formats`` are the commonest; the rest are only counted: ``more`` is (formats, files,
    bytes). ``locked`` files ask for a password; ``left`` is how often something was not looked at."""

    formats: tuple[EnclosedFormat, ...] = ()
    more: tuple[int, int, int] = (0, 0, 0)
    locked: int = 0
    left: int = 0

    def document(self) -> dict[str, Any]:
        """For JSON (docs/on-disk.md); `of` reads it back."""
        found: dict[str, Any] = {"formats": [[each.puid, each.name, each.files, each.bytes] for each in self.formats]}
        if self.more[0]:
            found["more"] = list(self.more)
        if self.locked:
            found["locked"] = self.locked
        if self.left:
            found["left"] = self.left
        return found

    def text(self) -> str:
        """The same sums are always the same text."""
        return json.dumps(self.document(), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def of(cls, text: str) -> Self:
        """Raises ValueError for what `text` never writes."""
        try:
            found = json.loads(text)
            formats = tuple(EnclosedFormat(str(puid), str(name), int(n), int(size)) for puid, name, n, size in found["formats"])
            kinds, files, size = found.get("more", (0, 0, 0))
            return cls(formats, (int(kinds), int(files), int(size)), int(found.get("locked", 0)), int(found.get("left", 0)))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no sums of an archive: {text[:80]!r}") from error
