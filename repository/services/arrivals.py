"""Arrivals: archives that a depositor sends through a door of ours, from their first byte until the receipt.

Order, as an invariant: bytes and folder durable, then one transaction with deposit, event and job, then the answer. An arrival
lies in ``HOME/spool/incoming/<deposit id>/`` under a lock for as long as its request lives; what is there without a lock and
without a deposit was broken off, and is swept.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import uuid
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from formats.package.limits import LIMITS, Limits
from formats.package.reception import spool_path
from formats.package.spool import Spool
from policies.findings import Findings, KhoError
from repository.archive import Archive
from repository.catalog import CatalogConflict
from repository.deposits.description import fingerprint
from repository.deposits.uploads import SCHEME, clear_upload, incoming_folder, source_of
from repository.errors import KeyReused
from repository.flow_names import DEPOSIT
from repository.flows import deposit_argument
from repository.ledger.events import ledger_of
from repository.model import Deposit, DepositState

if TYPE_CHECKING:
    from repository.jobs.service import Jobs  # DBOS costs half a second: only those who run jobs load it

__all__ = ["ARCHIVE_SUFFIXES", "Arrivals", "Upload"]

ARCHIVE_SUFFIXES: Final = (".tar.gz", ".tgz", ".tar", ".zip")
"""Names under which the readers look into a file as an archive."""

WRITE_BEHIND: Final = 32 << 20
"""Bytes after which the kernel is told to begin writing: the final fsync then finds little left to do."""

_PARTIAL: Final = "body.partial"
_TRIES: Final = 8
"""Rounds of claiming a key; each lost round means that another request with the same key got further."""


class Upload:
    """One arrival while it is received. `write` and `hash` may run in two threads at once, each for one block after the other.

    Raises:
        OSError: the disk is full or fails (also from every method).
    """

    def __init__(self, home: Path) -> None:
        self.id = str(uuid.uuid4())
        self.folder = incoming_folder(home, self.id)
        self.folder.mkdir(parents=True)
        self.file = self.folder / _PARTIAL
        self._descriptor = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._sha256 = hashlib.sha256()
        self._sha512 = hashlib.sha512()
        self._begun = 0  # bytes whose writing the kernel was told to begin
        self.size = 0

    def write(self, block: Sequence[bytes]) -> None:
        """Write a block, and hash it with SHA-256."""
        for chunk in block:
            self._sha256.update(chunk)
            view = memoryview(chunk)
            while view:
                view = view[os.write(self._descriptor, view) :]
            self.size += len(chunk)
        if self.size - self._begun >= WRITE_BEHIND:
            # The pages are dirty, so none is dropped: on Linux this only starts their writing.
            os.posix_fadvise(self._descriptor, self._begun, self.size - self._begun, os.POSIX_FADV_DONTNEED)
            self._begun = self.size

    def hash(self, block: Sequence[bytes]) -> None:
        """Hash a block with SHA-512."""
        for chunk in block:
            self._sha512.update(chunk)

    @property
    def sha256(self) -> bytes:
        return self._sha256.digest()

    @property
    def sha512(self) -> bytes:
        return self._sha512.digest()

    @property
    def source(self) -> str:
        """Where the deposit came from, as it stands in catalog and AIP: not a place on this machine, but what was sent."""
        return f"{SCHEME}sha256:{self.sha256.hex()}"

    def container(self) -> str:
        """The suffix that fits what was received (".zip", ".tar.gz", ".tar"), by its bytes; "" when it is none of these."""
        start = os.pread(self._descriptor, 512, 0)
        if start.startswith((b"PK\3\4", b"PK\5\6")):
            return ".zip"
        if start.startswith(b"\x1f\x8b"):
            return ".tar.gz"
        if start[257:262] == b"ustar":
            return ".tar"
        return ".zip" if zipfile.is_zipfile(self.file) else ""

    def keep(self, name: str) -> None:
        """Make what was received durable, as the file ``name`` (one segment, no special name)."""
        os.fsync(self._descriptor)
        place = self.folder / name
        os.rename(self.file, place)
        self.file = place
        for folder in (self.folder, self.folder.parent, self.folder.parent.parent):
            _sync_folder(folder)

    def move_to(self, deposit_id: str) -> None:
        """Become the arrival of an earlier deposit, whose own bytes are gone."""
        target = self.folder.parent / deposit_id
        os.rename(self.folder, target)
        _sync_folder(target.parent)
        self.folder, self.file = target, target / self.file.name

    def discard(self) -> None:
        """Throw everything away, and let go of the lock. Never raises for what is gone already."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.close()

    def close(self) -> None:
        """Let go of the lock: from now on the deposit's row says whose these bytes are."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Arrivals:
    """Taking in what was received whole, and clearing away what was not."""

    def __init__(self, archive: Archive, jobs: Jobs) -> None:
        self._archive = archive
        self._jobs = jobs

    @property
    def limits(self) -> Limits:
        """What one deposit may ask of us. No archive may be larger than what it holds may be."""
        return replace(LIMITS, **self._archive.policy.limits)

    def begin(self) -> Upload:
        """A new arrival. Raises OSError."""
        return Upload(self._archive.settings.home)

    def submit(self, upload: Upload, *, producer: str, actor: str, key: str | None, update: str = "", title: str = "") -> Deposit:
        """Enter a durable arrival and queue its examination; the upload is used up, whatever happens.

        The same key with the same bytes gives the deposit there is: the bytes that arrived again are thrown away. One that
        had failed is tried again. A key that only brought refusals is free for other bytes, as on the command line.

        Raises:
            KeyReused: the producer's key stands for other bytes.
        """
        try:
            for _ in range(_TRIES):
                with contextlib.suppress(CatalogConflict):
                    return self._try(upload, producer, actor, key, update, title)
            raise CatalogConflict("CAT-KEY-EXISTS", key or upload.id, producer=producer, key=key or "")
        except BaseException:
            upload.discard()
            raise
        finally:
            upload.close()

    def _try(self, upload: Upload, producer: str, actor: str, key: str | None, update: str, title: str) -> Deposit:
        earlier = self._archive.catalog.deposits.by_key(producer, key) if key else None
        if earlier is None:
            return self._enter(upload, producer, actor, key, update, title)
        failed = earlier.state is DepositState.FAILED
        if failed and earlier.source == upload.source:
            return self._again(earlier, upload, title)
        if not failed and self._same(earlier, upload):
            self._resume(earlier)
            upload.discard()
            return earlier
        if not failed and earlier.state is not DepositState.REFUSED:
            raise KeyReused(earlier.key, earlier.id)
        self._archive.catalog.deposits.update(earlier.id, expected=earlier.state, key=f"{key}#{earlier.id}")
        return self._enter(upload, producer, actor, key, update, title)

    def _enter(self, upload: Upload, producer: str, actor: str, key: str | None, update: str, title: str) -> Deposit:
        archive, now = self._archive, self._archive.clock.now()
        deposit = Deposit(
            id=upload.id,
            key=key or f"pending:{upload.id}",
            wanted_key=key or "",
            producer=producer,
            label=upload.file.name,
            source=upload.source,
            state=DepositState.RECEIVED,
            created=now,
            updated=now,
            actor=actor,
            update_of=update,
        )
        detail: dict[str, str | int] = {"bytes": upload.size, "sha256": upload.sha256.hex(), "sha512": upload.sha512.hex()}
        event = ledger_of(archive).event("transfer", "success", agent=actor, detail=detail)
        self._jobs.ready()
        with archive.catalog.begin() as transaction:
            archive.catalog.deposits.add(deposit, within=transaction)
            archive.catalog.events.append([replace(event, deposit_id=deposit.id)], within=transaction)
            self._jobs.enqueue_in(transaction, DEPOSIT, _job_id(deposit.id), deposit_argument(archive, [deposit.id], title))
        return deposit

    def _again(self, earlier: Deposit, upload: Upload, title: str) -> Deposit:
        """Queue a deposit that failed once more; it keeps its id."""
        archive = self._archive
        self._jobs.ready()
        with archive.catalog.begin() as transaction:
            deposit = archive.catalog.deposits.update(
                earlier.id,
                expected=DepositState.FAILED,
                state=DepositState.RECEIVED,
                error="",
                findings=(),
                finding_counts={},
                updated=archive.clock.now(),
                within=transaction,
            )
            if (upload.folder.parent / earlier.id).exists():
                upload.discard()
            else:
                upload.move_to(earlier.id)
            self._jobs.enqueue_in(transaction, DEPOSIT, _job_id(earlier.id), deposit_argument(archive, [earlier.id], title))
        return deposit

    def _resume(self, earlier: Deposit) -> None:
        """What was accepted and had not enough copies yet is tried again, once for each time that it failed."""
        if earlier.state is DepositState.ACCEPTED and earlier.error:
            job_id = f"deposit:{earlier.id}:{earlier.updated.isoformat()}"
            self._jobs.run(DEPOSIT, job_id, deposit_argument(self._archive, [earlier.id]), wait=False)

    def _same(self, earlier: Deposit, upload: Upload) -> bool:
        """The same archive, or another one with the same names and bytes in it (which costs unpacking, so it is asked last)."""
        if earlier.source == upload.source:
            return True
        place = upload.folder / "unpacked"
        known = earlier.fingerprint or self._not_yet_known(earlier, place)
        return bool(known) and known == self._fingerprint(upload.file, place)

    def _not_yet_known(self, earlier: Deposit, place: Path) -> str:
        """The fingerprint of what nobody has examined yet; "" when it cannot be read."""
        print_ = ""
        with contextlib.suppress(KhoError, OSError):
            print_ = self._fingerprint(source_of(self._archive.settings.home, earlier), place)
        return (
            self._archive.catalog.deposits.get(earlier.id).fingerprint or print_
        )  # it may be examined by now, and its bytes gone

    def _fingerprint(self, file: Path, place: Path) -> str:
        try:
            with Spool(place) as spool:
                findings = Findings()
                spool_path(file, spool, findings, limits=self.limits)
                return fingerprint(spool, findings)
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def sweep(self) -> int:
        """Clear away what broken-off requests and killed processes left; how many arrivals that were."""
        swept = 0
        for folder, deposit_id in _unlocked(self._archive.settings.home):
            deposit = self._archive.catalog.deposits.find(deposit_id)
            if deposit is None:
                shutil.rmtree(folder, ignore_errors=True)
            else:
                clear_upload(self._archive.settings.home, deposit)
            swept += not folder.exists()
        return swept


def _job_id(deposit_id: str) -> str:
    return f"deposit:{deposit_id}:{uuid.uuid4().hex[:8]}"


def _unlocked(home: Path) -> Iterator[tuple[Path, str]]:
    """Arrivals that no living request holds, held by us while they are looked at."""
    folder = incoming_folder(home, "")
    for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
        with contextlib.ExitStack() as held:
            try:
                for file in entry.iterdir():
                    if file.is_file():
                        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
                        held.callback(os.close, descriptor)
                        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno in (errno.EWOULDBLOCK, errno.ENOENT, errno.ENOTDIR):
                    continue
                raise
            yield entry, entry.name
