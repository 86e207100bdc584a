"""Examine: every examiner looks at everything a deposit holds and reports findings; none of them decides."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import groupby, islice
from operator import attrgetter
from pathlib import Path

from formats.identify import Identification, facts
from formats.inside import OPENED, Inside, told
from formats.malware import NoScanner, ScannerVersion
from formats.malware import Outcome as Scan
from formats.malware import facts as scan_facts
from formats.package import arrange, recognise
from formats.package.names import shown_name
from formats.package.source import Package
from formats.package.spool import Spool
from formats.report import FormatReport
from policies.archive import Policy
from policies.findings import Findings
from policies.promise import CopiesPolicy
from repository.aip.sealing import SPOOLED, received
from repository.archive import Archive
from repository.catalog import Transaction
from repository.deposits.description import Extras, check_readable, described
from repository.deposits.inspection import each_file, inspect
from repository.model import Deposit
from repository.progress import Progress

__all__ = ["LOOKED_UP", "distinct", "examine", "look_up", "scanner_words"]

LOOKUP_BATCH = 500
"""Digests asked of the catalog at a time; SQLite takes 32,766 variables, PostgreSQL 65,535, and a plan should stay small."""

HANDED_ON = 1_000
"""Files of a deposit whose digests are handed on: opening its spool again would cost more. About 150 bytes each."""

NAMES_HELD = 10_000
"""Names of files kept in memory while they are identified; larger packages look each name up."""


def examine(
    archive: Archive, deposit: Deposit, extra: Extras, spool: Spool, findings: Findings, progress: Progress
) -> tuple[Package, str, tuple[tuple[bytes, str], ...] | None]:
    """Let every examiner look at everything: (what was understood of the package, scanner and its signature date, its contents as
    `distinct` tells them; None where they are more than `HANDED_ON`)."""
    if spool.files == 0 and findings.ok:
        findings.add("DEP-EMPTY")
    form = recognise(spool)
    form.check(spool, findings)
    package = arrange(spool, findings)
    check_readable(spool, package, extra, findings)
    fields = described(spool, package, extra)[0]
    check_description(archive.policy, fields, findings)
    identify(archive, spool, findings, progress)
    inspect(archive, spool, findings, progress)
    scanned = scan(archive, spool, findings, progress)
    if archive.policy.signatures.check:
        from repository.signed.examiner import (
            check_signatures,
        )  # an eighth of a second, and every command that runs jobs comes by here

        check_signatures(archive, spool, each_file(spool), findings, progress)
    check_sizes(archive, archive.policy.promise_to(deposit.producer, fields), spool, findings)
    contents = distinct(spool, findings)
    told = tuple(contents) if spool.files <= HANDED_ON else None
    look_up(archive, deposit, package, contents if told is None else told, findings)
    return package, scanned, told


def check_description(policy: Policy, fields: Mapping[str, tuple[str, ...]], findings: Findings) -> None:
    """The descriptive fields that the policy asks for are there, and not empty."""
    for name in policy.required_fields:
        if not any(value.strip() for value in fields.get(name, ())):
            findings.add("ACC-FIELD-MISSING", field=name)


def identify(archive: Archive, spool: Spool, findings: Findings, progress: Progress) -> None:
    """Identify every file and remember the answers beside the items; that the policy wants none is a finding."""
    if not archive.policy.identify:
        findings.add("IDENT-OFF")
        return
    few, names = spool.files <= NAMES_HELD, dict[str, bytes]()
    report = FormatReport(spool.database)
    start = len(str(spool.folder / "files")) + 1
    opened = OPENED if archive.policy.archives.look else ()
    progress.start("identify", spool.files, "files")

    def paths() -> Iterator[Path]:
        for spooled in each_file(spool):
            path = spool.path(spooled)
            if few:
                names[str(path)[start:]] = spooled.item.name
            yield path

    def answers() -> Iterator[tuple[str, Identification]]:
        for path, answer in archive.identifier.identify(paths()):
            file = str(path)[start:]
            name = names[file] if few else received(spool, f"{SPOOLED}{file}")[0]
            for finding in facts(shown_name(name), answer, opened=opened):
                findings.append(finding)
            progress.advance(1)
            yield file, answer

    spool.begin()
    report.add(answers())
    spool.end()
    progress.finish()
    look_inside(archive, spool, report, opened, findings)


def look_inside(archive: Archive, spool: Spool, report: FormatReport, opened: Collection[str], findings: Findings) -> None:
    """Name the formats of what lies in archives that the deposit holds, as far as the policy's bounds go; and have it validated, where the
    policy wants that."""
    archives = list(report.of(opened)) if opened else []
    if not archives:
        return
    room = spool.folder / "inside"
    shutil.rmtree(room, ignore_errors=True)  # of a process that was killed
    room.mkdir()
    wanted = archive.policy.inspection.validate and archive.policy.inspection.archives
    inside = Inside(archive.identifier, room, archive.policy.archives, archive.inspectors.validate if wanted else None)
    try:
        for file, puid in archives:
            name = received(spool, f"{SPOOLED}{file}")[0]
            contents = inside.look(spool.folder / SPOOLED / file, name.rpartition(b"/")[2], puid=puid)
            for finding in told(shown_name(name), puid, contents):
                findings.append(finding)
            report.enclose(file, contents.notes(), contents.sums().text())
    finally:
        shutil.rmtree(room, ignore_errors=True)


def scan(archive: Archive, spool: Spool, findings: Findings, progress: Progress) -> str:
    """Scan every file for malware. Returns scanner and signature date; "" when nothing was scanned, which is a finding."""
    version = archive.scanner.version()
    if version is None and isinstance(archive.scanner, NoScanner):
        findings.add("MAL-NO-SCANNER")
        return ""
    scanned = 0
    start = len(str(spool.folder / "files")) + 1
    progress.start("scan", spool.files, "files")
    for path, result in archive.scanner.scan(spool.path(s) for s in each_file(spool)):
        name = received(spool, f"{SPOOLED}{str(path)[start:]}")[0]
        for finding in scan_facts(shown_name(name), result):
            findings.append(finding)
        scanned += result.outcome is not Scan.NOT_SCANNED
        progress.advance(1)
    progress.finish()
    return scanner_words(version) if scanned and version is not None else ""


def scanner_words(version: ScannerVersion) -> str:
    """Scanner and signatures as receipts and reports name them: "ClamAV 1.0.0, signatures 27000 of 2026-11-20"."""
    date = version.signature_date.date().isoformat() if version.signature_date else ""
    number = " of ".join(filter(None, (version.signatures, date)))
    return f"{version.engine}, signatures {number}" if number else version.engine


def check_sizes(archive: Archive, promise: CopiesPolicy, spool: Spool, findings: Findings) -> None:
    """Files that a promised tier cannot take in one piece: a cartridge has an end, and no file is cut."""
    places = [archive.settings.tier(name) for name in promise.tiers]
    limits = {place.name: place.tape.largest_file for place in places if place.tape is not None and place.tape.largest_file}
    if not limits or spool.bytes <= min(limits.values()):
        return
    for spooled in each_file(spool):
        for tier, limit in limits.items():
            if spooled.item.size > limit:
                findings.add(
                    "DEP-FILE-LARGER-THAN-MEDIUM", shown_name(spooled.item.name), tier=tier, size=spooled.item.size, most=limit
                )


def distinct(spool: Spool, findings: Findings) -> Iterator[tuple[bytes, str]]:
    """(SHA-512, where in the AIP it stands last) of every content that is not empty (those are all alike); more than one name for one
    is a finding."""
    for digest, group in groupby(spool.spooled(order="sha512"), key=attrgetter("sha512")):
        first, stored, size, last = b"", "", 0, b""
        for spooled in group:
            name = spooled.item.name
            if last and name != last:
                findings.add("DEP-DUPLICATE-INSIDE", shown_name(name), other=shown_name(first))
            first, last, stored, size = first or name, name, spooled.stored, spooled.item.size
        if size:
            yield digest, stored


LOOKED_UP = frozenset({"DEP-DUPLICATE-HOLDINGS", "DEP-ID-KNOWN", "DEP-UPDATE-UNKNOWN", "DEP-UPDATE-PRODUCER"})
"""Codes of findings that depend on what other deposits brought: all that `look_up` tells."""


def look_up(
    archive: Archive,
    deposit: Deposit,
    package: Package,
    contents: Iterable[tuple[bytes, str]],
    findings: Findings,
    within: Transaction | None = None,
) -> None:
    """Name contents (SHA-512, place) that the archive has already, in an AIP or in what is accepted and on its way; and an id that is
    known. An update does not repeat what it renews."""
    catalog, update = archive.catalog, deposit.update_of
    digests = iter(contents)
    while batch := dict(islice(digests, LOOKUP_BATCH)):
        with catalog.looking(within) as transaction:
            # In this order: what is registered in between is in the first answer.
            coming = catalog.coming.known_digests(batch, apart_from=update, within=transaction)
            known = coming | catalog.holdings.known_digests(batch, apart_from=update, within=transaction)
        for digest, stored in batch.items():
            if digest in known:
                aip_id, path = known[digest]
                findings.add("DEP-DUPLICATE-HOLDINGS", stored, other=path, aip=aip_id)
    if update:
        target = catalog.holdings.find(update, within=within)
        if target is None:
            findings.add("DEP-UPDATE-UNKNOWN", aip=update)
        elif target.producer != deposit.producer:
            findings.add("DEP-UPDATE-PRODUCER", aip=update, owner=target.producer)
    elif package.identifier:
        whose = (deposit.producer, package.identifier)
        on_its_way = catalog.coming.by_identifier(*whose, within=within)
        known_as = catalog.holdings.by_identifier(*whose, within=within) or on_its_way
        if known_as is None and catalog.holdings.find(package.identifier, within=within) is not None:
            known_as = package.identifier  # what was exported from here comes back
        if known_as is not None:
            findings.add("DEP-ID-KNOWN", identifier=package.identifier, aip=known_as)
