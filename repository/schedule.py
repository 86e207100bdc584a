"""The schedule: what an archive does by itself, and how often somebody must look whether it is due."""

from __future__ import annotations

from datetime import timedelta

from repository.archive import Archive
from repository.checks.audit import AuditScope
from repository.flow_names import AUDIT, COLLECT, COMPARE, EVIDENCE, LEDGER, NOTICES, REPAIR, UPKEEP
from repository.worker import Plan

__all__ = ["COMPARE_EVERY", "DUE_EVERY", "EVIDENCE_EVERY", "LEDGER_EVERY", "NOTICE_EVERY", "TRY_EVERY", "plans"]

DUE_EVERY = timedelta(hours=1)
"""How often due copies are looked for. *When* a copy is due, the policy says (``[audit.*] every``); an hour late is nothing beside
months, and when nothing is due the job is one query."""


TRY_EVERY = timedelta(hours=1)
"""How often damaged and missing copies are tried to be made good, and deposits that wait for a tier to be kept."""


COMPARE_EVERY = timedelta(days=1)
"""How often the tiers are walked, to find what the catalog does not know: it costs a look at every object's inventory."""


EVIDENCE_EVERY = timedelta(hours=1)
"""How often it is looked whether a batch of evidence is to be closed (the policy says how often) and whether one is to be renewed: a
silent authority is asked again after this time."""


LEDGER_EVERY = timedelta(minutes=5)
"""How often new events are copied to other tiers, and days of the ledger that are over closed, stamped and kept: a catalog that is lost
with its disk loses so much."""


NOTICE_EVERY = timedelta(minutes=10)
"""How often it is looked whether a notice is to go out; how often one may, `repository.attention.notices` decides."""


def plans(archive: Archive) -> tuple[Plan, ...]:
    """The rows of the worker's schedule."""

    def tiers() -> list[str]:
        return list(archive.in_force().policy.tiers)

    return (
        Plan("audit-due", AUDIT, AuditScope().as_json(), every=DUE_EVERY),
        Plan("collect-signatures", COLLECT, lambda: {"aip": "", "tiers": tiers()}, every=TRY_EVERY),
        Plan("compare", COMPARE, {}, every=COMPARE_EVERY),
        Plan("evidence", EVIDENCE, {"batch": None, "renew": True}, every=EVIDENCE_EVERY),
        Plan("ledger", LEDGER, {}, every=LEDGER_EVERY),
        Plan("repair", REPAIR, {"aip": ""}, every=TRY_EVERY),
        Plan("upkeep", UPKEEP, lambda: {"tiers": tiers()}, every=TRY_EVERY),
        *([Plan("notices", NOTICES, {}, every=NOTICE_EVERY)] if archive.settings.notices else []),
    )
