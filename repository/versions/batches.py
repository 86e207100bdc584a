"""Batches: some AIPs of a campaign, their files under way on all cores, and a sealed next version of each at the end.

A batch is one step of a durable job. A process that dies in it leaves results in the spool of each version to be, and the repeated step
goes on behind them; what is sealed is never made again.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from policies.findings import Finding, Findings, Verdict
from repository.aip.carried import Carried, Told
from repository.archive import Archive
from repository.deposits.ingest import AIP_NAMESPACE
from repository.errors import Overtaken
from repository.jobs.flow import Step
from repository.ledger.events import ledger_of
from repository.model import Aip, AipFile, Deposit, DepositState, Event
from repository.versions.derivation import Derivation, add_result
from repository.versions.migration import Converted, Converter, formats_of, losses_of, path_of, result_path, told_of, wanted_files

__all__ = ["CampaignReport", "Order", "deposit_of", "run_batch", "take_back"]

AHEAD: Final = 2
"""Files under way or done and not yet taken, a core: enough that no core waits, few enough that disks stay empty."""

SHOWN: Final = 100
"""Findings of one code that a report lists; all are counted."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a campaign is to do. ``seconds`` may one file take; ``again``: what was taken back before, too."""

    campaign: str
    path: str
    puids: tuple[str, ...]
    seconds: float
    again: bool = False

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "puids": list(self.puids)}

    @classmethod
    def of(cls, argument: Mapping[str, Any]) -> Order:
        return cls(
            argument["campaign"],
            argument["path"],
            tuple(argument["puids"]),
            float(argument["seconds"]),
            bool(argument.get("again")),
        )


@dataclass(slots=True)
class CampaignReport:
    """What became of a campaign, or of a part of it. ``counts``: files, migrated, failed, aips, versions, bytes_in, bytes_out; and awaited:
    AIPs whose content has to be brought before they can be migrated."""

    counts: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    findings: list[dict[str, Any]] = field(default_factory=list)

    def add(self, finding: Finding) -> None:
        self.codes[finding.code] += 1
        if self.codes[finding.code] <= SHOWN:
            self.findings.append({"code": finding.code, "path": finding.path, "args": dict(finding.args)})

    def merge(self, other: Mapping[str, Any]) -> None:
        """Take over what `as_json` gave."""
        room = Counter({code: SHOWN - count for code, count in self.codes.items()})
        for row in other["findings"]:
            if room.setdefault(row["code"], SHOWN) > 0:
                room[row["code"]] -= 1
                self.findings.append(row)
        self.counts.update(other["counts"])
        self.codes.update(other["codes"])
        self.seconds += other["seconds"]

    def as_json(self) -> dict[str, Any]:
        counts, codes = dict(self.counts), dict(self.codes)
        return {"counts": counts, "codes": codes, "seconds": round(self.seconds, 3), "findings": self.findings}


class _Version:
    """The next version of one AIP in the making; used by one thread."""

    def __init__(self, archive: Archive, order: Order, converter: Converter, aip: Aip, deposit_id: str) -> None:
        self.archive, self.order, self.converter, self.aip, self.deposit_id = archive, order, converter, aip, deposit_id
        self.spool = archive.spools.get(deposit_id)
        self.findings = Findings()
        self.report = CampaignReport()
        self.awaited: Finding | None = None
        kept = json.loads(self.spool.meta("migration") or b"{}")
        tool = converter.version_for(converter.path) or ""
        self.basis = {"version": aip.version, "formats": converter.policy.digest, "tool": tool}
        if kept.get("basis") != self.basis:  # nothing was begun; or the AIP, the policy or the tool changed since
            archive.spools.remove(deposit_id)
            self.spool = archive.spools.get(deposit_id)
            kept = {}
        self.facts: Counter[str] = Counter(kept.get("facts", {}))
        self.seconds = float(kept.get("seconds", 0.0))
        self.words: dict[str, str] = dict(kept.get("words", {}))

    def result_of(self, file: AipFile) -> str:
        return result_path(file.path, self.converter.path, self.aip.version + 1)

    def has(self, file: AipFile) -> bool:
        return self.spool.find(os.fsencode(self.result_of(file).split("/", 1)[1])) is not None

    def take(self, file: AipFile, done: Converted) -> None:
        """Put a result that stood everything into the spool."""
        tool = f"{done.made.tool} {done.made.version}"
        told = told_of(done)
        with done.made.result.open("rb") as stream:
            add_result(self.spool, self.result_of(file), stream, source=file.path, tool=tool, known=done.known, told=told)
        self.facts.update({"files": 1, "bytes_in": file.size, "bytes_out": done.size})
        losses = self.tell(told, file)
        self.facts.update({"signatures_lost": int(done.signed), "files_with_losses": int("MIG-LOST" in losses)})
        self.seconds += done.seconds
        self.words = done.words()
        kept = {"basis": self.basis, "facts": dict(self.facts), "seconds": self.seconds, "words": self.words}
        self.spool.set_meta("migration", json.dumps(kept).encode())
        self.spool.commit()

    def tell(self, told: Told, file: AipFile) -> set[str]:
        """Enter what was lost of a file; the codes of that."""
        losses = losses_of(told, self.aip.id, file.path)
        for each in losses:
            self.findings.append(each)
            self.report.add(each)
        return {each.code for each in losses}

    def tell_again(self, file: AipFile) -> None:
        """The same of a file that was done by a process that died: its PREMIS remembers it."""
        self.tell(Carried(self.spool.database).told(self.result_of(file)), file)

    def event(self) -> Event:
        """The derivation as PREMIS tells it. Which file was made from which stands with the files, in the PREMIS of the representation."""
        detail: dict[str, str | int] = {
            **self.words,
            **self.facts,
            "milliseconds": round(self.seconds * 1000),
            "path": self.order.path,
            "campaign": self.order.campaign,
            "formats": self.converter.policy.digest,
        }
        outcome = "warning" if self.facts["signatures_lost"] or self.facts["files_with_losses"] else "success"
        return _event(
            self.archive, "migration", outcome, detail, aip=self.aip, deposit_id=self.deposit_id, version=self.aip.version + 1
        )


def _event(
    archive: Archive, type_: str, outcome: str, detail: Mapping[str, str | int], *, aip: Aip, deposit_id: str, version: int
) -> Event:
    event = ledger_of(archive).event(type_, outcome, detail=detail)
    return replace(event, aip_id=aip.id, aip_version=version, deposit_id=deposit_id)


def deposit_of(campaign: str, aip_id: str) -> str:
    """The id of the deposit by which a campaign brings the next version of an AIP."""
    return str(uuid.uuid5(AIP_NAMESPACE, f"migration:{campaign}:{aip_id}"))


def run_batch(archive: Archive, order: Order, aip_ids: Sequence[str], most: int, step: Step) -> dict[str, Any]:
    """Migrate what is wanted of these AIPs, at most ``most`` files: {"deposits": [ids to be kept], "report": …, "awaited": [AIPs
    that wait for content]}. Of those nothing is made now: they come as one version when their content has come."""
    policy = formats_of(archive)
    report = CampaignReport()
    began = time.monotonic()
    with closing(Converter(archive, policy, path_of(policy, order.path), order.seconds)) as converter:
        batch = _Batch(archive, order, converter, step, report)
        batch.convert(aip_ids, most)
    report.seconds = time.monotonic() - began
    return {"deposits": batch.sealed, "report": report.as_json(), "awaited": sorted(converter.awaited)}


class _UnderWay(NamedTuple):
    """A file that is being converted below ``work``."""

    version: _Version
    file: AipFile
    work: Path


@dataclass
class _Batch:
    """Files under way, and the versions they belong to; ``sealed`` are deposits to be kept, those included that were sealed when this step
    was run before.

    Versions are sealed one after another when all files are done: from then on they are known, whoever sends an update meanwhile is
    refused, and what becomes of them is not this step's alone to tell."""

    archive: Archive
    order: Order
    converter: Converter
    step: Step
    report: CampaignReport
    versions: list[_Version] = field(default_factory=list)
    sealed: list[str] = field(default_factory=list)
    _done: int = 0
    _pending: dict[Future[Converted | Finding], _UnderWay] = field(default_factory=dict)

    def convert(self, aip_ids: Sequence[str], most: int) -> None:
        """Convert at most ``most`` files, on all cores, and seal what they make."""
        cores = len(os.sched_getaffinity(0))
        with ThreadPoolExecutor(cores, "migrate") as pool:
            try:
                for version, file in self._wanted(aip_ids, most):
                    work = version.spool.folder / "work" / uuid.uuid4().hex
                    work.mkdir(parents=True)
                    future = pool.submit(self.converter.convert, version.aip.id, file, work)
                    self._pending[future] = _UnderWay(version, file, work)
                    if len(self._pending) >= cores * AHEAD:
                        self._take()
                while self._pending:
                    self._take()
            finally:
                for future in self._pending:
                    future.cancel()
        self.sealed += [each for version in self.versions if (each := _ended(version, self.report))]

    def _take(self) -> None:
        """Take what is done first, in whatever order: a long film holds up none of the short ones behind it. What failed comes last."""
        done = wait(self._pending, return_when=FIRST_COMPLETED).done
        for future in sorted(done, key=lambda each: each.exception() is not None):
            version, file, work = self._pending.pop(future)
            try:
                _taken(version, file, future.result())
            finally:
                shutil.rmtree(work, ignore_errors=True)
            self._done += 1
            self.step.progress(self._done, 0, "migrate:files")

    def _wanted(self, aip_ids: Sequence[str], most: int) -> Iterator[tuple[_Version, AipFile]]:
        """Files to be converted; what an earlier run of this step did is counted, and not done again: it is among the ``most``."""
        for aip_id in aip_ids:
            deposit_id = deposit_of(self.order.campaign, aip_id)
            known = self.archive.catalog.deposits.find(deposit_id)
            if known is not None:
                self._done_before(known)
                continue
            version = None
            if self._begun() >= most:
                continue  # not the end: a later one may have been sealed by an earlier run
            for file in wanted_files(self.archive, aip_id, self.converter.path, self.order.puids, again=self.order.again):
                if aip_id in self.converter.awaited:
                    break
                if version is None:
                    aip = self.archive.catalog.holdings.get(aip_id)
                    version = _Version(self.archive, self.order, self.converter, aip, deposit_id)
                    self.versions.append(version)
                    version.report.counts["aips"] += 1
                if version.has(file):
                    version.report.counts.update(files=1, migrated=1)
                    version.tell_again(file)
                    self._done += 1
                elif self._begun() < most:
                    yield version, file
                else:
                    break

    def _begun(self) -> int:
        return self._done + len(self._pending)

    def _done_before(self, deposit: Deposit) -> None:
        if deposit.state is DepositState.ACCEPTED:
            if told := json.loads(self.archive.spools.get(deposit.id).meta("report") or b"{}"):
                self.report.merge(told)
                self._done += told["counts"]["files"]
            self.report.counts["versions"] += 1
            self.sealed.append(deposit.id)


def _taken(version: _Version, file: AipFile, done: Converted | Finding) -> None:
    report = version.report
    if isinstance(done, Finding) and done.code == "MIG-AWAITED":
        version.awaited = done
        return
    report.counts["files"] += 1
    if isinstance(done, Converted):
        version.take(file, done)
        report.counts.update(migrated=1, bytes_in=file.size, bytes_out=done.size)
        return
    report.counts["failed"] += 1
    report.add(done)
    archive, order = version.archive, version.order
    detail: dict[str, str | int] = {"error": done.code, "path": order.path, "campaign": order.campaign, "sha256": file.sha256}
    event = _event(archive, "migration", "fail", detail, aip=version.aip, deposit_id="", version=version.aip.version)
    ledger_of(archive).append_with_note(event, {"path": file.path, "reason": done.text(), "args": json.dumps(dict(done.args))})


def _ended(version: _Version, report: CampaignReport) -> str:
    """Enter what became of an AIP, and `_seal` it; one that waits for content is let go of: it comes as one version later."""
    if version.awaited is not None:
        version.archive.spools.remove(version.deposit_id)
        report.counts["awaited"] += 1
        report.add(version.awaited)
        return ""
    report.merge(version.report.as_json())
    return _seal(version, report)


def _seal(version: _Version, report: CampaignReport) -> str:
    """Seal a version and make it known as a deposit that is accepted; its id, "" when there is nothing to keep."""
    shutil.rmtree(version.spool.folder / "work", ignore_errors=True)
    if not version.facts["files"]:
        version.archive.spools.remove(version.deposit_id)
        return ""
    path = version.order.path
    version.spool.set_meta("report", json.dumps(version.report.as_json()).encode())  # for who runs this step again
    deposit = sealed_deposit(
        version.archive,
        version.aip,
        deposit_id=version.deposit_id,
        source=f"campaign:{version.order.campaign}",
        key=f"migration:{version.order.campaign}:{version.aip.id}",
        reason=f"migration {path} (campaign {version.order.campaign})",
        events=[version.event()],
        findings=version.findings,
    )
    if deposit is None:
        report.add(Finding("MIG-OVERTAKEN", version.aip.id))
        return ""
    report.counts["versions"] += 1
    return deposit.id


def sealed_deposit(
    archive: Archive,
    aip: Aip,
    *,
    deposit_id: str,
    source: str,
    key: str,
    reason: str,
    events: Sequence[Event],
    findings: Findings,
    drop: Sequence[str] = (),
) -> Deposit | None:
    """Seal the next version of ``aip`` in the spool of ``deposit_id`` and enter it as an accepted deposit, ready to be kept; None when
    another version came first. The step before the flow's own: from here on it is kept like any deposit."""
    now = archive.clock.now()
    spool = archive.spools.get(deposit_id)
    spool.finish()
    deposit = Deposit(
        id=deposit_id,
        key=key,
        producer=aip.producer,
        label=aip.title,
        source=source,
        state=DepositState.ACCEPTED,
        created=now,
        updated=now,
        actor=archive.actor or "worker",
        update_of=aip.id,
        verdict=Verdict.ACCEPT,
        findings=tuple(findings),
        finding_counts=dict(findings.counts),
        aip_id=aip.id,
        aip_version=aip.version + 1,
    )
    try:
        record = Derivation(archive, aip, deposit, reason, frozenset(drop)).seal(spool, events, now=now)
    except Overtaken:
        archive.spools.remove(deposit_id)
        return None
    spool.commit()
    same = {"label": record.name, "fingerprint": record.fingerprint, "files": record.file_count, "bytes": record.byte_count}
    deposit = replace(deposit, **same, scanned=record.scanned)  # type: ignore[arg-type]
    with archive.catalog.begin() as transaction:
        target = archive.catalog.holdings.find(aip.id, within=transaction)
        under_way = archive.catalog.deposits.accepted_for(aip.id, within=transaction)
        overtaken = target is None or target.version != aip.version or any(each != deposit_id for each in under_way)
        if not overtaken:
            archive.catalog.deposits.add(deposit, within=transaction)
    if overtaken:
        archive.spools.remove(deposit_id)
        return None
    return deposit


def take_back(archive: Archive, campaign: str, deposits: Sequence[Deposit]) -> dict[str, Any]:
    """Make, of every AIP in whose newest version something stands that the campaign's ``deposits`` brought, a version without it."""
    report = CampaignReport()
    made: list[str] = []
    for brought in deposits:
        aip = archive.catalog.holdings.get(brought.aip_id)
        suffix = f".v{brought.aip_version}"
        drop = [name for name in archive.catalog.formats.representations(aip.id) if name.endswith(suffix)]
        deposit_id = str(uuid.uuid5(AIP_NAMESPACE, f"rollback:{campaign}:{aip.id}"))
        known = archive.catalog.deposits.find(deposit_id)
        if known is not None:
            made += [known.id] if known.state is DepositState.ACCEPTED else []
            continue
        if not drop:
            report.counts["gone already"] += 1
            continue
        detail: dict[str, str | int] = {"campaign": campaign, "rollback": len(drop), "version_before": brought.aip_version - 1}
        event = _event(archive, "deaccession", "success", detail, aip=aip, deposit_id=deposit_id, version=aip.version + 1)
        deposit = sealed_deposit(
            archive,
            aip,
            deposit_id=deposit_id,
            source=f"rollback:{campaign}",
            key=f"rollback:{campaign}:{aip.id}",
            reason=f"rollback of campaign {campaign}",
            events=[event],
            findings=Findings(),
            drop=drop,
        )
        if deposit is None:
            report.add(Finding("MIG-OVERTAKEN", aip.id))
            continue
        report.counts["versions"] += 1
        made.append(deposit.id)
    return {"deposits": made, "report": report.as_json()}
