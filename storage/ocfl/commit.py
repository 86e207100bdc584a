"""The group commit: many versions share two barriers, and each becomes visible whole or not at all.

Order (docs/on-disk.md): stage everything under ``tmp`` → journal → ``vN`` folders of new versions into their objects → barrier 1
→ rename new objects, root inventories, sidecars → barrier 2 → report. Content is durable before any inventory that names it is
visible as root; nothing is reported before it is durable.
"""

from __future__ import annotations

import contextlib
import enum
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from policies.phrases import phrase
from storage import durable
from storage.durable import Barrier
from storage.errors import Conflict, StorageError, Unavailable, from_os
from storage.ocfl import journal
from storage.ocfl.folder import TierFolder
from storage.ocfl.objects import INVENTORY, SIDECAR, digest_at, remove_tree
from storage.ocfl.quarantine import move_out
from storage.ocfl.recovery import UNFINISHED, has_sidecar, set_sidecar
from storage.ocfl.staging import Staging
from storage.tier import SealedVersion, Written

__all__ = ["write_batch"]

ATTEMPTS = 10
"""How often the folders above a new object are made again when another process prunes them in the same moment."""


class _Kind(enum.Enum):
    NEW = "a new object"
    NEXT = "a new version"
    THERE = "already there"


@dataclass(slots=True)
class _Work:
    """One version on its way."""

    version: SealedVersion
    top: str
    staging: Staging
    kind: _Kind = _Kind.NEW
    error: StorageError | None = None
    placed: bool = False
    """The version folder stands in the object."""
    unsettled: bool = False
    """Recovery must look at it: the journal has to stay."""


def write_batch(
    tier: TierFolder, versions: Sequence[SealedVersion], *, barrier: Callable[[str], Barrier], link: bool
) -> list[Written]:
    """`storage.tier.Tier.write`. Results are in the order of ``versions``."""
    results: list[Written] = []
    for batch in _batches(versions):
        results += _Batch(tier, barrier=barrier, link=link).commit(batch)
    return results


def _batches(versions: Sequence[SealedVersion]) -> Iterator[list[SealedVersion]]:
    """Runs in which no object occurs twice: a version must be durable before the next one is built on it."""
    batch: list[SealedVersion] = []
    seen: set[str] = set()
    for version in versions:
        if version.object_id in seen:
            yield batch
            batch, seen = [], set()
        batch.append(version)
        seen.add(version.object_id)
    if batch:
        yield batch


class _Batch:
    def __init__(self, tier: TierFolder, *, barrier: Callable[[str], Barrier], link: bool) -> None:
        self._tier = tier
        self._kind_of_barrier = barrier
        self._link = link

    def commit(self, versions: list[SealedVersion]) -> list[Written]:
        try:
            works = self._locked(versions)
        except OSError as error:  # before anything was written
            failure = from_os(error, self._tier.path)
            return [Written(version.object_id, version.number, failure) for version in versions]
        return [Written(work.version.object_id, work.version.number, work.error) for work in works]

    def _locked(self, versions: list[SealedVersion]) -> list[_Work]:
        transaction = journal.begin(self._tier)
        try:
            with self._barrier() as barrier, self._tier.hold(*(version.object_id for version in versions)):
                works = [self._work(index, version, transaction, barrier) for index, version in enumerate(versions)]
                self._run(works, transaction, barrier)
                if not any(work.unsettled for work in works):
                    with contextlib.suppress(OSError):  # the versions are durable; what is left is swept next time
                        transaction.finish()
        finally:
            transaction.release()
        return works

    @contextlib.contextmanager
    def _barrier(self) -> Iterator[Barrier]:
        barrier = self._kind_of_barrier(self._tier.ocfl)
        try:
            yield barrier
        finally:
            barrier.close()

    def _work(self, index: int, version: SealedVersion, transaction: journal.Transaction, barrier: Barrier) -> _Work:
        staging = Staging(version, os.path.join(transaction.folder, str(index)), barrier, link=self._link)
        work = _Work(version, self._tier.object_root(version.object_id), staging)
        with _caught(work):
            work.kind = _plan(work)
        return work

    def _run(self, works: list[_Work], transaction: journal.Transaction, barrier: Barrier) -> None:
        for work in _of(works, _Kind.NEW, _Kind.NEXT):
            with _caught(work):
                work.staging.write()
            if work.error is not None:
                with contextlib.suppress(OSError):  # make room for the others
                    remove_tree(work.staging.folder)
        if not _of(works, *_Kind) or not self._journal(works, transaction, barrier):
            return
        for work in _of(works, _Kind.NEXT):
            self._place(work, barrier)
        if self._wait(works, barrier):
            for work in _of(works, *_Kind):
                self._publish(work, transaction, barrier)
        for work in works:
            if work.error is not None:
                _take_back(self._tier, work)
        published = _of(works, *_Kind)
        if published and not self._wait(published, barrier):
            for work in published:
                work.unsettled = True

    def _journal(self, works: list[_Work], transaction: journal.Transaction, barrier: Barrier) -> bool:
        """Only a new version touches the root before barrier 1, so only then has the journal to be durable of its own."""
        entries = [_entry(work) for work in _of(works, _Kind.NEW, _Kind.NEXT)]
        try:
            transaction.record(entries, durably=bool(_of(works, _Kind.NEXT)))
            barrier.settle()
        except OSError as error:
            _fail(works, error)
            return False
        return True

    def _place(self, work: _Work, barrier: Barrier) -> None:
        name = f"v{work.version.number}"
        target = os.path.join(work.top, name)
        with _caught(work):
            if os.path.lexists(target):
                move_out(self._tier, work.version.object_id, name, UNFINISHED)
            durable.rename(work.staging.version_folder, target)
            work.placed = True
            barrier.folder(work.top)
            barrier.folder(work.staging.folder)

    def _wait(self, works: list[_Work], barrier: Barrier) -> bool:
        """False, and all have failed, when the system cannot say that everything is durable: it does not say what is not."""
        try:
            barrier.wait()
        except OSError as error:
            _fail(works, error)
            return False
        return True

    def _publish(self, work: _Work, transaction: journal.Transaction, barrier: Barrier) -> None:
        with _caught(work):
            if work.kind is _Kind.NEW:
                self._publish_object(work, barrier)
            elif work.kind is _Kind.NEXT:
                durable.rename(os.path.join(work.staging.folder, INVENTORY), os.path.join(work.top, INVENTORY))
                work.placed = False  # from here on it is not taken back
                work.unsettled = True
                durable.rename(os.path.join(work.staging.folder, SIDECAR), os.path.join(work.top, SIDECAR))
                work.unsettled = False
                barrier.folder(work.top)
            else:
                self._confirm(work, transaction, barrier)

    def _publish_object(self, work: _Work, barrier: Barrier) -> None:
        for _ in range(ATTEMPTS):
            self._make_folders(os.path.dirname(work.top), barrier)
            with contextlib.suppress(FileNotFoundError):
                durable.rename(work.staging.folder, work.top)
                barrier.folder(os.path.dirname(work.top))
                return
        raise Unavailable(work.version.object_id, phrase("folder-disappears"))

    def _make_folders(self, folder: str, barrier: Barrier) -> None:
        if folder == self._tier.ocfl:
            return
        parent = os.path.dirname(folder)
        try:
            with contextlib.suppress(FileExistsError):
                durable.mkdir(folder)
        except FileNotFoundError:
            self._make_folders(parent, barrier)
            self._make_folders(folder, barrier)
        barrier.folder(parent)

    def _confirm(self, work: _Work, transaction: journal.Transaction, barrier: Barrier) -> None:
        """What a killed call made visible may not be durable: it waits for barrier 2 like all others."""
        root = digest_at(work.top, INVENTORY)
        if root == work.version.inventory_sha512 and not has_sidecar(work.top, root):
            set_sidecar(transaction.folder, work.top, root)
        for folder in self._tier.folders_above(work.version.object_id):
            barrier.folder(folder)


def _of(works: list[_Work], *kinds: _Kind) -> list[_Work]:
    """Those of these kinds that have not failed."""
    return [work for work in works if work.error is None and work.kind in kinds]


def _fail(works: list[_Work], error: OSError) -> None:
    for work in works:
        work.error = work.error or from_os(error, work.version.object_id)


@contextlib.contextmanager
def _caught(work: _Work) -> Iterator[None]:
    """One version's failure is its own."""
    try:
        yield
    except StorageError as error:
        work.error = error
    except OSError as error:
        work.error = from_os(error, work.version.object_id)


def _plan(work: _Work) -> _Kind:
    """What is to be done, from what is there now (under the object's lock). Raises Conflict."""
    version, top = work.version, work.top
    if not os.path.lexists(top):
        if version.builds_on is not None:
            raise Conflict(version.object_id, phrase("version-gap", number=version.number))
        return _Kind.NEW
    root = digest_at(top, INVENTORY)
    if root == version.inventory_sha512:
        return _Kind.THERE
    if version.builds_on is not None and root == version.builds_on:
        return _Kind.NEXT
    if digest_at(top, f"v{version.number}/{INVENTORY}") == version.inventory_sha512:
        return _Kind.THERE  # an earlier version of what is here
    raise Conflict(version.object_id, phrase("another-version" if root else "rootless-object"))


def _entry(work: _Work) -> journal.Entry:
    version = work.version
    built = version.builds_on.hex() if version.builds_on else ""
    return journal.Entry(version.object_id, version.number, version.inventory_sha512.hex(), built)


def _take_back(tier: TierFolder, work: _Work) -> None:
    """Undo what one failed version left in the root; what cannot be undone now is left to recovery."""
    try:
        if work.placed:
            durable.rename(os.path.join(work.top, f"v{work.version.number}"), work.staging.version_folder)
            work.placed = False
        if work.kind is _Kind.NEW and not os.path.lexists(work.top):
            tier.prune(os.path.dirname(work.top))
    except OSError:
        work.unsettled = True
