"""Writing one version by conditional puts alone, without any lock: of racing writers one wins and the others learn it.

Order (docs/on-disk.md): content → ``vN/inventory.json``, where a writer that meets other bytes has lost → its sidecar, the
declaration → the root inventory, only in the place of the one that was built on → its sidecar → the record of the version ids.
Every step can be done again: what is there already is read and compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import BinaryIO, NoReturn

from fixity.digests import LARGE_BUFFER
from policies.phrases import os_phrase, phrase
from storage.errors import AlreadyExists, Conflict, Damaged, NotFound, Refused, SpoolDamaged, StorageError, Unavailable
from storage.ocfl.documents import BadJson
from storage.ocfl.expectations import content_digests
from storage.ocfl.inventory_writer import sidecar_text
from storage.ocfl.objects import DECLARATION, DECLARATION_BYTES, INVENTORY, SIDECAR
from storage.s3.bucket import BLOCK
from storage.s3.reading import Fingerprint, fingerprint, open_version
from storage.s3.records import COMMIT, Log, Note, read_log
from storage.s3.root import Root
from storage.s3.uploading import Sealed, upload
from storage.tier import SealedFile, SealedVersion

__all__ = ["Commit"]


ATTEMPTS = 10
"""How often the sidecar is tried when others change it in the same moment."""


class Commit:
    """One version on its way; `run` once."""

    def __init__(self, root: Root, version: SealedVersion, *, storage_class: str = "") -> None:
        self._root = root
        self._version = version
        self._class = storage_class
        self._folder = f"v{version.number}"
        self._note = Note(COMMIT, version.object_id, version.number)

    def run(self) -> None:
        """Raises Conflict, SpoolDamaged, Damaged, Unavailable, Refused."""
        try:
            self._decide(read_log(self._root, self._version.object_id))
        finally:
            self._note.close()

    def _decide(self, log: Log) -> None:
        version = self._version
        head = self._current(INVENTORY)
        if head is None and log.number:
            raise Damaged(version.object_id, phrase("s3-root-hidden-first"))
        if head is None and version.builds_on is not None:
            raise Conflict(version.object_id, phrase("version-gap", number=version.number))
        if head is not None and head.digest == version.inventory_sha512:
            if log.number < version.number:
                self._finish(log, head)
        elif head is None or head.digest == version.builds_on:
            self._write(log, head)
        else:
            there = self._current(f"{self._folder}/{INVENTORY}")
            if there is None or there.digest != version.inventory_sha512:
                self._lost(phrase("s3-other-version-here"))

    # --- the commit -------------------------------------------------------------------------------------------------------

    def _write(self, log: Log, head: Fingerprint | None) -> None:
        version = self._version
        size = self._check_inventory()
        self._content()
        inventory = f"{self._folder}/{INVENTORY}"
        sealed = Sealed(str(version.inventory), size, version.inventory_sha512)
        try:
            self._note.add(inventory, self._put(inventory, sealed))
        except _Other:
            self._lost(phrase("s3-folder-others"))
        sidecar = sidecar_text(version.inventory_sha512)
        self._note.add(f"{self._folder}/{SIDECAR}", self._put_bytes(f"{self._folder}/{SIDECAR}", sidecar))
        if version.builds_on is None:
            self._note.add(DECLARATION, self._put_bytes(DECLARATION, DECLARATION_BYTES))
        self._seal(log, self._publish(size, head))

    def _content(self) -> None:
        """Large files one by one, each in parts side by side; then the small ones side by side."""
        for file in self._version.files():
            self._check_path(file)
            if file.size > BLOCK:
                self._note.add(file.content_path, self._put_file(file)[1])
        small = (partial(self._put_file, file) for file in self._version.files() if file.size <= BLOCK)
        for path, version in self._root.lanes.in_order(small):
            self._note.add(path, version)

    def _put_file(self, file: SealedFile) -> tuple[str, str]:
        sealed = Sealed(str(file.source), file.size, file.sha512, file.sha256, self._class)
        try:
            return file.content_path, self._put(file.content_path, sealed)
        except _Other:
            raise Conflict(self._version.object_id, phrase("s3-other-bytes", path=file.content_path)) from None

    def _check_path(self, file: SealedFile) -> None:
        path = file.content_path
        if not path.startswith(self._folder + "/") or any(part in ("", ".", "..") for part in path.split("/")):
            raise Refused(path, phrase("no-content-path"))

    def _check_inventory(self) -> int:
        """The size of the sealed inventory, whose digest is seen to be right before anything is written. Raises SpoolDamaged."""
        hasher, size = hashlib.sha512(usedforsecurity=False), 0
        with _spool(str(self._version.inventory)) as source:
            while data := source.read(LARGE_BUFFER):
                hasher.update(data)
                size += len(data)
        Sealed(str(self._version.inventory), size, self._version.inventory_sha512).check(size, hasher.digest())
        return size

    def _put(self, path: str, sealed: Sealed) -> str:
        """Create a key with a file of the spool, or find the very same bytes there; the version id. Raises _Other."""
        key = self._key(path)
        try:
            with _spool(sealed.name) as source:
                return upload(self._root.bucket, self._root.lanes, key, source, sealed)
        except AlreadyExists:
            return self._same(path, sealed.sha512)

    def _put_bytes(self, path: str, data: bytes) -> str:
        try:
            return self._root.bucket.create(self._key(path), data)
        except AlreadyExists:
            try:
                return self._same(path, hashlib.sha512(data).digest())
            except _Other:
                raise Damaged(path, phrase("s3-not-by-rule")) from None

    def _same(self, path: str, sha512: bytes) -> str:
        found = fingerprint(self._root.bucket, None, self._key(path))  # without lanes: this may run in one
        if found.digest != sha512:
            raise _Other
        return found.version

    def _publish(self, size: int, head: Fingerprint | None) -> str:
        """The root inventory, in the place of the one this version was built on and of no other; its version id, "" when a later
        version is there already (a twin of this writer was faster, and others have gone on)."""
        version = self._version
        etag = head.etag if head else None
        try:
            with _spool(str(version.inventory)) as source:
                if size > BLOCK:
                    return self._root.bucket.swap(self._key(INVENTORY), source, etag)
                data = source.read()
            Sealed(str(version.inventory), size, version.inventory_sha512).check(len(data), hashlib.sha512(data).digest())
            return self._root.bucket.swap(self._key(INVENTORY), data, etag)
        except AlreadyExists:
            now = self._current(INVENTORY)
            if now is None or now.digest == version.builds_on:
                raise Conflict(version.object_id, phrase("s3-root-changed")) from None
            # vN/inventory.json is ours: what stands here is ours too, or was built on it.
            return now.version if now.digest == version.inventory_sha512 else ""

    def _seal(self, log: Log, inventory: str) -> None:
        """The sidecar of the root inventory, as long as that is ours; and the record."""
        if inventory:
            self._note.add(INVENTORY, inventory)
            if sidecar := self._sidecar(inventory):
                self._note.add(SIDECAR, sidecar)
        self._note.append_to(self._root, self._version.object_id, log)

    def _sidecar(self, inventory: str) -> str:
        """Its version id; "" when a later version has come meanwhile, which sees to its own."""
        wanted = sidecar_text(self._version.inventory_sha512)
        for _ in range(ATTEMPTS):
            there = self._current(SIDECAR)
            if there is not None and there.digest == hashlib.sha512(wanted).digest():
                return there.version
            if self._root.bucket.ask("head_object", self._key(INVENTORY))["VersionId"] != inventory:
                return ""
            with suppress(AlreadyExists):  # a twin's, a later version's, or an earlier one's that came late
                return self._root.bucket.swap(self._key(SIDECAR), wanted, there.etag if there else None)
        raise Unavailable(self._version.object_id, phrase("s3-sidecar-contended"))

    def _finish(self, log: Log, head: Fingerprint) -> None:
        """A writer was stopped after the root inventory. All before it is there: its keys were created once, the oldest is theirs."""
        start = len(self._root.folder(self._version.object_id))
        for entries in self._root.bucket.versions(self._root.key(self._version.object_id, self._folder) + "/"):
            if true := log.true_version(path := entries.key[start:], entries):
                self._note.add(path, true)
        if self._version.builds_on is None:
            self._note.add(DECLARATION, self._put_bytes(DECLARATION, DECLARATION_BYTES))
        self._seal(log, head.version)

    # --- losing -----------------------------------------------------------------------------------------------------------

    def _lost(self, reason: str) -> NoReturn:
        """Another writer's version it is: take back what is ours alone, and say so."""
        with suppress(StorageError, OSError, BadJson, ValueError):  # else an audit finds it
            self._sweep()
        raise Conflict(self._version.object_id, reason)

    def _sweep(self) -> None:
        """Hide our content that the winner's inventory does not name. That inventory never changes, so nobody will need it."""
        with open_version(self._root.bucket, self._root.lanes, self._key(f"{self._folder}/{INVENTORY}")) as stream:
            named = {path for path, _ in content_digests(stream) if path.startswith(self._folder + "/")}
        ours = {str(file.content_path) for file in self._version.files()} - named
        if not ours:
            return
        start = len(self._root.folder(self._version.object_id))
        for key, _, _ in self._root.bucket.current(self._root.key(self._version.object_id, self._folder) + "/"):
            if key[start:] in ours:
                self._root.bucket.hide(key)

    # --- names ------------------------------------------------------------------------------------------------------------

    def _key(self, path: str) -> str:
        return self._root.key(self._version.object_id, path)

    def _current(self, path: str) -> Fingerprint | None:
        try:
            return fingerprint(self._root.bucket, self._root.lanes, self._key(path))
        except NotFound:
            return None


class _Other(Exception):
    """Something else is there."""


@contextmanager
def _spool(path: str) -> Iterator[BinaryIO]:
    """A file of the spool; what the spool's disk says is said of the spool."""
    try:
        with open(path, "rb") as file:
            yield file
    except FileNotFoundError as error:
        raise SpoolDamaged(path, phrase("not-there")) from error
    except OSError as error:
        raise Unavailable(path, os_phrase(error)) from error
