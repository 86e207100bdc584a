"""Identifying again, by the signatures in use now, what is held: as a question that changes nothing, and as a campaign.

What is said otherwise comes as a new version of its AIP in which nothing but the records of formats changes: PREMIS, METS and submission
record, with an event. The campaign is a durable job of steps of some AIPs each; one that is interrupted goes on at its last finished step.
"""

from __future__ import annotations

import json
import os
import re
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from formats.identify import Basis, Identification, Identifier, SiegfriedIdentifier
from formats.inside import OPENED, Contents, Inside
from formats.report import KnownFormat, notes_of
from policies.findings import Finding, Findings
from repository.access.reading import NoGoodCopy, Reading, Unverified
from repository.aip.carried import Carried
from repository.archive import Archive
from repository.deposits.ingest import AIP_NAMESPACE
from repository.jobs.flow import Json, Step, Steps
from repository.ledger.events import ledger_of
from repository.model import Aip, AipFile, DepositState, Event
from repository.progress import Progress
from repository.rooms import room
from repository.versions.batches import CampaignReport, sealed_deposit
from repository.versions.campaigns import KeepAndRegister, end_campaign

__all__ = ["IDENTIFICATION", "REIDENTIFICATION", "Again", "Reidentify", "again", "every_aip", "identifier_in_use"]

REIDENTIFICATION: Final = "reidentification"
"""In the place of a migration path, where campaigns are listed."""

IDENTIFICATION: Final = "format identification"
"""The PREMIS type of the event."""

AIPS: Final = 32
"""AIPs of one step: a killed one identifies so many again."""

PAGE: Final = 500

PAIRS: Final = 50
"""Changes of format that one event names with their numbers; the rest are in the PREMIS of the files."""

BATCH_FILES, BATCH_BYTES = 256, 256 << 20
"""Files, and bytes, that lie in the temporary folder at once while they are identified again."""

CONTENT: Final = re.compile(r"representations/[^/]+/data/")
"""What is identified again: metadata is Kho's own, and known."""

FOUND: Final = "reidentification"
"""In the spool of a version: what was counted for it, for a step that is run again."""

ROOM: Final = "again"
"""How the folder's name begins in which files lie while they are identified; then comes the number of the process."""

EXTENSION: Final = re.compile(r"\.[A-Za-z0-9]{1,16}\Z")


@dataclass(frozen=True, slots=True)
class Again:
    """A file that was looked at again. ``failed`` says why it could not be; then ``now`` is None. ``contents`` is what lies in it, where it
    is an archive and the policy has archives looked into."""

    aip_id: str
    file: AipFile
    now: Identification | None
    failed: str = ""
    contents: Contents | None = None

    @property
    def inside(self) -> str:
        """The sums of ``contents``; what they were before, where nobody looked."""
        return self.contents.sums().text() if self.contents is not None else self.file.inside

    @property
    def differs(self) -> bool:
        """Whether it, or what lies in it, is said otherwise now; not, where nobody knows."""
        return self.now is not None and (self.now.puid != self.file.puid or self.inside != self.file.inside)

    def known(self) -> KnownFormat:
        """What is said now. Raises ValueError where nobody knows."""
        if self.now is None:
            raise ValueError("nobody knows what it is now")
        now, contents = self.now, self.contents
        inside = self.inside if now.puid in OPENED else ""
        notes = (*notes_of(now), *(contents.notes() if contents is not None else ()))
        return KnownFormat(now.puid, now.name, now.version, now.mime, notes, inside)


def identifier_in_use(archive: Archive, workers: int | None = None) -> SiegfriedIdentifier:
    """One by the signatures that are in use now: those that the process was opened with may be older. Close it."""
    file = archive.settings.format_signatures
    return SiegfriedIdentifier(workers=workers, signature=file if file.exists() else None)


def every_aip(archive: Archive) -> Iterator[str]:
    """The ids of all AIPs, a page at a time."""
    cursor: str | None = None
    while True:
        page = archive.catalog.holdings.list(cursor=cursor, limit=PAGE)
        yield from (aip.id for aip in page.items)
        if (cursor := page.cursor) is None:
            return


def again(archive: Archive, identifier: Identifier, aip_ids: Iterable[str], progress: Progress) -> Iterator[Again]:
    """Identify the content of the newest versions again: every file that has bytes, AIP by AIP.

    Nothing is written. Files are read from a tier, verified, into a temporary folder of the spool, some at a time.
    """
    reading = Reading(archive)
    progress.start("identify", None, "files")
    with _room(archive.settings.spool) as folder:
        for aip_id in aip_ids:
            looking = (
                Inside(identifier, Path(folder, "inside"), archive.policy.archives) if archive.policy.archives.look else None
            )
            batch: list[tuple[AipFile, Path]] = []
            for file in archive.catalog.holdings.files(aip_id):
                if not CONTENT.match(file.path) or not file.size:
                    continue
                try:
                    batch.append((file, _fetched(reading, aip_id, file, folder, len(batch))))
                except (NoGoodCopy, Unverified) as error:
                    yield Again(aip_id, file, None, str(error))
                if len(batch) >= BATCH_FILES or sum(each.size for each, _ in batch) >= BATCH_BYTES:
                    yield from _identified(identifier, looking, aip_id, batch, progress)
                    batch.clear()
            yield from _identified(identifier, looking, aip_id, batch, progress)
    progress.finish()


@contextmanager
def _room(spool: Path) -> Iterator[Path]:
    """A folder of the moment in the spool."""
    with room(spool, ROOM) as folder:
        (folder / "inside").mkdir()
        yield folder


def _fetched(reading: Reading, aip_id: str, file: AipFile, folder: Path, number: int) -> Path:
    """A verified copy with its extension. Raises NoGoodCopy, Unverified."""
    extension = EXTENSION.search(_name(file))
    target = folder / f"{number}{extension[0] if extension else ''}"
    with target.open("wb") as out:
        for chunk in reading.open(aip_id, file).chunks():
            out.write(chunk)
    return target


def _identified(
    identifier: Identifier, looking: Inside | None, aip_id: str, batch: Sequence[tuple[AipFile, Path]], progress: Progress
) -> Iterator[Again]:
    found: dict[Path, Identification] = dict(identifier.identify(path for _, path in batch))
    for file, path in batch:
        answer = found[path]
        opened = looking is not None and answer.puid in OPENED
        contents = looking.look(path, os.fsencode(_name(file)), puid=answer.puid) if looking is not None and opened else None
        path.unlink()
        progress.advance(1)
        failed = answer.basis is Basis.FAILED
        yield Again(aip_id, file, None, answer.reason) if failed else Again(aip_id, file, answer, contents=contents)


def _name(file: AipFile) -> str:
    """As it was received, without its folders."""
    return (file.original_name or file.path).rpartition("/")[2]


class Reidentify:
    """choose → identify → keep on each tier → register, until every AIP was looked at. The argument: {"campaign", "aips" (ids; [] for
    all), "tiers", "actor"}. Returns a `CampaignReport` as JSON; its counts: files, changed, failed, aips, versions."""

    def __init__(self, archive: Archive, keep_and_register: KeepAndRegister) -> None:
        self._archive = archive
        self._keep_and_register = keep_and_register

    def __call__(self, steps: Steps, argument: Json) -> Json:
        report = CampaignReport()
        started = steps.run("begin", lambda step: self._archive.clock.now().isoformat())
        chosen, cursor = list(argument["aips"]), ""
        while True:
            if not argument["aips"]:
                page = steps.run("choose", self._choose, cursor)
                chosen, cursor = page["aips"], page["cursor"]
            for start in range(0, len(chosen), AIPS):
                done = steps.run("identify", self._identify, argument["campaign"], chosen[start : start + AIPS])
                report.merge(done["report"])
                self._keep_and_register(steps, done["deposits"], argument["tiers"])
            if not cursor:
                break
        ended = {**report.as_json(), "campaign": argument["campaign"], "path": REIDENTIFICATION, "started": started}
        steps.run("end", lambda step: end_campaign(self._archive, ended))
        return ended

    def _choose(self, step: Step, cursor: str) -> dict[str, Any]:
        page = self._archive.catalog.holdings.list(cursor=cursor or None, limit=PAGE)
        return {"aips": [aip.id for aip in page.items], "cursor": page.cursor or ""}

    def _identify(self, step: Step, campaign: str, aip_ids: list[str]) -> dict[str, Any]:
        report = CampaignReport()
        deposits: list[str] = []
        began = time.monotonic()
        with identifier_in_use(self._archive) as identifier:
            for aip_id in aip_ids:
                step.check()
                made = _Version(self._archive, campaign, aip_id, report).made(identifier, _Counting(step, report))
                deposits += [made] if made else []
        report.seconds = time.monotonic() - began
        return {"deposits": deposits, "report": report.as_json()}


class _Counting:
    """Shows the files that were looked at as the progress of a step."""

    def __init__(self, step: Step, report: CampaignReport) -> None:
        self._step, self._report = step, report

    def start(self, phase: str, total: int | None, unit: str) -> None:
        """Each AIP begins anew; what is shown goes on."""

    def advance(self, amount: int) -> None:
        self._report.counts["files"] += amount
        self._step.progress(self._report.counts["files"], 0, "identify:files")

    def finish(self) -> None:
        self._step.check()


@dataclass
class _Version:
    """The next version of one AIP in the making, if there is anything to say in it."""

    archive: Archive
    campaign: str
    aip_id: str
    report: CampaignReport

    def made(self, identifier: SiegfriedIdentifier, progress: Progress) -> str:
        """The deposit of the version; "" when nothing is said otherwise, or another version came first."""
        deposit_id = str(uuid.uuid5(AIP_NAMESPACE, f"{REIDENTIFICATION}:{self.campaign}:{self.aip_id}"))
        self.report.counts["aips"] += 1
        known = self.archive.catalog.deposits.find(deposit_id)
        if known is not None:  # an earlier run of this step came so far
            self.report.counts["versions"] += 1
            if known.state is not DepositState.ACCEPTED:
                return ""
            self.report.counts.update(json.loads(self.archive.spools.get(deposit_id).meta(FOUND) or b"{}"))
            return known.id
        aip = self.archive.catalog.holdings.get(self.aip_id)
        self.archive.spools.remove(deposit_id)
        before = self.report.counts["files"]
        changes = self._changes(deposit_id, again(self.archive, identifier, [self.aip_id], progress))
        if not changes:
            return ""
        found = {"files": self.report.counts["files"] - before, "changed": changes.total()}
        self.archive.spools.get(deposit_id).set_meta(FOUND, json.dumps(found).encode())
        event = self._event(aip, identifier.signatures(), changes, found)
        deposit = sealed_deposit(
            self.archive,
            aip,
            deposit_id=deposit_id,
            source=f"{REIDENTIFICATION}:{self.campaign}",
            key=f"{REIDENTIFICATION}:{self.campaign}:{self.aip_id}",
            reason=f"formats identified again (campaign {self.campaign})",
            events=[replace(event, deposit_id=deposit_id)],
            findings=Findings(),
        )
        if deposit is None:
            self.report.add(Finding("MIG-OVERTAKEN", self.aip_id))
            return ""
        self.report.counts.update(versions=1, changed=changes.total())
        return deposit.id

    def _changes(self, deposit_id: str, found: Iterable[Again]) -> Counter[tuple[str, str]]:
        """Remember what is said otherwise in the spool of the version, which is made when there is anything: (PUID before, PUID now) →
        files. What could not be looked at is reported."""
        carried: Carried | None = None
        changes: Counter[tuple[str, str]] = Counter()
        for each in found:
            if each.failed:
                self.report.counts["failed"] += 1
                self.report.add(Finding("IDENT-AGAIN-UNREAD", each.file.path, {"aip": self.aip_id, "reason": each.failed}))
            elif each.differs and each.now is not None:
                carried = carried or Carried(self.archive.spools.get(deposit_id).database)
                carried.rename(each.file.path, each.known())
                changes[each.file.puid, each.now.puid] += 1
        if carried is not None:
            self.archive.spools.get(deposit_id).commit()
        return changes

    def _event(self, aip: Aip, signatures: str, changes: Counter[tuple[str, str]], found: Mapping[str, int]) -> Event:
        pairs = {
            f"{before or '-'} → {now or '-'}" if before != now else f"inside {now}": count
            for (before, now), count in changes.most_common(PAIRS)
        }
        detail: dict[str, str | int] = {"signatures": signatures, **found, **pairs}
        event = ledger_of(self.archive).event(IDENTIFICATION, "success", detail={**detail, "campaign": self.campaign})
        return replace(event, aip_id=aip.id, aip_version=aip.version + 1)
