"""The examiner of signatures: which received files are signed, whether that holds, and what is still to be had to prove it.

Reports and validation data become files of the AIP; the deposit gets one finding a signature, and the weights decide.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from formats.package.names import shown_name
from formats.package.source import Kind, Spooled
from formats.package.spool import Spool
from policies.findings import Finding, Findings, said
from policies.phrases import os_phrase, phrase
from repository.aip.enclosures import Enclosures
from repository.archive import Archive
from repository.progress import Progress
from repository.signed.files import opened
from repository.signed.received import Received
from repository.signed.records import DATA, FileReport
from signatures.called import called
from signatures.detect import covered_names, detect, named_beside
from signatures.inside_marks import may_hold
from signatures.report import Indication, Integrity, Role, SignatureReport

if TYPE_CHECKING:
    from signatures.judgement import Context
    from signatures.poe import Proof
    from signatures.signed import SignedFile
    from signatures.validation_data import Collector, Kept

__all__ = ["check_signatures", "told"]

_log = logging.getLogger("kho.signatures")

CODES = {
    Indication.TOTAL_PASSED: "SIG-PASSED",
    Indication.INDETERMINATE: "SIG-INDETERMINATE",
    Indication.TOTAL_FAILED: "SIG-FAILED",
}


def check_signatures(archive: Archive, spool: Spool, files: Iterable[Spooled], findings: Findings, progress: Progress) -> None:
    """Look at every file; judge what is signed; collect what is missing. What cannot be looked at is said, and holds the deposit."""
    enclosures = Enclosures(spool)
    enclosures.clear()
    examiner: _Examiner | None = None
    waiting: list[_Looked] = []

    def tell(looked: _Looked) -> None:
        for finding in told(looked.report, looked.shown):
            findings.append(finding)
        for path, content in (*looked.report.files(), *looked.data):
            enclosures.add(path, content)

    for spooled in files:
        try:
            with spool.stream(spooled) as file:
                stream = _at_hand(file)
                found = detect(stream) is not None or may_hold(stream)
            if not found and not called(shown_name(spooled.item.name)):
                continue
            examiner = examiner or _Examiner(archive, spool)
            looked = examiner.look(spooled)
            if not looked.report.signatures:
                continue
        except OSError as error:
            findings.add("SIG-NOT-LOOKED", shown_name(spooled.item.name), reason=os_phrase(error))
            continue
        if _may_gain(looked.report) and len(waiting) < MOST_WAITING:
            waiting.append(looked)  # an evidence record over it may still come
        else:
            tell(looked)
        progress.advance(0)
    for looked in waiting:
        tell(examiner.with_evidence(looked) if examiner is not None else looked)


SMALL = 1 << 16
"""Bytes up to which a file is looked through in memory: that is done a dozen times, and each would ask the system several things."""


def _at_hand(file: BinaryIO) -> BinaryIO:
    """What is in a file, from its beginning. Raises OSError."""
    data = file.read(SMALL + 1)
    if len(data) <= SMALL:
        return io.BytesIO(data)
    file.seek(0)
    return file


MOST_WAITING = 200
"""Signed files whose report waits until all evidence records of a deposit are read: each is held in memory."""


def _may_gain(report: FileReport) -> bool:
    """Whether a proof of existence could make a signature pass: it is whole, and does not pass now."""
    signatures = (each for each in report.signatures if each.role is not Role.EVIDENCE)
    return report.trusted and any(each.integrity is Integrity.INTACT and not each.verdict.passed for each in signatures)


@dataclass(frozen=True)
class _Looked:
    """One signed file as it was looked at: enough to judge it again. ``shown`` is its name, ``data`` what was collected for it."""

    spooled: Spooled
    shown: str
    file: SignedFile
    kept: Kept | None
    report: FileReport

    @property
    def data(self) -> list[tuple[str, bytes]]:
        return [(f"{DATA}/{each}", der) for each, der in self.kept.files()] if self.kept else []


class _Examiner:
    """Everything that judging needs, made when the first signed file is met: most deposits never pay for it."""

    def __init__(self, archive: Archive, spool: Spool) -> None:
        from repository.signed.trust import collector_of, context_of

        self._spool = spool
        self._context: Context = context_of(archive, archive.clock.now())
        self._collector: Collector | None = collector_of(archive, self._context)
        self._clock = archive.clock
        self._received = Received()

    def look(self, spooled: Spooled) -> _Looked:
        from signatures.reading import read_signatures
        from signatures.signed import SignedFile, Source

        name = shown_name(spooled.item.name)
        beside = partial(self._beside, spooled)
        source = Source(self._spool.path(spooled), name, beside, partial(self._named, spooled), self._holding)
        file = read_signatures(source, self._context.anchors.known) or SignedFile()
        kept = self._collector.collect(file, self._context.at) if self._collector else None
        looked = self._judged(spooled, name, file, kept, None)
        self._received.take(looked.report)
        return looked

    def with_evidence(self, looked: _Looked) -> _Looked:
        """The same file, judged with what evidence records of the deposit prove of it."""
        existed = self._received.proofs.get(looked.shown)
        return looked if existed is None else self._judged(looked.spooled, looked.shown, looked.file, looked.kept, existed)

    def _judged(self, spooled: Spooled, name: str, file: SignedFile, kept: Kept | None, existed: Proof | None) -> _Looked:
        from signatures.judgement import judge

        # Answers are from after the moment at which the deposit began to be looked at.
        context = self._now()
        reports = judge(file, context, existed=existed, beside=[kept.data()] if kept else [])
        names = [each for each, _ in kept.files()] if kept else []
        missing = kept.failures if kept else ()
        report = FileReport.of(spooled.stored or name, spooled.sha256.hex(), reports, context, data=names, missing=missing)
        return _Looked(spooled, name, file, kept, report)

    def _now(self) -> Context:
        from dataclasses import replace

        return replace(self._context, at=max(self._context.at, self._clock.now()))

    def _beside(self, spooled: Spooled) -> Iterator[tuple[str, Callable[[], BinaryIO]]]:
        for name in covered_names(spooled.item.name):
            if (stream := self._opening(name)) is not None:
                yield shown_name(name), stream

    def _named(self, spooled: Spooled, wanted: str) -> Callable[[], BinaryIO] | None:
        name = named_beside(spooled.item.name, wanted)
        return self._opening(name) if name else None

    def _holding(self, algorithm: str, digests: Collection[bytes]) -> Iterator[tuple[str, Callable[[], BinaryIO]]]:
        for each in self._spool.holding(algorithm, digests):
            yield shown_name(each.item.name), partial(opened, self._spool.path(each))

    def _opening(self, name: bytes) -> Callable[[], BinaryIO] | None:
        found = self._spool.find(name)
        return partial(opened, self._spool.path(found)) if found is not None and found.item.kind is Kind.FILE else None


def told(report: FileReport, path: str) -> Iterator[Finding]:
    """One finding a signature (time-stamps speak through the signatures they prove), and one for what could not be collected."""
    yield from (_evidence(each, path) for each in report.signatures if each.role is Role.EVIDENCE)
    others = [each for each in report.signatures if each.role is not Role.EVIDENCE]
    signatures = [each for each in others if each.role is not Role.TIMESTAMP] or others
    sound = [each for each in signatures if each.integrity is not Integrity.BROKEN and _is_judged(each)]
    if not report.trusted and sound and all(map(_is_unread, sound)):
        why = sound[0].verdict.why
        yield Finding("SIG-MAYBE-SIGNED", path, {"reason": why.args.get("reason", "") if why is not None else ""})
    elif not report.trusted and sound:
        unknown = any(each.integrity is Integrity.UNKNOWN for each in sound)
        integrity = phrase("integrity-unknown") if unknown else phrase("integrity-intact")
        yield Finding("SIG-NO-ANCHORS", path, {"integrity": integrity})
    for each in signatures:
        if report.trusted or each not in sound:
            yield _finding(each, path)
    if report.missing and not all(each.verdict.passed for each in signatures):
        yield Finding("SIG-NOT-COLLECTED", path, {"reason": said(report.missing[0], code=False)})


def _is_judged(report: SignatureReport) -> bool:
    return report.verdict.why is None or report.verdict.why.code not in UNJUDGED


UNREAD = frozenset({"SIG-XML-REFUSED", "SIG-FORMAT"})


def _is_unread(report: SignatureReport) -> bool:
    """Whether nothing was read of it, not even who signed: a file that was cut short may have been signed, or not."""
    why = report.verdict.why
    return report.signer is None and report.integrity is Integrity.UNKNOWN and why is not None and why.code in UNREAD


UNJUDGED = {"SIG-KIND-NOT-JUDGED": "SIG-NOT-JUDGED", "SIG-INSIDE-LEFT": "SIG-NOT-LOOKED-INSIDE"}
"""Why a report is of no signature that could be judged (it is of another kind, or only not known to be there) → what is told of it."""

EVIDENCE_CODES = {
    Indication.TOTAL_PASSED: "EVD-RECEIVED-PASSED",
    Indication.INDETERMINATE: "EVD-RECEIVED-UNSURE",
    Indication.TOTAL_FAILED: "EVD-RECEIVED-FAILED",
}


def _evidence(report: SignatureReport, path: str) -> Finding:
    """What is known of an evidence record that came with the deposit."""
    since = report.claimed.date().isoformat() if report.claimed else "?"
    args: dict[str, str | int] = {"status": str(report.verdict), "name": report.name, "since": since, "reason": ""}
    if report.verdict.why is not None:
        args |= {"reason": said(report.verdict.why, code=False), "why": report.verdict.why.code}
    return Finding(EVIDENCE_CODES[report.verdict.indication], path, args)


def _finding(report: SignatureReport, path: str) -> Finding:
    if report.verdict.why is not None and report.verdict.why.code in UNJUDGED:
        kind = {"kind": ", ".join(filter(None, (report.level, report.name)))} if "kind" in report.verdict.why.args else {}
        return Finding(UNJUDGED[report.verdict.why.code], path, {**report.verdict.why.args, **kind})
    signer = report.signer
    args: dict[str, str | int] = {
        "signer": (signer.common_name or signer.subject) if signer else report.name or "?",
        "status": str(report.verdict),
        "name": report.name,
    }
    if report.verdict.why is not None:
        args |= {"reason": said(report.verdict.why, code=False), "why": report.verdict.why.code}
    return Finding(CODES[report.verdict.indication], path, args)
