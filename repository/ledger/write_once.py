"""Write-once copies: locked after they were read back and found good, and longer by every audit that finds them good again.

The due date is the audit's: the policy lets no lock be shorter than two audits. What the store says when it is asked again is what
counts; a copy whose lock did not come about is not one of those that were promised.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from policies.disposal import Term, disposal
from policies.findings import spoken
from policies.phrases import phrase
from policies.worm import lock_until
from repository.archive import Archive
from repository.ledger.events import ledger_of
from storage.errors import StorageError
from storage.tier import ObjectId, WriteOnceTier

__all__ = ["promise"]

_log = logging.getLogger("kho.ledger")


def promise(archive: Archive, tier_name: str, aip_id: str, fields: Mapping[str, Iterable[str]] | None = None) -> str:
    """Lock a copy that was just found good as long as the policy says, but never beyond the day from which the record may be disposed of;
    why that did not come about, "" when it did or is not asked for.

    ``fields`` describe a record that the catalog does not know yet. One event tells of it. A record whose term has ended is locked no
    more, and one whose term ends nobody knows when is not: a lock cannot be taken back.
    """
    period = archive.policy.worm.get(tier_name)
    if period is None:
        return ""
    now = archive.clock.now().replace(microsecond=0)
    ends = disposal(_fields(archive, aip_id) if fields is None else fields)
    until = lock_until(now, period, ends if isinstance(ends, datetime) else None)
    if until <= now:
        return ""
    tier, problem = archive.tiers[tier_name], ""
    if ends is Term.UNKNOWN:
        problem = phrase("disposal-unknown")
    elif not isinstance(tier, WriteOnceTier):
        problem = phrase("worm-cannot-lock")
    else:
        try:
            end = tier.lock(ObjectId(aip_id), until)
            if end is None or end < until:
                problem = phrase("worm-locked-until", until=end.isoformat()) if end else phrase("worm-not-locked")
        except StorageError as error:
            problem = str(error)
    ledger = ledger_of(archive)
    detail: dict[str, str | int] = {"until": until.isoformat(), **({"error": spoken(problem)} if problem else {})}
    event = ledger.event("write-once lock", "fail" if problem else "success", detail=detail)
    ledger.append([replace(event, aip_id=aip_id, tier=tier_name)])
    if problem:
        _log.error("%s on tier %s is not write-once as promised: %s", aip_id, tier_name, spoken(problem))
    return problem


def _fields(archive: Archive, aip_id: str) -> Mapping[str, Iterable[str]]:
    aip = archive.catalog.holdings.find(aip_id)
    return {} if aip is None else aip.fields
