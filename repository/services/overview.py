"""The archive as a whole, as a service of the engine: what needs attention, whether checks will fit, and both as metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from policies.findings import Finding
from repository.archive import Archive
from repository.attention.entries import attention
from repository.attention.notices import notify
from repository.checks.forecast import Forecast, forecasts
from repository.drill import PICKED, DrillReport, drill
from repository.progress import Progress
from repository.reports.fixity import fixity_summary

if TYPE_CHECKING:
    from repository.jobs import Jobs

__all__ = ["Overview"]


_COUNTED = {
    "overdue": "Copies that are overdue for a check",
    "never_checked": "Copies that were never checked",
    "strangers": "What lies on the tier and the catalog does not know",
}


class Overview:
    """``jobs`` gives the jobs of the archive (asked for only when they are looked at: it costs half a second)."""

    def __init__(self, archive: Archive, jobs: Callable[[], Jobs]) -> None:
        self._archive = archive
        self._jobs = jobs

    def attention(self) -> list[Finding]:
        """Everything that needs attention now, gravest first."""
        return attention(self._archive, self._jobs())

    def forecasts(self) -> Sequence[Forecast]:
        """Whether each tier's cycle of checks will fit."""
        return forecasts(self._archive, self._archive.clock.now())

    def drill(
        self,
        target: Path,
        *,
        aips: Sequence[str] = (),
        tiers: Sequence[str] = (),
        picked: int = PICKED,
        progress: Progress,
        language: str = "en",
    ) -> DrillReport:
        """Restore AIPs from each tier alone into a new folder, verified and timed; ``language`` is that of its report. Raises `UnknownAip`,
        `UnknownTier`, `ExportFailed`."""
        return drill(self._archive, target, aips=aips, tiers=tiers, picked=picked, progress=progress, language=language)

    def notify(self) -> dict[str, str]:
        """Tell everybody that kho.toml names of what needs attention, now: who was told. Raises `NotSent`."""
        return notify(self._archive, self._jobs())

    def metrics(self) -> str:
        """The same numbers in the text format of Prometheus."""
        summary, found = fixity_summary(self._archive), self.attention()
        last = self._archive.catalog.checks.last(self._archive.clock.now())
        day = self._archive.catalog.days.last()
        lines = [*_metric("kho_aips", "AIPs in the catalog", [({}, summary.population)])]
        lines += _metric("kho_aips_short", "AIPs with fewer good copies than promised", [({}, summary.short)])
        states = ("good", "damaged", "unreadable", "unknown", "absent")
        copies = [({"tier": tier.name, "state": state}, getattr(tier, state)) for tier in summary.tiers for state in states]
        lines += _metric("kho_copies", "Copies by tier and state", copies)
        for name, said in _COUNTED.items():
            lines += _metric(f"kho_copies_{name}", said, [({"tier": tier.name}, getattr(tier, name)) for tier in summary.tiers])
        unseen = self._archive.catalog.looks.overdue(summary.generated)
        looks = [({"tier": tier.name}, unseen.get(tier.name, 0)) for tier in summary.tiers]
        lines += _metric("kho_copies_look_overdue", "Copies that should have been looked at between two readings", looks)
        lines += _metric(
            "kho_tier_reachable", "1 when the tier can be asked", [({"tier": t.name}, int(t.reachable)) for t in summary.tiers]
        )
        if last is not None:
            lines += _metric("kho_last_check_timestamp_seconds", "When a check ended last", [({}, int(last.timestamp()))])
        lines += _metric("kho_ledger_days", "Closed days of the ledger", [({}, 0 if day is None else day.number)])
        speeds = [({"tier": each.tier}, each.speed) for each in self.forecasts() if each.speed is not None]
        lines += _metric("kho_audit_bytes_per_second", "Measured speed of checks", speeds)
        entries = [({"code": each.code, "subject": each.path, "weight": each.weight.name.lower()}, 1) for each in found]
        lines += _metric("kho_attention", "What needs attention (kho status)", entries)
        return "\n".join(lines) + "\n"


def _metric(name: str, said: str, values: Iterable[tuple[dict[str, str], int]]) -> list[str]:
    rows = [f"{name}{_labels(labels)} {value}" for labels, value in values]
    return [f"# HELP {name} {said}", f"# TYPE {name} gauge", *rows]


def _labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    quoted = (f'{key}="{_escaped(value)}"' for key, value in labels.items())
    return "{" + ",".join(quoted) + "}"


def _escaped(value: str) -> str:
    text = value.encode("utf-8", "replace").decode()
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
