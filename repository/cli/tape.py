"""``kho tape``: cartridges and volumes of the tape tiers."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from policies.document import size as parsed_size
from policies.findings import Finding, spoken
from repository.cli.door import Door, Usage
from repository.cli.exits import Exit
from repository.cli.help import AsJson, Home
from repository.cli.screen import Screen, number, size
from repository.texts import language, words

if TYPE_CHECKING:
    from repository.services.tapes import LibraryState, TapeReport
    from storage.tape.rows import Volume

__all__ = ["export", "import_", "inventory", "label", "lost", "recover", "refresh", "show"]

Barcode = Annotated[str, typer.Argument(metavar="VOLUME", help=words("option.volume"), show_default=False)]
TapeTierName = Annotated[str | None, typer.Option("--tier", metavar="TIER", help=words("option.tape_tier"))]
Capacity = Annotated[str, typer.Option("--capacity", metavar="SIZE", help=words("option.capacity"), show_default=False)]
Made = Annotated[str, typer.Option("--made", metavar="DATE", help=words("option.made"), show_default=False)]
Years = Annotated[int, typer.Option("--years", metavar="N", min=0, max=100, help=words("option.years"))]
Location = Annotated[str, typer.Option("--location", metavar="TEXT", help=words("option.location"), show_default=False)]

WARNED = timedelta(days=365)
"""How long before its replace-by date a cartridge is told of: buying and copying take months."""


def inventory(context: typer.Context, tier: TapeTierName = None, home: Home = None, as_json: AsJson = False) -> int:
    """What is in the libraries, and what is known of each volume."""
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        states = engine.tapes.inventory(tier)
        today = engine.archive.clock.now().date()
    findings = [each for state in states for each in _told(state, today)]
    away = [Finding("OPS-TIER-UNAVAILABLE", each.tier, {"reason": each.unreachable}) for each in states if each.unreachable]

    def text() -> None:
        screen = Screen(door.out)
        for state in states:
            _show_state(screen, state)
        screen.findings(findings)

    from repository.views.tape import library

    body = {"tiers": [library(each) for each in states]}
    code = Exit.FEW_COPIES if away else Exit.DONE
    return door.answer("tape_inventory", body, text, code=code, findings=findings, closing=away)


def _told(state: LibraryState, today: date) -> list[Finding]:
    found = [
        Finding("TAPE-REPLACE", each.barcode, {"date": each.replace_by})
        for each in state.volumes
        if each.replace_by and each.replace_by <= (today + WARNED).isoformat() and each.state.value not in ("retired", "lost")
    ]
    return found + [
        Finding("TAPE-STILL-ON", aip, {"volumes": ", ".join(volumes)}) for aip, volumes in state.disposed.items() if volumes
    ]


def _show_state(screen: Screen, state: LibraryState) -> None:
    from storage.tape.changer import is_cleaning

    screen.heading(f"{words('label.tier')} {state.tier}")
    known = {each.barcode: each for each in state.volumes}
    columns = [(words(f"label.{key}"), kind) for key, kind in (("place", "id"), ("volume", "id"), ("state", "id"))]
    columns += [(words("label.used"), "number"), (words("label.replace_by"), "id"), (words("label.location"), "text")]
    rows = []
    for element in state.elements:
        if element.full:
            volume = known.pop(element.barcode, None)
            kind = words(f"element.{element.kind.name.lower()}")
            other = words("tape.cleaning" if is_cleaning(element.barcode) else "tape.unlabelled")
            rows.append(
                [f"{kind} {element.address}", *(_volume_cells(volume) if volume else [element.barcode, other, "", "", ""])]
            )
    rows += [["–", *_volume_cells(volume)] for volume in known.values()]
    screen.table(columns, rows)


def _volume_cells(volume: Volume) -> list[str]:
    state = words(f"volume.{volume.state.value}")
    return [volume.barcode, state, size(volume.used), volume.replace_by, volume.location]


def label(
    context: typer.Context,
    barcode: Barcode,
    tier: TapeTierName = None,
    capacity: Capacity = "0",
    made: Made = "",
    years: Years = 30,
    home: Home = None,
    as_json: AsJson = False,
) -> int:
    """Make a blank cartridge a volume."""
    door = Door.of(context, home, as_json)
    try:
        room = int(capacity) if capacity.isdecimal() else parsed_size(capacity)
        day = date.fromisoformat(made).isoformat() if made else ""
    except ValueError as error:
        name, value = ("--made", made) if made and "isoformat" in str(error) else ("--capacity", capacity)
        raise Usage("USE-VALUE", name=name, value=value, reason=str(error), command="kho tape label") from error
    with door.open() as engine:
        name, volume = engine.tapes.label(barcode, tier=tier, capacity=room, made=day, years=years)
    return _volume_answer(door, "tape_label", name, volume, words("tape.labelled", volume=barcode, tier=name))


def _volume_answer(door: Door, kind: str, tier: str, volume: Volume, said: str) -> int:
    from repository.views.tape import tape_volume

    body = {"tier": tier, "volume": tape_volume(volume)}
    return door.answer(kind, body, lambda: Screen(door.out).line(said))


def show(context: typer.Context, barcode: Barcode, home: Home = None, as_json: AsJson = False) -> int:
    """One volume: its tape files, what counts on it, what was disposed of and is still there."""
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        report = engine.tapes.show(barcode)
    volume = report.volume
    findings = [Finding("TAPE-STILL-ON", each, {"volumes": barcode}) for each in report.disposed]

    def text() -> None:
        screen = Screen(door.out)
        screen.facts(
            [
                (words("label.volume"), volume.barcode),
                (words("label.tier"), report.tier),
                (words("label.state"), words(f"volume.{volume.state.value}")),
                (words("label.used"), f"{size(volume.used)}" + (f" / {size(volume.capacity)}" if volume.capacity else "")),
                (words("label.made"), volume.made),
                (words("label.replace_by"), volume.replace_by),
                (words("label.location"), volume.location),
                (words("label.mounts"), number(volume.mounts)),
                (words("label.note"), spoken(volume.note, language())),
                (words("label.aips"), number(len(report.objects))),
            ]
        )
        columns = [(words("label.file"), "number"), (words("label.bundle"), "id"), (words("label.bytes"), "number")]
        screen.table([*columns, ("SHA-256", "id")], [_bundle_cells(each) for each in report.bundles])
        screen.findings(findings)

    from repository.views.tape import volume_report

    return door.answer("tape_show", volume_report(report), text, findings=findings)


def _bundle_cells(bundle: object) -> list[str]:
    from storage.tape.rows import BundleRow

    assert isinstance(bundle, BundleRow)
    name = bundle.uuid if bundle.counted else words("tape.void")
    return [number(bundle.sequence), name, size(bundle.size) if bundle.counted else "", bundle.sha256.hex()]


def recover(
    context: typer.Context, barcode: Barcode, tier: TapeTierName = None, home: Home = None, as_json: AsJson = False
) -> int:
    """Make register and catalog anew from one cartridge."""
    from repository.cli.catalog import opened

    door = Door.of(context, home, as_json)
    with opened(door) as engine:
        report = engine.tapes.recover(barcode, tier=tier, progress=door.progress())
    assert report.recovered is not None
    found = report.recovered
    figures = {"bundles": number(found.bundles), "objects": number(len(found.objects)), "files": number(found.files)}
    return _work_answer(door, "tape_recover", report, words("tape.recovered", volume=barcode, **figures))


def refresh(context: typer.Context, barcode: Barcode, home: Home = None, as_json: AsJson = False) -> int:
    """Write what counts on a volume to others, and retire it."""
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        report = engine.tapes.refresh(barcode, progress=door.progress())
    assert report.refreshed is not None
    done = report.refreshed
    figures = {"bundles": number(done["bundles"]), "bytes": size(done["bytes"]), "left": number(len(done["left_out"]))}
    key = "tape.refreshed" if done["bundles"] else "tape.refreshed_before"
    return _work_answer(door, "tape_refresh", report, words(key, volume=barcode, **figures))


def _work_answer(door: Door, kind: str, report: TapeReport, said: str) -> int:
    def text() -> None:
        screen = Screen(door.out)
        screen.line(said)
        screen.findings(report.findings)

    from repository.views.tape import tape_work

    code = Exit.DONE if report.findings.ok else Exit.DAMAGE
    closing = [each for each in report.findings if each.text(language())][:1] if code is Exit.DAMAGE else []
    return door.answer(kind, tape_work(report), text, code=code, findings=report.findings, closing=closing)


def export(context: typer.Context, barcode: Barcode, location: Location = "", home: Home = None, as_json: AsJson = False) -> int:
    """Bring a cartridge to the mail slot."""
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        tier, volume = engine.tapes.carry(barcode, "export", location)
    return _volume_answer(door, "tape_export", tier, volume, words("tape.exported", volume=barcode))


def import_(context: typer.Context, barcode: Barcode, home: Home = None, as_json: AsJson = False) -> int:
    """Bring a cartridge from the mail slot to a slot."""
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        tier, volume = engine.tapes.carry(barcode, "import")
    return _volume_answer(door, "tape_import", tier, volume, words("tape.imported", volume=barcode))


def lost(context: typer.Context, barcode: Barcode, home: Home = None, as_json: AsJson = False) -> int:
    """Give a cartridge up: it is destroyed or will not come back."""
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        tier, volume = engine.tapes.carry(barcode, "lost")
    return _volume_answer(door, "tape_lost", tier, volume, words("tape.lost", volume=barcode))
