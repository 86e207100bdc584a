"""When a copy is looked at again, and how thoroughly. Pure: `now` is an argument."""

from __future__ import annotations

from datetime import datetime, timedelta

from policies.archive import Policy

__all__ = ["FULL", "QUICK", "RISKY_FOR", "ahead", "algorithm", "next_check"]

FULL = "sha512"
"""What OCFL addresses content by."""

QUICK = "sha256"
"""The digest of the fixity block: proves the same bytes at half the cost."""


def next_check(policy: Policy, tier: str, now: datetime, *, good: bool = True) -> datetime:
    """When a copy on ``tier`` that was checked ``now`` is due again: soon when it was not found ``good``."""
    audit = policy.audit(tier)
    return now + (audit.every if good else min(audit.retry, audit.every))


RISKY_FOR = timedelta(days=90)
"""How long a tier on which damage was found counts as one on which more will be."""


def ahead(policy: Policy, tier: str, last_damage: datetime | None, now: datetime) -> timedelta:
    """How much longer than they do the copies on ``tier`` count as waiting, where it is chosen what comes first: half a period where
    damage was found of late. Bounded, so that what waits on a sound tier is put off, and never starves."""
    risky = last_damage is not None and now - last_damage < RISKY_FOR
    return policy.audit(tier).every / 2 if risky else timedelta(0)


def algorithm(policy: Policy, tier: str, last_full: datetime | None, now: datetime) -> str:
    """The algorithm for a check ``now``: SHA-512 when waiting for the check after this one would make the full check late."""
    audit = policy.audit(tier)
    if last_full is None or last_full > now or now + audit.every > last_full + audit.full_every:
        return FULL
    return QUICK
