"""``kho deposit`` and ``kho deposits``: hand records over, and see or decide what became of them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from policies.findings import Finding
from repository import views
from repository.cli.door import Door, Usage, actor, check_source
from repository.cli.exits import Exit, worst
from repository.cli.help import AsJson, Home
from repository.cli.screen import Screen, number, size, when
from repository.texts import words

if TYPE_CHECKING:
    from repository.model import Deposit, DepositState

__all__ = ["deposit", "deposits", "refuse", "release"]

SHOWN_FINDINGS = 20
"""Findings of one deposit on the screen; all of them are in ``--json`` and in the deposit's report."""

PRODUCER_VARIABLE = "KHO_PRODUCER"

_EXITS = {
    "stored": Exit.DONE,
    "repeated": Exit.DONE,
    "refused": Exit.REFUSED,
    "held": Exit.REFUSED,
    "quarantined": Exit.REFUSED,
    "accepted": Exit.FEW_COPIES,
    "kept": Exit.FEW_COPIES,
}
"""What a deposit's state means for the exit code; any other state is work that was not finished."""

_STYLES = {
    "stored": "green",
    "repeated": "green",
    "held": "magenta",
    "refused": "red",
    "quarantined": "red",
    "failed": "red",
}

Paths = Annotated[list[Path], typer.Argument(metavar="PATH…", help=words("option.paths"), show_default=False)]
Producer = Annotated[str | None, typer.Option("--producer", metavar="NAME", help=words("option.producer"))]
Key = Annotated[str | None, typer.Option("--key", metavar="KEY", help=words("option.key"))]
Update = Annotated[str | None, typer.Option("--update", metavar="AIP", help=words("option.update"))]
Metadata = Annotated[Path | None, typer.Option("--metadata", metavar="FILE", help=words("option.metadata"))]
Title = Annotated[str | None, typer.Option("--title", metavar="TEXT", help=words("option.title"))]
State = Annotated[str | None, typer.Option("--state", metavar="STATE", help=words("option.state"))]
Cursor = Annotated[str | None, typer.Option("--cursor", metavar="CURSOR", help=words("option.cursor"))]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, max=10_000, help=words("option.limit"))]
DepositId = Annotated[str, typer.Argument(metavar="ID", help=words("option.deposit"), show_default=False)]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help=words("option.reason"), show_default=False)]


def deposit(
    context: typer.Context,
    paths: Paths,
    producer: Producer = None,
    key: Key = None,
    update: Update = None,
    metadata: Metadata = None,
    title: Title = None,
    home: Home = None,
    as_json: AsJson = False,
) -> int:
    """Deposit folders, bags, E-ARK packages, or archives of them."""
    door = Door.of(context, home, as_json)
    door.archive()
    for path in paths:
        check_source(path)
    _check_metadata(metadata)
    producer = producer or os.environ.get(PRODUCER_VARIABLE) or actor().removeprefix("user:")
    with door.open() as engine:
        done = engine.deposits.submit(
            paths, producer=producer, key=key, update=update, metadata=metadata, title=title, progress=door.progress()
        )
    body = {"deposits": [views.deposit(each) for each in done]}
    return door.answer("deposit", body, lambda: _show(door, done), code=_exit(done), closing=_closing(done))


def _check_metadata(path: Path | None) -> None:
    """One file that is there, said before any deposit is announced. Raises Usage."""
    if path is None:
        return
    if not os.path.lexists(path):
        raise Usage("USE-NO-PATH", str(path))
    if not path.is_file():
        raise Usage("USE-NOT-A-FILE", str(path))


def deposits(
    context: typer.Context,
    state: State = None,
    cursor: Cursor = None,
    limit: Limit = 100,
    home: Home = None,
    as_json: AsJson = False,
) -> int:
    """List deposits, newest first; with a word after it, decide about one."""
    door = Door.of(context, home, as_json)
    if context.invoked_subcommand is not None:
        return Exit.DONE
    wanted = _state(state)
    with door.open() as engine:
        page = engine.deposits.list(state=wanted, cursor=cursor, limit=limit)

    def text() -> None:
        screen = Screen(door.out)
        columns = [("ID", "id"), ("state", "id"), ("created", "id"), ("producer", "text"), ("label", "text"), ("AIP", "id")]
        screen.table([(words(f"label.{name.lower()}"), kind) for name, kind in columns], map(_row, page.items))
        if page.cursor:
            screen.line(words("list.more", cursor=page.cursor), "dim")

    return door.answer("deposits", {"deposits": [views.deposit(each) for each in page.items]}, text, cursor=page.cursor)


def release(context: typer.Context, deposit_id: DepositId, reason: Reason, home: Home = None, as_json: AsJson = False) -> int:
    """Release a held deposit."""
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        done = engine.deposits.release(deposit_id, reason=_reason(reason, "release"))
    body = {"deposit": views.deposit(done)}
    return door.answer("release", body, lambda: _show(door, [done]), code=_exit([done]), closing=_closing([done]))


def refuse(context: typer.Context, deposit_id: DepositId, reason: Reason, home: Home = None, as_json: AsJson = False) -> int:
    """Refuse a held deposit."""
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        done = engine.deposits.refuse(deposit_id, reason=_reason(reason, "refuse"))
    return door.answer("refuse", {"deposit": views.deposit(done)}, lambda: _show(door, [done]))


def _reason(text: str, command: str) -> str:
    if not text.strip():
        name = f"kho deposits {command}"
        raise Usage("USE-VALUE", name="--reason", value="''", reason=words("deposit.reason_empty"), command=name)
    return text


def _state(name: str | None) -> DepositState | None:
    if name is None:
        return None
    from repository.model import DepositState

    try:
        return DepositState(name)
    except ValueError:
        allowed = " | ".join(state.value for state in DepositState)
        raise Usage("USE-VALUE", name="--state", value=name, reason=allowed, command="kho deposits") from None


def _exit(deposits: Sequence[Deposit]) -> Exit:
    return worst(_EXITS.get(each.state.value, Exit.FAILED) for each in deposits)


def _closing(deposits: Sequence[Deposit]) -> list[Finding]:
    """How it ended, the outcome that gives the exit code last."""
    counts = Counter(_EXITS.get(each.state.value, Exit.FAILED) for each in deposits)
    held = sum(each.state.value == "held" for each in deposits)
    endings = (
        ("OPS-REFUSED", counts[Exit.REFUSED] - held),
        ("OPS-HELD", held),
        ("OPS-UNFINISHED", counts[Exit.FEW_COPIES] + counts[Exit.FAILED]),
    )
    return [Finding(code, args={"count": count}) for code, count in endings if count]


def _row(each: Deposit) -> list[str | tuple[str, str]]:
    state = (words(f"state.{each.state.value}"), _STYLES.get(each.state.value, "yellow"))
    return [each.id, state, when(each.created), each.producer, each.label, each.aip_id]


def _show(door: Door, deposits: Sequence[Deposit]) -> None:
    screen = Screen(door.out)
    for each in deposits:
        screen.line(f"{each.label}: {words(f'state.{each.state.value}')}", "bold " + _STYLES.get(each.state.value, "yellow"))
        screen.facts(_facts(each))
        screen.findings(each.findings, SHOWN_FINDINGS)
        screen.line()


def _facts(each: Deposit) -> Iterator[tuple[str, str]]:
    version = f" · {words('label.version')} {each.aip_version}" if each.aip_version else ""
    yield words("label.id"), each.id
    yield words("label.aip"), each.aip_id + version if each.aip_id else ""
    yield words("label.files"), f"{number(each.files)} · {size(each.bytes)}"
    yield words("label.malware"), each.scanned or words("deposit.not_scanned")
    yield words("label.reason"), " · ".join(filter(None, (each.reason, each.decided_by)))
    yield words("label.error"), each.error
    yield words("label.expires"), when(each.expires, "")
