"""Signatures as a service of the engine."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from repository.archive import Archive
from repository.progress import Progress
from repository.signed.holdings import validate_aip
from repository.signed.records import FileReport
from repository.signed.trust import context_of

__all__ = ["Signatures"]


class Signatures:
    """What the signatures of kept records are worth, then and now."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def validate(
        self, aip_id: str, *, at: datetime | None = None, anchors: Path | None = None, progress: Progress
    ) -> list[FileReport]:
        """Validate every signed file of an AIP as of ``at`` (now), with what was kept beside it and the evidence over it.

        Raises `UnknownAip`, `AnchorsUnusable`, and what reading a copy raises.
        """
        context = context_of(self._archive, at or self._archive.clock.now(), anchors=anchors)
        return validate_aip(self._archive, aip_id, context, progress)
