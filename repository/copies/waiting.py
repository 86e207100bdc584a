"""What waits for copies, put right: bytes in the spool, and copies that some tiers have already, are each other's second copy.

A deposit that is not on enough tiers is no AIP yet: no audit and no repair knows of it. Where its bytes rot meanwhile, in the spool or on a
tier (one file by two names, where both are on one disk), it could otherwise never be stored.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, BinaryIO

from fixity.verify import FixityReport, Outcome
from repository.access.vouched import Wanted
from repository.aip.sealing import load_sealed
from repository.archive import Archive
from repository.copies.keep import keep
from repository.copies.repair import in_order
from repository.deposits.mending import UNREADABLE, SealedPart, mend_sealed, parts_of
from repository.ledger.events import ledger_of
from repository.model import Copy, CopyState
from repository.progress import Progress
from storage.errors import NotFound, Unavailable
from storage.ocfl.inventory import INVENTORY, InvalidInventory, parse_inventory
from storage.tier import ObjectId, SealedVersion, SequentialTier, Tier
from storage.tiers import keep_on

__all__ = ["keep_put_right"]

SPOOL = "spool"
"""What the ledger calls the place from which such a copy was put right."""

_VERSION = re.compile(r"v0*([0-9]{1,9})(?:/|$)")


def keep_put_right(archive: Archive, tier_name: str, deposit_id: str, progress: Progress) -> dict[str, Any]:
    """`repository.copies.keep.keep` of a deposit that was found rotten, once more when something could be put right; else nothing."""
    return keep(archive, tier_name, [deposit_id], progress) if _put_right(archive, tier_name, deposit_id, progress) else {}


def _put_right(archive: Archive, tier_name: str, deposit_id: str, progress: Progress) -> bool:
    """Put right what a deposit has in its spool and on one tier, which did not verify; whether anything was done. That it is good now, only
    keeping it again says. Media that are wound are not asked."""
    tier = archive.tiers[tier_name]
    try:
        sealed = load_sealed(archive.spools.folder(deposit_id), partial(archive.spools.of_sealed, deposit_id))
        mended = mend_sealed(sealed, partial(_on_tiers, archive, sealed, set()), progress.advance)
        if isinstance(tier, SequentialTier):
            return mended
        report = keep_on(tier, [sealed], progress=progress.advance, verify=archive.verifiers.verify)[0].report
        return bool(report and _copy_mended(archive, tier_name, sealed, report)) or mended
    except UNREADABLE:
        return False


def _on_tiers(archive: Archive, sealed: SealedVersion, away: set[str], part: SealedPart) -> Iterator[Callable[[], BinaryIO]]:
    """Tiers that are found ``away`` are not asked again: a deposit may have very many parts, and each would wait for them."""
    places = (part.path, f"v{sealed.number}/{part.path}") if part.path == INVENTORY else (part.path,)
    for name, tier in archive.tiers.items():
        for place in places:
            if name not in away and not isinstance(tier, SequentialTier):
                yield partial(_opened, tier, sealed.object_id, place, away)


def _opened(tier: Tier, object_id: ObjectId, path: str, away: set[str]) -> BinaryIO:
    """Raises StorageError."""
    try:
        return tier.open(object_id, path)
    except Unavailable:
        try:  # the tier, or this one file
            tier.check()
        except Unavailable:
            away.add(tier.name)
        raise


def _copy_mended(archive: Archive, tier_name: str, sealed: SealedVersion, report: FixityReport) -> bool:
    """Only what this version brought is ours: what stands there of earlier ones, audits and repairs know. Where the copy went on to a newer
    version, the root files are that one's, and so is what looks like a stranger. Raises StorageError, OSError."""
    tier, ledger, done = archive.tiers[tier_name], ledger_of(archive), False
    own = f"v{sealed.number}/"
    newest = not _went_on(tier, sealed, report)
    problems = [problem for problem in report.problems if newest or problem.path.startswith(own)]
    want = Wanted(sealed.object_id, {sealed.number: sealed.inventory_sha512}, parse_inventory(sealed.inventory.read_bytes()))
    paths = {problem.path for problem in problems}
    sources = {part.path: part.source for part in parts_of(sealed) if part.path in paths}
    sources[f"{own}{INVENTORY}"] = sealed.inventory
    copy = Copy(sealed.object_id, tier_name, sealed.number, CopyState.DAMAGED, None, None, None, 0, 0)
    for problem in in_order(problems):
        if problem.outcome is Outcome.EXTRA:
            if newest and (problem.path.startswith(own) or sealed.number == 1):
                ledger.quarantined(copy, problem, tier.quarantine(sealed.object_id, problem.path))
                done = True
            continue
        known = want.known(problem.path)
        if problem.outcome not in (Outcome.ALTERED, Outcome.MISSING) or known is None:
            continue
        digest, data = known
        if data is None and problem.path not in sources:
            continue
        with io.BytesIO(data) if data is not None else open(sources[problem.path], "rb") as stream:
            tier.restore(sealed.object_id, problem.path, stream, digest)
        ledger.repaired(copy, problem, "rule" if data is not None else SPOOL)
        done = True
    return done


def _went_on(tier: Tier, sealed: SealedVersion, report: FixityReport) -> bool:
    """Whether a copy has anything of a version after this one: an older catalog came back from a backup. Raises StorageError."""
    if any(_version_of(problem.path) > sealed.number for problem in report.problems):
        return True
    with contextlib.suppress(NotFound):
        tier.open(sealed.object_id, f"v{sealed.number + 1}/{INVENTORY}").close()
        return True
    try:
        return parse_inventory(tier.inventory(sealed.object_id)).head > sealed.number
    except (NotFound, InvalidInventory):
        return False


def _version_of(path: str) -> int:
    found = _VERSION.match(path)
    return int(found[1]) if found else 0
