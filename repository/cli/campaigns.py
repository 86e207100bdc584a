"""``kho formats campaign``: migrations of everything that a path is for, what became of them, and taking them back."""

from __future__ import annotations

import csv
import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from policies.findings import Finding
from repository.cli.door import Door, Usage, check_one_of
from repository.cli.exits import Exit
from repository.cli.formats import MOST, Again, PathName, Puids, Seconds
from repository.cli.help import AsJson, Home
from repository.cli.screen import Cell, Screen, number, size, when
from repository.texts import language, words
from repository.views import formats as views_formats

if TYPE_CHECKING:
    from repository.services.campaigns import CampaignState

__all__ = ["IDENTIFICATIONS", "Resumed", "campaign_answer", "list_", "report", "rollback", "run"]

MIGRATIONS = {"files": "files", "migrated": "migrated", "failed": "failed", "versions": "versions"}
IDENTIFICATIONS = {"files": "files", "changed": "changed", "unread": "failed", "versions": "versions"}
"""What is shown of the counts of a campaign: the word for it, and its name."""

Limit = Annotated[int, typer.Option("--limit", metavar="N", min=0, help=words("option.campaign_limit"))]
Resumed = Annotated[str, typer.Option("--campaign", metavar="ID", help=words("option.campaign"))]
CampaignId = Annotated[str, typer.Argument(metavar="CAMPAIGN", help=words("option.campaign_id"), show_default=False)]
Format = Annotated[str, typer.Option("--format", metavar="text|json|csv|pdf", help=words("option.format"))]
Sign = Annotated[bool, typer.Option("--sign", metavar=" ", help=words("option.report_sign"))]
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="PATH", help=words("option.campaign_output"))]


def run(
    context: typer.Context,
    path: PathName,
    puid: Puids = None,
    limit: Limit = 0,
    seconds: Seconds = 900.0,
    campaign: Resumed = "",
    again: Again = False,
    home: Home = None,
    as_json: AsJson = False,
) -> int:
    """Migrate everything that a path is for."""
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        report = engine.campaigns.run(
            path,
            puids=puid or (),
            limit=limit,
            seconds=seconds,
            campaign=campaign,
            again=again,
            progress=door.progress(),
            begun=lambda name: door.goes_on_by(f"kho formats campaign run {path} --campaign {name}"),
        )
    return campaign_answer(door, "formats_campaign", str(report["campaign"]), report)


def campaign_answer(
    door: Door, kind: str, campaign: str, report: Mapping[str, Any], figures: Mapping[str, str] = MIGRATIONS
) -> int:
    """What became of a campaign; ``figures`` are what is shown of its counts, by the word for each."""
    counts, bad = report["counts"], _findings(report)

    def text() -> None:
        screen = Screen(door.out)
        screen.line(words("formats.campaign", campaign=campaign), "bold")
        known = ((words(f"campaign.{word}"), number(counts.get(name, 0))) for word, name in figures.items())
        screen.facts([*known, *_waiting(counts)])
        screen.facts((words(f"campaign.{name}"), size(counts[name])) for name in ("bytes_in", "bytes_out") if name in counts)
        screen.findings(bad, MOST)

    code = Exit.REFUSED if counts.get("failed") else Exit.DONE
    return door.answer(kind, views_formats.campaign(campaign, report, language()), text, code=code)


def _waiting(counts: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    if waiting := counts.get("awaited"):
        yield words("campaign.awaited"), number(waiting)


def _findings(report: Mapping[str, Any]) -> list[Finding]:
    return [Finding(row["code"], row["path"], row["args"]) for row in report.get("findings", ())]


def list_(context: typer.Context, home: Home = None, as_json: AsJson = False) -> int:
    """Campaigns, newest first."""
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        found = engine.campaigns.list()

    def text() -> None:
        screen = Screen(door.out)
        columns = [
            ("campaign", "id"),
            ("way", "id"),
            ("state", "id"),
            ("time", "id"),
            ("migrated", "number"),
            ("failed", "number"),
            ("taken_back", "number"),
        ]
        screen.table([(words(f"label.{name}"), sort) for name, sort in columns], map(_campaign_row, found))

    return door.answer("formats_campaigns", {"campaigns": [views_formats.campaign_state(each) for each in found]}, text)


def _campaign_row(each: CampaignState) -> list[Cell]:
    counts = views_formats.counts_of(each.report)
    figures = [number(counts.get(name, 0)) for name in ("migrated", "failed")]
    back = (number(each.rolled_back), "yellow") if each.rolled_back else ""
    return [each.campaign, each.path, words(f"job.{each.state.replace('-', '_')}"), when(each.time), *figures, back]


def report(
    context: typer.Context,
    campaign: CampaignId,
    form: Format = "text",
    sign: Sign = False,
    output: Output = None,
    home: Home = None,
    as_json: AsJson = False,
) -> int:
    """What a campaign did, and what it could not do."""
    door = Door.of(context, home, as_json or form == "json")
    command = "kho formats campaign report"
    check_one_of("--format", form, ("text", "json", "csv", "pdf"), command=command)
    if (sign or form == "pdf") and output is None:
        raise Usage("USE-MISSING", name=words("migrated.needs_output"), command=command)
    with door.open() as engine:
        from repository.versions.account import COLUMNS, table_row

        table = csv.DictWriter(door.out, COLUMNS)

        def each(row: Mapping[str, Any]) -> None:
            if form == "csv" and not door.as_json:
                table.writerow(table_row(dict(row)))

        if form == "csv" and not door.as_json:
            table.writeheader()
        shape = functools.partial(views_formats.campaign_report, language=language())
        if output is None:
            state = engine.campaigns.report(campaign, each, language=language())
        else:
            state = engine.campaigns.write(campaign, output, each, shape=shape, language=language(), sign=sign)
    document = shape(state)

    def text() -> None:
        if form != "csv":
            _show(Screen(door.out), document, _findings(state.report), output)

    code = Exit.REFUSED if document["counts"]["failed"] else Exit.DONE
    return door.answer("formats_campaign_report", document, text, code=code)


def _show(screen: Screen, document: Mapping[str, Any], bad: Sequence[Finding], output: Path | None) -> None:
    screen.line(words("formats.campaign", campaign=document["campaign"]), "bold")
    screen.facts(_facts(document))
    if back := document["rolled_back"]["aips"]:
        last = document["rolled_back"]["last"]
        screen.line(words("formats.back_partly", aips=number(back), last=last), "yellow")
    columns = [("property", "text"), ("files", "number"), ("limit", "id"), ("worst", "number")]
    if document["comparisons"]:
        screen.table([(words(f"migrated.{name}"), sort) for name, sort in columns], map(_comparison_row, document["comparisons"]))
    screen.findings(bad, MOST)
    if output is not None:
        screen.line(words("migrated.written", path=str(output)), "green")


def _facts(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    identifying = document["path"] == "reidentification"
    yield words("migrated.path"), document["path"]
    yield words("migrated.state"), words(f"job.{document['state'].replace('-', '_')}")
    if document["planned"] is not None:
        yield words("campaign.planned"), number(document["planned"]["files"])
    for word, name in (IDENTIFICATIONS if identifying else MIGRATIONS).items():
        yield words(f"campaign.{word}"), number(document["counts"][name])
    yield from _waiting(document["counts"])
    if document["left"]:
        yield words("campaign.left"), number(document["left"])
    if document["signatures_lost"]:
        yield words("campaign.signatures_lost"), number(document["signatures_lost"])
    if not identifying:
        yield from ((words(f"campaign.{name}"), size(document["counts"][name])) for name in ("bytes_in", "bytes_out"))
    for each in document["tools"]:
        yield words("migrated.tool"), each["tool"]


def _comparison_row(each: Mapping[str, Any]) -> list[Cell]:
    worst = "–" if each["worst"] is None else f"{each['worst']:.4g}"
    limit = each["limit"] or words("migrated.exactly")
    return [words(f"property.{each['property']}"), number(each["files"]), limit, worst]


def rollback(context: typer.Context, campaign: CampaignId, home: Home = None, as_json: AsJson = False) -> int:
    """Take back what a campaign brought; the versions with it stay."""
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        report = engine.campaigns.roll_back(campaign, progress=door.progress())
    versions = report["counts"].get("versions", 0)

    def text() -> None:
        Screen(door.out).line(words("formats.rolled_back", campaign=campaign, versions=number(versions)))

    return door.answer("formats_rollback", {"campaign": campaign, "versions": versions}, text)
