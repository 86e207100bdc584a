"""Making batches: versions that nothing proves yet become the leaves of two parallel trees, each stamped by an authority of its own."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from policies.phrases import phrase
from policies.trust import Algorithms
from repository.archive import Archive
from repository.coming import DAYS
from repository.evidence.asking import Asking
from repository.evidence.batch import Batch, Mark, slot_of
from repository.evidence.judge import algorithms_in
from repository.evidence.leaves import Unprovable, objects_of
from repository.evidence.pending import pend, pending
from repository.evidence.planning import successor
from repository.evidence.rehashing import Lacking, Rehashing
from repository.progress import Progress
from repository.settings.authorities import TREES, authorities_of, under_roots_of
from signatures.errors import NotStamped
from signatures.evidence import Generation, Tree
from signatures.timestamps import Authority

__all__ = ["Making", "authorities_by_tree", "begin_tree", "is_due", "make_batch", "next_batch"]

_log = logging.getLogger("kho.evidence")


@dataclass(frozen=True, slots=True)
class Making:
    """What came of making a batch: its id ("" for none), leaves, trees that were stamped, why others were not, and versions that
    cannot be proved now."""

    batch: str = ""
    leaves: int = 0
    trees: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    unprovable: tuple[str, ...] = ()


def authorities_by_tree(archive: Archive) -> dict[str, list[Authority]]:
    """Authorities by the tree they may stamp, in their order. Real ones go before the demo authority. Raises AuthoritySettings."""
    known = authorities_of(archive.settings.home, archive.settings.authorities, archive.clock.now)
    known.sort(key=lambda each: not each.evidence)
    return {tree: [each for each in known if tree in each.trees] for tree in TREES}


def next_batch(archive: Archive, now: datetime) -> datetime:
    """When the next batch is due, as seen from ``now``, though it be not full: at once when there was none before (by a clock that was
    ahead, there was none)."""
    last = max((each.created for each in archive.catalog.evidence.batches() if each.created <= now), default=None)
    return now if last is None else last + archive.policy.evidence.every


def is_due(archive: Archive) -> bool:
    """Whether a batch is to be closed: the last one is older than the policy's period, or enough versions wait."""
    policy, now = archive.policy.evidence, archive.clock.now()
    if now >= next_batch(archive, now):
        return True
    return len(archive.catalog.evidence.unproved(policy.largest)) >= policy.largest


def make_batch(archive: Archive, authorities: Mapping[str, Sequence[Authority]], progress: Progress) -> Making:
    """Make a batch of what is not proved yet, and leave it pending (`repository.evidence.keeping.settle` keeps it).

    A tree whose authorities all fail is stamped by a later renewal; nothing is made only if no tree can be stamped.

    Raises:
        NotStamped: no tree could be stamped.
    """
    if any(folder.suffix == ".1" for folder in pending(archive)):
        return Making()  # its leaves are not registered yet, and would be taken twice
    batch = Batch(str(uuid.uuid4()), archive.clock.now().replace(microsecond=0), [])
    unprovable = _collect(archive, batch, progress)
    if not batch.leaves:
        return Making(unprovable=tuple(unprovable))
    now, algorithms = archive.clock.now(), algorithms_in(archive.settings.home, archive.policy.evidence.algorithms)
    failures = stamp_trees(Asking(archive, algorithms, now), batch, authorities, progress)
    if not batch.trees:
        raise NotStamped("; ".join(failures))
    pend(archive, batch, f"Evidence over {len(batch.leaves)} versions")
    return Making(batch.id, len(batch.leaves), tuple(batch.trees), tuple(failures), tuple(unprovable))


def stamp_trees(asking: Asking, batch: Batch, authorities: Mapping[str, Sequence[Authority]], progress: Progress) -> list[str]:
    """Stamp the trees of a batch that have no token yet; the reasons of those that still have none."""
    failures = []
    for tree in TREES:
        if tree in batch.trees:
            continue
        try:
            begin_tree(asking, batch, tree, authorities, progress)
        except NotStamped as error:
            failures.append(f"{tree}: {error.finding.args['reason']}")
            _log.warning("the %s tree of batch %s is not stamped: %s", tree, batch.id, error)
    return failures


def begin_tree(
    asking: Asking, batch: Batch, tree: str, authorities: Mapping[str, Sequence[Authority]], progress: Progress
) -> list[Lacking]:
    """Begin one tree of a batch, or begin it anew ("sha256.2"); what could not be read for it, where its hash asks for reading.
    Authorities under the root that the other tree stands under are asked last: two trees under one root fall together.

    Raises:
        NotStamped: no authority stamped it, or the policy knows no hash algorithm for it.
    """
    archive, slot, lacking = asking.archive, slot_of(tree), list[Lacking]()
    hash_name = _first_hash(batch, tree, asking.algorithms, asking.now, asking.now + archive.policy.evidence.lead)
    used = {marks[-1][-1].authority for name, marks in batch.marks.items() if slot_of(name) != slot}
    together = under_roots_of(used, (each for several in authorities.values() for each in several))
    ordered = sorted(authorities[slot], key=lambda each: (not each.evidence, together(each)))
    digests: list[list[bytes | None]] | None = None
    lists: Mapping[int, bytes] = {}
    if hash_name in TREES:
        values = [each.values[hash_name] for each in batch.leaves]
    else:  # the inventories have no digests in it: all content is read
        reading = Rehashing(archive, batch, tree, hash_name, progress, upon=(), first=asking.before_reading(ordered, hash_name))
        values, digests, lists, lacking = reading.leaves(), reading.digests, reading.lists, reading.lacking
    whole = Tree(hash_name, values)
    found = asking.stamp(ordered, hash_name, whole.root)
    mark = Mark(found.authority.name, found.authority.evidence)
    batch.begin(tree, Generation(whole, found.token.encoded), mark, digests, lists)
    return lacking


def _first_hash(batch: Batch, tree: str, algorithms: Algorithms, now: datetime, needed: datetime) -> str:
    """The tree's own hash algorithm while it lasts, then one that does. Raises NotStamped."""
    slot = slot_of(tree)
    end = algorithms.hash_end(slot).when
    if end is None or end > needed:
        return slot
    other = next((each.newest.hash for name, each in reversed(batch.trees.items()) if slot_of(name) != slot), "")
    other = other or next(each for each in TREES if each != slot)
    if found := successor({"generations": [slot]}, other, algorithms, needed):
        return found
    if end > now:
        return slot
    raise NotStamped(phrase("no-hash-left"))


def _collect(archive: Archive, batch: Batch, progress: Progress) -> list[str]:
    """Fill the leaves of a batch; the versions that cannot be proved now."""
    policy, tiers = archive.policy.evidence, list(archive.tiers.values())
    waiting = archive.catalog.evidence.unproved(policy.largest)
    waiting += archive.catalog.evidence.unproved_kept(DAYS, max(policy.largest - len(waiting), 0))
    unprovable = []
    progress.start("evidence", len(waiting), "objects")
    for object_id, version, inventory_sha512 in waiting:
        progress.advance(1)
        try:
            objects = objects_of(tiers, object_id, version, inventory_sha512)
        except Unprovable as error:
            _log.warning("%s", error)
            unprovable.append(f"{object_id} v{version}")
            continue
        batch.add(object_id, version, objects, inventory_sha512=inventory_sha512, largest_group=policy.group)
    progress.finish()
    return unprovable
