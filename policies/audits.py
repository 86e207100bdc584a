"""When a copy is looked at again, and how thoroughly. Pure: `now` is an argument."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from policies.archive import Policy
from policies.collections import NONE

__all__ = ["FULL", "QUICK", "RISKY_FOR", "ahead", "algorithm", "next_check", "next_look"]

FULL = "sha512"
"""What OCFL addresses content by."""

QUICK = "sha256"
"""The digest of the fixity block: proves the same bytes at half the cost."""


def next_check(policy: Policy, tier: str, now: datetime, *, good: bool = True, collection: str = NONE) -> datetime:
    """When a copy on ``tier`` that was checked ``now`` is due again: soon when it was not found ``good``."""
    audit = policy.audit(tier, collection)
    return now + (audit.every if good else min(audit.retry, audit.every))


def next_look(policy: Policy, tier: str, now: datetime, *, good: bool = True, collection: str = NONE) -> datetime | None:
    """When it is to be seen again whether everything of a copy is there in its size, after it was read or looked at ``now``; None where
    the policy does not ask for it, and for a copy that is not ``good``: that one is read."""
    audit = policy.audit(tier, collection)
    return now + audit.look_every if good and audit.look_every is not None else None


RISKY_FOR = timedelta(days=90)
"""How long a tier on which damage was found counts as one on which more will be."""


OLD = timedelta(days=10 * 365)
"""The age from which a medium counts as old: five years is what makers of disks give a warranty for, and ten what few reach."""


def ahead(policy: Policy, tier: str, last_damage: datetime | None, now: datetime, *, in_service: date | None = None) -> timedelta:
    """How much longer than they do the copies on ``tier`` count as waiting, where it is chosen what comes first: half a period where
    damage was found of late, and up to a quarter more the older its media are, ``in_service`` since then (None: not known). Bounded, so
    that what waits on a sound tier is put off, and never starves."""
    risky = last_damage is not None and now - last_damage < RISKY_FOR
    age = timedelta(0) if in_service is None else max(timedelta(0), now.date() - in_service)
    return policy.audit(tier).every * ((0.5 if risky else 0.0) + 0.25 * min(1.0, age / OLD))


def algorithm(policy: Policy, tier: str, last_full: datetime | None, now: datetime, *, collection: str = NONE) -> str:
    """The algorithm for a check ``now``: SHA-512 when waiting for the check after this one would make the full check late."""
    audit = policy.audit(tier, collection)
    if last_full is None or last_full > now or now + audit.every > last_full + audit.full_every:
        return FULL
    return QUICK
