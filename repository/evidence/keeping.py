"""Keeping batches: pending versions in the home are sealed, kept on every tier, re-read and registered; batches are read back.

Whatever a killed process left half done is done by the next one; one version that cannot be kept holds up no other.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

from policies.findings import KhoError
from repository.aip.stored import open_verified
from repository.archive import SOFTWARE, Archive
from repository.catalog.evidence import BatchRow, LeafRow
from repository.coming import BATCHES
from repository.errors import AipUnreadable
from repository.evidence.apart import apart
from repository.evidence.batch import TIME, Batch, Mark, read_batch
from repository.evidence.pending import Pending, Unreadable, pending, put_aside, read_pending
from repository.ledger.events import ledger_of
from repository.ledger.keeper import copy_of, keep_as_promised
from signatures.timestamps import Anchors, Answer, Trust, read_token
from storage.ocfl.inventory import INVENTORY, Inventory, parse_inventory
from storage.ocfl.inventory_writer import VersionBlock
from storage.ocfl.sealing import seal_files, seal_next
from storage.tier import ObjectId, SealedVersion, Tier
from storage.tiers import Kept

if TYPE_CHECKING:
    from signatures.timestamps import Token

__all__ = ["EVENT", "load", "newest_token", "open_batch", "row_of", "settle"]

_log = logging.getLogger("kho.evidence")

EVENT = "evidence"
"""The type of the events that tell of batches made and renewed."""


def settle(archive: Archive, anchors: Mapping[str, Anchors]) -> list[str]:
    """Keep what is pending: the ids of batches whose version is now on enough tiers. The others stay pending, and are tried again; one that
    cannot be read as it was written is put aside."""
    done = []
    for folder in pending(archive):
        try:
            found = read_pending(folder)
        except Unreadable as error:
            _log.error("%s cannot be read, and is put aside: %s", folder, error)
            put_aside(archive, folder, str(error))
            continue
        except OSError as error:
            _log.error("%s cannot be looked at: %s", folder, error)
            continue
        try:
            kept = _keep(archive, found, anchors)
        except (KhoError, OSError) as error:  # its version before cannot be had now: that holds up no other
            _log.error("%s is not kept: %s", folder, error)
            continue
        if kept:
            shutil.rmtree(folder)
            done.append(found.batch.id)
    return done


def _keep(archive: Archive, found: Pending, anchors: Mapping[str, Anchors]) -> bool:
    batch, number, files = found.batch, found.number, found.files
    block = VersionBlock(number, found.time, found.message, SOFTWARE, "urn:kho:evidence")
    token = f"e{number}"
    if number == 1:
        sealed = seal_files(batch.object_id, files, block, found.folder / "inventory.json", token=token)
    else:
        before = archive.catalog.holdings.inventories([batch.object_id])[batch.object_id]
        if number in before:
            return True  # kept and registered by a process that was killed just after
        if number - 1 not in before:
            return False  # the version before is itself not kept yet
        previous = _inventory(list(archive.tiers.values()), batch.object_id, number - 1, before[number - 1])
        sealed = seal_next(previous, before[number - 1], files, block, found.folder / "inventory.json", token=token)
    kept = keep_as_promised(archive, sealed)
    if kept is None:
        return False
    _register(archive, batch, sealed, kept, anchors, found.told)
    return True


def _register(
    archive: Archive,
    batch: Batch,
    sealed: SealedVersion,
    kept: Mapping[str, Kept],
    anchors: Mapping[str, Anchors],
    told: Mapping[str, str],
) -> None:
    """``told``: what else the ledger is to know of this version."""
    row = row_of(batch, sealed.inventory_sha512, anchors)
    ledger = ledger_of(archive)
    detail: dict[str, str | int] = {"batch": batch.id, "version": batch.version, "leaves": len(batch.leaves), **told}
    outcome = ledger.event(EVENT, "success", detail=detail)
    with archive.catalog.begin() as transaction:
        archive.catalog.holdings.keep(sealed.object_id, sealed.inventory_sha512, sealed.number, within=transaction)
        copies = [copy_of(archive, sealed, tier, one) for tier, one in kept.items()]
        archive.catalog.copies.put(copies, within=transaction)
        archive.catalog.evidence.put(row, leaf_rows(batch), within=transaction)
        ledger.append([replace(outcome, aip_id=sealed.object_id, aip_version=sealed.number)], within=transaction)


def leaf_rows(batch: Batch) -> Iterator[LeafRow]:
    for number, leaf in enumerate(batch.leaves):
        yield LeafRow(leaf.id, leaf.version, batch.id, number)


def row_of(batch: Batch, inventory_sha512: bytes, anchors: Mapping[str, Anchors]) -> BatchRow:
    """What the catalog is told of a batch. ``anchors`` by authority: how long a token's whole path lasts, and to which root it leads, is
    asked of them."""
    trees: list[dict[str, Any]] = []
    files = apart(batch)
    for number, (tree, lineage) in enumerate(batch.trees.items()):
        stamps = [
            {"generation": place, "hash": generation.hash, **_stands_on(token, mark, anchors)}
            for place, (generation, marks) in enumerate(zip(lineage.generations, batch.marks[tree], strict=True))
            for token, mark in zip((generation.token, *(each.token for each in generation.renewals)), marks, strict=True)
        ]
        newest, mark, lost = read_token(lineage.newest.last), batch.marks[tree][-1][-1], batch.lost(tree)
        answer = _answer(newest, anchors.get(mark.authority))
        first = next((n for n in range(len(batch.leaves)) if any(batch.lacks(tree, g, n) for g in lineage.generations)), None)
        trees.append(
            {
                "tree": tree,
                **{name: value for name, value in stamps[-1].items() if name != "generation"},
                "evidence": all(each.evidence for marks in batch.marks[tree] for each in marks),
                "left": lost,
                "left_first": "" if first is None else f"{batch.leaves[first].id}@v{batch.leaves[first].version}",
                "apart": [[each.count, each.first, each.generations[number]] for each in files],
                "root": answer.root,
                "root_key": answer.root_key.hex(),
                "generations": [each.hash for each in lineage.generations],
                "history": stamps[:-1],
            }
        )
    return BatchRow(batch.id, batch.created, batch.version, len(batch.leaves), inventory_sha512, trees)


def _stands_on(encoded: bytes, mark: Mark, anchors: Mapping[str, Anchors]) -> dict[str, Any]:
    """What a stamp stands on, and until when."""
    token = read_token(encoded)
    answer = _answer(token, anchors.get(mark.authority))
    return {
        "time": token.time.strftime(TIME),
        "authority": mark.authority,
        "subject": token.authority,
        "scheme": token.scheme.name,
        "key_bits": token.key_bits,
        "signature_hash": token.scheme.hash,
        "certificate_ends": (answer.ends or token.certificate.not_valid_after_utc).strftime(TIME),
        "path": answer.path,
    }


def _answer(token: Token, anchors: Anchors | None) -> Answer:
    return Trust(anchors or Anchors()).of(token, token.time)


def _inventory(tiers: Sequence[Tier], object_id: str, number: int, sha512: bytes) -> Inventory:
    """The inventory of a version, from the folder of the version: at the root there is that of the next one as soon as a tier holds it,
    and a killed process may not have told the catalog so. Raises AipUnreadable, Unavailable."""
    try:
        stream, _ = open_verified(tiers, ObjectId(object_id), f"v{number}/{INVENTORY}", sha512)
    except AipUnreadable:  # while it is the newest, the root has it, too
        stream, _ = open_verified(tiers, ObjectId(object_id), INVENTORY, sha512)
    with stream:
        return parse_inventory(stream)


def open_batch(tiers: Sequence[Tier], object_id: str, number: int, inventory_sha512: bytes) -> tuple[Batch, Inventory]:
    """A batch as the tiers hold it, as of its version ``number``, every file verified by its inventory.

    Raises:
        AipUnreadable: no tier holds a file unaltered. ValueError, KeyError: it is no batch.
    """
    inventory = _inventory(tiers, object_id, number, inventory_sha512)

    def opened(path: str) -> BinaryIO:
        return open_verified(tiers, inventory.object_id, inventory.content_of(path), inventory.digest_of(path))[0]

    return read_batch(opened, inventory.head), inventory


def newest_token(archive: Archive, row: BatchRow, tree: str) -> tuple[bytes, str, str]:
    """(token, authority, place) of a tree's newest stamp, without reading the leaves; ``place`` is its file's name without ".tst".
    Raises as `open_batch`."""
    tiers = list(archive.tiers.values())
    inventory = _inventory(tiers, BATCHES + row.id, row.version, row.inventory_sha512)

    def read(path: str) -> bytes:
        stream, _ = open_verified(tiers, inventory.object_id, inventory.content_of(path), inventory.digest_of(path))
        with stream:
            return stream.read()

    facts = next(each for each in json.loads(read("batch.json"))["trees"] if each["tree"] == tree)
    generations = facts["generations"]
    stamps = generations[-1]["stamps"]
    place = f"{tree}/{len(generations)}/{len(stamps)}"
    return read(f"{place}.tst"), str(stamps[-1]["authority"]), place


def load(archive: Archive, row: BatchRow) -> Batch:
    """The batch of a catalog row. Raises as `open_batch`."""
    return open_batch(list(archive.tiers.values()), BATCHES + row.id, row.version, row.inventory_sha512)[0]
