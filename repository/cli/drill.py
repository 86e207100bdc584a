"""``kho drill restore``: prove that what is kept can be brought back, from each tier alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from policies.findings import Finding, spoken
from repository.cli.door import Door
from repository.cli.exits import Exit, worst
from repository.cli.help import AsJson, Home
from repository.cli.screen import Screen, decimal, number, size
from repository.texts import language, words

__all__ = ["restore"]

Target = Annotated[Path, typer.Option("--output", "-o", metavar="PATH", help=words("option.ledger_output"), show_default=False)]
Aips = Annotated[list[str] | None, typer.Option("--aip", metavar="AIP", help=words("option.drill_aip"))]
Tiers = Annotated[list[str] | None, typer.Option("--tier", metavar="TIER", help=words("option.drill_tier"))]
Count = Annotated[
    int, typer.Option("--count", metavar="N", min=1, max=100_000, help=words("option.drill_count"), show_default=False)
]


def restore(
    context: typer.Context,
    output: Target,
    aip: Aips = None,
    tier: Tiers = None,
    count: Count = 3,
    home: Home = None,
    as_json: AsJson = False,
) -> int:
    """Bring AIPs back from each tier alone, verify and time it."""
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        report = engine.overview.drill(
            output, aips=aip or (), tiers=tier or (), picked=count, progress=door.progress(), language=language()
        )
    failed = [each for each in report.restored if each.problem and each.tier not in report.unavailable]
    tried = [each for each in report.restored if each.tier not in report.unavailable]
    closing = [Finding("OPS-TIER-UNAVAILABLE", name, {"reason": reason}) for name, reason in report.unavailable.items()]
    if failed or not report.restored:
        closing.append(Finding("OPS-DRILL", str(output), {"failed": len(failed), "tried": len(tried)}))
    code = worst(Exit.DAMAGE if each.code == "OPS-DRILL" else Exit.FEW_COPIES for each in closing)

    def text() -> None:
        screen = Screen(door.out)
        for each in report.restored:
            seconds = f"{decimal(each.milliseconds / 1000)} s"
            what = spoken(each.problem, language()) or f"{number(each.files)} · {size(each.bytes)} · {seconds}"
            screen.line(f"{each.tier} · {each.aip}: {what}", "red" if each.problem else "green")
        screen.line(words("drill.written", path=str(output)))

    return door.answer("drill", report.as_json(language()), text, code=code, closing=closing)
