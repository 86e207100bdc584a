"""Help in the reader's language: typer's own words, and the options that every command has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from repository.cli.pages import help_page, usage
from repository.cli.values import Values
from repository.texts import words

__all__ = ["AipId", "AsJson", "Home", "KhoCommand", "KhoGroup"]


class _Ours:
    """What is ours of every command: its help in the reader's language, and how values are made of its options and arguments."""

    def get_usage(self, ctx: Any) -> str:
        return usage(self, ctx)

    def get_help(self, ctx: Any) -> str:
        return help_page(self, ctx)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(help_page(self, ctx))

    def get_help_option(self, ctx: Any) -> Any:
        option: Any = super().get_help_option(ctx)  # type: ignore[misc]
        if option is not None:
            option.help, option.metavar = words("help.help"), " "
        return option

    def get_params(self, ctx: Any) -> list[Any]:
        return [Values.of(each) for each in super().get_params(ctx)]  # type: ignore[misc]


class KhoCommand(_Ours, TyperCommand):
    """A command whose help speaks the reader's language."""


_LIFE = (
    "init",
    "deposit",
    "deposits",
    "list",
    "show",
    "audit",
    "repair",
    "report",
    "export",
    "evidence",
    "signatures",
    "ledger",
    "catalog",
    "upgrade",
    "verify",
    "worker",
    "serve",
)
"""The order in which help lists the commands: the life of a record, then what keeps the archive going."""


class KhoGroup(_Ours, TyperGroup):
    """A group of commands whose help speaks the reader's language."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(self.commands, key=lambda name: _LIFE.index(name) if name in _LIFE else len(_LIFE))


Home = Annotated[Path | None, typer.Option("--home", metavar="DIR", help=words("option.home"))]
AsJson = Annotated[bool, typer.Option("--json", metavar=" ", help=words("option.json"))]
AipId = Annotated[str, typer.Argument(metavar="AIP", help=words("option.aip"), show_default=False)]
