"""``kho formats``: what is held, what is at risk, what a migration would take; samples and pictures."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from policies.formats import Standing
from repository.cli.door import Door, Usage
from repository.cli.exits import Exit
from repository.cli.help import AipId, AsJson, Home
from repository.cli.screen import Cell, Screen, decimal, number, size
from repository.texts import language, words
from repository.views import formats as views_formats

if TYPE_CHECKING:
    from repository.services.formats import Held, HeldInside, PlanLine, Sampled

__all__ = [
    "MOST",
    "Again",
    "PathName",
    "Puids",
    "Seconds",
    "holdings",
    "plan",
    "preview",
    "risks",
    "sample",
]

STYLES = {Standing.AT_RISK: "red", Standing.UNKNOWN: "yellow", Standing.ACCEPTABLE: "", Standing.PREFERRED: "green"}

YEARS = 3
"""Years of growth on the screen; all of them are in ``--json``."""

MOST = 20
"""Findings on the screen; the rest are in ``--json``."""

PathName = Annotated[str, typer.Argument(metavar="PATH", help=words("option.migration_path"), show_default=False)]
PathOption = Annotated[str | None, typer.Option("--path", metavar="PATH", help=words("option.migration_path"))]
Puids = Annotated[list[str] | None, typer.Option("--puid", metavar="PUID", help=words("option.puid"))]
Count = Annotated[int, typer.Option("--files", metavar="N", min=1, help=words("option.sample_files"))]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help=words("option.seed"))]
Kept = Annotated[Path | None, typer.Option("--output", "-o", metavar="DIR", help=words("option.sample_output"))]
Seconds = Annotated[float, typer.Option("--seconds", metavar="S", min=1.0, help=words("option.campaign_seconds"))]
Again = Annotated[bool, typer.Option("--again", metavar=" ", help=words("option.campaign_again"))]
Inside = Annotated[str, typer.Argument(metavar="FILE", help=words("option.preview_file"), show_default=False)]
Page = Annotated[int, typer.Option("--page", metavar="N", min=1, help=words("option.preview_page"))]
Side = Annotated[int, typer.Option("--side", metavar="PIXELS", min=16, max=4096, help=words("option.preview_side"))]
Target = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help=words("option.preview_output"))]


def holdings(context: typer.Context, home: Home = None, as_json: AsJson = False) -> int:
    """What formats are held."""
    return _held(context, home, as_json, "formats_holdings", ())


def risks(context: typer.Context, home: Home = None, as_json: AsJson = False) -> int:
    """What formats are at risk, or were never thought about."""
    return _held(context, home, as_json, "formats_risks", (Standing.AT_RISK, Standing.UNKNOWN))


def _held(context: typer.Context, home: Path | None, as_json: bool, kind: str, standings: Sequence[Standing]) -> int:
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        everything = engine.formats.holdings()
        inside = engine.formats.inside(everything, standings)
    found = [each for each in everything if not standings or each.rule.standing in standings]

    def text() -> None:
        screen = Screen(door.out)
        _show_held(screen, found)
        _show_inside(screen, inside)
        if standings:
            _show_reasons(screen, [*found, *inside.formats])

    body = {"formats": [views_formats.held(each) for each in found], "inside": views_formats.inside(inside)}
    return door.answer(kind, body, text)


def _show_held(screen: Screen, found: Sequence[Held]) -> None:
    if not found:
        screen.line(words("formats.none"))
        return
    columns = [
        ("format", "text"),
        ("puid", "id"),
        ("standing", "id"),
        ("files", "number"),
        ("size", "number"),
        ("growth", "text"),
    ]
    screen.table([(words(f"label.{name}"), sort) for name, sort in columns], map(_held_row, found))


def _show_inside(screen: Screen, inside: HeldInside) -> None:
    """What lies in archives, and what of it nobody knows."""
    counts = inside.counts
    if counts.archives:
        screen.heading(words("formats.inside", archives=number(counts.archives)))
        _show_held(screen, inside.formats)
    told = {
        "formats.inside_more": counts.more[0],
        "formats.inside_locked": counts.locked,
        "formats.inside_left": counts.left,
        "formats.inside_closed": inside.closed,
    }
    for name, count in told.items():
        if count:
            screen.line(words(name, count=number(count)), "yellow")


def _show_reasons(screen: Screen, found: Sequence[Held]) -> None:
    """Why formats are at risk, each once, and the ways out."""
    for rule in {each.rule.puid: each.rule for each in found}.values():
        if reason := rule.reason.get(language()):
            screen.line()
            screen.line(f"{rule.puid} {rule.name}", "bold")
            screen.line(f"  {reason}")
            screen.line(f"  {words('formats.ways')}: {', '.join(rule.paths) or '–'}", "dim")


def _held_row(each: Held) -> list[Cell]:
    years = sorted(each.count.years.items(), reverse=True)[:YEARS]
    return [
        each.rule.name or each.count.name or words("formats.unknown"),
        each.count.puid or "–",
        (words(f"standing.{each.rule.standing.value}"), STYLES[each.rule.standing]),
        number(each.count.files),
        size(each.count.bytes),
        ", ".join(f"{year}: {number(files)}" for year, (files, _) in years),
    ]


def plan(context: typer.Context, path: PathOption = None, puid: Puids = None, home: Home = None, as_json: AsJson = False) -> int:
    """What a migration would take: nothing is changed."""
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        lines = engine.formats.plan(path, puid or ())

    def text() -> None:
        screen = Screen(door.out)
        if not lines:
            screen.line(words("formats.nothing_at_risk"))
        for each in lines:
            screen.heading(each.path.name)
            screen.facts(_plan_facts(each))

    return door.answer("formats_plan", {"paths": [views_formats.plan(each) for each in lines]}, text)


def _plan_facts(line: PlanLine) -> Iterator[tuple[str, str]]:
    yield words("label.format"), ", ".join(line.puids)
    yield words("label.target"), ", ".join(line.path.targets)
    tool = f"{line.path.tool} {line.tool_version}" if line.tool_version else words("formats.no_tool", tool=line.path.tool)
    yield words("label.tool"), f"{tool} ({line.path.recipe})"
    yield words("label.files"), f"{number(line.files)} · {size(line.bytes)} · {number(line.aips)} AIP"
    yield (
        words("label.compared"),
        ", ".join(f"{each.name} ≥ {each.least:g}" if each.least else each.name for each in line.path.compare),
    )
    if line.taken_back:
        yield words("label.taken_back"), words("formats.left_out", files=number(line.taken_back))
    if line.path.loses:
        yield words("label.loses"), ", ".join(words(f"loses.{each}") for each in line.path.loses)
    if line.hours is None or line.storage is None:
        yield words("label.time"), words("formats.not_measured", path=line.path.name)
    else:
        yield words("label.time"), words("formats.hours", hours=decimal(line.hours, 2), files=number(line.measured))
        yield words("label.storage"), size(line.storage)
    if line.files:  # a campaign without formats takes up all that its path leads from, and a plan of what is at risk does not
        formats = " ".join(f"--puid {each}" for each in line.puids)
        yield words("label.to_run"), f"kho formats campaign run {line.path.name} {formats}"


def sample(
    context: typer.Context,
    path: PathName,
    puid: Puids = None,
    files: Count = 10,
    seed: Seed = 0,
    seconds: Seconds = 900.0,
    output: Kept = None,
    again: Again = False,
    home: Home = None,
    as_json: AsJson = False,
) -> int:
    """Try a migration on some files."""
    door = Door.of(context, home, as_json)
    if output is not None and output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise Usage("USE-TARGET-EXISTS", str(output))
    with door.open() as engine:
        found = engine.formats.sample(
            path, puids=puid or (), count=files, seed=seed, seconds=seconds, keep=output, again=again, progress=door.progress()
        )
    bad = [each.finding for each in found if each.finding is not None]

    def text() -> None:
        screen = Screen(door.out)
        screen.line(words("formats.sampled", good=number(len(found) - len(bad)), files=number(len(found))), "bold")
        columns = [("file", "text"), ("outcome", "id"), ("time", "number"), ("size", "number"), ("compared", "text")]
        screen.table([(words(f"label.{name}"), sort) for name, sort in columns], map(_sample_row, found))
        screen.findings(bad, MOST)
        if output is not None:
            screen.line(words("formats.sample_kept", path=str(output)), "dim")

    code = Exit.REFUSED if bad else Exit.DONE
    return door.answer("formats_sample", {"files": [views_formats.sampled(each, language()) for each in found]}, text, code=code)


def _sample_row(each: Sampled) -> list[Cell]:
    done = each.converted
    if done is None:
        return [each.file.path, (each.finding.code if each.finding else "", "red"), "", size(each.file.size), ""]
    measures = (f"{one.name} {decimal(one.measure, 3)}" if one.measure is not None else one.name for one in done.compared)
    sizes = f"{size(each.file.size)} → {size(done.size)}"
    return [each.file.path, (words("formats.accepted"), "green"), f"{decimal(done.seconds)} s", sizes, ", ".join(measures)]


def preview(
    context: typer.Context,
    aip: AipId,
    file: Inside,
    page: Page = 1,
    side: Side = 400,
    output: Target = None,
    home: Home = None,
    as_json: AsJson = False,
) -> int:
    """A picture of one page of a file."""
    door = Door.of(context, home, as_json)
    if output is not None and output.exists():
        raise Usage("USE-TARGET-EXISTS", str(output))
    with door.open() as engine:
        made = engine.formats.preview(aip, file, page=page, side=side)
    if output is not None:
        shutil.copyfile(made, output)
    place = str(output or made)
    body = {"aip": aip, "file": file, "page": page, "path": place}
    return door.answer("formats_preview", body, lambda: Screen(door.out).line(place))
