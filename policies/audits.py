"""When a copy is looked at again, and how thoroughly. Pure: `now` is an argument."""

from __future__ import annotations

from datetime import datetime

from policies.archive import Policy

__all__ = ["FULL", "QUICK", "algorithm", "next_check"]

FULL = "sha512"
"""What OCFL addresses content by."""

QUICK = "sha256"
"""The digest of the fixity block: proves the same bytes at half the cost."""


def next_check(policy: Policy, tier: str, now: datetime, *, good: bool = True) -> datetime:
    """When a copy on ``tier`` that was checked ``now`` is due again: soon when it was not found ``good``."""
    audit = policy.audit(tier)
    return now + (audit.every if good else min(audit.retry, audit.every))


def algorithm(policy: Policy, tier: str, last_full: datetime | None, now: datetime) -> str:
    """The algorithm for a check ``now``: SHA-512 when waiting for the check after this one would make the full check late."""
    audit = policy.audit(tier)
    if last_full is None or last_full > now or now + audit.every > last_full + audit.full_every:
        return FULL
    return QUICK
