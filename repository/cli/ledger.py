"""``kho ledger``: what happened, as others can check it without trusting Kho."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from policies.findings import Finding
from repository.cli.door import Door, Usage, is_there
from repository.cli.exits import Exit
from repository.cli.help import AsJson, Home
from repository.cli.screen import Screen, number
from repository.texts import language, words

__all__ = ["close", "export", "head", "prove", "rotate_key", "verify"]

Folder = Annotated[Path, typer.Argument(metavar="PATH", help=words("option.ledger_path"), show_default=False)]
Heads = Annotated[list[str] | None, typer.Option("--head", metavar="LINE|FILE", help=words("option.ledger_head"))]
Keys = Annotated[list[str] | None, typer.Option("--key", metavar="ID", help=words("option.ledger_keys"))]
Unbroken = Annotated[bool, typer.Option("--unbroken", metavar=" ", help=words("option.ledger_unbroken"))]
Authority = Annotated[Path | None, typer.Option("--ca", metavar="FILE", help=words("option.ledger_ca"))]
EventId = Annotated[str, typer.Argument(metavar="EVENT", help=words("option.ledger_event"), show_default=False)]
DayNumber = Annotated[int | None, typer.Option("--day", metavar="N", min=1, help=words("option.ledger_day"))]
Target = Annotated[Path, typer.Option("--output", "-o", metavar="PATH", help=words("option.ledger_output"), show_default=False)]
First = Annotated[int, typer.Option("--first", metavar="N", min=1, help=words("option.ledger_first"), show_default=False)]
Last = Annotated[int | None, typer.Option("--last", metavar="N", min=1, help=words("option.ledger_last"))]
ROTATE = "kho ledger rotate-key"
Lost = Annotated[bool, typer.Option("--lost", metavar=" ", help=words("option.ledger_lost"))]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help=words("option.ledger_reason"), show_default=False)]
KeyFile = Annotated[Path | None, typer.Option("--key", metavar="FILE", help=words("option.ledger_key"))]


def verify(
    context: typer.Context,
    path: Folder,
    head: Heads = None,
    ca: Authority = None,
    key: Keys = None,
    unbroken: Unbroken = False,
    home: Home = None,
    as_json: AsJson = False,
) -> int:
    """Check an exported ledger or a storage root that holds one."""
    door = Door.of(context, home, as_json)
    if not is_there(path) or not path.is_dir():
        raise Usage("USE-NO-PATH", str(path))
    from repository.ledger.verifier import HEAD_LINE, KEY_ID, Verifier, is_certificate, outside_text, told
    from repository.ledger.verifier import as_json as document

    outside = [outside_text(each) for each in head or ()]
    for said, found in zip(head or (), outside, strict=True):
        if not HEAD_LINE.search(found):
            raise Usage("USE-VALUE", name="--head", value=said, reason=words("ledger.no_head_line"), command="kho ledger verify")
    if ca is not None and not is_certificate(str(ca)):
        raise Usage("USE-VALUE", name="--ca", value=str(ca), reason=words("ledger.no_certificate"), command="kho ledger verify")
    for each in key or ():
        if not KEY_ID.fullmatch(each.lower()):
            raise Usage("USE-VALUE", name="--key", value=each, reason=words("ledger.no_key_id"), command="kho ledger verify")
    verifier = Verifier(str(path), outside, str(ca or ""), key or (), unbroken).run()
    code, closing = Exit.DONE, []
    if verifier.blind:
        code, closing = Exit.FEW_COPIES, [Finding("OPS-LEDGER-UNREAD", str(path), {"count": len(verifier.found)})]
    elif verifier.found:
        code, closing = Exit.DAMAGE, [Finding("OPS-LEDGER", str(path), {"count": len(verifier.found)})]
    elif verifier.elsewhere:
        days = ", ".join(map(str, sorted(set(verifier.elsewhere))))
        code, closing = Exit.REFUSED, [Finding("OPS-LEDGER-ELSEWHERE", str(path), {"days": days})]
    elif verifier.idle:
        code, closing = Exit.REFUSED, [Finding("OPS-LEDGER-IDLE", str(path), {"options": ", ".join(verifier.idle)})]

    def text() -> None:
        for line in told(verifier, language()):
            Screen(door.out).line(line)

    body = {"path": str(path), "days": len(verifier.days), **document(verifier, language())}
    return door.answer("ledger_verify", body, text, code=code, closing=closing)


def close(context: typer.Context, home: Home = None, as_json: AsJson = False) -> int:
    """Bring the ledger up to date."""
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        done = engine.ledger.update()
        line, wanted = engine.ledger.line(), engine.ledger.open_copies()
    closing = [Finding("OPS-LEDGER-WAITING", args={"days": len(done["waiting"])})] if done["waiting"] else []
    if len(done["copied"]) < wanted:
        closing.append(Finding("OPS-LEDGER-OPEN", args={"tiers": len(done["copied"]), "wanted": wanted}))
    if behind := done["behind"]:
        closing.append(Finding("LED-BEHIND", str(behind["number"]), {"tier": behind["tier"]}))

    if key := done["key"]:
        closing.append(Finding(key["code"], key["path"], key["args"]))

    def text() -> None:
        screen = Screen(door.out)
        screen.facts(
            [
                (words("label.ledger_closed"), str(done["closed"] or "-")),
                (words("label.ledger_kept"), ", ".join(map(str, done["kept"])) or "-"),
                (words("label.ledger_copied"), ", ".join(f"{tier} {number(count)}" for tier, count in done["copied"].items())),
            ]
        )
        screen.line(line)

    code = Exit.FAILED if behind or key else Exit.FEW_COPIES if closing else Exit.DONE
    return door.answer("ledger_close", {**done, "head": line}, text, code=code, closing=closing)


def head(context: typer.Context, home: Home = None, as_json: AsJson = False) -> int:
    """The newest head, as a line to be kept elsewhere."""
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        line = engine.ledger.line()
    return door.answer("ledger_head", {"head": line}, lambda: Screen(door.out).line(line or words("ledger.no_head")))


def export(
    context: typer.Context, output: Target, first: First = 1, last: Last = None, home: Home = None, as_json: AsJson = False
) -> int:
    """Write closed days and the verifier into a new folder."""
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        count, verifier = engine.ledger.export(output, first=first, last=last)
    body = {"path": str(output), "days": count, "verifier": str(verifier)}
    done = words("ledger.exported", days=number(count), path=str(output), verifier=verifier.name)
    return door.answer("ledger_export", body, lambda: Screen(door.out).line(done, "green"))


def prove(context: typer.Context, event: EventId, day: DayNumber = None, home: Home = None, as_json: AsJson = False) -> int:
    """Prove that an event is in a day, or that it is not."""
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        proof = engine.ledger.prove(event, day)
    return door.answer("ledger_proof", {"proof": proof}, lambda: print(json.dumps(proof, indent=1), file=door.out))


def rotate_key(
    context: typer.Context,
    key: KeyFile = None,
    lost: Lost = False,
    reason: Reason = "",
    home: Home = None,
    as_json: AsJson = False,
) -> int:
    """Let a new key sign from the next day on; with ``--lost`` one that the key before cannot vouch for."""
    door = Door.of(context, home, as_json)
    if lost and not reason.strip():
        raise Usage("USE-VALUE", name="--reason", value=reason, reason=words("ledger.lost_reason"), command=ROTATE)
    if reason and not lost:
        raise Usage("USE-COMMAND", reason=words("ledger.reason_alone"), command=ROTATE)
    with door.open() as engine:
        identifier = engine.ledger.report_lost(reason, key) if lost else engine.ledger.rotate_key(key)
    said = words("ledger.key_lost" if lost else "ledger.key", key=identifier)
    return door.answer(
        "ledger_key", {"key": identifier, "lost": lost}, lambda: Screen(door.out).line(said, "yellow" if lost else "green")
    )
