"""``kho audit``, ``kho repair``, ``kho report fixity``: what is known of the copies, and making it good."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from policies.findings import Finding
from repository.cli.door import Door, Usage, check_one_of
from repository.cli.exits import Exit, worst
from repository.cli.help import AsJson, Home
from repository.cli.screen import Screen, number, size, when
from repository.cli.waiting import go_on, say_waiting
from repository.texts import language, words
from repository.views import records as views

if TYPE_CHECKING:
    from repository.checks.audit import AuditReport
    from repository.checks.behind import Behind
    from repository.copies.repair import RepairReport
    from repository.engine import Engine
    from repository.model import Damage
    from repository.reports.fixity import FixitySummary, TierState

__all__ = ["audit", "repair", "report"]

SHOWN_DAMAGES = 100
"""Damaged files on the screen; all of them are in ``--json``."""

Due = Annotated[bool, typer.Option("--due", metavar=" ", help=words("option.due"))]
All = Annotated[bool, typer.Option("--all", metavar=" ", help=words("option.all"))]
OneAip = Annotated[str | None, typer.Option("--aip", metavar="AIP", help=words("option.audit_aip"))]
Tier = Annotated[str | None, typer.Option("--tier", metavar="TIER", help=words("option.tier"))]
RepairAip = Annotated[str | None, typer.Argument(metavar="[AIP]", help=words("option.repair_aip"), show_default=False)]
Format = Annotated[str, typer.Option("--format", metavar="text|json|csv|pdf", help=words("option.format"))]
Since = Annotated[str | None, typer.Option("--from", metavar="DATE", help=words("option.report_from"))]
Until = Annotated[str | None, typer.Option("--to", metavar="DATE", help=words("option.report_to"))]
Collection = Annotated[str | None, typer.Option("--collection", metavar="NAME", help=words("option.report_collection"))]
Sign = Annotated[bool, typer.Option("--sign", metavar=" ", help=words("option.report_sign"))]
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="PATH", help=words("option.report_output"))]


def audit(
    context: typer.Context,
    due: Due = False,
    everything: All = False,
    aip: OneAip = None,
    tier: Tier = None,
    home: Home = None,
    as_json: AsJson = False,
) -> int:
    """Re-read copies."""
    door = Door.of(context, home, as_json)
    if due + everything + (aip is not None) > 1:
        raise Usage("USE-COMMAND", reason=words("audit.one_scope"), command="kho audit")
    with door.open(readers=door.helpers) as engine:
        report = engine.audits.run(due=due, everything=everything, aip=aip, tier=tier, progress=door.progress())
        seen = engine.reports.behind(report.damages)
        known = _known_of(engine, aip) if aip else _Known(0, seen) if tier else _known(engine)
        say_waiting(door, engine)
    closing = _after_audit(report, known)
    code = worst(_EXITS[each.code] for each in closing)
    return door.answer(
        "audit", views.audit(report), lambda: _show_audit(Screen(door.out), report, seen.damages), code=code, closing=closing
    )


_EXITS = {
    "OPS-NOTHING-CHECKED": Exit.DONE,
    "OPS-POSTPONED": Exit.DONE,
    "OPS-COLD": Exit.DONE,
    "OPS-TIER-UNAVAILABLE": Exit.FEW_COPIES,
    "OPS-UNREADABLE": Exit.FEW_COPIES,
    "OPS-FEW-COPIES": Exit.FEW_COPIES,
    "OPS-STUCK": Exit.FEW_COPIES,
    "OPS-STRANGERS": Exit.DAMAGE,
    "OPS-DAMAGE": Exit.DAMAGE,
    "OPS-NOT-REPAIRED": Exit.DAMAGE,
    "OPS-CANARIES": Exit.DAMAGE,
    "OPS-CATALOG-BEHIND": Exit.DAMAGE,
    "OPS-WORM": Exit.FEW_COPIES,
}


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known after the work of what it covered: AIPs with too few good copies, accepted deposits that are stuck before they are
    AIPs, and damage, also if found earlier, or what looks like it to a catalog that is behind."""

    short: int
    found: Behind
    stuck: int = 0


def _known(engine: Engine) -> _Known:
    summary = engine.reports.fixity()
    return _Known(summary.short, summary.behind, summary.stuck)


def _known_of(engine: Engine, aip_id: str) -> _Known:
    from policies.copies import is_stored

    aip = engine.holdings.show(aip_id)
    stored = is_stored(aip.copies, engine.archive.policy.copies_of(aip.collection), version=aip.version)
    return _Known(0 if stored else 1, engine.reports.behind([damage for copy in aip.copies for damage in copy.damages]))


def _after_audit(report: AuditReport, known: _Known) -> list[Finding]:
    """How an audit ended, gravest last. What could not be looked at is never passed over."""
    closing = []
    if not report.checked and not report.unavailable:
        closing.append(Finding("OPS-NOTHING-CHECKED"))
    closing += [Finding("OPS-POSTPONED", tier, {"reason": why}) for tier, why in sorted(report.postponed.items())]
    closing += _away(report.unavailable)
    if report.copies.get("unreadable"):
        closing.append(Finding("OPS-UNREADABLE", args={"copies": report.copies["unreadable"]}))
    return (
        closing
        + [Finding("OPS-WORM", tier, {"reason": why}) for tier, why in sorted(report.unlocked.items())]
        + _stuck(known.stuck)
        + _few(known.short)
        + _strange(report.stranger_count)
        + _damage(known.found)
        + _missed(report)
    )


def _missed(report: AuditReport) -> list[Finding]:
    """Tiers whose checker did not find what was planted: nothing else it said may be believed."""
    missed = {tier: ", ".join(sorted(set(count.missed))) for tier, count in sorted(report.canaries.items()) if count.missed}
    return [Finding("OPS-CANARIES", tier, {"kinds": kinds}) for tier, kinds in missed.items()]


def _away(reasons: Mapping[str, str]) -> list[Finding]:
    """Tiers that could not be asked, by name, and why: whatever was known of their copies, they are not safe now."""
    return [Finding("OPS-TIER-UNAVAILABLE", name, {"reason": why}) for name, why in sorted(reasons.items())]


def _strange(strangers: int) -> list[Finding]:
    return [Finding("OPS-STRANGERS", args={"things": strangers})] if strangers else []


def _stuck(deposits: int) -> list[Finding]:
    return [Finding("OPS-STUCK", args={"deposits": deposits})] if deposits else []


def _few(short: int) -> list[Finding]:
    return [Finding("OPS-FEW-COPIES", args={"aips": short})] if short else []


def _damage(found: Behind) -> list[Finding]:
    """What is damaged; a file that could not be read is not known to be damaged, and shows as a copy too few. What a catalog that is behind
    does not know is no damage."""
    damaged = [each for each in found.damages if each.outcome != "unreadable"]
    copies = len({(each.aip_id, each.tier) for each in damaged})
    closing = [Finding("OPS-DAMAGE", args={"files": len(damaged), "copies": copies})] if damaged else []
    return closing + ([Finding("OPS-CATALOG-BEHIND", args={"aips": found.aips})] if found.copies else [])


def _show_audit(screen: Screen, report: AuditReport, damages: Sequence[Damage]) -> None:
    screen.facts(
        [
            (words("label.checked"), number(report.checked)),
            (words("label.read"), size(report.bytes)),
            (words("label.copies"), _counts("copy", report.copies)),
            (words("label.files"), _counts("outcome", report.files)),
            (words("label.overdue"), number(report.overdue)),
            *([(words("label.looked"), number(report.looked))] if report.looked else []),
            *([(words("label.strangers"), number(report.stranger_count))] if report.compared else []),
            *([(words("label.canaries"), _canaries(report))] if report.canaries else []),
        ]
    )
    _show_damages(screen, damages)
    for each in report.strangers[:SHOWN_DAMAGES]:
        screen.line(each.text(language()), "red")
    if report.stranger_count > SHOWN_DAMAGES:
        screen.line(words("finding.more", count=number(report.stranger_count - SHOWN_DAMAGES)), "dim")
    missed = any(count.missed for count in report.canaries.values())
    absent = report.copies.get("absent")
    if report.checked and not (report.damages or report.unavailable or report.stranger_count or missed or absent):
        screen.line(words("audit.good"), "green")


def _canaries(report: AuditReport) -> str:
    planted = sum(count.planted for count in report.canaries.values())
    found = sum(count.found for count in report.canaries.values())
    return words("audit.canaries", found=number(found), planted=number(planted))


def _counts(group: str, counts: dict[str, int]) -> str:
    return ", ".join(f"{number(count)} {words(f'{group}.{name}')}" for name, count in sorted(counts.items()) if count)


def _show_damages(screen: Screen, damages: Sequence[Damage]) -> None:
    for each in damages[:SHOWN_DAMAGES]:
        screen.line(f"{words(f'outcome.{each.outcome}')}: {each.aip_id} · {words('label.tier')} {each.tier}", "red")
        screen.line(f"    {each.path}")
    if len(damages) > SHOWN_DAMAGES:
        screen.line(words("finding.more", count=number(len(damages) - SHOWN_DAMAGES)), "dim")


def repair(context: typer.Context, aip: RepairAip = None, home: Home = None, as_json: AsJson = False) -> int:
    """Repair damaged copies."""
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        report = engine.copies.repair(aip, progress=door.progress())
        go_on(door, engine)
        known = _known_of(engine, aip) if aip else _known(engine)
    closing = _away(report.unavailable) + _stuck(known.stuck) + _few(known.short)
    closing = [Finding("OPS-COLD", tier, {"copies": count}) for tier, count in sorted(report.waiting.items())] + closing
    if unread := {(each.aip_id, each.tier) for each in report.failed if each.outcome == "unreadable"}:
        closing.insert(0, Finding("OPS-UNREADABLE", args={"copies": len(unread)}))
    if damaged := sum(each.outcome != "unreadable" for each in report.failed):
        closing.append(Finding("OPS-NOT-REPAIRED", args={"files": damaged}))
    if behind := {aip_id for aip_id, _ in report.ahead}:
        closing.append(Finding("OPS-CATALOG-BEHIND", args={"aips": len(behind)}))
    code = worst(_EXITS[each.code] for each in closing)
    return door.answer("repair", views.repair(report), lambda: _show_repair(Screen(door.out), report), code=code, closing=closing)


def _show_repair(screen: Screen, report: RepairReport) -> None:
    figures = {name: number(getattr(report, name)) for name in ("repaired", "quarantined", "copies")}
    screen.line(words("repair.done", **figures), "red" if report.failed else "green")
    _show_damages(screen, report.failed)


def report(
    context: typer.Context,
    form: Format = "text",
    since: Since = None,
    until: Until = None,
    tier: Tier = None,
    collection: Collection = None,
    sign: Sign = False,
    output: Output = None,
    home: Home = None,
    as_json: AsJson = False,
) -> int:
    """Report on the state of all copies, or on the checks of a period."""
    door = Door.of(context, home, as_json or form == "json")
    check_one_of("--format", form, ("text", "json", "csv", "pdf"), command="kho report fixity")
    if since or until or tier or collection or sign or output or form == "pdf":
        from repository.cli.period import period

        return period(door, form, since=since, until=until, tier=tier, collection=collection, sign=sign, output=output)
    with door.open() as engine:
        summary = engine.reports.fixity()
    away = _away({tier.name: tier.unreachable for tier in summary.tiers if not tier.reachable})
    strange = _strange(sum(tier.strangers for tier in summary.tiers))
    closing = away + _stuck(summary.stuck) + _few(summary.short) + strange + _damage(summary.behind)
    code = worst(_EXITS[each.code] for each in closing)
    document = views.fixity(summary)

    def text() -> None:
        if form == "csv":
            door.out.write(_csv(document["tiers"]))
        else:
            _show_report(Screen(door.out), summary)

    return door.answer("fixity", document, text, code=code, closing=closing)


def _csv(rows: Sequence[views.Document]) -> str:
    """One row a tier, RFC 4180."""
    out = io.StringIO()
    writer = csv.DictWriter(
        out,
        ["name", *views.TIER_COUNTS, "oldest_check", "reachable", "unreachable", "strangers", "compared"],
        lineterminator="\r\n",
        extrasaction="ignore",
    )
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _show_report(screen: Screen, summary: FixitySummary) -> None:
    screen.line(words("report.title"), "bold")
    screen.facts(
        [
            (words("label.generated"), when(summary.generated)),
            (words("label.policy"), summary.policy),
            (words("label.aips"), number(summary.population)),
            (words("label.short"), number(summary.short)),
            (words("label.waiting"), number(summary.waiting)),
        ]
    )
    screen.line()
    columns = [(words("label.tier"), "id"), *((tier.name, "number") for tier in summary.tiers)]
    screen.table(columns, _tier_rows(summary.tiers))
    for tier in summary.tiers:
        if not tier.reachable:
            screen.line(words("report.unreachable", tier=tier.name), "bold red")
    if summary.damages:
        screen.heading(words("report.damages"))
        _show_damages(screen, summary.damages)
    else:
        good = all(tier.reachable for tier in summary.tiers)
        screen.line(words("report.good" if good else "report.good_reached"), "green" if good else "yellow")


_STYLES = {
    "damaged": "bold red",
    "unreadable": "bold red",
    "unknown": "yellow",
    "absent": "yellow",
    "overdue": "yellow",
    "strangers": "bold red",
}
"""Of figures that are not 0."""


def _tier_rows(tiers: Sequence[TierState]) -> Iterator[list[str | tuple[str, str]]]:
    """One row a figure, one column a tier: tiers are few."""
    for name in ("copies", "good", "damaged", "unreadable", "unknown", "absent", "overdue", "never_checked", "strangers"):
        figures = [getattr(tier, name) for tier in tiers]
        yield [words(f"label.{name}"), *((number(figure), _STYLES.get(name, "") if figure else "") for figure in figures)]
    yield [words("label.oldest"), *(when(tier.oldest_check, words("copy.never")) for tier in tiers)]
