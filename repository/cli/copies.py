"""``kho copies``: moving copies where the policy says."""

from __future__ import annotations

from typing import Annotated

import typer

from policies.document import duration
from policies.findings import Finding
from repository.cli.door import Door, Usage
from repository.cli.exits import Exit
from repository.cli.help import AsJson, Home
from repository.cli.screen import Screen, number, size, span
from repository.texts import words

__all__ = ["apply", "plan", "sweep"]

Swept = Annotated[str, typer.Argument(metavar="TIER", help=words("option.tier"), show_default=False)]
Profile = Annotated[str, typer.Option("--profile", metavar="NAME", help=words("option.sweep_profile"), show_default=False)]
Apply = Annotated[bool, typer.Option("--apply", metavar=" ", help=words("option.sweep_apply"))]
Age = Annotated[str, typer.Option("--older-than", metavar="PERIOD", help=words("option.sweep_age"))]
Release = Annotated[bool, typer.Option("--release", metavar=" ", help=words("option.release"))]


def plan(context: typer.Context, home: Home = None, as_json: AsJson = False) -> int:
    """What the policy in force would move."""
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        made = engine.copies.plan()
    from repository.views import copies as views_copies

    def text() -> None:
        screen = Screen(door.out)
        if made.empty:
            screen.line(words("copies.nothing"), "green")
        for tier in made.tiers:
            if tier.make:
                screen.line(words("copies.make", tier=tier.name, copies=number(tier.make), size=size(tier.make_bytes)))
                if tier.make_seconds is None:
                    screen.line("  " + words("copies.no_speed"))
                else:
                    screen.line("  " + words("copies.takes", time=span(tier.make_seconds)))
                if tier.mounts != 0:
                    mounts = "?" if tier.mounts is None else number(tier.mounts)
                    screen.line("  " + words("copies.mounts", mounts=mounts))
            if tier.release:
                screen.line(words("copies.release", tier=tier.name, copies=number(tier.release), size=size(tier.release_bytes)))

    return door.answer("copies_plan", views_copies.planned(made), text)


def apply(context: typer.Context, release: Release = False, home: Home = None, as_json: AsJson = False) -> int:
    """Make the copies that are promised and not there; with --release, let go of those that are promised no more."""
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        report = engine.copies.apply(release=release, progress=door.progress())
        left = engine.copies.plan()
        short = engine.reports.fixity().short
    from repository.views import copies as views_copies

    away = [Finding("OPS-TIER-UNAVAILABLE", name, {"reason": why}) for name, why in sorted(report.repair.unavailable.items())]
    kept = [Finding("OPS-NOT-RELEASED", args={"copies": report.kept})] if report.kept else []
    closing = away + kept + ([Finding("OPS-FEW-COPIES", args={"aips": short})] if short else [])

    def text() -> None:
        screen = Screen(door.out)
        screen.line(words("copies.applied", announced=number(report.announced), released=number(report.released)))
        beyond = sum(tier.release for tier in left.tiers)
        if beyond and not release:
            screen.line(words("copies.beyond", copies=number(beyond)), "dim")

    code = Exit.FEW_COPIES if closing else Exit.DONE
    return door.answer("copies_apply", views_copies.applied(report), text, code=code, closing=closing)


def sweep(
    context: typer.Context,
    tier: Swept,
    profile: Profile,
    apply: Apply = False,
    older_than: Age = "7d",
    home: Home = None,
    as_json: AsJson = False,
) -> int:
    """Remove for good what is left over in a bucket; without --apply, say what that would be."""
    door = Door.of(context, home, as_json)
    try:
        age = duration(older_than)
    except ValueError as error:
        raise Usage("USE-VALUE", name="--older-than", value=older_than, reason=str(error), command="kho copies sweep") from error
    with door.open() as engine:
        report = engine.copies.sweep(tier, profile=profile, age=age, apply=apply, progress=door.progress())
    from repository.views import copies as views_copies

    findings = [Finding("OPS-SWEEP-UNSURE", place, {"reason": why}) for place, why in report.unsure.items()]
    kept = [Finding("OPS-SWEEP-KEPT", tier, {"count": count, "reason": why}) for why, count in report.kept.most_common(3)]

    def text() -> None:
        screen = Screen(door.out)
        found = report.found
        counts = {"uploads": found["upload"], "leftovers": found["leftover"], "let_go": found["let go"]}
        figures = {name: number(count) for name, count in counts.items()}
        if not any(found.values()):
            screen.line(words("copies.nothing_left", tier=tier, age=older_than))
            return
        screen.line(words("copies.found", tier=tier, **figures, size=size(report.bytes)))
        if report.applied:
            gone = {"removed": number(report.removed), "size": size(report.removed_bytes), "disposed": number(report.disposed)}
            screen.line(words("copies.swept", **gone))
        elif found:
            screen.line(words("copies.look_first"), "dim")

    return door.answer("copies_sweep", views_copies.swept(report), text, findings=findings, closing=[*findings[:1], *kept])
