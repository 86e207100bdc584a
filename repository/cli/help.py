"""Help in the reader's language: typer's own words, and the options that every command has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from repository.cli.pages import help_page, usage
from repository.texts import words

__all__ = ["AipId", "AsJson", "Home", "KhoCommand", "KhoGroup"]


class KhoCommand(TyperCommand):
    """A command whose help speaks the reader's language."""

    def get_usage(self, ctx: Any) -> str:
        return usage(self, ctx)

    def get_help(self, ctx: Any) -> str:
        return help_page(self, ctx)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(help_page(self, ctx))

    def get_help_option(self, ctx: Any) -> Any:
        option = super().get_help_option(ctx)
        if option is not None:
            option.help, option.metavar = words("help.help"), " "
        return option


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


class KhoGroup(TyperGroup):
    """A group of commands whose help speaks the reader's language."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(self.commands, key=lambda name: _LIFE.index(name) if name in _LIFE else len(_LIFE))

    def get_usage(self, ctx: Any) -> str:
        return usage(self, ctx)

    def get_help(self, ctx: Any) -> str:
        return help_page(self, ctx)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(help_page(self, ctx))

    def get_help_option(self, ctx: Any) -> Any:
        option = super().get_help_option(ctx)
        if option is not None:
            option.help, option.metavar = words("help.help"), " "
        return option


Home = Annotated[Path | None, typer.Option("--home", metavar="DIR", help=words("option.home"))]
AsJson = Annotated[bool, typer.Option("--json", metavar=" ", help=words("option.json"))]
AipId = Annotated[str, typer.Argument(metavar="AIP", help=words("option.aip"), show_default=False)]
