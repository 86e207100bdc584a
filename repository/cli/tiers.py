"""``kho tiers``: where the copies are; adding a tier, beginning one anew whose medium is gone, forgetting one."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from policies.findings import Finding
from repository.cli.door import Door, Usage
from repository.cli.exits import Exit
from repository.cli.help import AsJson, Home
from repository.cli.screen import Screen, number, size, when
from repository.cli.values import place_of
from repository.services.tiers import Begun
from repository.texts import words

__all__ = ["add", "remove", "replace", "tier_of", "tiers"]

New = Annotated[str, typer.Argument(metavar="NAME=PLACE", help=words("option.tier_new"), show_default=False)]
Known = Annotated[str, typer.Argument(metavar="TIER", help=words("option.tier_known"), show_default=False)]
Site = Annotated[str, typer.Option("--site", metavar="WORD", help=words("option.tier_site"), show_default=False)]
GiveUp = Annotated[bool, typer.Option("--give-up", metavar=" ", help=words("option.tier_give_up"))]
Folder = Annotated[Path | None, typer.Option("--path", metavar="FOLDER", help=words("option.tier_path"))]


def tiers(context: typer.Context, home: Home = None, as_json: AsJson = False) -> int:
    """The tiers: whether they answer, what they hold, what is free, the oldest check; with a word after it, add or replace one."""
    door = Door.of(context, home, as_json)
    if context.invoked_subcommand is not None:
        return Exit.DONE
    with door.open() as engine:
        from repository.views import copies as views_copies

        document = views_copies.tiers(engine.archive, engine.reports.fixity())
    rows = document["tiers"]
    away = [Finding("OPS-TIER-UNAVAILABLE", row["name"], {"reason": row["unreachable"]}) for row in rows if not row["reachable"]]

    def text() -> None:
        screen = Screen(door.out)
        for row in rows:
            screen.line(" · ".join(filter(None, (row["name"], row["medium"], row["site"], row["place"]))), "bold")
            free = words("tiers.free_unknown") if row["free"] is None else size(row["free"])
            screen.facts(
                [
                    (words("label.state"), words("tiers.there" if row["reachable"] else "tiers.away")),
                    (words("label.promised"), words("tiers.yes" if row["promised"] else "tiers.no")),
                    (words("label.copies"), f"{number(row['good'])} / {number(row['copies'])} · {size(row['bytes'])}"),
                    (words("label.free"), free),
                    (words("label.oldest_check"), when(_moment(row["oldest_check"]), words("tiers.never"))),
                    *([(words("label.lock"), words("tiers.lock", days=number(row["lock_days"])))] if row["lock_days"] else []),
                ]
            )

    code = Exit.FEW_COPIES if away else Exit.DONE
    return door.answer("tiers", document, text, code=code, closing=away)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def tier_of(given: str, *, command: str) -> tuple[str, Path | str | None]:
    """The name of a tier and its place, from NAME=PLACE; None where only a name was given. Raises Usage."""
    name, sign, place = given.partition("=")
    if not name or bool(sign) != bool(place):
        raise Usage("USE-VALUE", name="NAME=PLACE", value=given, reason=words("init.tier_form"), command=command)
    return name, place_of(place) if sign else None


def add(context: typer.Context, tier: New, site: Site = "", home: Home = None, as_json: AsJson = False) -> int:
    """Add a tier to an archive."""
    door = Door.of(context, home, as_json)
    name, place = tier_of(tier, command="kho tiers add")
    with door.open() as engine:
        begun = engine.tiers.add(name, place, site=site)
        promised = name in engine.archive.policy.tiers
    closing = [Finding("TIER-PROMISED" if promised else "TIER-NOT-PROMISED", name)]
    return _answer(door, "tiers_add", begun, words("tiers.added", tier=begun.name, place=begun.place), closing)


def replace(
    context: typer.Context,
    tier: Known,
    folder: Folder = None,
    give_up: GiveUp = False,
    home: Home = None,
    as_json: AsJson = False,
) -> int:
    """Begin a tier anew whose medium is gone for good."""
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        begun = engine.tiers.replace(tier, None if folder is None else folder.absolute(), give_up=give_up)
    said = words("tiers.replaced", tier=begun.name, place=begun.place, copies=number(begun.copies))
    return _answer(door, "tiers_replace", begun, said, [Finding("TIER-PROMISED", tier)])


def remove(context: typer.Context, tier: Known, give_up: GiveUp = False, home: Home = None, as_json: AsJson = False) -> int:
    """Forget a tier on which nothing is promised any more."""
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        copies = engine.tiers.remove(tier, give_up=give_up)
    said = words("tiers.removed", tier=tier, copies=number(copies))
    return door.answer("tiers_remove", {"tier": tier, "copies": copies}, lambda: Screen(door.out).line(said, "green"))


def _answer(door: Door, kind: str, begun: Begun, said: str, closing: list[Finding]) -> int:
    body = {"tier": begun.name, "place": begun.place, "uuid": begun.uuid, "copies": begun.copies}
    return door.answer(kind, body, lambda: Screen(door.out).line(said, "green"), closing=closing)
