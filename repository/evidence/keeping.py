"""Keeping batches: pending versions in the home are sealed, kept on every tier, re-read and registered; batches are read back.

What is to be kept is written into a folder of the home first and the folder gets its name last; so a killed process loses at most a
token, and whatever it left half done is done by the next one.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from repository.aip.stored import open_verified
from repository.archive import SOFTWARE, Archive
from repository.catalog.evidence import BatchRow, LeafRow
from repository.evidence.batch import PREFIX, TIME, Batch, read_batch, write_files
from repository.ledger.events import ledger_of
from repository.ledger.keeper import copy_of
from signatures.timestamps import Anchors, Answer, Trust, read_token
from storage.ocfl.inventory import Inventory, parse_inventory
from storage.ocfl.inventory_writer import VersionBlock
from storage.ocfl.sealing import seal_files, seal_next
from storage.tier import ObjectId, SealedVersion, Tier
from storage.tiers import Kept, keep_on

if TYPE_CHECKING:
    from signatures.timestamps import Token

__all__ = ["EVENT", "load", "newest_token", "open_batch", "pend", "pending", "row_of", "settle"]

EVENT = "evidence"
"""The type of the events that tell of batches made and renewed."""


def _folder(archive: Archive) -> Path:
    return archive.settings.home / "evidence" / "pending"


def pend(archive: Archive, batch: Batch, message: str, *, beside: Mapping[str, bytes] | None = None) -> None:
    """Write the next version of a batch into the home, to be kept by `settle`."""
    place = _folder(archive)
    temporary = place / f"{uuid.uuid4().hex}.new"
    write_files(batch, temporary / "files", beside=beside or {})
    facts = {"number": batch.version + 1, "message": message, "time": archive.clock.now().astimezone(UTC).strftime(TIME)}
    (temporary / "pending.json").write_text(json.dumps({"batch": batch.id, **facts}), encoding="utf-8")
    os.rename(temporary, place / f"{batch.id}.{batch.version + 1}")


def pending(archive: Archive) -> list[Path]:
    """Folders of versions that are written and not yet kept, in the order of their versions."""
    place = _folder(archive)
    if not place.exists():
        return []
    for left in place.glob("*.new"):
        shutil.rmtree(left, ignore_errors=True)
    return sorted((each for each in place.iterdir() if each.is_dir()), key=lambda each: int(each.suffix[1:]))


def settle(archive: Archive, anchors: Mapping[str, Anchors]) -> list[str]:
    """Keep what is pending: the ids of batches whose version is now on enough tiers. The others stay pending, and are tried again."""
    done = []
    for folder in pending(archive):
        facts = json.loads((folder / "pending.json").read_text(encoding="utf-8"))
        if _keep(archive, folder, facts, anchors):
            shutil.rmtree(folder)
            done.append(str(facts["batch"]))
    return done


def _keep(archive: Archive, folder: Path, facts: Mapping[str, Any], anchors: Mapping[str, Anchors]) -> bool:
    files = {str(each.relative_to(folder / "files")): each for each in sorted((folder / "files").rglob("*")) if each.is_file()}
    number, created = int(facts["number"]), datetime.strptime(facts["time"], TIME).replace(tzinfo=UTC)
    block = VersionBlock(number, created, str(facts["message"]), SOFTWARE, "urn:kho:evidence")
    opened = _from(files)
    batch = read_batch(opened, number)
    token = f"e{number}"
    if number == 1:
        sealed = seal_files(batch.object_id, files, block, folder / "inventory.json", token=token)
    else:
        before = archive.catalog.holdings.inventories([batch.object_id])[batch.object_id]
        if number in before:
            return True  # kept and registered by a process that was killed just after
        previous = _inventory(list(archive.tiers.values()), batch.object_id, before[number - 1])
        sealed = seal_next(previous, before[number - 1], files, block, folder / "inventory.json", token=token)
    kept = {tier: keep_on(archive.tiers[tier], [sealed])[0] for tier in archive.policy.copies.tiers}
    if not archive.policy.copies.enough([tier for tier, one in kept.items() if one.counts]):
        return False
    _register(archive, batch, sealed, kept, anchors)
    return True


def _from(files: Mapping[str, Path]) -> Any:
    def opened(path: str) -> BinaryIO:
        return open(files[path], "rb")

    return opened


def _register(
    archive: Archive, batch: Batch, sealed: SealedVersion, kept: Mapping[str, Kept], anchors: Mapping[str, Anchors]
) -> None:
    row = row_of(batch, sealed.inventory_sha512, anchors)
    ledger = ledger_of(archive)
    outcome = ledger.event(EVENT, "success", detail={"batch": batch.id, "version": batch.version, "leaves": len(batch.leaves)})
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
    for tree, lineage in batch.trees.items():
        token, mark = read_token(lineage.newest.last), batch.marks[tree][-1][-1]
        answer = _answer(token, anchors.get(mark.authority))
        trees.append(
            {
                "tree": tree,
                "hash": lineage.newest.hash,
                "time": token.time.strftime(TIME),
                "authority": mark.authority,
                "evidence": all(each.evidence for marks in batch.marks[tree] for each in marks),
                "left_out": batch.lost(tree),
                "subject": token.authority,
                "scheme": token.scheme.name,
                "key_bits": token.key_bits,
                "signature_hash": token.scheme.hash,
                "certificate_ends": (answer.ends or token.certificate.not_valid_after_utc).strftime(TIME),
                "root": answer.root,
                "root_key": answer.root_key.hex(),
                "path": answer.path,
                "generations": [each.hash for each in lineage.generations],
            }
        )
    return BatchRow(batch.id, batch.created, batch.version, len(batch.leaves), inventory_sha512, trees)


def _answer(token: Token, anchors: Anchors | None) -> Answer:
    return Trust(anchors or Anchors()).of(token, token.time)


def _inventory(tiers: Sequence[Tier], object_id: str, sha512: bytes) -> Inventory:
    stream, _ = open_verified(tiers, ObjectId(object_id), "inventory.json", sha512)
    with stream:
        return parse_inventory(stream)


def open_batch(tiers: Sequence[Tier], object_id: str, inventory_sha512: bytes) -> tuple[Batch, Inventory]:
    """A batch as the tiers hold it, every file verified by its inventory.

    Raises:
        AipUnreadable: no tier holds a file unaltered. ValueError, KeyError: it is no batch.
    """
    inventory = _inventory(tiers, object_id, inventory_sha512)

    def opened(path: str) -> BinaryIO:
        return open_verified(tiers, inventory.object_id, inventory.content_of(path), inventory.digest_of(path))[0]

    return read_batch(opened, inventory.head), inventory


def newest_token(archive: Archive, row: BatchRow, tree: str) -> tuple[bytes, str, str]:
    """(token, authority, place) of a tree's newest stamp, without reading the leaves; ``place`` is its file's name without ".tst".
    Raises as `open_batch`."""
    tiers = list(archive.tiers.values())
    inventory = _inventory(tiers, PREFIX + row.id, row.inventory_sha512)

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
    return open_batch(list(archive.tiers.values()), PREFIX + row.id, row.inventory_sha512)[0]
