"""The command tree: what ``kho --help`` shows, in the order of a record's life. A command's module is loaded, and its options are
worked out, when it is asked for: for all of them that takes longer than a small command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Annotated, Any, Final

import typer
from typer.main import get_command

from repository.cli.door import Door
from repository.cli.help import AsJson, Home, KhoCommand, KhoGroup
from repository.texts import words

__all__ = ["application"]

_TREE: Final[Mapping[str, tuple[str, str]]] = {
    "init": ("archive.init", "init"),
    "deposit": ("deposits.deposit", "deposit"),
    "deposits": ("deposits.deposits", "deposits"),
    "deposits release": ("deposits.release", "release"),
    "deposits refuse": ("deposits.refuse", "refuse"),
    "list": ("holdings.listing", "list"),
    "show": ("holdings.show", "show"),
    "status": ("status.status", "status"),
    "audit": ("fixity.audit", "audit"),
    "repair": ("fixity.repair", "repair"),
    "tiers": ("tiers.tiers", "tiers"),
    "tiers add": ("tiers.add", "tiers_add"),
    "tiers replace": ("tiers.replace", "tiers_replace"),
    "tiers remove": ("tiers.remove", "tiers_remove"),
    "copies": ("", "copies"),
    "copies plan": ("copies.plan", "copies_plan"),
    "copies apply": ("copies.apply", "copies_apply"),
    "copies sweep": ("copies.sweep", "copies_sweep"),
    "drill": ("", "drill"),
    "drill restore": ("drill.restore", "drill_restore"),
    "report": ("", "report"),
    "report fixity": ("fixity.report", "report_fixity"),
    "export": ("holdings.export", "export"),
    "catalog": ("", "catalog"),
    "catalog rebuild": ("catalog.rebuild", "rebuild"),
    "ledger": ("", "ledger"),
    "ledger verify": ("ledger.verify", "ledger_verify"),
    "ledger head": ("ledger.head", "ledger_head"),
    "ledger close": ("ledger.close", "ledger_close"),
    "ledger export": ("ledger.export", "ledger_export"),
    "ledger prove": ("ledger.prove", "ledger_prove"),
    "ledger rotate-key": ("ledger.rotate_key", "ledger_key"),
    "evidence": ("", "evidence"),
    "evidence batch": ("evidence.batch", "evidence_batch"),
    "evidence export": ("evidence.export", "evidence_export"),
    "evidence plan": ("evidence.plan", "evidence_plan"),
    "evidence renew": ("evidence.renew", "evidence_renew"),
    "evidence verify": ("evidence.verify", "evidence_verify"),
    "signatures": ("", "signatures"),
    "signatures validate": ("signatures.validate", "signatures_validate"),
    "signatures status": ("signatures.status", "signatures_status"),
    "signatures collect": ("signatures.collect", "signatures_collect"),
    "signatures copy": ("signatures.copy", "signatures_copy"),
    "tape": ("", "tape"),
    "tape inventory": ("tape.inventory", "tape_inventory"),
    "tape label": ("tape.label", "tape_label"),
    "tape show": ("tape.show", "tape_show"),
    "tape recover": ("tape.recover", "tape_recover"),
    "tape refresh": ("tape.refresh", "tape_refresh"),
    "tape export": ("tape.export", "tape_export"),
    "tape import": ("tape.import_", "tape_import"),
    "tape lost": ("tape.lost", "tape_lost"),
    "formats": ("", "formats"),
    "formats identify": ("identification.identify", "formats_identify"),
    "formats reidentify": ("identification.reidentify", "formats_reidentify"),
    "formats update": ("identification.update", "formats_update"),
    "formats holdings": ("formats.holdings", "formats_holdings"),
    "formats risks": ("formats.risks", "formats_risks"),
    "formats plan": ("formats.plan", "formats_plan"),
    "formats sample": ("formats.sample", "formats_sample"),
    "formats preview": ("formats.preview", "formats_preview"),
    "formats campaign": ("", "campaign"),
    "formats campaign run": ("campaigns.run", "campaign_run"),
    "formats campaign list": ("campaigns.list_", "campaign_list"),
    "formats campaign report": ("campaigns.report", "campaign_report"),
    "formats campaign rollback": ("campaigns.rollback", "campaign_rollback"),
    "upgrade": ("catalog.upgrade", "upgrade"),
    "verify": ("verify.verify", "verify"),
    "worker": ("archive.worker", "worker"),
    "serve": ("archive.serve", "serve"),
}
"""Commands and groups: the function (in repository.cli; "" for a group that does nothing by itself), and the key of the words of help.
What has others below it is a group."""


def _version(asked: bool) -> None:
    if asked:
        from importlib import metadata

        print(f"kho {metadata.version('kho')}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", metavar=" ", is_eager=True, callback=_version, help=words("option.version"))]


class _Commands(Mapping[str, Any]):
    """The commands of a group by name, each made when it is asked for. ``group`` is its path and a blank, "" for all of ``kho``."""

    def __init__(self, group: str) -> None:
        self._group = group
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = _made(name, self._group + name)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        names = (path.removeprefix(self._group) for path in _TREE if path.startswith(self._group))
        return (name for name in names if " " not in name)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def help(self, name: str) -> str:
        """What a command is for, without making it."""
        return words(f"help.{_TREE[self._group + name][1]}")


def _made(name: str, path: str) -> Any:
    """The command or group at a path. Raises KeyError."""
    place, key = _TREE[path]
    module, _, function = place.partition(".")
    home = import_module(f"repository.cli.{module}") if place else None
    does = getattr(home, function) if home else lambda: None
    app = typer.Typer(
        cls=KhoGroup, help=words(f"help.{key}"), add_completion=False, rich_markup_mode=None, invoke_without_command=bool(place)
    )
    commands = _Commands(f"{path} ")
    if not commands:
        app.command(name, cls=KhoCommand, help=words(f"help.{key}"))(does)
        return get_command(app)
    app.callback()(does)
    return _with(commands, app)


def _with(commands: _Commands, app: typer.Typer) -> Any:
    group: Any = get_command(app)
    group.commands = commands
    return group


def application() -> Any:
    """The whole application. Each command returns its exit code; ``run`` turns exceptions into words."""
    app = typer.Typer(
        cls=KhoGroup, help=words("help.kho"), epilog=words("help.exits"), add_completion=False, rich_markup_mode=None
    )

    @app.callback()
    def root(context: typer.Context, home: Home = None, as_json: AsJson = False, version: Version = False) -> None:
        Door.of(context, home, as_json)

    return _with(_Commands(""), app)
