"""``kho status``: one list of what needs attention, each with what to do; the forecast of checks; the same as metrics."""

from __future__ import annotations

from typing import Annotated

import typer

from policies.findings import Finding, Weight
from repository.cli.door import Door
from repository.cli.exits import Exit
from repository.cli.help import AsJson, Home
from repository.cli.screen import Screen, number, size
from repository.texts import language, words
from repository.views import records as views

__all__ = ["status"]

Metrics = Annotated[bool, typer.Option("--metrics", metavar=" ", help=words("option.metrics"))]


_TOLD = {"webhook": "status.told_webhook", "mail": "status.told_mail"}
Notify = Annotated[bool, typer.Option("--notify", metavar=" ", help=words("option.notify"))]


def status(
    context: typer.Context, metrics: Metrics = False, notify: Notify = False, home: Home = None, as_json: AsJson = False
) -> int:
    """What needs attention."""
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        found = engine.overview.attention()
        fits = engine.overview.forecasts()
        if metrics:
            door.out.write(engine.overview.metrics())
            return Exit.DONE
        told = list(engine.overview.notify()) if notify else []
        line, lost = engine.ledger.line(), engine.ledger.lost_keys()
    grave = [each for each in found if each.weight >= Weight.ERROR]
    closing = [Finding("OPS-ATTENTION", args={"errors": len(grave)})] if grave else []

    def text() -> None:
        screen = Screen(door.out)
        screen.line(words("status.title"), "bold")
        if not found:
            screen.line(words("status.nothing"), "green")
        for each in found:
            screen.line("• " + each.text(language()), "red" if each.weight >= Weight.ERROR else "yellow")
            screen.line("    " + each.todo(language()), "dim")
        if fits:
            screen.heading(words("status.forecast"))
        for row in fits:
            speed = words("status.unmeasured") if row.speed is None else f"{size(row.speed)}/s"
            verdict = words({True: "status.fits", False: "status.fits_not", None: "status.fits_unknown"}[row.fits])
            screen.line(
                words("status.row", tier=row.tier, copies=number(row.copies), need=size(row.need), speed=speed, verdict=verdict)
            )
        for key in lost:
            screen.line(words("status.key_lost", first=number(key.first), key=key.key, time=key.minute), "yellow")
        if line:
            screen.line(line, "dim")
        for carrier in told:
            screen.line(words(_TOLD[carrier]), "green")

    body = {
        "attention": [views.finding(each, language()) for each in found],
        "forecast": [each.as_json() for each in fits],
        "head": line,
        "lost_keys": [key.as_json() for key in lost],
        "told": told,
    }
    return door.answer("status", body, text, code=Exit.DAMAGE if closing else Exit.DONE, closing=closing)
