"""Signatures as a service of the engine."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from policies.trust import Algorithms
from repository.archive import Archive
from repository.evidence.proving import Proving
from repository.flow_names import COLLECT, LASTING
from repository.jobs.service import Jobs
from repository.progress import Progress
from repository.shown import Shown
from repository.signed.holdings import kept_reports, validate_aip
from repository.signed.records import FileReport
from repository.signed.trust import context_of
from repository.versions.recollection import Waiting, attention

__all__ = ["Signatures"]


class Signatures:
    """What the signatures of kept records are worth, then and now, and what is missing to prove it."""

    def __init__(self, archive: Archive, jobs: Jobs) -> None:
        self._archive = archive
        self._jobs = jobs

    def validate(
        self,
        aip_id: str,
        *,
        at: datetime | None = None,
        anchors: Path | None = None,
        algorithms: Algorithms | None = None,
        progress: Progress,
    ) -> list[FileReport]:
        """Validate every signed file of an AIP as of ``at`` (now), with what was kept beside it and the evidence over it.

        Raises `UnknownAip`, `AnchorsUnusable`, and what reading a copy raises.
        """
        context = context_of(self._archive, at or self._archive.clock.now(), anchors=anchors, algorithms=algorithms)
        return validate_aip(self._archive, aip_id, context, progress, prove=Proving(self._archive, aip_id, context))

    def attention(self) -> list[Waiting]:
        """The AIPs whose signatures did not all pass when they were last looked at, oldest first."""
        return attention(self._archive)

    def reports(self, aip_id: str) -> list[Mapping[str, Any]]:
        """The newest stored report of every signed file of an AIP. Raises `UnknownAip`, `AipUnreadable`."""
        self._archive.catalog.holdings.get(aip_id)
        return list(kept_reports(self._archive, aip_id))

    def collect(self, aip_id: str = "", *, progress: Progress) -> Mapping[str, int]:
        """Ask again for what is missing, of one AIP or of all that are due, and wait. Raises `UnknownAip`."""
        if aip_id:
            self._archive.catalog.holdings.get(aip_id)
        argument = {"aip": aip_id, "tiers": list(self._archive.policy.tiers), "actor": self._archive.actor}
        done: Mapping[str, int] = self._jobs.run(COLLECT, f"signatures:{uuid.uuid4()}", argument, progress=Shown(progress))
        progress.finish()
        return done

    def copy(self, aip_id: str, *, progress: Progress) -> Mapping[str, Any]:
        """Make copies of an AIP's signed PDF files that ordinary readers can go on validating, as a new version, and wait. See
        `repository.versions.lasting`. Raises `UnknownAip`."""
        self._archive.catalog.holdings.get(aip_id)
        argument = {"aip": aip_id, "tiers": list(self._archive.policy.tiers), "actor": self._archive.actor}
        done: Mapping[str, Any] = self._jobs.run(LASTING, f"lasting:{uuid.uuid4()}", argument, progress=Shown(progress))
        progress.finish()
        return done
