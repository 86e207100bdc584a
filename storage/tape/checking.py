"""Holding what is on tape against what was written there: every byte of a part (header, content, padding), member by member."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from fixity.verify import Outcome
from policies.phrases import phrase
from storage.ocfl.layout import object_path
from storage.tape.bundles import Comment, header, padding
from storage.tape.cartridge import DataFile
from storage.tape.errors import MediumError
from storage.tape.rows import FileRow, PartRow

__all__ = ["Reading", "read_members"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found of one member. ``found`` is the SHA-512 of its content as read, or a phrase."""

    row: FileRow
    outcome: Outcome
    found: str
    read: int


def read_members(
    data: DataFile, part: PartRow, rows: Iterable[FileRow], moment: int, wanted: Callable[[FileRow], bool]
) -> Iterator[Reading]:
    """Read the wanted members of a part. What lies behind where ``data`` stands begins in a block that could not be read, and was stepped
    over: in this part, or at the end of the one before. Other errors than unreadable blocks come through as they are."""
    comment = str(comment_of(part))
    place = object_path(part.object_id)
    for row in rows:
        if wanted(row):
            expected = header(f"{place}/{row.path}", row.size, moment, comment)
            if row.offset < data.at:
                yield Reading(row, Outcome.UNREADABLE, phrase("sense-unread"), 0)
            else:
                try:
                    data.skip_to(row.offset)
                    yield _read(data, row, expected)
                except MediumError as error:
                    yield Reading(row, Outcome.UNREADABLE, error.sense.words, 0)
                    data.step_over()
        comment = ""


def comment_of(part: PartRow) -> Comment:
    """The comment with which a part was written."""
    return Comment(part.object_id, part.version, part.part, part.parts, part.run, part.inventory.hex(), part.kind)


def _read(data: DataFile, row: FileRow, expected: bytes) -> Reading:
    head = b"".join(data.pieces(len(expected)))
    hasher, size = hashlib.sha512(usedforsecurity=False), 0
    for piece in data.pieces(row.size):
        hasher.update(piece)
        size += len(piece)
    tail = b"".join(data.pieces(padding(row.size)))
    digest = hasher.digest()
    if size < row.size:
        return Reading(row, Outcome.ALTERED, phrase("tape-member-short"), size)
    if digest != row.sha512:
        return Reading(row, Outcome.ALTERED, digest.hex(), size)
    if head != expected or tail != bytes(padding(row.size)):
        return Reading(row, Outcome.ALTERED, phrase("tape-member-place"), size)
    return Reading(row, Outcome.GOOD, digest.hex(), size)
