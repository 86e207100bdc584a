"""The command tree: what ``kho --help`` shows, in the order of a record's life."""

from __future__ import annotations

from typing import Annotated

import typer

from repository.cli import (
    archive,
    catalog,
    copies,
    deposits,
    drill,
    evidence,
    fixity,
    formats,
    holdings,
    identification,
    ledger,
    signatures,
    status,
    tape,
    verify,
)
from repository.cli.door import Door
from repository.cli.help import AsJson, Home, KhoCommand, KhoGroup
from repository.texts import words

__all__ = ["application"]


def _version(asked: bool) -> None:
    if asked:
        from importlib import metadata

        print(f"kho {metadata.version('kho')}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", metavar=" ", is_eager=True, callback=_version, help=words("option.version"))]


def _group(help_key: str) -> typer.Typer:
    return typer.Typer(cls=KhoGroup, help=words(help_key), add_completion=False)


def application() -> typer.Typer:
    """The whole application. Each command returns its exit code; ``run`` turns exceptions into words."""
    app = typer.Typer(
        cls=KhoGroup,
        help=words("help.kho"),
        epilog=words("help.exits"),
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )

    @app.callback()
    def root(context: typer.Context, home: Home = None, as_json: AsJson = False, version: Version = False) -> None:
        Door.of(context, home, as_json)

    def add(to: typer.Typer, name: str, function: object, key: str) -> None:
        to.command(name, cls=KhoCommand, help=words(f"help.{key}"))(function)  # type: ignore[type-var]

    add(app, "init", archive.init, "init")
    add(app, "deposit", deposits.deposit, "deposit")
    officer = typer.Typer(cls=KhoGroup, help=words("help.deposits"), add_completion=False, invoke_without_command=True)
    officer.callback()(deposits.deposits)
    add(officer, "release", deposits.release, "release")
    add(officer, "refuse", deposits.refuse, "refuse")
    app.add_typer(officer, name="deposits")
    add(app, "list", holdings.listing, "list")
    add(app, "show", holdings.show, "show")
    add(app, "status", status.status, "status")
    add(app, "audit", fixity.audit, "audit")
    add(app, "repair", fixity.repair, "repair")
    add(app, "tiers", copies.tiers, "tiers")
    placing = _group("help.copies")
    placing.callback()(lambda: None)
    add(placing, "plan", copies.plan, "copies_plan")
    add(placing, "apply", copies.apply, "copies_apply")
    app.add_typer(placing, name="copies")
    exercise = _group("help.drill")
    exercise.callback()(lambda: None)
    add(exercise, "restore", drill.restore, "drill_restore")
    app.add_typer(exercise, name="drill")
    report = _group("help.report")
    report.callback()(lambda: None)
    add(report, "fixity", fixity.report, "report_fixity")
    app.add_typer(report, name="report")
    add(app, "export", holdings.export, "export")
    index = _group("help.catalog")
    index.callback()(lambda: None)
    add(index, "rebuild", catalog.rebuild, "rebuild")
    app.add_typer(index, name="catalog")
    days = _group("help.ledger")
    days.callback()(lambda: None)
    for name in ("verify", "head", "close", "export", "prove"):
        add(days, name, getattr(ledger, name), f"ledger_{name}")
    add(days, "rotate-key", ledger.rotate_key, "ledger_key")
    app.add_typer(days, name="ledger")
    proofs = _group("help.evidence")
    proofs.callback()(lambda: None)
    for name in evidence.__all__:
        add(proofs, name, getattr(evidence, name), f"evidence_{name}")
    app.add_typer(proofs, name="evidence")
    signed = _group("help.signatures")
    signed.callback()(lambda: None)
    for name in ("validate", "status", "collect", "copy"):
        add(signed, name, getattr(signatures, name), f"signatures_{name}")
    app.add_typer(signed, name="signatures")
    tapes = _group("help.tape")
    tapes.callback()(lambda: None)
    for name, function in (
        ("inventory", tape.inventory),
        ("label", tape.label),
        ("show", tape.show),
        ("recover", tape.recover),
        ("refresh", tape.refresh),
        ("export", tape.export),
        ("import", tape.import_),
        ("lost", tape.lost),
    ):
        add(tapes, name, function, f"tape_{name}")
    app.add_typer(tapes, name="tape")
    kinds = _group("help.formats")
    kinds.callback()(lambda: None)
    for name in identification.__all__:
        add(kinds, name, getattr(identification, name), f"formats_{name}")
    for name in ("holdings", "risks", "plan", "sample", "preview"):
        add(kinds, name, getattr(formats, name), f"formats_{name}")
    campaign = _group("help.campaign")
    campaign.callback()(lambda: None)
    for name in ("run", "list", "report", "rollback"):
        add(campaign, name, getattr(formats, f"campaign_{name}"), f"campaign_{name}")
    kinds.add_typer(campaign, name="campaign")
    app.add_typer(kinds, name="formats")
    add(app, "upgrade", catalog.upgrade, "upgrade")
    add(app, "verify", verify.verify, "verify")
    add(app, "worker", archive.worker, "worker")
    add(app, "serve", archive.serve, "serve")
    return app
