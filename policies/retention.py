"""How long deposits that did not become records are kept. Records themselves are kept: nothing here ends their life."""

from __future__ import annotations

from datetime import datetime

from policies.archive import Policy
from policies.findings import Verdict

__all__ = ["expires"]


def expires(verdict: Verdict, policy: Policy, now: datetime) -> datetime | None:
    """Until when the bytes of a deposit that was refused or held ``now`` are kept; None when the verdict sets no end.

    For a held deposit this is when an officer should have decided; what becomes of it then is not decided here.
    """
    if verdict is Verdict.REFUSE:
        return now + policy.refused_keep
    if verdict is Verdict.HOLD:
        return now + policy.held_keep
    return None
