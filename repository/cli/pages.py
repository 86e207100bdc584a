"""Help pages: plain text in two columns, in the reader's language. (typer would draw boxes; what that imports takes longer than all
the rest of ``kho --help``, and its defaults and ranges speak English only.)"""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, Final

from repository.texts import words

__all__ = ["help_page", "usage"]

WIDEST: Final = 100
"""Columns beyond which lines are hard to read."""

_INDENT: Final = 2
_NAMES: Final = 30
"""Columns that names may take before their words begin on the next line."""


def usage(command: Any, context: Any) -> str:
    """``Usage: kho export [options] AIP``."""
    pieces = [_piece(piece) for piece in command.collect_usage_pieces(context)]
    return " ".join([f"{words('help.usage')}: {context.command_path}", *pieces])


def _piece(piece: str) -> str:
    if piece == "[OPTIONS]":
        return f"[{words('help.options').lower()}]"
    if piece.startswith("COMMAND"):
        return words("help.command") + " …"
    return piece.removesuffix("...").replace("[[", "[").replace("]]", "]").strip("{}")


def help_page(command: Any, context: Any) -> str:
    """The whole page of a command or group, ending in a line feed."""
    width = min(shutil.get_terminal_size().columns, WIDEST)
    parameters = [each for each in command.get_params(context) if not getattr(each, "hidden", False)]
    arguments = [each for each in parameters if each.param_type_name == "argument"]
    options = [each for each in parameters if each.param_type_name == "option"]
    sections = [
        (words("help.arguments"), [(each.metavar.strip("[]"), _said(each)) for each in arguments if each.help]),
        (words("help.options"), [(_names(each), _said(each)) for each in options]),
        (words("help.commands"), list(_commands(command, context))),
    ]
    lines = [usage(command, context), "", *textwrap.wrap(command.help or "", width)]
    for title, rows in sections:
        if rows:
            lines += ["", _bold(f"{title}:"), *_columns(rows, width)]
    if command.epilog:
        lines += ["", *textwrap.wrap(command.epilog, width)]
    return "\n".join(lines) + "\n"


def _commands(group: Any, context: Any) -> Iterator[tuple[str, str]]:
    for name in group.list_commands(context) if hasattr(group, "list_commands") else ():
        yield name, group.commands.help(name)


def _names(option: Any) -> str:
    names = ", ".join(sorted(option.opts, key=len))
    return f"{names} {option.metavar or ''}".strip()


def _said(parameter: Any) -> str:
    """What the parameter is for, and whether it must be given, what it may be, and what it is else."""
    more = []
    if parameter.required:
        more.append(words("help.required"))
    least, most = getattr(parameter, "min", None), getattr(parameter, "max", None)
    if least is not None:
        more.append(f"{least}…" if most is None else f"{least}…{most}")
    default = parameter.default
    if getattr(parameter, "show_default", False) and isinstance(default, str | int) and not isinstance(default, bool):
        more.append(f"{words('help.default')}: {default}")
    return " ".join(filter(None, [parameter.help, f"({'; '.join(more)})" if more else ""]))


def _columns(rows: Sequence[tuple[str, str]], width: int) -> Iterator[str]:
    names = min(max(len(name) for name, _ in rows), _NAMES)
    column = _INDENT + names + 2
    for name, said in rows:
        first, *others = textwrap.wrap(said, max(width - column, WIDEST // 4)) or [""]
        if len(name) > names:
            yield " " * _INDENT + name
            yield " " * column + first
        else:
            yield f"{' ' * _INDENT}{name:<{names}}  {first}".rstrip()
        for other in others:
            yield " " * column + other


def _bold(text: str) -> str:
    return f"\x1b[1m{text}\x1b[0m" if sys.stdout.isatty() else text
