"""``kho init``, ``kho worker``, ``kho serve``: make an archive, and keep it going."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from policies.findings import Finding, KhoError
from repository.cli.door import Door, Usage, check_one_of
from repository.cli.exits import Exit
from repository.cli.help import AsJson, Home
from repository.cli.screen import Screen
from repository.cli.values import place_of
from repository.texts import language as reader
from repository.texts import words

__all__ = ["init", "serve", "worker"]

DEFAULT_TIERS = ("a", "b")
"""The embedded default: two local tiers below the home. Enough to try Kho; docs/howto says why real ones belong on two disks."""

Tiers = Annotated[list[str] | None, typer.Option("--tier", metavar="NAME=PLACE", help=words("option.tiers"))]
Place = Annotated[Path | None, typer.Argument(metavar="[DIR]", help=words("option.init_dir"), show_default=False)]
Speech = Annotated[str | None, typer.Option("--language", metavar="vi|en", help=words("option.language"))]
Adopt = Annotated[bool, typer.Option("--adopt", help=words("option.adopt"))]
Host = Annotated[str | None, typer.Option("--host", metavar="ADDRESS", help=words("option.host"))]
Port = Annotated[int | None, typer.Option("--port", metavar="PORT", min=1, max=65535, help=words("option.port"))]


def init(
    context: typer.Context,
    place: Place = None,
    tier: Tiers = None,
    language: Speech = None,
    adopt: Adopt = False,
    home: Home = None,
    as_json: AsJson = False,
) -> int:
    """Make a new archive, or a lost home anew around tiers that are there."""
    door = Door.of(context, place or home, as_json)
    folder = door.place()
    if language is not None:
        check_one_of("--language", language, ("vi", "en"), command="kho init")
    tiers = _tiers(tier or [f"{name}={folder / 'tiers' / name}" for name in DEFAULT_TIERS])
    from repository.engine import Engine

    closing: list[Finding] = []
    try:
        if adopt:
            settings, closing = Engine.adopt(folder, tiers=tiers, language=language or reader())
        else:
            with Engine.create(folder, tiers=tiers, language=language or reader()) as engine:
                settings = engine.archive.settings
    except KhoError as error:
        raise _as_given(error.finding, tiers) or error from error
    places = {made.name: made.shown for made in settings.tiers}

    def text() -> None:
        screen = Screen(door.out)
        screen.line(words("init.adopted" if adopt else "init.done", home=str(folder)))
        screen.facts((words("label.tier") + " " + name, shown) for name, shown in places.items())

    rows = [{"name": name, "path": shown} for name, shown in places.items()]
    return door.answer("init", {"home": str(folder), "tiers": rows}, text, closing=closing)


def _tiers(given: list[str]) -> dict[str, Path | str]:
    tiers: dict[str, Path | str] = {}
    for each in given:
        name, sign, folder = each.partition("=")
        if not (sign and name and folder) or name in tiers:
            reason = words("init.tier_twice" if name in tiers else "init.tier_form")
            raise Usage("USE-VALUE", name="--tier", value=each, reason=reason, command="kho init")
        tiers[name] = place_of(folder)
    return tiers


def _as_given(finding: Finding, tiers: Mapping[str, Path | str]) -> Usage | None:
    """What is wrong with the tiers that were given, said of the command line: the kho.toml that it was found in is gone again."""
    reason, name = finding.args.get("reason", ""), str(finding.args.get("tier", ""))
    if finding.code == "SET-TIERS":
        return Usage("USE-VALUE", name="--tier", value=f"{name}={tiers.get(name, '')}", reason=reason, command="kho init")
    if finding.code == "SET-VALUE" and str(finding.args.get("key", "")).startswith("tiers."):
        return Usage("USE-VALUE", name="--tier", value=", ".join(tiers), reason=reason, command="kho init")
    return None


def worker(context: typer.Context, home: Home = None) -> int:
    """Run the jobs of an archive until stopped."""
    door = Door.of(context, home)
    with door.open() as engine:
        from repository.schedule import plans
        from repository.worker import run

        engine.unfinished.adopt()
        run(engine.jobs, plans(engine.archive), say=door.say)
    return Exit.DONE


def serve(context: typer.Context, host: Host = None, port: Port = None, home: Home = None) -> int:
    """Answer HTTP for one archive until stopped."""
    door = Door.of(context, home)
    folder = door.archive()
    from repository.server import Server

    server = Server(folder, host=host, port=port)
    door.say(words("serve.listening", url=server.url))
    server.run()
    return Exit.DONE
