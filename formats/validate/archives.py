"""ZIP archives, and the formats that are ZIP archives with rules: what is in them is read whole, and its checksums compared."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lxml import etree  # type: ignore[import-untyped]

from formats.validate.validation import Defect, Validation, Why, could_not, defective
from policies.findings import Puid
from policies.phrases import phrase

__all__ = ["Archive", "Locked", "NotWhole", "ZipTest", "opened", "tree"]

READ_BYTES = 1 << 20

LARGEST_TREE = 256 << 20
"""Bytes of an XML part that is held as a tree; larger ones are only streamed."""

ENCRYPTED = 1 << 0
"""Bit of a member's flags (APPNOTE 4.4.4)."""

BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError)


class Locked(Exception):
    """A member asks for a password."""


class NotWhole(Exception):
    """Something is larger than what a validator looks at: nothing can be said of the whole."""


class Archive:
    """An open archive: its members by name, and the defects that were met."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.members = {member.filename: member for member in archive.infolist()}
        self.defects: list[Defect] = []
        if len(self.members) < len(archive.infolist()):
            self.defect("ZIP", "the same name stands twice in it")

    def defect(self, rule: str, words: str) -> None:
        self.defects.append(Defect(rule, words))

    def read(self, name: str) -> bytes:
        """A small member whole; b"" and a defect when it cannot be read."""
        return b"".join(self.chunks(name, most=LARGEST_TREE))

    def chunks(self, name: str, *, most: int | None = None) -> Iterator[bytes]:
        """A member's bytes as they are read; its checksum is compared at its end. Raises Locked, NotWhole (more than ``most``)."""
        left = most
        try:
            member = self.members[name]
            if member.flag_bits & ENCRYPTED:
                raise Locked(name)
            with self._archive.open(member) as stream:
                while chunk := stream.read(READ_BYTES):
                    yield chunk
                    if left is not None and (left := left - len(chunk)) < 0:
                        raise NotWhole(phrase("part-large", name=name, most=most or 0))
        except BROKEN as error:
            self.defect("ZIP", f"{name}: {error}")

    def test(self) -> None:
        """Read every member to its end."""
        for name in self.members:
            for _ in self.chunks(name):
                pass


@contextmanager
def opened(path: Path) -> Iterator[Archive | None]:
    """The archive at ``path``; None when there is no directory that can be read."""
    try:
        archive = zipfile.ZipFile(path)
    except (*BROKEN, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None and not isinstance(error, zipfile.BadZipFile):
            raise
        yield None
        return
    with archive:
        yield Archive(archive)


def tree(archive: Archive, name: str) -> etree._Element | None:
    """An XML member as a tree; None and a defect when it is missing or not well-formed."""
    if name not in archive.members:
        archive.defect("structure", f"{name} is missing")
        return None
    before = len(archive.defects)
    data = archive.read(name)
    if len(archive.defects) > before:
        return None
    parser = etree.XMLParser(load_dtd=False, no_network=True, resolve_entities=False, huge_tree=True)
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        archive.defect("well-formed", f"{name}: {error.msg}")
        return None


class ZipTest:
    """Any ZIP archive: directory, members, checksums."""

    name = "zipfile"

    def __init__(self) -> None:
        self.version = f"zlib-{zlib.ZLIB_RUNTIME_VERSION}"

    def validate(self, path: Path, puid: Puid) -> Validation:
        check = f"{self.name} {self.version}"
        with opened(path) as archive:
            if archive is None:
                return defective(check, [Defect("ZIP", phrase("zip-directory"))])
            try:
                self.look(archive)
            except Locked as locked:
                return could_not(Why.LOCKED, phrase("member-encrypted", name=str(locked)), check=check)
            except NotWhole as reason:
                return could_not(Why.TOOL_DIED, str(reason), check=check)
            return defective(check, archive.defects)

    def look(self, archive: Archive) -> None:
        """Every rule of the format; what is found goes to the archive's defects. Raises Locked."""
        archive.test()
