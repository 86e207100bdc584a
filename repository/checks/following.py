"""When the policy has changed, the catalog follows: the collection of each AIP, and the dates at which its copies are due. Once for each
policy, and an event says so: from then on it can be told by which promise dates were set.
"""

from __future__ import annotations

import logging
from datetime import datetime
from functools import partial

from policies.collections import NONE, collection_of
from repository.archive import Archive
from repository.catalog import Periods
from repository.ledger.events import ledger_of

__all__ = ["FOLLOWED", "follow_policy"]

FOLLOWED = "policy in force"
"""The type of the event that tells of it (the PREMIS vocabulary has no word for it)."""

_log = logging.getLogger("kho.audit")


def follow_policy(archive: Archive, begun: datetime | None = None) -> dict[str, int]:
    """Bring collections and dates to the policy in force, unless they are: {"aips": in another collection now, "copies": with other
    dates}. Can be repeated when it was interrupted. Whatever the policy, no date is further away than its longest period afterwards: what
    was is due, from ``begun`` on where an audit that began then is to read it."""
    policy, before = archive.policy, archive.catalog.events.latest(FOLLOWED, "")
    if before is not None and before.detail["policy"] == policy.digest:
        return {"aips": 0, "copies": _bring_forward(archive, begun)}
    aips = archive.catalog.collections.assign(partial(collection_of, policy.collections))
    names = (NONE, *(each.name for each in policy.collections))
    copies = archive.catalog.collections.reschedule({name: _periods(archive, name) for name in names})
    copies += _bring_forward(archive, begun)
    ledger = ledger_of(archive)
    ledger.append([ledger.event(FOLLOWED, "success", detail={"version": policy.version, "aips": aips, "copies": copies})])
    return {"aips": aips, "copies": copies}


def _bring_forward(archive: Archive, begun: datetime | None) -> int:
    """What a clock that was ahead has dated further away than any period is due now, or since ``begun``. How many dates moved."""
    moved, now = 0, archive.clock.now()
    for tier in archive.tiers:
        audits = [archive.policy.audit(tier, name) for name in (NONE, *(each.name for each in archive.policy.collections))]
        looks = [audit.look_every for audit in audits if audit.look_every is not None]
        longest = Periods(archive.policy.longest(tier), max(looks, default=None))
        moved += archive.catalog.collections.bring_forward(tier, longest, now, begun or now)
    if moved:
        _log.warning("%d dates of checks lay further away than any period: they are due now", moved)
    return moved


def _periods(archive: Archive, collection: str) -> dict[str, Periods]:
    audits = {tier: archive.policy.audit(tier, collection) for tier in archive.tiers}
    return {tier: Periods(audit.every, audit.look_every) for tier, audit in audits.items()}
