"""Comparison: what the tiers hold and the catalog does not know, and whether each storage root has the files that make it one. (What
the catalog knows and a tier does not hold, an audit finds.)

Nothing is deleted or moved: a stranger may be a record that a lost catalog had, and only people can tell.
"""

from __future__ import annotations

import hashlib
import logging
import os
import uuid
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from fixity.verify import Outcome
from policies.findings import Finding, said
from repository.archive import Archive
from repository.coming import is_coming
from repository.ledger.events import ledger_of
from repository.progress import Progress
from storage.errors import Unavailable
from storage.tier import ObjectId, ObjectVersion, RootedTier, Tier

__all__ = ["COMPARED", "KEPT_STRANGERS", "compare", "stranger_of"]

COMPARED = "holdings comparison"
"""The type of the event that tells of one comparison of one tier (the PREMIS vocabulary has no word for it)."""

TOLD_AT_ONCE = 100
"""Objects between two calls of progress, each of which costs as much as passing over one."""

ASKED_AT_ONCE = 1_000
"""Objects whose ids the catalog is asked for together."""

KEPT_STRANGERS = 1_000
"""Strangers of one tier that are told one by one; all are counted."""

_NAMESPACE = uuid.UUID("4f6e5f39-0c3b-4a0e-8d57-2f0f6f3a9e61")

ROOT_FILE = {
    Outcome.ALTERED: "AIP-ROOT-FILE-ALTERED",
    Outcome.MISSING: "AIP-ROOT-FILE-MISSING",
    Outcome.UNREADABLE: "AIP-ROOT-FILE-UNREADABLE",
}
"""What is told of a storage root's own file, by what was found."""

_log = logging.getLogger("kho.comparison")


def compare(archive: Archive, tier_name: str, started: str, progress: Progress) -> dict[str, Any]:
    """Hold one tier against the catalog: {"strangers": [[code, path, args]…], "count", "objects", "unavailable"}, as JSON.

    ``started`` names the comparison: its event is entered once, however often the step is done.
    """
    tier = archive.tiers[tier_name]
    found: list[Finding] = []
    objects = count = 0
    progress.start("compare", None, "objects")
    try:
        walk = _Walk(archive, tier, progress)
        for finding in _strangers(archive, tier, walk):
            count += 1
            if len(found) < KEPT_STRANGERS:
                found.append(finding)
        objects, count = walk.objects, count + walk.untold
    except Unavailable as error:
        return {"strangers": [], "count": 0, "objects": 0, "unavailable": {tier_name: said(error.finding)}}
    if count:
        _log.error(
            "tier %s: %d things that the catalog does not know or the storage root must not lack; the first: %s",
            tier_name,
            count,
            found[0].path,
        )
    _record(archive, tier_name, started, objects, count)
    rows = [[each.code, each.path, dict(each.args)] for each in found]
    return {"strangers": rows, "count": count, "objects": objects, "unavailable": {}}


def stranger_of(row: Sequence[Any]) -> Finding:
    """The finding from its JSON."""
    code, path, args = row
    return Finding(code, path, args)


class _Walk:
    """The objects of a tier that do not lie where a known AIP belongs; all are counted, and now and then the step may be left. When they
    have come, ``strays`` are the first that were met between them, and ``untold`` says how many more there were.

    What lies where a known AIP belongs is that AIP's copy, whatever is left of it: an audit of this copy says how it is. Places of known
    AIPs are held as eight bytes each, hashed with a key of this walk so that no stranger can be given a place that passes for one.
    """

    def __init__(self, archive: Archive, tier: Tier, progress: Progress) -> None:
        self._tier, self._progress = tier, progress
        self._secret = os.urandom(16)
        self.objects = self.untold = 0
        self.strays: list[str] = []
        places = map(tier.place_of, map(ObjectId, archive.catalog.holdings.ids()))
        self._homes = array("Q", sorted(array("Q", map(self._hashed, places))))

    def __iter__(self) -> Iterator[ObjectVersion]:
        for each in self._tier.versions(self.at_home, self._stray):
            self._count()
            yield each
        self._progress.advance(self.objects % TOLD_AT_ONCE)

    def at_home(self, place: str) -> bool:
        """Whether a known AIP belongs in ``place``; it is counted, as an object that is passed over."""
        hashed = self._hashed(place)
        index = bisect_left(self._homes, hashed)
        if index == len(self._homes) or self._homes[index] != hashed:
            return False
        self._count()
        return True

    def _stray(self, path: str) -> None:
        if len(self.strays) < KEPT_STRANGERS:
            self.strays.append(path)
        else:
            self.untold += 1

    def _hashed(self, place: str) -> int:
        return int.from_bytes(hashlib.blake2b(os.fsencode(place), digest_size=8, key=self._secret).digest(), "big")

    def _count(self) -> None:
        self.objects += 1
        if not self.objects % TOLD_AT_ONCE:
            self._progress.advance(TOLD_AT_ONCE)


def _strangers(archive: Archive, tier: Tier, walk: _Walk) -> Iterator[Finding]:
    """The root's own files that are not good, objects that are no AIP's, then what lies between objects. Raises Unavailable."""
    if isinstance(tier, RootedTier):
        for problem in tier.root_problems():
            reason = problem.found if problem.outcome is Outcome.UNREADABLE else ""
            yield Finding(ROOT_FILE[problem.outcome], problem.path, {"tier": tier.name, "reason": reason})
    doubtful: list[ObjectVersion] = []
    objects = iter(walk)
    while batch := list(islice(objects, ASKED_AT_ONCE)):
        known = archive.catalog.holdings.known({each.object_id for each in batch if each.object_id})
        for each in batch:
            if each.object_id in known and each.place == tier.place_of(each.object_id):
                continue  # good or not, an audit of this copy says so
            if each.problem is not None:
                doubtful.append(each)
            elif not _expected(archive, each.object_id):
                yield Finding("AIP-NOT-IN-CATALOG", each.object_id, {"tier": tier.name, "place": each.place})
    for each in doubtful:
        at_home = bool(each.object_id) and each.place == tier.place_of(each.object_id)
        if not (at_home and _expected(archive, each.object_id)):
            reason = "" if each.problem is None else said(each.problem.finding)
            yield Finding("AIP-STRANGE-OBJECT", each.place, {"tier": tier.name, "reason": reason})
    for path in walk.strays:
        yield Finding("AIP-STRAY-FILE", path, {"tier": tier.name})


def _expected(archive: Archive, aip_id: str) -> bool:
    """Whether this object is on its way, or has come since the catalog was asked."""
    return is_coming(archive, aip_id) or bool(archive.catalog.holdings.known([aip_id]))


def _record(archive: Archive, tier: str, started: str, objects: int, strangers: int) -> None:
    detail: Mapping[str, str | int] = {"objects": objects, "strangers": strangers}
    ledger = ledger_of(archive)
    event = ledger.event(COMPARED, "fail" if strangers else "success", detail=detail)
    ledger.append([replace(event, id=str(uuid.uuid5(_NAMESPACE, f"{started} {tier}")), tier=tier)])
