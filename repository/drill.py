"""The restore drill: AIPs chosen at random are brought back from each tier alone to an empty place, verified there and timed. The first
question of an auditor is when that was done last.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from policies.findings import Findings, KhoError, said, spoken_all
from repository.access.export import export, outside
from repository.archive import SOFTWARE, Archive, software_version
from repository.attention.entries import DRILL
from repository.errors import ExportFailed
from repository.handed import new_folder
from repository.ledger.events import ledger_of
from repository.ledger.keeper import latest_line
from repository.ledger.keys import sign_document
from repository.ledger.verifier import TIME
from repository.model import Aip
from repository.progress import Progress, Silent
from repository.reports.fixity import unreachable
from repository.verify import verify_path

__all__ = ["PICKED", "DrillReport", "Restored", "drill"]

PICKED = 3
"""AIPs a tier, when nobody says which."""


@dataclass(frozen=True, slots=True)
class Restored:
    """One AIP brought back from one tier: how much, how fast, and why not ("" when it was)."""

    tier: str
    aip: str
    files: int
    bytes: int
    milliseconds: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class DrillReport:
    """What a drill showed. ``ok`` only when there was something to restore and all of it was. ``unavailable`` tiers could not be asked, and
    why: what was to be restored from there is not known to be damaged."""

    started: str
    software: str
    policy: str
    head: str
    restored: tuple[Restored, ...]
    unavailable: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return bool(self.restored) and not any(each.problem for each in self.restored)

    def as_json(self, language: str) -> dict[str, Any]:
        """The report, with its reasons in the reader's language."""
        rows = [asdict(each) for each in self.restored]
        facts = {"started": self.started, "software": self.software, "policy": self.policy, "head": self.head}
        found = {"restored_all": self.ok, "restored": rows, "unavailable": dict(self.unavailable)}
        return {**facts, **spoken_all(found, language)}


def drill(
    archive: Archive,
    target: Path,
    *,
    aips: Sequence[str] = (),
    tiers: Sequence[str] = (),
    picked: int = PICKED,
    progress: Progress,
    language: str = "en",
) -> DrillReport:
    """Bring ``aips`` (or ``picked`` ones by chance) back from each of ``tiers`` (or all) on which they should be into ``target``, which
    must not be there, and write drill.json (in ``language``) with a signature by the ledger's key. The event of it stands in the ledger,
    whatever came of it.

    Raises:
        ExportFailed: ``target`` lies in the archive, or cannot be made or written: then nothing was shown, and nothing is entered.
        UnknownAip, UnknownTier.
    """
    names = [archive.tier(name).name for name in tiers] or list(archive.tiers)
    chosen = [archive.catalog.holdings.get(aip) for aip in aips]
    outside(archive, target)
    with new_folder(target):
        report = _restored(archive, target, names, chosen, picked, progress)
        _write(archive, report, target, language)
    _enter(archive, report)
    return report


def _restored(
    archive: Archive, target: Path, tiers: Sequence[str], chosen: Sequence[Aip], picked: int, progress: Progress
) -> DrillReport:
    started = archive.clock.now().strftime(TIME)
    jobs = [(tier, aip) for tier in tiers for aip in _chosen(archive, tier, chosen, picked)]
    progress.start("restore", len(jobs), "objects")
    restored, unavailable = list[Restored](), dict[str, str]()
    for number, (tier, aip) in enumerate(jobs):
        one = _restore(archive, tier, aip, target / tier / f"{number:04d}")
        if one.problem and (reason := unreachable(archive, tier)):
            unavailable[tier], one = reason, replace(one, problem=reason)
        restored.append(one)
        progress.advance(1)
    progress.finish()
    software = f"{SOFTWARE} {software_version()}"
    return DrillReport(started, software, archive.policy.digest, latest_line(archive), tuple(restored), unavailable)


def _chosen(archive: Archive, tier: str, aips: Sequence[Aip], picked: int) -> list[str]:
    """Those of ``aips`` that should be on a tier; of all that should be there ``picked`` by chance, where none are named."""
    if aips:
        return [aip.id for aip in aips if any(copy.tier == tier for copy in aip.copies)]
    return _pick(archive.catalog.placements.on(tier), picked)


def _pick(ids: Iterable[str], count: int) -> list[str]:
    """``count`` of the ids by chance, each as likely as any other, without holding all of them."""
    chance, kept = random.SystemRandom(), list[str]()
    for number, each in enumerate(ids):
        if number < count:
            kept.append(each)
        elif (place := chance.randrange(number + 1)) < count:
            kept[place] = each
    return kept


def _restore(archive: Archive, tier: str, aip: str, target: Path) -> Restored:
    """Export from this tier alone as a bag, then check the bag as a stranger would."""
    alone = replace(archive, tiers={tier: archive.tiers[tier]})
    target.parent.mkdir(exist_ok=True)
    begun = time.monotonic()
    files, size, problem = 0, 0, ""
    try:
        done = export(alone, aip, target, form="bagit", version=None, progress=Silent())
        files, size = done.files, done.bytes
        findings = Findings()
        kind = verify_path(target, findings, Silent())
        if not findings.ok or kind != "bagit":
            problem = ", ".join(sorted(findings.counts)) or kind
    except ExportFailed:  # it is the place that failed: of the copy nothing was shown
        raise
    except KhoError as error:
        problem = said(error.finding)
    return Restored(tier, aip, files, size, int((time.monotonic() - begun) * 1000), problem)


def _write(archive: Archive, report: DrillReport, target: Path, language: str) -> None:
    data = (json.dumps({"kho": 1, "kind": "drill", **report.as_json(language)}, ensure_ascii=False, indent=1) + "\n").encode()
    (target / "drill.json").write_bytes(data)
    sign_document(archive, target / "drill.json")


def _enter(archive: Archive, report: DrillReport) -> None:
    failed = sum(1 for each in report.restored if each.problem)
    detail: dict[str, str | int] = {"restored": len(report.restored) - failed, "failed": failed}
    detail |= {"bytes": sum(each.bytes for each in report.restored), "milliseconds": sum(e.milliseconds for e in report.restored)}
    ledger = ledger_of(archive)
    ledger.append([ledger.event(DRILL, "success" if report.ok else "fail", detail=detail)])
