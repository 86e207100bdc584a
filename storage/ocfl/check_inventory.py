"""Judging one inventory file where it stands: its bytes, its sidecar, and everything that can be said from its text."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from typing import BinaryIO

from fixity.digests import ALGORITHMS, Hasher, digest_of
from fixity.errors import CouldNotRead
from policies.phrases import os_phrase
from storage.ocfl.blocks import Report, shown
from storage.ocfl.documents import STREAM_FROM
from storage.ocfl.inventory import INVENTORY, read_inventory
from storage.ocfl.reader import InventoryReader
from storage.ocfl.readonly import Place

__all__ = ["MAX_INVENTORY", "MAX_SIDECAR", "InventoryFile", "check_sidecar", "expected_sidecar", "load_inventory"]

MAX_INVENTORY = 2 << 30
"""Bytes. A larger inventory is not read but reported: about five million files, more memory than a checker should take."""

MAX_SIDECAR = 4096
"""Bytes of a sidecar that are looked at; a good one has at most 150 and some blanks."""

_SIDECAR = re.compile(rb"([^\s]+)[ \t]+inventory\.json[ \t]*(?:\r?\n)?[ \t\r\n]*")


class TooLarge(Exception):
    """The stream has more bytes than `MAX_INVENTORY`."""


@dataclass(slots=True)
class InventoryFile:
    """One inventory file as read. ``reader`` is None when it is no inventory, ``data`` when it was too large to keep."""

    path: str
    reader: InventoryReader | None
    data: bytes | None
    digests: dict[str, bytes] = field(default_factory=dict)

    def digest(self, place: Place, algorithm: str) -> bytes:
        """The digest of the file's bytes. Raises CouldNotRead."""
        if algorithm not in self.digests:
            if self.data is None:
                self.digests[algorithm] = place.hash(self.path, (algorithm,)).digests[algorithm]
            else:
                self.digests[algorithm] = digest_of(self.data, algorithm)
        return self.digests[algorithm]


class _Watched(io.RawIOBase):
    """A stream that is hashed, and counted, while a parser reads it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self.hasher = stream, Hasher(("sha512", "sha256"))

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size)
        self.hasher.update(data)
        if self.hasher.size > MAX_INVENTORY:
            raise TooLarge
        return data

    def rest(self) -> None:
        while self.read(1 << 20):
            pass


def load_inventory(place: Place, folder: str, report: Report, spec: str) -> InventoryFile | None:
    """Read and judge the inventory in a folder of an object; None when it could not be read (which is reported)."""
    path = f"{folder}/{INVENTORY}" if folder else INVENTORY
    try:
        data = place.read(path, STREAM_FROM + 1)
        if len(data) <= STREAM_FROM:
            return InventoryFile(path, read_inventory(data, report, path, spec), data)
        return _load_large(place, path, report, spec)
    except CouldNotRead as error:
        report("FIX-UNREADABLE", path, reason=error.reason)
    except OSError as error:
        report("FIX-UNREADABLE", path, reason=os_phrase(error))
    except TooLarge:
        report("OCFL-TOO-LARGE", path, limit=MAX_INVENTORY)
    return None


def _load_large(place: Place, path: str, report: Report, spec: str) -> InventoryFile:
    with place.open(path) as stream:
        watched = _Watched(stream)
        reader = read_inventory(watched, report, path, spec)  # type: ignore[arg-type]
        watched.rest()
    return InventoryFile(path, reader, None, {name: each.value for name, each in watched.hasher.digests().items()})


def expected_sidecar(inventory: InventoryFile | None) -> str:
    """The name that the sidecar has to have; "" when the inventory does not tell."""
    algorithm = inventory.reader.algorithm if inventory and inventory.reader else ""
    return f"{INVENTORY}.{algorithm}" if algorithm and "/" not in algorithm else ""


def check_sidecar(place: Place, folder: str, inventory: InventoryFile, names: set[str], report: Report) -> set[str]:
    """Judge the sidecar of an inventory (§3.6). ``names`` are the files of its folder; returns those that may be there."""
    sidecars = {name for name in names if name.startswith(INVENTORY + ".")}
    expected = expected_sidecar(inventory)
    start = f"{folder}/" if folder else ""
    if not expected:  # the inventory does not say which: any that fits is accepted
        if not sidecars:
            report("E058", inventory.path, value=f"{INVENTORY}.*")
        for name in sidecars:
            _check_digest(place, start + name, inventory, report)
        return sidecars
    if expected not in sidecars:
        report("E058", inventory.path, value=shown(expected))
        for name in sorted(sidecars):
            report("E059", start + name, value=shown(expected))
        return set()
    _check_digest(place, start + expected, inventory, report)
    return {expected}


def _check_digest(place: Place, path: str, inventory: InventoryFile, report: Report) -> None:
    algorithm = path.rpartition(f"{INVENTORY}.")[2]
    try:
        data = place.read(path, MAX_SIDECAR + 1)
        found = _SIDECAR.fullmatch(data) if len(data) <= MAX_SIDECAR else None
        if found is None:
            report("E061", path, value=shown(data[:200].decode("utf-8", "replace")))
        elif algorithm in ALGORITHMS:
            actual = inventory.digest(place, algorithm).hex()
            if found[1].lower() != actual.encode():
                report("E060", path, value=actual)
    except CouldNotRead as error:
        report("FIX-UNREADABLE", error.finding.path, reason=error.reason)
