"""Reports as services of the engine: of the whole as it is now, and of periods, written with their proof, printed and signed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from repository.archive import Archive
from repository.checks.behind import Behind, behind
from repository.model import Damage
from repository.reports.fixity import FixitySummary, fixity_summary
from repository.reports.period import PeriodScope, gather, write_tables

__all__ = ["PeriodReports", "Reports"]


class Reports:
    """What can be said of the whole."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def fixity(self) -> FixitySummary:
        """Population, copies by state and tier, damages, what is overdue and what was never checked."""
        return fixity_summary(self._archive)

    def behind(self, damages: Sequence[Damage]) -> Behind:
        """Which of these damages are none, because the catalog is older than the tiers."""
        return behind(self._archive, damages)


class PeriodReports:
    """What can be said, and proven, of the checks of a period."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def gather(self, scope: PeriodScope) -> dict[str, Any]:
        """The report as a document, nothing written."""
        return gather(self._archive, scope)

    def write(self, scope: PeriodScope, target: Path, *, language: str, sign: bool) -> dict[str, Any]:
        """Write the report into a new folder: report.json, report.pdf, figures.csv, faulty.csv, the days of the ledger that it is made of
        and their verifier. With ``sign`` JSON and PDF are signed. Raises as `hand_out`."""
        from repository.reports.handing import hand_out
        from repository.reports.pages import page

        def gathered(folder: Path) -> dict[str, Any]:
            document = gather(self._archive, scope, folder)
            write_tables(document, folder)
            return document

        return hand_out(self._archive, target, "fixity_report", gather=gathered, page=page, language=language, sign=sign)
