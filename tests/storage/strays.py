"""What a tier says of what lies between its objects."""

from __future__ import annotations

from storage.tier import Passing, Tier, nowhere


def strays_of(tier: Tier, passing: Passing = nowhere) -> list[str]:
    """What a walk to the end of a tier tells of as strays."""
    found: list[str] = []
    for _ in tier.versions(passing, found.append):
        pass
    return found
