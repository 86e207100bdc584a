"""Evidence as a service of the engine: make a batch, hand out proofs, plan and do renewals."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from policies.findings import Finding
from policies.trust import Algorithms
from repository.archive import Archive
from repository.errors import UnknownVersion
from repository.evidence.exporting import Exported, export_evidence
from repository.evidence.judge import algorithms_in
from repository.evidence.making import next_batch
from repository.evidence.planning import Due, plan
from repository.evidence.roots import roots_of
from repository.evidence.standing import standing
from repository.flow_names import EVIDENCE
from repository.jobs.service import Jobs

__all__ = ["Evidences", "Plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What falls due when, as of ``now``; ``waiting`` versions are in no batch yet, and are to be at ``next_batch`` (None: none waits);
    ``findings`` are what somebody has to know."""

    now: datetime
    horizon: datetime
    algorithms: Algorithms
    rows: tuple[Due, ...]
    proved: int
    waiting: int
    findings: tuple[Finding, ...] = ()
    next_batch: datetime | None = None


class Evidences:
    """What proves that records existed, and when."""

    def __init__(self, archive: Archive, jobs: Jobs) -> None:
        self._archive = archive
        self._jobs = jobs

    def batch(self) -> Mapping[str, Any]:
        """Close a batch of everything that is not proved yet, and wait until it is kept. See `repository.evidence.flow`."""
        return self._run({"batch": True, "renew": False})

    def renew(self) -> Mapping[str, Any]:
        """Renew what is due, and wait."""
        return self._run({"batch": False, "renew": True})

    def _run(self, argument: dict[str, Any]) -> Mapping[str, Any]:
        result: Mapping[str, Any] = self._jobs.run(
            EVIDENCE, f"evidence:{uuid.uuid4()}", {**argument, "actor": self._archive.actor}
        )
        return result

    def export(self, object_id: str, target: Path, *, version: int | None = None) -> Exported:
        """Write the proofs of a version (the newest when None) into a new folder. Raises as `export_evidence`, `UnknownAip`."""
        if version is None:
            version = self._archive.catalog.holdings.get(object_id).version
        elif (aip := self._archive.catalog.holdings.find(object_id)) is not None and not 1 <= version <= aip.version:
            raise UnknownVersion(object_id, version, aip.version)
        return export_evidence(self._archive, object_id, version, target)

    def plan(self) -> Plan:
        """What falls due when. Raises AlgorithmsError, and as `roots_of`."""
        archive, now = self._archive, self._archive.clock.now()
        algorithms = algorithms_in(archive.settings.home, archive.policy.evidence.algorithms)
        batches = list(archive.catalog.evidence.batches())
        rows = plan(archive, batches, algorithms, roots_of(archive), now)
        proved, waiting = archive.catalog.evidence.count()
        horizon = now + archive.policy.evidence.horizon
        due = max(next_batch(archive, now), now) if waiting else None
        return Plan(now, horizon, algorithms, tuple(rows), proved, waiting, tuple(standing(archive, rows, now)), due)
