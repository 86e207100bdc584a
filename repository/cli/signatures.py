"""``kho signatures``: whether signatures hold, as of any date, and what is missing to prove it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from policies.findings import Finding, spoken
from policies.phrases import os_phrase, phrase
from repository.cli.as_of import as_of
from repository.cli.door import Door, Usage, check_source
from repository.cli.exits import Exit
from repository.cli.help import AsJson, Home
from repository.cli.screen import Screen, when
from repository.texts import language, words

if TYPE_CHECKING:
    from policies.trust import Algorithms
    from repository.signed.records import FileReport
    from signatures.report import SignatureReport

__all__ = ["collect", "copy", "status", "validate"]

Subject = Annotated[str, typer.Argument(metavar="AIP|FILE", help=words("option.signed"), show_default=False)]
At = Annotated[str | None, typer.Option("--at", metavar="DATE", help=words("option.at"))]
AnchorFolder = Annotated[Path | None, typer.Option("--anchors", metavar="DIR", help=words("option.anchors"))]
Content = Annotated[Path | None, typer.Option("--content", metavar="FILE", help=words("option.content"))]
Data = Annotated[list[Path] | None, typer.Option("--data", metavar="DIR", help=words("option.data"))]
Evidence = Annotated[list[Path] | None, typer.Option("--evidence", metavar="FILE", help=words("option.evidence"))]
Ends = Annotated[Path | None, typer.Option("--algorithms", metavar="FILE", help=words("option.evidence_algorithms"))]
Xml = Annotated[Path | None, typer.Option("--xml", metavar="FILE", help=words("option.xml"))]

STYLES = {"TOTAL-PASSED": "green", "INDETERMINATE": "yellow", "TOTAL-FAILED": "bold red"}


def validate(
    context: typer.Context,
    subject: Subject,
    at: At = None,
    anchors: AnchorFolder = None,
    content: Content = None,
    data: Data = None,
    evidence: Evidence = None,
    algorithms: Ends = None,
    xml: Xml = None,
    home: Home = None,
    as_json: AsJson = False,
) -> int:
    """Validate the signatures of a file or an AIP."""
    door = Door.of(context, home, as_json)
    moment, ends = _moment(at), _ends(algorithms)
    if not subject.startswith("urn:"):
        check_source(Path(subject))
        given = _Given(moment, anchors, content, data or (), evidence or (), ends)
        reports = [_file(door, Path(subject), given)]
    else:
        with door.open() as engine:
            reports = engine.signatures.validate(subject, at=moment, anchors=anchors, algorithms=ends, progress=door.progress())
    if xml is not None:
        _write_xml(xml, reports)
    return _answer(door, subject, reports)


OptionalAip = Annotated[str | None, typer.Argument(metavar="[AIP]", help=words("option.aip"), show_default=False)]


def status(context: typer.Context, aip: OptionalAip = None, home: Home = None, as_json: AsJson = False) -> int:
    """What waits, or what an AIP's newest reports say."""
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        waiting = [each for each in engine.signatures.attention() if aip is None or each.aip_id == aip]
        reports = engine.signatures.reports(aip) if aip else []
    rows = [
        {
            "aip": w.aip_id,
            "looked": w.looked.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "lacks_data": w.lacks_data,
            "counts": w.counts,
        }
        for w in waiting
    ]
    code, closing = (Exit.REFUSED, [Finding("OPS-SIGNATURES-WAITING", args={"count": len(rows)})]) if rows else (Exit.DONE, [])

    def text() -> None:
        screen = Screen(door.out)
        columns = [("aip", "id"), ("last_check", "id"), ("findings", "text")]
        said = ([w.aip_id, when(w.looked), ", ".join(f"{name} {n}" for name, n in w.counts.items())] for w in waiting)
        if waiting:
            screen.table([(words(f"label.{name}"), kind) for name, kind in columns], said)
        else:
            screen.line(words("signatures.nothing_waits"), "green")
        for report in reports:
            screen.heading(str(report["path"]))
            for each in report["signatures"]:
                verdict = "/".join(filter(None, (each["indication"], each["subindication"])))
                signer = each["signer"]["common_name"] if each["signer"] else "?"
                screen.line(f"{signer}: {verdict}", STYLES[each["indication"]])

    body = {"waiting": rows, "reports": list(reports)}
    return door.answer("signatures_status", body, text, code=code, closing=closing)


def collect(context: typer.Context, aip: OptionalAip = None, home: Home = None, as_json: AsJson = False) -> int:
    """Ask again for what is missing."""
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        done = engine.signatures.collect(aip or "", progress=door.progress())
    closing = [Finding("OPS-SIGNATURES-WAITING", args={"count": done["waiting"]})] if done["waiting"] else []
    told = words("signatures.collected", looked=done["looked"], versions=done["versions"])
    code = Exit.REFUSED if closing else Exit.DONE
    return door.answer("signatures_collect", dict(done), lambda: Screen(door.out).line(told), code=code, closing=closing)


Aip = Annotated[str, typer.Argument(metavar="AIP", help=words("option.aip"), show_default=False)]


def copy(context: typer.Context, aip: Aip, home: Home = None, as_json: AsJson = False) -> int:
    """Copies of signed PDF files for readers."""
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        done = engine.signatures.copy(aip, progress=door.progress())
    findings = [Finding(code, path, args) for code, path, args in done["findings"]]
    body = {"copies": done["copies"], "there": done["there"]}
    told = words("signatures.copied", copies=done["copies"], there=done["there"])
    code = Exit.REFUSED if findings else Exit.DONE
    return door.answer("signatures_copy", body, lambda: Screen(door.out).line(told), code=code, closing=findings)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return as_of(text)
    except ValueError as error:
        raise Usage("USE-DATE", text) from error


def _ends(file: Path | None) -> Algorithms | None:
    if file is None:
        return None
    if not file.is_file():
        raise Usage("USE-NO-PATH", str(file))
    from policies.trust import parse_algorithms

    return parse_algorithms(file.read_bytes(), name=str(file))


@dataclass(frozen=True)
class _Given:
    """What the command line gave to judge a file by."""

    at: datetime | None
    anchors: Path | None
    content: Path | None
    data: Sequence[Path]
    evidence: Sequence[Path]
    algorithms: Algorithms | None


def _file(door: Door, path: Path, given: _Given) -> FileReport:
    """A file anywhere: by the anchors that were named, else by those of the archive at hand, else by nobody's."""
    from repository.clock import SystemClock
    from repository.signed.evidence import Records, read_records
    from repository.signed.files import data_from, opened, validate_file
    from repository.signed.trust import context_of
    from signatures.evidence import data_object

    now = given.at or SystemClock().now()
    if given.anchors is None and door.has_archive():
        with door.open() as engine:
            judged_by = context_of(engine.archive, now, algorithms=given.algorithms)
    else:
        judged_by = context_of(None, now, anchors=given.anchors, algorithms=given.algorithms)
    records = Records(read_records(given.evidence), judged_by, [kept for folder in given.data for kept in data_from(folder)])
    unread: list[Finding] = []
    kept = [each for folder in given.data for each in data_from(folder, records, unread=unread)]
    existed = records.proof_of(data_object(path.name, partial(opened, path))) if records.records and path.is_file() else None
    report = validate_file(path, judged_by, content=given.content, beside=kept, existed=existed)
    said = (*unread, *(dict.fromkeys(records.findings) if existed is None else ()))
    return replace(report, missing=(*report.missing, *said))


def _write_xml(target: Path, reports: Sequence[FileReport]) -> None:
    from repository.errors import ExportFailed
    from signatures.etsi_report import etsi_report

    signatures = [each for report in reports for each in report.signatures]
    if not signatures:
        raise ExportFailed(str(target), phrase("no-signature-to-report"))
    try:
        target.write_bytes(etsi_report(signatures))
    except OSError as error:
        raise ExportFailed(str(target), os_phrase(error)) from error


def _answer(door: Door, subject: str, reports: Sequence[FileReport]) -> int:
    verdicts = {each.verdict.indication.value for report in reports for each in report.signatures}
    code, closing = Exit.DONE, []
    if "TOTAL-FAILED" in verdicts:
        code, closing = Exit.DAMAGE, [Finding("OPS-SIGNATURES-FAILED", subject)]
    elif "INDETERMINATE" in verdicts:
        code, closing = Exit.REFUSED, [Finding("OPS-SIGNATURES-UNSURE", subject)]

    def text() -> None:
        screen = Screen(door.out)
        for report in reports:
            _show(screen, report)
        if not verdicts:
            screen.line(words("signatures.none", path=subject))

    body: dict[str, Any] = {"subject": subject, "files": [_in_words(each.as_json()) for each in reports]}
    return door.answer("signatures_validate", body, text, code=code, closing=closing)


def _in_words(value: Any) -> Any:
    """The same with phrases, which a report holds as what they are made of, in the reader's language."""
    if isinstance(value, str):
        return spoken(value, language())
    if isinstance(value, Mapping):
        return {key: _in_words(each) for key, each in value.items()}
    return [_in_words(each) for each in value] if isinstance(value, list | tuple) else value


def _show(screen: Screen, report: FileReport) -> None:
    for each in report.signatures:
        screen.heading(f"{report.path}  {each.name}".strip())
        screen.line(str(each.verdict), STYLES[each.verdict.indication.value])
        screen.facts(list(_facts(each)))
        for finding in each.findings():
            screen.line(f"  {finding.text(language())}", "dim" if each.verdict.passed else "")
    for finding in report.missing:
        screen.line(f"  {finding.text(language())}", "yellow")


def _facts(each: SignatureReport) -> Iterable[tuple[str, str]]:
    signer = each.signer
    covered = words(f"coverage.{each.coverage.scope}", name=each.coverage.name)
    proof = f"{when(each.proven)} ({words(f'proof.{each.proven_by}')})" if each.proven else ""
    yield words("label.kind"), f"{each.level or each.kind.value} ({words(f'role.{each.role.value}')})"
    if signer is not None:
        yield words("label.signer"), signer.common_name or signer.subject
        yield words("label.title_of_signer"), signer.title
        yield words("label.organisation"), signer.organisation
        yield words("label.serial"), signer.serial
        yield words("label.issuer"), signer.issuer
    said = when(each.claimed, "")
    yield words("label.signed_at"), words("signatures.no_zone", time=said) if each.claimed and not each.claimed.tzinfo else said
    yield words("label.proven_at"), proof
    yield words("label.integrity"), words(f"integrity.{each.integrity.value}")
    yield words("label.algorithm"), f"{each.signature_algorithm} {each.key_bits or ''}".strip()
    yield words("label.coverage"), covered
    if each.coverage.changes != "none":
        yield words("label.changes"), words(f"changes.{each.coverage.changes}")
    for stamp in each.stamps:
        authority = stamp.authority.common_name if stamp.authority else "?"
        yield words("label.stamp"), f"{when(stamp.time)} {authority}: {stamp.verdict}"
