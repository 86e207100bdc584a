"""The members of a tar, for looking into it: one after the other, and one by its name where a signature is over it."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from formats.package.defects import Hostile
from formats.package.tar_headers import BAD_TAR, HEADERS, Forward, next_member, opened_tar
from signatures.streams import Guarded, Unopened

__all__ = ["BadTar", "TarMembers"]

MOST_NAMED = 50_000
"""Members that are found by name."""


class BadTar(Exception):
    """What stands in a tar is damaged, or beyond what is read."""


@dataclass
class TarMembers:
    """The files in the tar at ``path``. ``account`` is called for each that is gone past to find one by its name. OSError comes through."""

    path: Path
    account: Callable[[], object]
    _places: dict[bytes, int | None] | None = None
    """Where each begins; None where two have one name, and nobody knows which is meant."""

    def each(self) -> Iterator[tuple[bytes, Callable[[], BinaryIO]]]:
        """(name, open) of every file, which can be opened until the next is asked for. Raises `BadTar`: no more can be had, or there is
        more behind its end."""
        with self.path.open("rb") as file:
            try:
                forward = Forward(file, end=self._size())
                tar = opened_tar(forward)
                for member in _members(tar, forward):
                    if _is_file(member):
                        yield _name(member), partial(_opened, tar, member, forward)
                if forward.behind():
                    raise BadTar
            except Hostile as error:
                raise BadTar from error

    def find(self, name: bytes) -> Callable[[], BinaryIO] | None:
        """The one file of that name, as `each` opens it but at any time."""
        if self._places is None:
            self._places = self._listed()
        place = self._places.get(name)
        return None if place is None else partial(self._at, place)

    def _listed(self) -> dict[bytes, int | None]:
        found: dict[bytes, int | None] = {}
        with self.path.open("rb") as file:
            try:
                forward = Forward(file, end=self._size())
                tar = opened_tar(forward)
                for member in _members(tar, forward):
                    self.account()
                    if tar.pax_headers.keys() - {"comment", "path"} or len(found) == MOST_NAMED:
                        break  # what is said of all that follow is said nowhere else
                    if _is_file(member):
                        found[_name(member)] = None if _name(member) in found else member.offset
            except Hostile:
                pass  # `each` says so
        return found

    def _at(self, place: int) -> BinaryIO:
        file = self.path.open("rb")
        try:
            file.seek(place)
            forward = Forward(file, place, self._size())
            tar = opened_tar(forward)
            member = next_member(tar)
            if member is None:
                raise Unopened
            return _opened(tar, member, forward, file)
        except Hostile as error:
            file.close()
            raise Unopened from error

    def _size(self) -> int:
        return self.path.stat().st_size


def _members(tar: tarfile.TarFile, forward: Forward) -> Iterator[tarfile.TarInfo]:
    while True:
        forward.allowed = max(forward.position, tar.offset) + HEADERS
        member = next_member(tar)
        forward.allowed = tar.offset + HEADERS
        if member is None:
            return
        yield member


def _is_file(member: tarfile.TarInfo) -> bool:
    """What is of no known kind is unpacked as a file, too (POSIX pax, "ustar Interchange Format", typeflag)."""
    return member.isreg() or member.type not in tarfile.SUPPORTED_TYPES


def _name(member: tarfile.TarInfo) -> bytes:
    return member.name.encode("utf-8", "surrogateescape")


def _opened(tar: tarfile.TarFile, member: tarfile.TarInfo, forward: Forward, file: BinaryIO | None = None) -> BinaryIO:
    stream = tar.extractfile(member)
    if stream is None:
        raise Unopened
    forward.allowed = max(forward.allowed, tar.offset + HEADERS)
    return Guarded(stream, Hostile, *BAD_TAR, file=file)
