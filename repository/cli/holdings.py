"""``kho list``, ``kho show``, ``kho export``: find AIPs, look at one, take one out."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from policies.findings import Finding
from repository.cli.deposits import Cursor, Limit
from repository.cli.door import Door, Usage, check_one_of
from repository.cli.exits import Exit
from repository.cli.help import AipId, AsJson, Home
from repository.cli.screen import Screen, number, size, when
from repository.texts import words
from repository.views import records as views

if TYPE_CHECKING:
    from repository.model import Aip, AipFile, Copy, Event

__all__ = ["export", "listing", "show"]

SHOWN_FILES = 50
"""Files and events on the screen; all of them are in ``--json``."""

FORMS = ("submission", "folder", "bagit", "zip")

STATE_STYLES = {
    "damaged": "bold red",
    "unreadable": "red",
    "absent": "red",
    "unknown": "yellow",
    "written": "yellow",
    "good": "green",
}
"""Gravest first."""

Query = Annotated[str | None, typer.Option("--query", "-q", metavar="TEXT", help=words("option.query"))]
Version = Annotated[int | None, typer.Option("--version", metavar="N", min=1, help=words("option.aip_version"))]
Target = Annotated[Path, typer.Option("--output", "-o", metavar="PATH", help=words("option.output"), show_default=False)]
Form = Annotated[str, typer.Option("--as", metavar="|".join(FORMS), help=words("option.form"))]


def listing(
    context: typer.Context,
    query: Query = None,
    cursor: Cursor = None,
    limit: Limit = 100,
    home: Home = None,
    as_json: AsJson = False,
) -> int:
    """List AIPs."""
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        page = engine.holdings.list(query=query, cursor=cursor, limit=limit)

    def text() -> None:
        screen = Screen(door.out)
        columns = [("aip", "id"), ("title", "text"), ("version", "number"), ("files", "number"), ("size", "number")]
        screen.table(
            [*((words(f"label.{name}"), kind) for name, kind in columns), (words("label.copies"), "id")], map(_row, page.items)
        )
        if page.cursor:
            screen.line(words("list.more", cursor=page.cursor), "dim")

    return door.answer("list", {"aips": [views.aip(each) for each in page.items]}, text, cursor=page.cursor)


def _row(aip: Aip) -> list[str | tuple[str, str]]:
    states = Counter(copy.state.value for copy in aip.copies)
    gravest = next((state for state in STATE_STYLES if states[state]), "absent")
    copies = ", ".join(f"{count} {words(f'copy.{state}')}" for state, count in states.items()) or "0"
    return [
        aip.id,
        aip.title,
        str(aip.version),
        number(aip.files),
        size(aip.bytes),
        (copies, STATE_STYLES[gravest]),
    ]


def show(context: typer.Context, aip: AipId, version: Version = None, home: Home = None, as_json: AsJson = False) -> int:
    """Show one AIP."""
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        found = engine.holdings.show(aip)
        _check_version(found, version)
        files = engine.holdings.files(aip, version=version)
        events = engine.holdings.events(aip)
        body = {"aip": views.aip(found), "files": map(views.aip_file, files), "events": map(views.event, events)}
        return door.answer("show", body, lambda: _show(Screen(door.out), found, files, events))


def _check_version(aip: Aip, version: int | None) -> None:
    """Said before anything is printed or made. Raises UnknownVersion."""
    if version is not None and version > aip.version:
        from repository.errors import UnknownVersion

        raise UnknownVersion(aip.id, version, aip.version)


def _show(screen: Screen, aip: Aip, files: Iterator[AipFile], events: Iterator[Event]) -> None:
    screen.line(aip.title or aip.id, "bold")
    screen.facts(_facts(aip))
    screen.heading(words("label.versions"))
    columns = [("version", "number"), ("created", "id"), ("files", "number"), ("size", "number"), ("message", "text")]
    screen.table(
        [(words(f"label.{name}"), kind) for name, kind in columns],
        ([str(v.number), when(v.created), number(v.files), size(v.bytes), v.message] for v in aip.versions),
    )
    screen.heading(words("label.copies"))
    _copies(screen, aip.copies)
    screen.heading(words("label.files"))
    for file in itertools.islice(files, SHOWN_FILES):
        screen.line(file.path)
        if file.original_name:
            screen.line(f"    {words('show.original')} {file.original_name}", "dim")
        screen.line(f"    {file.puid or '–'} {file.format_name}  {size(file.size)}", "dim")
        screen.line(f"    sha256 {file.sha256}", "dim")
    _rest(screen, files, aip.id)
    screen.heading(words("label.events"))
    columns = [("time", "id"), ("event", "id"), ("outcome", "id"), ("tier", "id"), ("agent", "text"), ("asked_by", "text")]
    shown = itertools.islice(events, SHOWN_FILES)
    screen.table(
        [(words(f"label.{name}"), kind) for name, kind in columns],
        ([when(e.time), e.type, e.outcome, e.tier, e.agent, e.asked_by] for e in shown),
    )
    _rest(screen, events, aip.id)


def _rest(screen: Screen, rows: Iterator[object], aip_id: str) -> None:
    more = sum(1 for _ in rows)
    if more:
        screen.line(words("show.more", count=number(more), aip=aip_id), "dim")


def _facts(aip: Aip) -> Iterator[tuple[str, str]]:
    yield words("label.aip"), aip.id
    yield words("label.producer"), aip.producer
    yield words("label.package"), aip.package
    yield words("label.version"), str(aip.version)
    yield words("label.created"), when(aip.created)
    yield words("label.files"), f"{number(aip.files)} · {size(aip.bytes)}"
    for name, values in aip.fields.items():
        yield name, "; ".join(values)


def _copies(screen: Screen, copies: tuple[Copy, ...]) -> None:
    columns = [("tier", "id"), ("state", "id"), ("version", "number"), ("last_check", "id"), ("check_next", "id")]
    screen.table(
        [(words(f"label.{name}"), kind) for name, kind in columns],
        (
            [
                copy.tier,
                (words(f"copy.{copy.state.value}"), STATE_STYLES[copy.state.value]),
                str(copy.version),
                when(copy.last_check, words("copy.never")),
                when(copy.check_next),
            ]
            for copy in copies
        ),
    )
    for damage in itertools.chain.from_iterable(copy.damages for copy in copies):
        screen.line(f"{words(f'outcome.{damage.outcome}')}: {damage.tier}: {damage.path}", "red")


def export(
    context: typer.Context,
    aip: AipId,
    output: Target,
    form: Form = "submission",
    version: Version = None,
    home: Home = None,
    as_json: AsJson = False,
) -> int:
    """Take an AIP out, verified on the way."""
    door = Door.of(context, home, as_json)
    check_one_of("--as", form, FORMS, command="kho export")
    door.archive()
    if os.path.lexists(output) and not (output.is_dir() and not any(output.iterdir())):
        raise Usage("USE-TARGET-EXISTS", str(output))
    with door.open() as engine:
        _check_version(engine.holdings.show(aip), version)
        report = engine.holdings.export(aip, output, form=form, version=version, progress=door.progress())
    problems = list(report.problems)
    closing = [Finding("OPS-EXPORT-DAMAGE", args={"aip": aip, "files": len(problems)})] if problems else []

    def text() -> None:
        screen = Screen(door.out)
        screen.line(words("export.done", files=number(report.files), size=size(report.bytes), path=str(output)))
        for problem in problems:
            screen.line(words("export.damaged", problem=problem), "red")

    body = views.export(aip, output, form, report)
    return door.answer("export", body, text, code=Exit.DAMAGE if problems else Exit.DONE, closing=closing)
