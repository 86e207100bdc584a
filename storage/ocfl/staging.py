"""Writing one sealed version into a folder of temporary files, whole, hashed on the way, not yet durable."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from typing import TypeVar

from fixity.digests import LARGE_BUFFER
from policies.phrases import os_phrase, phrase
from storage import durable
from storage.durable import Barrier
from storage.errors import Refused, SpoolDamaged, Unavailable
from storage.ocfl.inventory_writer import sidecar_text
from storage.ocfl.objects import DECLARATION, DECLARATION_BYTES, INVENTORY, SIDECAR
from storage.tier import SealedFile, SealedVersion

__all__ = ["Staging"]

T = TypeVar("T")

WHOLE = 1 << 18
"""Files up to this size are read in one call: two calls to the system fewer, and no buffer of a megabyte to clear."""

_NO_LINK = frozenset({errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS})
"""Answers of link(2) that mean "copy instead"."""

_NO_NAMES = frozenset({"", ".", ".."})
"""What no segment of a content path is."""


class Staging:
    """One version under ``folder`` (fresh, made here): the whole object for version 1, else ``vN/`` and the new root files.

    ``link`` takes the spool's own file as a second name instead of copying where the file system can.
    """

    def __init__(self, version: SealedVersion, folder: str, barrier: Barrier, *, link: bool = False) -> None:
        self.version = version
        self.folder = folder
        self._barrier = barrier
        self._link = link
        self._buffer: bytearray | None = None
        self._prefix = f"v{version.number}/"
        self._made = {self.version_folder}
        """Folders that are there."""

    @property
    def version_folder(self) -> str:
        return os.path.join(self.folder, f"v{self.version.number}")

    def write(self) -> None:
        """Raises SpoolDamaged (the source is not what was sealed), Unavailable, Refused; OSError for what the target says."""
        for folder in (self.folder, self.version_folder):
            durable.mkdir(folder)
            self._barrier.folder(os.path.dirname(folder))
        for file in self.version.files():
            self._content(file)
        self._inventories()
        self._small(os.path.join(self.version_folder, SIDECAR), sidecar_text(self.version.inventory_sha512))
        self._small(os.path.join(self.folder, SIDECAR), sidecar_text(self.version.inventory_sha512))
        if self.version.builds_on is None:
            self._small(os.path.join(self.folder, DECLARATION), DECLARATION_BYTES)
        for folder in (self.version_folder, self.folder):
            self._barrier.folder(folder)

    def _content(self, file: SealedFile) -> None:
        path = file.content_path
        if not path.startswith(self._prefix) or not _NO_NAMES.isdisjoint(path.split("/")):
            raise Refused(path, phrase("no-content-path"))
        target = os.path.join(self.folder, path)
        if self._link and self._linked(file, target):
            return
        source = _source(file.source)
        try:
            size = os.fstat(source).st_size
            descriptor = self._in_folder(target, durable.create, target)
            try:
                done, digest = self._copy(source, size, [descriptor], str(file.source))
                self._barrier.file(descriptor)
            finally:
                durable.close(descriptor)
        finally:
            os.close(source)
        if done != file.size or digest != file.sha512:
            found, sealed = digest.hex()[:16], file.sha512.hex()[:16]
            said = phrase(
                "spool-source-differs", source=str(file.source), bytes=done, found=found, sealed=file.size, expected=sealed
            )
            raise SpoolDamaged(path, said)

    def _linked(self, file: SealedFile, target: str) -> bool:
        source = os.fspath(file.source)
        descriptor = _source(source)
        try:
            found = os.fstat(descriptor)
            if found.st_size != file.size:
                raise SpoolDamaged(
                    file.content_path, phrase("spool-source-size", source=source, found=found.st_size, sealed=file.size)
                )
            try:
                self._in_folder(target, durable.link, source, target)
            except OSError as error:
                if error.errno in _NO_LINK:
                    return False
                raise
            if stat.S_IMODE(found.st_mode) != durable.FILE_MODE:
                durable.chmod(descriptor, durable.FILE_MODE)
            self._barrier.file(descriptor)
        finally:
            os.close(descriptor)
        return True

    def _in_folder(self, target: str, act: Callable[..., T], *arguments: str) -> T:
        """Do what needs the folder of ``target``; make it only when it is missing, so that most files cost no look."""
        try:
            return act(*arguments)
        except FileNotFoundError:
            self._make_folder(os.path.dirname(target))
            return act(*arguments)

    def _make_folder(self, folder: str) -> None:
        """Make a folder below the version's, and those above it that are missing."""
        above = os.path.dirname(folder)
        if above not in self._made:
            self._make_folder(above)
        durable.mkdir(folder)
        self._made.add(folder)
        self._barrier.folder(folder)
        self._barrier.folder(above)

    def _inventories(self) -> None:
        """The same bytes twice, as two files: one damaged sector must not take both."""
        source = _source(self.version.inventory)
        try:
            targets = [durable.create(os.path.join(folder, INVENTORY)) for folder in (self.version_folder, self.folder)]
            try:
                size = os.fstat(source).st_size
                _, digest = self._copy(source, size, targets, str(self.version.inventory))
                for descriptor in targets:
                    self._barrier.file(descriptor)
            finally:
                for descriptor in targets:
                    durable.close(descriptor)
        finally:
            os.close(source)
        if digest != self.version.inventory_sha512:
            raise SpoolDamaged(
                INVENTORY, phrase("spool-inventory-differs", source=str(self.version.inventory), found=digest.hex()[:16])
            )

    def _copy(self, source: int, size: int, targets: list[int], name: str) -> tuple[int, bytes]:
        """(bytes, SHA-512) of everything in ``source``, written to all ``targets``."""
        if size < WHOLE:
            data = _read(source, size + 1, name)
            if len(data) <= size:
                for target in targets:
                    durable.write(target, data)
                return len(data), hashlib.sha512(data, usedforsecurity=False).digest()
            os.lseek(source, 0, os.SEEK_SET)  # it grows: what it is now is decided by its digest
        hasher, done = hashlib.sha512(usedforsecurity=False), 0
        for chunk in self._chunks(source, name):
            hasher.update(chunk)
            done += len(chunk)
            for target in targets:
                durable.write(target, chunk)
        return done, hasher.digest()

    def _chunks(self, source: int, name: str) -> Iterator[memoryview]:
        if self._buffer is None:
            self._buffer = bytearray(LARGE_BUFFER)
        view = memoryview(self._buffer)
        while True:
            try:
                length = os.readv(source, [view])
            except OSError as error:
                raise Unavailable(name, os_phrase(error)) from error
            if not length:
                return
            yield view[:length]

    def _small(self, path: str, data: bytes) -> None:
        descriptor = durable.create(path)
        try:
            durable.write(descriptor, data)
            self._barrier.file(descriptor)
        finally:
            durable.close(descriptor)


def _source(path: str | os.PathLike[str]) -> int:
    """A descriptor of a spool file. Raises SpoolDamaged when it is not there, Unavailable when it cannot be opened."""
    name = os.fspath(path)
    try:
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise SpoolDamaged(name, phrase("file-gone")) from error
    except OSError as error:
        raise Unavailable(name, os_phrase(error)) from error


def _read(source: int, size: int, name: str) -> bytes:
    try:
        return os.read(source, size)
    except OSError as error:
        raise Unavailable(name, os_phrase(error)) from error
