"""Settling what a killed batch left: each object is finished or taken back, whole, before anything else is written."""

from __future__ import annotations

import contextlib
import os
import uuid

from storage import durable
from storage.errors import StorageError
from storage.ocfl.folder import TierFolder
from storage.ocfl.inventory_writer import sidecar_text
from storage.ocfl.journal import Entry, Transaction, left_behind
from storage.ocfl.objects import INVENTORY, SIDECAR, digest_at, read_at
from storage.ocfl.quarantine import move_out

__all__ = ["has_sidecar", "recover", "set_sidecar"]

UNFINISHED = "left by a commit that was not finished; the version was never counted"


def recover(tier: TierFolder) -> int:
    """How many left batches were settled. What cannot be settled now (an unreadable object) keeps its journal for the next time.

    The rule, for a version that is in the journal: the root inventory decides. It is the new one: the version is whole (its
    content was made durable before), only the sidecar may lag and is written. It is the old one: the version folder goes to
    quarantine, and a sidecar that ran ahead is put back. It is neither: another batch or damage, not ours to judge.
    """
    settled = 0
    for transaction in left_behind(tier):
        with contextlib.suppress(OSError, StorageError):
            entries = transaction.entries()
            for entry in entries:
                with tier.hold(entry.object_id):
                    _settle(tier, transaction, entry)
            if entries:
                _make_durable(tier, entries)
            transaction.finish()
            settled += 1
    return settled


def _settle(tier: TierFolder, transaction: Transaction, entry: Entry) -> None:
    top = tier.object_root(entry.object_id)
    if entry.number <= 1:
        # The object came or went by one rename; only the folders above it can be left over.
        if not os.path.lexists(top):
            tier.prune(os.path.dirname(top))
        return
    folder = f"v{entry.number}"
    if not os.path.lexists(os.path.join(top, folder)):
        return  # nothing came into the object before its version folder
    root = digest_at(top, INVENTORY)
    if root is None or root.hex() not in (entry.inventory, entry.builds_on):
        return
    if root.hex() == entry.builds_on:
        move_out(tier, entry.object_id, folder, UNFINISHED)
    if not has_sidecar(top, root):
        set_sidecar(transaction.folder, top, root)


def has_sidecar(top: str | int, inventory_sha512: bytes, folder: str = "") -> bool:
    """Whether the sidecar in an object (or in its ``folder``, "v1/") is exactly the one that belongs to an inventory. OSError as it is."""
    expected = sidecar_text(inventory_sha512)
    return read_at(top, folder + SIDECAR, len(expected) + 1) == expected


def set_sidecar(temporary: str, top: str, inventory_sha512: bytes) -> None:
    """Put the right sidecar beside a root inventory, durably; ``temporary`` is a folder to write it in. OSError as it is."""
    path = os.path.join(temporary, uuid.uuid4().hex)
    descriptor = durable.create(path)
    try:
        durable.write(descriptor, sidecar_text(inventory_sha512))
        durable.fsync(descriptor)
    finally:
        durable.close(descriptor)
    durable.rename(path, os.path.join(top, SIDECAR))
    durable.fsync_folder(top)


def _make_durable(tier: TierFolder, entries: list[Entry]) -> None:
    """Before the journal goes, what was done about it must stay, and what the killed batch itself made visible."""
    barrier = durable.barrier_for(tier.ocfl)(tier.ocfl)
    try:
        for entry in entries:
            for folder in tier.folders_above(entry.object_id):
                barrier.folder(folder)
        barrier.wait()
    finally:
        barrier.close()
