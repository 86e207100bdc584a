"""Changing single things in an object: a good file in the place of a bad one, and an object's removal."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO

from fixity.digests import LARGE_BUFFER
from policies.phrases import phrase
from storage import durable
from storage.beneath import check_path, folder_beneath
from storage.errors import Damaged, NotFound, Refused, from_os
from storage.ocfl import journal
from storage.ocfl.folder import TierFolder
from storage.ocfl.medium import drop_cache
from storage.ocfl.objects import digest_at
from storage.ocfl.quarantine import move_out

__all__ = ["forget", "restore", "restore_root_file"]

REPLACED = "replaced by a good copy"


def restore(tier: TierFolder, object_id: str, path: str, source: BinaryIO, sha512: bytes) -> None:
    """`storage.tier.Tier.restore`. Raises also Damaged: the medium did not give back what was written."""
    with _transaction(tier, path) as transaction, tier.hold(object_id):
        temporary = _brought(transaction, path, source, sha512)
        transaction.record([journal.Entry(object_id, 0, "", "")], durably=False)
        _put(tier, object_id, path, temporary, sha512, top=tier.object_root(object_id))


def restore_root_file(tier: TierFolder, path: str, data: bytes) -> None:
    """The same for a file of the storage root itself. It takes one rename, so a journal has nothing to say of it."""
    sha512 = hashlib.sha512(data).digest()
    with _transaction(tier, path) as transaction, tier.hold(""):
        temporary = _brought(transaction, path, io.BytesIO(data), sha512)
        _put(tier, "", path, temporary, sha512, top=tier.ocfl)


def _brought(transaction: journal.Transaction, path: str, source: BinaryIO, sha512: bytes) -> str:
    """The good bytes in a file of the transaction, read back; where that lies. Raises Refused."""
    temporary = os.path.join(transaction.folder, "good")
    if _store(temporary, source) != sha512 or _cold_digest(temporary) != sha512:
        raise Refused(path, phrase("restore-not-good"))
    return temporary


def _put(tier: TierFolder, object_id: str, path: str, temporary: str, sha512: bytes, *, top: str) -> None:
    """Rename it to ``path`` below ``top``, from which what stands in its way is moved to quarantine. Raises Damaged."""
    target = os.path.join(top, check_path(path))
    _clear_the_way_to(tier, top)
    _clear_the_way(tier, object_id, path, top)
    folder = _make_folders(tier, os.path.dirname(target))
    durable.rename(temporary, target)
    durable.fsync_folder(folder)
    if _cold_digest(target) != sha512:
        raise Damaged(path, phrase("medium-differs"))


def forget(tier: TierFolder, object_id: str) -> None:
    """`storage.tier.Tier.forget`: gone from the root by one rename, then removed."""
    top = tier.object_root(object_id)
    with _transaction(tier, object_id) as transaction, tier.hold(object_id):
        if not os.path.lexists(top):
            raise NotFound(object_id)
        transaction.record([journal.Entry(object_id, 0, "", "")], durably=True)
        durable.rename(top, os.path.join(transaction.folder, "forgotten"))
        parent = os.path.dirname(top)
        durable.fsync_folder(parent)
        durable.fsync_folder(transaction.folder)
        tier.prune(parent)


@contextlib.contextmanager
def _transaction(tier: TierFolder, path: str) -> Iterator[journal.Transaction]:
    try:
        transaction = journal.begin(tier)
        try:
            yield transaction
        finally:
            try:
                with contextlib.suppress(OSError):
                    transaction.finish()
            finally:
                transaction.release()
    except OSError as error:
        raise from_os(error, path) from error


def _store(path: str, source: BinaryIO) -> bytes:
    hasher = hashlib.sha512(usedforsecurity=False)
    descriptor = durable.create(path)
    try:
        while chunk := source.read(LARGE_BUFFER):
            hasher.update(chunk)
            durable.write(descriptor, chunk)
        durable.fsync(descriptor)
    finally:
        durable.close(descriptor)
    return hasher.digest()


def _cold_digest(path: str) -> bytes | None:
    folder, _, name = path.rpartition("/")
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        drop_cache(descriptor)
    finally:
        os.close(descriptor)
    return digest_at(folder, name)


def _clear_the_way_to(tier: TierFolder, top: str) -> None:
    """Move to quarantine a file or a link in the place of the object's own folder, or of one of the layout's above it. These hold other
    objects, too: one that cannot be read stays where it is (OSError)."""
    segments = os.path.relpath(top, tier.ocfl).split("/") if top != tier.ocfl else []
    for count in range(1, len(segments) + 1):
        folder = "/".join(segments[:count])
        try:
            with folder_beneath(tier.ocfl, folder):
                continue
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise
            move_out(tier, "", folder, REPLACED, top=tier.ocfl)
            return


def _clear_the_way(tier: TierFolder, object_id: str, path: str, top: str) -> None:
    """Move to quarantine what stands at ``path``, or in the place of a folder above it."""
    segments = path.split("/")
    for count in range(1, len(segments)):
        folder = "/".join(segments[:count])
        try:
            with folder_beneath(top, folder):
                continue
        except FileNotFoundError:
            return
        except OSError:
            move_out(tier, object_id, folder, REPLACED, top=top)
            return
    with contextlib.suppress(NotFound):
        move_out(tier, object_id, path, REPLACED, top=top)


def _make_folders(tier: TierFolder, folder: str) -> str:
    """Make ``folder`` and what is missing above it, durably; returns it."""
    if folder == tier.ocfl:
        return folder
    parent = _make_folders(tier, os.path.dirname(folder))
    with contextlib.suppress(FileExistsError):
        durable.mkdir(folder)
        durable.fsync_folder(parent)
    if not stat.S_ISDIR(os.lstat(folder).st_mode):
        raise NotADirectoryError(folder)
    return folder
