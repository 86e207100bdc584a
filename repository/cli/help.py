"""Help in the reader's language: typer's own words, and the options that every command has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from repository.texts import words

__all__ = ["AipId", "AsJson", "Home", "KhoCommand", "KhoGroup", "usage_line"]


def usage_line(text: str) -> str:
    """typer's "Usage: kho …" in the reader's language."""
    return text.replace("Usage:", words("help.usage") + ":", 1)


def _translate_panels() -> None:
    """Give rich's help panels their headings. They are constants of typer's module, read when help is drawn."""
    from typer import rich_utils

    rich_utils.ARGUMENTS_PANEL_TITLE = words("help.arguments")
    rich_utils.OPTIONS_PANEL_TITLE = words("help.options")
    rich_utils.COMMANDS_PANEL_TITLE = words("help.commands")
    rich_utils.REQUIRED_LONG_STRING = "[" + words("help.required") + "]"


class KhoCommand(TyperCommand):
    """A command whose help speaks the reader's language."""

    def get_usage(self, ctx: Any) -> str:
        return usage_line(super().get_usage(ctx))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        _translate_panels()
        super().format_help(ctx, formatter)

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
    "catalog",
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
        return usage_line(super().get_usage(ctx))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        _translate_panels()
        super().format_help(ctx, formatter)

    def get_help_option(self, ctx: Any) -> Any:
        option = super().get_help_option(ctx)
        if option is not None:
            option.help, option.metavar = words("help.help"), " "
        return option


Home = Annotated[Path | None, typer.Option("--home", metavar="DIR", help=words("option.home"))]
AsJson = Annotated[bool, typer.Option("--json", metavar=" ", help=words("option.json"))]
AipId = Annotated[str, typer.Argument(metavar="AIP", help=words("option.aip"), show_default=False)]
