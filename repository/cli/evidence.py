"""``kho evidence``: what proves that records existed, and when; making, keeping and checking it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from policies.findings import Finding, Weight
from repository import views_evidence as views
from repository.cli.door import Door, Usage
from repository.cli.exits import Exit
from repository.cli.help import AsJson
from repository.cli.screen import Screen, when
from repository.texts import words

if TYPE_CHECKING:
    from repository.evidence.judge import Judging
    from signatures.evidence import EvidenceReport

__all__ = ["verify"]

Record = Annotated[Path, typer.Argument(metavar="FILE", help=words("option.evidence_record"), show_default=False)]
Data = Annotated[list[Path] | None, typer.Option("--data", metavar="FILE", help=words("option.evidence_data"))]
DigestOf = Annotated[list[str] | None, typer.Option("--digest", metavar="ALGORITHM=HEX", help=words("option.evidence_digest"))]
Roots = Annotated[list[Path] | None, typer.Option("--anchors", metavar="PATH", help=words("option.evidence_anchors"))]
At = Annotated[str | None, typer.Option("--at", metavar="DATE", help=words("option.evidence_at"))]
Ends = Annotated[Path | None, typer.Option("--algorithms", metavar="FILE", help=words("option.evidence_algorithms"))]
Whole = Annotated[bool, typer.Option("--group", metavar=" ", help=words("option.evidence_group"))]


def verify(
    context: typer.Context,
    record: Record,
    data: Data = None,
    digest: DigestOf = None,
    anchors: Roots = None,
    at: At = None,
    algorithms: Ends = None,
    group: Whole = False,
    as_json: AsJson = False,
) -> int:
    """Verify any evidence record over its data objects."""
    door = Door.of(context, as_json=as_json)
    for path in (record, *(data or ()), *(anchors or ()), *([algorithms] if algorithms else ())):
        if not path.exists():
            raise Usage("USE-NO-PATH", str(path))
    from repository.evidence.judge import judge

    report = judge(record, _judging(data or [], digest or [], anchors or [], at, algorithms, group))
    errors = sorted({each.code for each in report.findings if each.weight >= Weight.ERROR})
    closing = [] if report.valid else [Finding("EVD-NOT-VALID", str(record), {"errors": ", ".join(errors)})]
    code = Exit.DONE if report.valid else Exit.DAMAGE
    return door.answer(
        "evidence_verify",
        {"path": str(record), **views.evidence(report)},
        lambda: _show(Screen(door.out), record, report),
        code=code,
        findings=report.findings,
        closing=closing,
    )


def _judging(
    data: list[Path], digests: list[str], anchors: list[Path], at: str | None, algorithms: Path | None, group: bool
) -> Judging:
    from policies.trust import parse_algorithms
    from repository.evidence.judge import Judging

    moment = _moment(at) if at else datetime.now(UTC) if anchors or algorithms else None
    named: dict[str, dict[str, bytes]] = {}
    for each in digests:
        name, _, value = each.partition("=")
        try:
            named[each] = {name.lower().replace("-", ""): bytes.fromhex(value)}
        except ValueError:
            raise Usage("USE-VALUE", name="--digest", value=each, reason="sha256=HEX", command="kho evidence verify") from None
    ends = parse_algorithms(algorithms.read_bytes(), name=str(algorithms)) if algorithms else None
    return Judging(data, named, anchors, moment, ends, group)


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Usage("USE-VALUE", name="--at", value=text, reason="2035-01-31", command="kho evidence verify") from None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _show(screen: Screen, record: Path, report: EvidenceReport) -> None:
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
        screen.line(words(key, path=str(record), when=when(report.proved), objects=len(report.covered)), "green")


def _signed(stamp: object) -> str:
    from signatures.evidence import Stamp

    assert isinstance(stamp, Stamp)
    return f"{stamp.token.authority} ({stamp.token.scheme.name} {stamp.token.key_bits})"
