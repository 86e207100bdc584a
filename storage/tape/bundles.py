"""Bundles: PAX tars of whole object versions, made so that every byte is known beforehand and can be checked afterwards.

A *part* is a run of members that belong to one version of one object: all of it, or, where the version is larger than a bundle, some
of its whole files (numbered; each part brings the inventories, so that it can be judged alone). Unpacking bundles in the order of
their numbers with plain tar gives a storage root with valid OCFL objects.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from storage.ocfl.inventory_writer import sidecar_text
from storage.ocfl.layout import LAYOUT_FILES, object_path
from storage.ocfl.objects import DECLARATION, DECLARATION_BYTES, INVENTORY, SIDECAR
from storage.tape.rows import BundleRow, PartRow
from storage.tier import SealedVersion

__all__ = [
    "Comment",
    "Member",
    "PartPlan",
    "closing",
    "header",
    "members_of",
    "padding",
    "plan",
    "root_members",
    "tar_size",
]

RECORD = 512
"""Bytes of a tar record (POSIX.1-2017, pax)."""

MODE = 0o444


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a bundle. ``path`` is inside its object ("v1/content/…"), or inside the storage root for the root's own files;
    its bytes are ``data``, or lie in ``source``. ``sha256``, where it is known, costs half as much to check as ``sha512``."""

    path: str
    size: int
    sha512: bytes
    data: bytes | None = None
    source: str | Path | None = None
    sha256: bytes = b""


@dataclass(frozen=True, slots=True)
class Comment:
    """What the first member of a part says in its PAX comment, which tar passes over: whose part this is, so that a cartridge alone tells
    it. ``run`` is one writing of the version: only parts of one run make it whole."""

    object_id: str
    version: int
    part: int
    parts: int
    run: str
    inventory: str
    kind: str = "version"

    def __str__(self) -> str:
        return (
            f"kho 1 {self.kind} version={self.version} part={self.part}/{self.parts} run={self.run} "
            f"inventory={self.inventory} object={self.object_id}"
        )

    @classmethod
    def read(cls, text: str) -> Comment | None:
        """The comment in ``text``; None when it is not one of ours."""
        words = text.split(" ", 7)
        if len(words) != 8 or words[:2] != ["kho", "1"]:
            return None
        fields = dict(word.partition("=")[::2] for word in words[3:])
        part, _, parts = fields.get("part", "").partition("/")
        try:
            numbers = int(fields["version"]), int(part), int(parts)
            return cls(fields["object"], *numbers, fields["run"], fields["inventory"], words[2])
        except (KeyError, ValueError):
            return None

    def row(self, bundle: BundleRow, offset: int, length: int) -> PartRow:
        """The part as it is to be entered: where it lies in ``bundle``; whether all parts of its run are there, the register will say."""
        return PartRow(
            0,
            bundle.volume,
            bundle.sequence,
            offset,
            length,
            self.object_id,
            self.version,
            self.part,
            self.parts,
            self.run,
            bytes.fromhex(self.inventory),
            self.kind,
            whole=False,
        )


@dataclass(frozen=True, slots=True)
class PartPlan:
    """One part to be written: content files number ``first`` up to ``last`` (not included) of ``version``, and its size in a tar."""

    version: SealedVersion
    comment: Comment
    first: int
    last: int
    size: int


def header(path: str, size: int, moment: int, comment: str = "") -> bytes:
    """The tar header of a member: the same bytes for the same arguments, always."""
    member = tarfile.TarInfo(path)
    member.size, member.mtime, member.mode, member.type = size, moment, MODE, tarfile.REGTYPE
    if comment:
        member.pax_headers = {"comment": comment}
    return member.tobuf(tarfile.PAX_FORMAT)


def padding(size: int) -> int:
    """Zeros after ``size`` bytes of content, up to a whole record."""
    return -size % RECORD


def tar_size(path: str, size: int, comment: str = "") -> int:
    """Bytes of a member in a tar."""
    return len(header(path, size, 1 << 31, comment)) + size + padding(size)


def closing(size: int, block: int) -> bytes:
    """What ends a tar of ``size`` bytes: two records of zeros, and zeros up to a whole block."""
    return bytes(2 * RECORD + -(size + 2 * RECORD) % block)


def root_members() -> list[Member]:
    """The storage root's own files, with which every bundle begins."""
    return [Member(path, len(data), hashlib.sha512(data).digest(), data) for path, data in LAYOUT_FILES.items()]


def plan(version: SealedVersion, limit: int, run: str) -> list[PartPlan]:
    """How a version is cut into parts of at most ``limit`` bytes (more only where a single file is larger)."""
    fixed = _fixed_size(version)
    place = object_path(version.object_id)
    cuts: list[tuple[int, int, int]] = []
    first = count = size = 0
    for file in version.files():
        entry = tar_size(f"{place}/{file.content_path}", file.size)
        if size and fixed + size + entry > limit:
            cuts.append((first, count, fixed + size))
            first, size = count, 0
        size += entry
        count += 1
    cuts.append((first, count, fixed + size))
    inventory = version.inventory_sha512.hex()
    return [
        PartPlan(
            version,
            Comment(version.object_id, version.number, number, len(cuts), run, inventory),
            start,
            end,
            # the longest comment: its numbers' digits may move a record's edge
            total + RECORD * 2,
        )
        for number, (start, end, total) in enumerate(cuts, start=1)
    ]


def _fixed_size(version: SealedVersion) -> int:
    place, size = object_path(version.object_id), version.inventory.stat().st_size
    names = [(f"v{version.number}/{INVENTORY}", size), (f"v{version.number}/{SIDECAR}", 160)]
    names += [(DECLARATION, 16), (INVENTORY, size), (SIDECAR, 160)]
    return sum(tar_size(f"{place}/{name}", length) for name, length in names)


def members_of(part: PartPlan) -> Iterator[Member]:
    """The members in their order: the version's inventory first, so that a reader knows what follows; the root's files last."""
    version, number = part.version, part.version.number
    size, digest = version.inventory.stat().st_size, version.inventory_sha512
    sidecar = sidecar_text(digest)
    yield Member(f"v{number}/{INVENTORY}", size, digest, source=version.inventory)
    yield _given(f"v{number}/{SIDECAR}", sidecar)
    for index, file in enumerate(version.files()):
        if index >= part.last:
            break
        if index >= part.first:
            yield Member(file.content_path, file.size, file.sha512, source=file.source, sha256=file.sha256)
    yield _given(DECLARATION, DECLARATION_BYTES)
    yield Member(INVENTORY, size, digest, source=version.inventory)
    yield _given(SIDECAR, sidecar)


def _given(path: str, data: bytes) -> Member:
    return Member(path, len(data), hashlib.sha512(data).digest(), data)
