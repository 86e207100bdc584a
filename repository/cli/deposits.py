"""``kho deposit`` and ``kho deposits``: hand records over, and see or decide what became of them."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from policies.findings import Finding, spoken
from repository.cli.ahead import EXAMINER, beside
from repository.cli.door import Door, Usage, actor, check_source, is_there
from repository.cli.exits import Exit, worst
from repository.cli.help import AsJson, Home
from repository.cli.screen import Screen, number, size, when
from repository.cli.waiting import go_on
from repository.texts import language, words
from repository.views import records as views

if TYPE_CHECKING:
    from repository.engine import Engine
    from repository.model import Deposit, DepositState

__all__ = ["deposit", "deposits", "refuse", "release"]

SHOWN_FINDINGS = 20
"""Findings of one deposit on the screen; all of them are in ``--json`` and in the deposit's report."""

PRODUCER_VARIABLE = "KHO_PRODUCER"

MANY = 24
"""Packages from which on processes will be at work (`repository.workforce.POOL_FROM`; its module is heavy)."""

_EXITS = {
    "stored": Exit.DONE,
    "refused": Exit.REFUSED,
    "held": Exit.REFUSED,
    "quarantined": Exit.REFUSED,
    "accepted": Exit.FEW_COPIES,
    "kept": Exit.FEW_COPIES,
}
"""What a deposit's state means for the exit code; any other state is work that was not finished. A repeated one means what
its earlier deposit means."""

_STYLES = {
    "stored": "green",
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
    if len(paths) >= MANY and update is None:
        door.helpers = beside(EXAMINER)
    with door.open(door.helpers) as engine:
        done = engine.deposits.submit(
            paths, producer=producer, key=key, update=update, metadata=metadata, title=title, progress=door.progress()
        )
        standings = _standings(engine, done)
        go_on(door, engine)
        head = engine.ledger.line()
    body = {"deposits": [_view(each, standings) for each in done], "head": head}
    states = standings.values()

    def text() -> None:
        _show(door, done, standings)
        if head:
            Screen(door.out).line(head, "dim")

    return door.answer("deposit", body, text, code=_exit(states), closing=_closing(states))


def _check_metadata(path: Path | None) -> None:
    """One file that is there, said before any deposit is announced. Raises Usage."""
    if path is None:
        return
    if not is_there(path):
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
        standings = _standings(engine, page.items)

    def text() -> None:
        screen = Screen(door.out)
        columns = [("ID", "id"), ("state", "id"), ("created", "id"), ("producer", "text"), ("label", "text"), ("AIP", "id")]
        screen.table([(words(f"label.{name.lower()}"), kind) for name, kind in columns], map(_row, page.items))
        if page.cursor:
            screen.line(words("list.more", cursor=page.cursor), "dim")

    return door.answer("deposits", {"deposits": [_view(each, standings) for each in page.items]}, text, cursor=page.cursor)


def release(context: typer.Context, deposit_id: DepositId, reason: Reason, home: Home = None, as_json: AsJson = False) -> int:
    """Release a held deposit."""
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        done = engine.deposits.release(deposit_id, reason=_reason(reason, "release"))
        standings = _standings(engine, [done])
    body = {"deposit": _view(done, standings)}
    states = standings.values()
    return door.answer("release", body, lambda: _show(door, [done], standings), code=_exit(states), closing=_closing(states))


def refuse(context: typer.Context, deposit_id: DepositId, reason: Reason, home: Home = None, as_json: AsJson = False) -> int:
    """Refuse a held deposit."""
    door = Door.of(context, home, as_json)
    with door.open() as engine:
        done = engine.deposits.refuse(deposit_id, reason=_reason(reason, "refuse"))
        standings = _standings(engine, [done])
    return door.answer("refuse", {"deposit": _view(done, standings)}, lambda: _show(door, [done], standings))


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


def _standings(engine: Engine, deposits: Sequence[Deposit]) -> dict[str, str]:
    """The state that counts, by deposit: of a repeated one it is that of the earlier deposit, for nothing else was kept of it.

    Where the catalog does not know the earlier one it stays "repeated", which is not believed to be safe.
    """
    earlier = sorted({each.reason for each in deposits if each.state.value == "repeated"})
    known = {deposit_id: each.state.value for deposit_id, each in _known(engine, earlier)}
    return {
        each.id: known.get(each.reason, each.state.value) if each.state.value == "repeated" else each.state.value
        for each in deposits
    }


def _known(engine: Engine, ids: Sequence[str]) -> Iterator[tuple[str, Deposit]]:
    from repository.errors import UnknownDeposit

    deposits = engine.archive.catalog.deposits
    try:
        yield from deposits.several(ids).items()
    except UnknownDeposit:
        for deposit_id in ids:
            with contextlib.suppress(UnknownDeposit):
                yield deposit_id, deposits.get(deposit_id)


def _view(each: Deposit, standings: Mapping[str, str]) -> dict[str, object]:
    repeats = each.state.value == "repeated" and standings[each.id] != "repeated"
    return {**views.deposit(each, language()), "earlier_state": standings[each.id] if repeats else ""}


def _exit(states: Iterable[str]) -> Exit:
    return worst(_EXITS.get(state, Exit.FAILED) for state in states)


def _closing(states: Collection[str]) -> list[Finding]:
    """How it ended, the outcome that gives the exit code last."""
    counts = Counter(_EXITS.get(state, Exit.FAILED) for state in states)
    held = sum(state == "held" for state in states)
    endings = (
        ("OPS-REFUSED", "count", counts[Exit.REFUSED] - held),
        ("OPS-HELD", "count", held),
        ("OPS-STUCK", "deposits", counts[Exit.FEW_COPIES]),
        ("OPS-UNFINISHED", "count", counts[Exit.FAILED]),
    )
    return [Finding(code, args={name: count}) for code, name, count in endings if count]


def _row(each: Deposit) -> list[str | tuple[str, str]]:
    state = (words(f"state.{each.state.value}"), _STYLES.get(each.state.value, "yellow"))
    return [each.id, state, when(each.created), each.producer, each.label, each.aip_id]


def _show(door: Door, deposits: Sequence[Deposit], standings: Mapping[str, str]) -> None:
    screen = Screen(door.out)
    for each in deposits:
        standing = standings[each.id]
        screen.line(f"{each.label}: {words(f'state.{each.state.value}')}", "bold " + _STYLES.get(standing, "yellow"))
        screen.facts(_facts(each, standing))
        screen.findings(each.findings, SHOWN_FINDINGS)
        screen.line()


def _facts(each: Deposit, standing: str) -> Iterator[tuple[str, str]]:
    version = f" · {words('label.version')} {each.aip_version}" if each.aip_version else ""
    yield words("label.id"), each.id
    yield words("label.aip"), each.aip_id + version if each.aip_id else ""
    yield words("label.files"), f"{number(each.files)} · {size(each.bytes)}"
    yield words("label.malware"), each.scanned or words(_unscanned(each))
    yield words("label.reason"), " · ".join(filter(None, (_why(each, standing), each.decided_by)))
    yield words("label.error"), spoken(each.error, language())
    yield words("label.expires"), when(each.expires, "")


def _unscanned(each: Deposit) -> str:
    """Why nothing looked for malware, as far as it is known: a deposit that failed before may have none of both findings."""
    if "MAL-NO-SCANNER" in each.finding_counts:
        return "deposit.no_scanner"
    return "deposit.scan_failed" if "MAL-NOT-SCANNED" in each.finding_counts else "deposit.not_scanned"


def _why(each: Deposit, standing: str) -> str:
    if each.state.value != "repeated":
        return each.reason
    return words("deposit.same_as", id=each.reason, state=words(f"state.{standing}"))
