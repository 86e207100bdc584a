"""What waits for copies, put right: bytes in the spool, and copies that some tiers have already, are each other's second copy.

A deposit that is not on enough tiers is no AIP yet: no audit and no repair knows of it. Where its bytes rot meanwhile, in the spool or on a
tier (one file by two names, where both are on one disk), it could otherwise never be stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, BinaryIO

from fixity.verify import FixityReport
from repository.aip.sealing import load_sealed
from repository.archive import Archive
from repository.copies.keep import keep
from repository.deposits.mending import UNREADABLE, SealedPart, mend_sealed
from repository.ledger.events import ledger_of
from repository.progress import Progress
from storage.errors import Unavailable
from storage.ocfl.inventory import INVENTORY
from storage.putting_right import put_right
from storage.tier import ObjectId, SealedVersion, SequentialTier, Tier
from storage.tiers import keep_on

__all__ = ["keep_put_right"]

SPOOL = "spool"
"""What the ledger calls the place from which such a copy was put right."""


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
    """Raises StorageError, OSError."""
    done = False
    for each in put_right(archive.tiers[tier_name], sealed, report):
        ledger_of(archive).put_right(sealed, tier_name, each, SPOOL)
        done = True
    return done
