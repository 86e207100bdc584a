"""The one verdict over all findings of a deposit. Pure: counts and a policy in, a verdict out."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from policies.archive import Policy
from policies.codes import register
from policies.findings import Verdict, Weight

__all__ = ["judge", "waivable", "weigh"]


def weigh(code: str, policy: Policy) -> Weight:
    """What one finding of ``code`` weighs under ``policy``. An unregistered code weighs ERROR: fail closed, whatever a policy
    says of it."""
    row = register().get(code)
    if row is None:
        return Weight.ERROR
    return policy.weights.get(code, Weight.named(row.weight))


def waivable(counts: Mapping[str, int], policy: Policy) -> frozenset[str]:
    """The codes that made a deposit be held: what an officer waives by releasing it."""
    return frozenset(code for code, count in counts.items() if count and weigh(code, policy) is Weight.HOLD)


def judge(counts: Mapping[str, int], policy: Policy, *, waived: Collection[str] = ()) -> Verdict:
    """The verdict over findings counted by code.

    One ERROR refuses; otherwise one HOLD that is not in ``waived`` holds; otherwise the deposit is accepted. A waiver lifts a
    hold and nothing else: an officer's release never overrules an error. Any count but zero is a finding.
    """
    weights = {code: weigh(code, policy) for code, count in counts.items() if count}
    if Weight.ERROR in weights.values():
        return Verdict.REFUSE
    if any(weight is Weight.HOLD and code not in waived for code, weight in weights.items()):
        return Verdict.HOLD
    return Verdict.ACCEPT
