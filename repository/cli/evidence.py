"""``kho evidence``: what proves that records existed, and when; making, keeping and checking it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from policies.findings import Finding, Weight, spoken
from policies.phrases import phrase
from repository.cli.as_of import as_of
from repository.cli.door import Door, Usage, is_there
from repository.cli.exits import Exit
from repository.cli.help import AsJson, Home
from repository.cli.screen import Screen, number, when
from repository.texts import language, words
from repository.views import evidence as views

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from repository.evidence.judge import Judging
    from repository.evidence.planning import Due
    from repository.evidence.service import Plan
    from signatures.evidence import EvidenceReport

__all__ = ["batch", "export", "plan", "renew", "verify"]

Record = Annotated[Path, typer.Argument(metavar="FILE", help=words("option.evidence_record"), show_default=False)]
Data = Annotated[list[Path] | None, typer.Option("--data", metavar="FILE", help=words("option.evidence_data"))]
Later = Annotated[list[str] | None, typer.Option("--later", metavar="CHAIN=FILE", help=words("option.evidence_later"))]
DigestOf = Annotated[list[str] | None, typer.Option("--digest", metavar="ALGORITHM=HEX", help=words("option.evidence_digest"))]
Roots = Annotated[list[Path] | None, typer.Option("--anchors", metavar="PATH", help=words("option.evidence_anchors"))]
At = Annotated[str | None, typer.Option("--at", metavar="DATE", help=words("option.evidence_at"))]
Ends = Annotated[Path | None, typer.Option("--algorithms", metavar="FILE", help=words("option.evidence_algorithms"))]
Whole = Annotated[bool, typer.Option("--group", metavar=" ", help=words("option.evidence_group"))]
Aip = Annotated[str, typer.Argument(metavar="AIP[@vN]", help=words("option.evidence_aip"), show_default=False)]
Target = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help=words("option.evidence_output"), show_default=False)]


def batch(context: typer.Context, home: Home = None, as_json: AsJson = False) -> int:
    """Close a batch now."""
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        done = engine.evidence.batch()
    closing = [Finding("EVD-TREE-NOT-STAMPED", args={"reason": each}) for each in done["failures"] if done["batch"]]
    if not done["batch"]:
        closing = [Finding("TSP-NOT-STAMPED", args={"reason": "; ".join(done["failures"])})] if done["failures"] else []
        closing = closing or [Finding("EVD-NOTHING")]
    closing += [Finding("EVD-UNPROVABLE", each, {"reason": "kho audit"}) for each in done["unprovable"]] + _pending(done)
    facts = [
        (words("label.evidence_batch"), done["batch"] or "–"),
        (words("label.evidence_leaves"), number(done["leaves"])),
        (words("label.evidence_trees"), ", ".join(done["trees"]) or "–"),
    ]
    body = {name: done[name] for name in ("batch", "leaves", "trees", "unprovable", "pending")}
    body["failures"] = [spoken(each, language()) for each in done["failures"]]
    return door.answer("evidence_batch", body, lambda: Screen(door.out).facts(facts), code=_code(closing), closing=closing)


def _pending(done: Mapping[str, Any]) -> list[Finding]:
    return [Finding("EVD-PENDING", args={"count": done["pending"]})] if done["pending"] else []


def _code(closing: list[Finding]) -> Exit:
    if any(each.weight >= Weight.ERROR for each in closing):
        return Exit.FAILED
    return Exit.FEW_COPIES if any(each.code == "EVD-PENDING" for each in closing) else Exit.DONE


def renew(context: typer.Context, home: Home = None, as_json: AsJson = False) -> int:
    """Renew what is due."""
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        done = engine.evidence.renew()
    findings = [Finding(code, path, args) for code, path, args in done["findings"]]
    closing = _pending(done)
    code = _code([*findings, *closing])
    if any(each.code == "EVD-NOT-READ-AGAIN" for each in findings):
        code = Exit.DAMAGE

    def text() -> None:
        screen = Screen(door.out)
        screen.findings(findings)
        rows = [(words(f"renewal.{kind}"), number(count)) for kind, count in done["renewed"].items()]
        screen.facts([*rows, (words("label.evidence_tokens"), number(done["tokens"]))])

    body = {"renewed": done["renewed"], "tokens": done["tokens"], "pending": done["pending"]}
    return door.answer("evidence_renew", body, text, code=code, findings=findings, closing=closing)


def plan(context: typer.Context, home: Home = None, as_json: AsJson = False) -> int:
    """What falls due when."""
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        found = engine.evidence.plan()
    findings = list(found.findings)
    return door.answer(
        "evidence_plan", views.plan(found), lambda: _show_plan(Screen(door.out), found, findings), findings=findings
    )


def _show_plan(screen: Screen, found: Plan, findings: list[Finding]) -> None:
    screen.facts(
        [
            (words("label.evidence_proved"), number(found.proved)),
            (words("label.evidence_waiting"), number(found.waiting)),
            (words("label.evidence_next"), f"{found.next_batch:%Y-%m-%d %H:%M} UTC" if found.next_batch else "–"),
            (words("label.evidence_algorithms"), f"{found.algorithms.source} ({found.algorithms.version})"),
        ]
    )
    shown = [each for each in found.rows if each.due is None or each.due <= found.horizon]
    columns = ("evidence_due", "evidence_batch", "evidence_tree", "evidence_kind", "evidence_because", "evidence_fit")
    rows: list[list[str | tuple[str, str]]] = [
        [
            words("evidence.none") if each.due is None else each.due.date().isoformat(),
            each.batch,
            each.tree if each.hash == each.tree else f"{each.tree} ({each.hash})",
            words(f"renewal.{each.kind}"),
            f"{each.because.name} {each.because.when.date() if each.because.when else ''}" if each.because else "–",
            _fit(each),
        ]
        for each in shown
    ]
    if rows:
        screen.table([(words(f"label.{name}"), "id" if name == "evidence_batch" else "text") for name in columns], rows)
    for line in _chart(found):
        screen.line(line)
    screen.findings(findings)


def _fit(due: Due) -> str | tuple[str, str]:
    """Who could stamp: today's certificates that last, or certificates that are to come."""
    if due.authorities:
        return ", ".join(due.authorities)
    later = words("evidence.later", names=", ".join(due.later)) if due.later else words("evidence.red")
    return (later, "bold red") if due.pressing or not due.later else later


def _chart(found: Plan) -> list[str]:
    """Trees that fall due, by year: one bar a year up to the horizon."""
    years: dict[int, int] = {}
    for each in found.rows:
        if each.due is not None and each.due <= found.horizon:
            years[each.due.year] = years.get(each.due.year, 0) + 1
    most = max(years.values(), default=0)
    return [f"{year}  {'█' * max(1, count * 40 // most)} {count}" for year, count in sorted(years.items())]


def export(context: typer.Context, aip: Aip, output: Target, home: Home = None, as_json: AsJson = False) -> int:
    """Write the proofs of a version into a new folder."""
    door = Door.of(context, home, as_json)
    object_id, at, version = aip.rpartition("@v")
    if at and not version.isdecimal():
        raise Usage(
            "USE-VALUE",
            name="AIP",
            value=aip,
            reason=phrase("use-version-as", example="urn:uuid:…@v1"),
            command="kho evidence export",
        )
    with door.open() as engine:
        done = engine.evidence.export(object_id if at else aip, output, version=int(version) if at else None)
    errors = [each for each in done.findings if each.weight >= Weight.ERROR]
    told = [each for each in done.findings if each not in errors[-1:]]  # the last one is told at the end

    def text() -> None:
        screen = Screen(door.out)
        screen.findings(told)
        screen.line(words("evidence.exported", objects=done.objects, records=len(done.records), path=str(output)), "green")
        for line in done.verify:
            screen.line(f"  {line}")

    body = {"path": str(output), "records": done.records, "objects": done.objects, "verify": done.verify}
    code = Exit.DAMAGE if errors else Exit.DONE
    return door.answer("evidence_export", body, text, code=code, findings=told, closing=errors[-1:])


def verify(
    context: typer.Context,
    record: Record,
    data: Data = None,
    digest: DigestOf = None,
    later: Later = None,
    anchors: Roots = None,
    at: At = None,
    algorithms: Ends = None,
    group: Whole = False,
    as_json: AsJson = False,
) -> int:
    """Verify any evidence record over its data objects."""
    door = Door.of(context, as_json=as_json)
    for path in (record, *(data or ()), *(anchors or ()), *([algorithms] if algorithms else ())):
        if not is_there(path):
            raise Usage("USE-NO-PATH", str(path))
    from repository.evidence.judge import judge_each

    reports = judge_each(
        record, replace(_judging(data or [], digest or [], anchors or [], at, algorithms, group), later=_later(later or []))
    )
    findings = [each for _, report in reports for each in report.findings]
    errors = sorted({each.code for each in findings if each.weight >= Weight.ERROR})
    valid = all(report.valid for _, report in reports)
    first = next((report for _, report in reports if not report.valid), reports[0][1])
    several = [{"name": name, **views.evidence(report)} for name, report in reports] if len(reports) > 1 else []

    def text() -> None:
        screen = Screen(door.out)
        for name, report in reports:
            _show(screen, f"{record} ({name})" if len(reports) > 1 else str(record), report)

    return door.answer(
        "evidence_verify",
        {"path": str(record), **views.evidence(first), "records": several},
        text,
        code=Exit.DONE if valid else Exit.DAMAGE,
        findings=findings,
        closing=[] if valid else [Finding("EVD-NOT-VALID", str(record), {"errors": ", ".join(errors), "hint": _hint(errors)})],
    )


def _hint(errors: Sequence[str]) -> str:
    """What to try, by what is wrong: another copy of the files helps only where their hashes are."""
    kinds = (
        (phrase("evd-try-record"), {"EVD-SYNTAX", "EVD-TOKEN"}),
        (phrase("evd-try-data"), {"EVD-NO-DATA", "EVD-NO-DIGEST"}),
        (phrase("evd-try-trust"), {"EVD-NOT-TRUSTED", "EVD-ALGORITHM-ENDED", "EVD-TRUST-NOT-CHECKED", "EVD-LATER"}),
    )
    return next((said for said, codes in kinds if codes >= set(errors)), phrase("evd-try-other"))


def _later(given: list[str]) -> list[tuple[int, Path]]:
    """What came in with a later chain, which people count from 1."""
    found = []
    for each in given:
        chain, _, path = each.partition("=")
        if not chain.isdecimal() or int(chain) < 2 or not path:
            raise Usage("USE-VALUE", name="--later", value=each, reason=phrase("use-later-as"), command="kho evidence verify")
        found.append((int(chain) - 1, Path(path)))
    return found


def _judging(
    data: list[Path], digests: list[str], anchors: list[Path], at: str | None, algorithms: Path | None, group: bool
) -> Judging:

    from policies.trust import parse_algorithms
    from repository.evidence.judge import Judging

    moment = _moment(at) if at else datetime.now(UTC) if anchors or algorithms else None
    named: dict[str, dict[str, bytes]] = {}
    for each in digests:
        one = (pair.partition("=") for pair in each.split(","))
        try:
            named[each] = {name.strip().lower().replace("-", ""): bytes.fromhex(value) for name, _, value in one}
            if not all(named[each].values()):
                raise ValueError(each)  # which digest it was is said behind "="
        except ValueError:
            raise Usage(
                "USE-VALUE", name="--digest", value=each, reason=phrase("use-digest-as"), command="kho evidence verify"
            ) from None
    ends = parse_algorithms(algorithms.read_bytes(), name=str(algorithms)) if algorithms else None
    files = [
        file for each in data for file in (sorted(one for one in each.rglob("*") if one.is_file()) if each.is_dir() else [each])
    ]
    return Judging(files, named, anchors, moment, ends, group)


def _moment(text: str) -> datetime:
    try:
        return as_of(text)
    except ValueError:
        raise Usage("USE-VALUE", name="--at", value=text, reason=phrase("use-date-as"), command="kho evidence verify") from None


def _show(screen: Screen, record: str, report: EvidenceReport) -> None:
    screen.findings(report.findings)
    rows = [
        [
            str(each.chain + 1),
            str(each.number + 1),
            words(f"renewal.{each.kind}"),
            when(each.token.time),
            each.hash,
            _signed(each),
        ]
        for each in report.stamps
    ]
    if rows:
        columns = ("evidence_chain", "evidence_stamp", "evidence_kind", "evidence_time", "evidence_hash", "evidence_authority")
        headings = dict(zip(columns, ("number", "number", "text", "text", "text", "id"), strict=True))
        screen.table([(words(f"label.{name}"), kind) for name, kind in headings.items()], rows)
    if report.valid:
        key = "evidence.valid" if report.trust.value == "trusted" else "evidence.intact"
        screen.line(words(key, path=record, when=when(report.proved), objects=len(report.covered)), "green")


def _signed(stamp: object) -> str:
    from signatures.evidence import Stamp

    assert isinstance(stamp, Stamp)
    return f"{stamp.token.authority} ({stamp.token.scheme.name} {stamp.token.key_bits})"
