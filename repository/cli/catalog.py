"""``kho catalog``: the index over the tiers, which can be made anew from them."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from policies.findings import Finding, KhoError, Weight
from repository.cli.ahead import beside
from repository.cli.door import Door
from repository.cli.exits import Exit
from repository.cli.help import AsJson, Home
from repository.cli.screen import Screen, number, when
from repository.texts import words
from repository.views import records as views

if TYPE_CHECKING:
    from repository.engine import Engine
    from storage.processes import Helpers

__all__ = ["opened", "rebuild", "upgrade"]

NO_CATALOG = "CAT-NO-SCHEMA"

MUCH = 256
"""Folders in a storage root (there are about as many objects, until there are thousands) from which on it is worth while to start processes
before anything else is known."""

From = Annotated[str | None, typer.Option("--from", metavar="TIER", help=words("option.from_tier"))]


def rebuild(context: typer.Context, tier: From = None, home: Home = None, as_json: AsJson = False) -> int:
    """Make the catalog anew from the tiers."""
    door = Door.of(context, home, as_json)
    with opened(door, hurried(door)) as engine:
        report = engine.catalog.rebuild(tier=tier, progress=door.progress())
    errors = sum(count for code, count in report.findings.counts.items() if Finding(code).weight >= Weight.ERROR)
    closing = [Finding("OPS-NOT-REBUILT", args={"errors": errors})] if errors else []

    def text() -> None:
        screen = Screen(door.out)
        screen.line(words("rebuild.done", aips=number(report.aips), files=number(report.files)))
        if report.deposits:
            screen.line(words("rebuild.deposits", deposits=number(report.deposits)))
        taken = report.taken_back
        if taken.events:
            screen.line(words("rebuild.events", events=number(taken.events), until=when(taken.until)))
        elif taken.lost_since:
            screen.line(words("rebuild.events_lost", since=when(taken.lost_since)))
        screen.findings(report.findings)

    code = Exit.DAMAGE if errors else Exit.DONE
    return door.answer("rebuild", views.rebuild(report), text, code=code, findings=report.findings, closing=closing)


def upgrade(context: typer.Context, home: Home = None, as_json: AsJson = False) -> int:
    """Bring the catalog of an older Kho up to date."""
    door = Door.of(context, home, as_json)
    folder = door.archive()
    from repository.engine import Engine

    before, now = Engine.upgrade(folder)

    def text() -> None:
        said = words("upgrade.done", before=before, now=now) if before != now else words("upgrade.nothing", now=now)
        Screen(door.out).line(said, "green")

    return door.answer("upgrade", {"before": before, "now": now}, text)


def hurried(door: Door) -> Helpers | None:
    """Processes that work beside this one, where some tier looks as if it held much."""
    from repository.settings.home import Settings

    place = door.archive()
    with contextlib.suppress(KhoError, OSError):  # opening it will tell
        roots = [each.path / "ocfl" for each in Settings.load(place).tiers if each.kind == "local"]
        if any(len(os.listdir(root)) >= MUCH for root in roots if root.is_dir()):
            return beside()
    return None


def opened(door: Door, helpers: Helpers | None = None) -> Engine:
    """The engine; where the catalog itself is lost, an empty one is made first."""
    try:
        return _opened(door, helpers)
    except BaseException:
        if helpers is not None:
            helpers.close()
        raise


def _opened(door: Door, helpers: Helpers | None) -> Engine:
    try:
        return door.open(helpers)
    except KhoError as error:
        if error.code != NO_CATALOG:
            raise
    sqlite = _made_anew(door.archive())
    engine = door.open(helpers)
    if not sqlite:
        engine.jobs.upgrade()
    return engine


def _made_anew(home: Path) -> bool:
    """Make an empty catalog, while no job runs here. Whether it is SQLite's: there the first job makes its tables, and a rebuild need not
    load all code of jobs for them. Raises LauncherBusy, CatalogError."""
    from repository import jobs
    from repository.catalog import Catalog
    from repository.jobs.lock import PATIENCE, LauncherLock
    from repository.settings.home import Settings

    settings = Settings.load(home)
    lock = LauncherLock(settings.home / "lock")
    if not lock.acquire("upgrade", patience=PATIENCE):
        raise jobs.LauncherBusy(str(lock.file), lock.holder())
    try:
        Catalog.create(settings.database)
    finally:
        lock.release()
    return jobs.Settings(settings.home, settings.database).sqlite
