"""Accept: look at everything a deposit holds, weigh it once, and seal what is accepted.

Order (docs/architecture.md): spool → read package → identify → scan → duplicates → ONE verdict → seal. Every step can be repeated:
what a killed process left half done is thrown away and made again from the source; a sealed deposit is never sealed again.
"""

from __future__ import annotations

import shutil
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from fixity.digests import LogicalPath
from fixity.manifest import Entry
from formats.errors import FormatsError
from formats.inspection import InspectionReport
from formats.package.limits import LIMITS, Limits
from formats.package.reception import spool_path
from formats.package.remembered import remember, remembered
from formats.package.source import Package
from formats.package.spool import Spool
from formats.premis import Event
from formats.report import FormatReport
from formats.validate import Validity
from policies.acceptance import judge, waivable, weigh
from policies.archive import Policy
from policies.findings import Finding, Findings, KhoError, Verdict, Weight, said
from policies.phrases import os_phrase
from policies.retention import expires
from repository.access.sightings import Sightings
from repository.access.vouched import vouched
from repository.aip.sealing import EVENTS_PREFIX, Previous, Sealing, seal
from repository.aip.submission import DepositRecord
from repository.archive import SOFTWARE, Archive, software_version
from repository.catalog import DepositChange
from repository.deposits.description import Extras, described, fingerprint
from repository.deposits.examine import examine
from repository.deposits.mending import mend_waiting
from repository.deposits.remains import keep_row, write_row
from repository.deposits.uploads import clear_upload, source_of
from repository.errors import SourceMissing
from repository.model import Deposit, DepositState
from repository.progress import Progress

__all__ = [
    "AIP_NAMESPACE",
    "FREE",
    "Outcome",
    "Seen",
    "accept",
    "aip_id_of",
    "attempt",
    "decide",
    "failed",
    "failure",
    "repeats",
    "set_aside",
]

AIP_NAMESPACE = uuid.UUID("6b1f7c0e-3c0f-5a57-9d0e-6f2d3b8f1c11")
"""An AIP's id is made from its first deposit's id, so that a repeated step can never make a second AIP."""

ROW_FINDINGS = 5
"""Findings of one code that stand in a deposit's row; all of them are in the spool, and counted."""

MALWARE_CODES = frozenset({"MAL-FOUND"})

VALIDATED = "digital signature validation"
"""The type of the event (PREMIS vocabulary) by which it is known how a record's signatures came out."""

SIGNATURE_CODES = (
    "SIG-PASSED",
    "SIG-INDETERMINATE",
    "SIG-FAILED",
    "SIG-NO-ANCHORS",
    "SIG-MAYBE-SIGNED",
    "SIG-NOT-LOOKED",
    "SIG-NOT-COLLECTED",
)
"""How signatures came out, as the event of their validation counts them."""

FREE = frozenset({DepositState.REFUSED, DepositState.QUARANTINED, DepositState.FAILED})
"""Deposits in these states hold no key: what was not taken in may be handed in again, and is judged anew."""


def aip_id_of(deposit_id: str) -> str:
    return uuid.uuid5(AIP_NAMESPACE, deposit_id).urn


@dataclass(frozen=True, slots=True)
class Seen:
    """What was understood when a deposit was examined: enough to judge it once more. ``contents`` (SHA-512, place in the AIP) are those
    of its spool; None when they are too many to hand about."""

    package: Package
    extra: Extras
    contents: tuple[tuple[bytes, str], ...] | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is to become of a deposit: a change of its row, not yet made. ``seen`` by which it was judged; None when it was not."""

    deposit: Deposit
    change: DepositChange
    seen: Seen | None = None


def accept(archive: Archive, deposit: Deposit, extra: Extras, progress: Progress) -> Outcome | None:
    """Bring one deposit to its verdict, sealed when accepted; None when it has one. `repository.deposits.settling` makes the outcome known.

    Bad content ends in a verdict. What Kho itself could not do ends in FAILED, with code and sentence, and can be tried again.
    """
    if deposit.state not in (DepositState.RECEIVED, DepositState.SPOOLED, DepositState.FAILED):
        return None
    return attempt(deposit, lambda: _examine(archive, deposit, extra, progress))


def attempt(deposit: Deposit, act: Callable[[], Outcome]) -> Outcome:
    """What ``act`` makes of a deposit; a failure where Kho itself could not do its work."""
    try:
        return act()
    except KhoError as error:
        return failed(deposit, error)
    except OSError as error:
        return failed(deposit, KhoError("DEP-FAILED", deposit.label, reason=os_phrase(error)))


def failed(deposit: Deposit, error: KhoError) -> Outcome:
    """What Kho itself could not do: the deposit can be tried again."""
    return Outcome(deposit, failure(error))


def failure(error: KhoError) -> DepositChange:
    return {
        "state": DepositState.FAILED,
        "error": said(error.finding),
        "findings": (error.finding,),
        "finding_counts": {error.code: 1},
    }


def _examine(archive: Archive, deposit: Deposit, extra: Extras, progress: Progress) -> Outcome:
    spool, findings = receive(archive, deposit, progress)
    extra = extra.kept(spool)
    print_ = fingerprint(spool, findings, extra.metadata)
    key = deposit.wanted_key or _default_key(archive, deposit, print_)
    deposit = replace(deposit, key=key, fingerprint=print_, files=spool.files, bytes=spool.bytes)
    claim: DepositChange = {"key": key, "fingerprint": print_, "files": spool.files, "bytes": spool.bytes, "error": ""}
    earlier = archive.catalog.deposits.by_key(deposit.producer, key)
    if earlier is not None and earlier.id != deposit.id and earlier.state not in FREE:
        if earlier.fingerprint == print_:
            mend_waiting(archive, earlier, spool, progress)
        if not repeats(deposit, earlier, print_):
            spool.commit()  # its bytes are kept, and only this tells their names
        return Outcome(deposit, claim)  # repeated, or the key is taken: `settle` says which
    package, scanned, contents = examine(archive, deposit, extra, spool, findings, progress)
    deposit = replace(deposit, scanned=scanned)
    decided = decide(archive, deposit, spool, package, findings, extra)
    spool.commit()
    return Outcome(deposit, {**claim, **decided}, Seen(package, extra, contents))


def repeats(deposit: Deposit, earlier: Deposit, fingerprint: str) -> bool:
    """Whether the earlier deposit brought the same, for the same AIP: as a record of its own, or as an update of it."""
    return earlier.fingerprint == fingerprint and deposit.update_of in (earlier.update_of, earlier.aip_id)


def _default_key(archive: Archive, deposit: Deposit, fingerprint: str) -> str:
    """Producer and manifest; for an update also the version that it replaces, so that a record may go back to what it was. An
    update to what the newest version is already repeats that version's deposit."""
    aip = archive.catalog.holdings.find(deposit.update_of) if deposit.update_of else None
    if aip is None:
        return f"sha256:{fingerprint}" + (f":updates:{deposit.update_of}" if deposit.update_of else "")
    last = archive.catalog.deposits.find(aip.versions[-1].deposit_id) if aip.versions else None
    if last is not None and last.id != deposit.id and last.fingerprint == fingerprint and last.producer == deposit.producer:
        return last.key
    return f"sha256:{fingerprint}:updates:{aip.id}@v{aip.version}"


def receive(archive: Archive, deposit: Deposit, progress: Progress) -> tuple[Spool, Findings]:
    """Copy the source into a fresh spool, hashing while reading. What is whole in the spool already is not read again.

    Raises:
        SourceMissing: there is nothing readable at the deposit's source.
    """
    folder = archive.spools.folder(deposit.id)
    if folder.exists():  # released by an officer, or interrupted: the source may be gone by now
        try:
            spool = archive.spools.get(deposit.id)
            if spool.complete:
                spool.clear_arrangement()
                return spool, remembered(spool)
        except FormatsError:
            if not source_of(archive.settings.home, deposit).exists():
                raise
        archive.spools.remove(deposit.id)
    source = source_of(archive.settings.home, deposit)
    if not source.exists():
        raise SourceMissing(deposit.source)
    spool = archive.spools.get(deposit.id)
    findings = remember(spool)
    spool_path(source, spool, findings, limits=limits_of(archive.policy), progress=progress)
    received = Findings()
    received.extend(findings)
    return spool, received


def limits_of(policy: Policy) -> Limits:
    """The readers' limits, as far as the policy sets others."""
    return replace(LIMITS, **policy.limits)


def decide(
    archive: Archive, deposit: Deposit, spool: Spool, package: Package, findings: Findings, extra: Extras
) -> DepositChange:
    """The one verdict over all findings; what is accepted is sealed, what is refused or held is kept with its reasons."""
    now = archive.clock.now()
    waived = waivable(findings.counts, archive.policy) if deposit.decided_by else frozenset[str]()
    verdict = judge(findings.counts, archive.policy, waived=waived)
    change: DepositChange = {
        "verdict": verdict,
        "findings": tuple(first_of_each(findings, archive.policy)),
        "finding_counts": dict(findings.counts),
        "scanned": deposit.scanned,
        "expires": expires(verdict, archive.policy, now),
    }
    if verdict is Verdict.ACCEPT:
        change["state"] = DepositState.ACCEPTED
        change["aip_version"] = _seal(archive, deposit, spool, package, findings, extra, now)
        change["aip_id"] = deposit.update_of or aip_id_of(deposit.id)
    elif verdict is Verdict.HOLD:
        change["state"] = DepositState.HELD
    else:
        infected = findings.counts.keys() & MALWARE_CODES
        change["state"] = DepositState.QUARANTINED if infected else DepositState.REFUSED
        change["key"] = f"{deposit.key}#{deposit.id}"
    return change


def first_of_each(findings: Findings, policy: Policy) -> Iterator[Finding]:
    """The findings that a deposit's row keeps, as heavy as ``policy`` weighs them: the first `ROW_FINDINGS` of each code (the counts
    tell the rest)."""
    seen: Counter[str] = Counter()
    for finding in findings:
        seen[finding.code] += 1
        if seen[finding.code] <= ROW_FINDINGS:
            yield replace(finding, weighed=weigh(finding.code, policy))


def set_aside(archive: Archive, deposit: Deposit) -> None:
    """Move the bytes of a refused deposit to refused/, of an infected one to quarantine/; those of a repeated one go. A held one
    stays in the spool. Its row is put beside the bytes, should the catalog be lost, or where rows are kept; what was sealed of it before
    that was known goes, for by that a lost catalog would take it as accepted. Done already is fine."""
    place = {DepositState.REFUSED: "refused", DepositState.QUARANTINED: "quarantine"}.get(deposit.state)
    folder = archive.spools.folder(deposit.id)
    archive.spools.close(deposit.id)
    shutil.rmtree(folder / "sealed", ignore_errors=True)
    if deposit.state is DepositState.REPEATED or (deposit.state is DepositState.FAILED and not folder.exists()):
        keep_row(archive, deposit)
        archive.spools.remove(deposit.id)
    elif folder.exists():
        write_row(folder, deposit)
        if place is not None:
            target = archive.settings.home / place / deposit.id
            if target.exists():
                shutil.rmtree(target)
            folder.rename(target)
    clear_upload(archive.settings.home, deposit)


def _seal(
    archive: Archive, deposit: Deposit, spool: Spool, package: Package, findings: Findings, extra: Extras, now: datetime
) -> int:
    folder = archive.spools.folder(deposit.id)
    previous, number = _previous(archive, deposit.update_of)
    aip_id = deposit.update_of or aip_id_of(deposit.id)
    fields, said = described(spool, package, extra)
    record = DepositRecord(
        deposit_id=deposit.id,
        key=deposit.key,
        fingerprint=deposit.fingerprint,
        producer=deposit.producer,
        title=extra.title or said or package.title or spool.label,
        package=package.format,
        identifier=package.identifier,
        label=spool.label,
        top=spool.meta("top") or b"",
        top_modified=int(modified) if (modified := spool.meta("top_modified")) else None,
        received=deposit.created.isoformat(),
        actor=deposit.actor,
        source=deposit.source,
        scanned=deposit.scanned,
        file_count=spool.files,
        byte_count=spool.bytes,
        container=(spool.meta("container") or b"").decode("utf-8", "backslashreplace"),
        fields=fields,
        finding_counts=dict(findings.counts),
        findings=tuple(each.as_json() for each in first_of_each(findings, archive.policy)),
        waived_by=deposit.decided_by,
        handed_in_as=deposit.label if deposit.label != spool.label else "",
    )
    sealing = Sealing(
        aip_id=aip_id,
        number=number,
        deposit=record,
        package=package,
        events=tuple(ingest_events(archive, deposit, spool, findings, aip_id=aip_id, number=number)),
        software=SOFTWARE,
        software_version=software_version(),
        now=now,
        previous=previous,
        metadata=extra.metadata,
        schemas=Path(archive.settings.schemas) if archive.settings.schemas else None,
    )
    sealed = folder / "sealed"
    if sealed.exists():
        shutil.rmtree(sealed)
    seal(sealing, spool, folder)
    return number


def _previous(archive: Archive, aip_id: str) -> tuple[Previous | None, int]:
    if not aip_id:
        return None, 1
    want = vouched(archive, aip_id, Sightings(archive, aip_id, "ingestion"))
    aip = archive.catalog.holdings.get(aip_id)
    events = tuple(
        Entry(LogicalPath(f.path), "", f.size, bytes.fromhex(f.sha256), bytes.fromhex(f.sha512))
        for f in archive.catalog.holdings.files(aip_id, version=want.head)  # another update may be registered meanwhile
        if f.path.startswith(EVENTS_PREFIX)
    )
    return Previous(want.inventory, want.inventories[want.head], events, aip.created), want.head + 1


def ingest_events(
    archive: Archive, deposit: Deposit, spool: Spool, findings: Findings, *, aip_id: str, number: int
) -> Iterator[Event]:
    """What happened to the deposit until it was sealed, as PREMIS events that go into the AIP."""
    errors = sum(count for code, count in findings.counts.items() if weigh(code, archive.policy) >= Weight.WARNING)
    happened: list[tuple[str, str, dict[str, str | int]]] = [
        ("message digest calculation", "success", {"algorithms": "sha256 sha512", "files": spool.files, "bytes": spool.bytes}),
        ("validation", "warning" if errors else "success", {"findings": errors, "policy": archive.policy.digest}),
        ("virus check", "success" if deposit.scanned else "warning", {"scanner": deposit.scanned or "not scanned"}),
        ("ingestion", "success", {"verdict": "accept", "policy": archive.policy.digest, "fingerprint": deposit.fingerprint}),
    ]
    if archive.policy.identify:
        answered = enumerate(FormatReport(spool.database).tools(), 1)
        tools: dict[str, str | int] = {f"tool_{n}": f"{tool}: {count}" for n, (tool, count) in answered}
        happened.insert(2, ("format identification", "success", tools))
    judged = {code: findings.counts[code] for code in SIGNATURE_CODES if findings.counts[code]}
    if judged:
        outcome = "success" if judged.keys() == {"SIG-PASSED"} else "warning"
        happened.insert(-1, (VALIDATED, outcome, {**judged}))
    if counts := InspectionReport(spool.database).counts():
        sound = counts.keys() <= {Validity.VALID}
        happened.insert(3, ("validation", "success" if sound else "warning", {"of": "file formats", **counts}))
    for type_, outcome, detail in happened:
        yield Event(
            id=str(uuid.uuid4()),
            type=type_,
            time=archive.clock.now(),
            agent=f"{SOFTWARE} {software_version()}",
            outcome=outcome,
            aip_id=aip_id,
            aip_version=number,
            deposit_id=deposit.id,
            detail={**detail, "asked_by": deposit.actor},
        )
