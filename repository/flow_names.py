"""The names of flows: what a job asks for. Apart from the flows, which bring in all that they use: whoever queues one, or looks whether
one waits, should not pay for that. A name stands in the records of jobs and is never changed."""

from __future__ import annotations

from typing import Final

__all__ = [
    "AUDIT",
    "COLLECT",
    "COMPARE",
    "COPIES",
    "DEPOSIT",
    "EVIDENCE",
    "LASTING",
    "LEDGER",
    "MIGRATE",
    "NOTICES",
    "RECALL",
    "REFRESH",
    "REIDENTIFY",
    "REPAIR",
    "ROLLBACK",
    "UPKEEP",
]

DEPOSIT: Final = "deposit"
AUDIT: Final = "audit"
COMPARE: Final = "compare"
COPIES: Final = "copies"
REPAIR: Final = "repair"
UPKEEP: Final = "upkeep"
LEDGER: Final = "ledger"
EVIDENCE: Final = "evidence"
COLLECT: Final = "collect signatures"
LASTING: Final = "lasting copies"
MIGRATE: Final = "migrate"
ROLLBACK: Final = "rollback"
REIDENTIFY: Final = "reidentify"
NOTICES: Final = "notices"
RECALL: Final = "recall"
REFRESH: Final = "refresh tape"
