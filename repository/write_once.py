"""Write-once copies: locked after they were read back and found good, and longer by every audit that finds them good again.

The due date is the audit's: the policy lets no lock be shorter than two audits. What the store says when it is asked again is what
counts; a copy whose lock did not come about is not one of those that were promised.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from policies.worm import lock_until
from repository.archive import Archive
from repository.ledger import ledger_of
from storage.errors import StorageError
from storage.tier import ObjectId, WriteOnceTier

__all__ = ["promise"]

_log = logging.getLogger(__name__)


def promise(archive: Archive, tier_name: str, aip_id: str) -> str:
    """Lock a copy that was just found good as long as the policy says; why that did not come about, "" when it did or is not asked for.

    One event tells of it.
    """
    period = archive.policy.worm.get(tier_name)
    if period is None:
        return ""
    until = lock_until(archive.clock.now(), period).replace(microsecond=0)
    tier, problem = archive.tiers[tier_name], ""
    if not isinstance(tier, WriteOnceTier):
        problem = "this kind of tier cannot lock what it holds"
    else:
        try:
            end = tier.lock(ObjectId(aip_id), until)
            if end is None or end < until:
                problem = f"after it was locked, the store says {end.isoformat() if end else 'not locked'}"
        except StorageError as error:
            problem = str(error)
    ledger = ledger_of(archive)
    detail: dict[str, str | int] = {"until": until.isoformat(), **({"error": problem} if problem else {})}
    event = ledger.event("write-once lock", "fail" if problem else "success", detail=detail)
    ledger.append([replace(event, aip_id=aip_id, tier=tier_name)])
    if problem:
        _log.error("%s on tier %s is not write-once as promised: %s", aip_id, tier_name, problem)
    return problem
