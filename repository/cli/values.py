"""What is given on the command line, made into what a command asks for. typer has pydantic do that; to load pydantic takes a tenth of a
second, more than all else that a small command does, and texts and paths need none of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_origin

from repository.cli.door import Usage

__all__ = ["Values", "name_of", "place_of"]


class _ForTyper(Exception):
    """A value that only typer can make, or refuse in its words."""


def place_of(text: str) -> Path | str:
    """The place of a tier: a URL ("s3://…"), else a folder, from wherever the command is run."""
    return text if text.startswith("s3://") else Path(text).absolute()


def name_of(parameter: Any) -> str:
    """A parameter as those who run the command know it."""
    return str(parameter.opts[0] if parameter.param_type_name == "option" else parameter.metavar or parameter.name)


class Values:
    """The maker of one parameter's values (typer's `RuntimeParam`); what it does not know it leaves to ``typers``."""

    def __init__(self, typers: Callable[[], Any]) -> None:
        self._typers = typers

    @classmethod
    def of(cls, parameter: Any) -> Any:
        """The parameter, whose values are made here from now on; as it is where this typer makes them in another way."""
        typers = getattr(parameter, "get_runtime_param", None)
        if typers is not None and not isinstance(getattr(typers, "__self__", None), cls):
            parameter.get_runtime_param = cls(typers).maker
        return parameter

    def maker(self) -> Values:
        """What typer asks for."""
        return self

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """What typer's own does with a value, and raises. Raises Usage for a path of no letters: a variable of a script that is not set
        would stand for the folder that one happens to be in."""
        if _holds_no_path(value, param):
            raise Usage("USE-MISSING", name=name_of(param), command=getattr(ctx, "command_path", "") or "kho")
        try:
            return _made(value, param)
        except (_ForTyper, AttributeError):  # the second: this typer says otherwise what it wants
            return self._typers().coerce(value, param, ctx)


def _made(value: Any, parameter: Any) -> Any:
    kind, several = parameter.type_descriptor.annotation, parameter.multiple or parameter.nargs == -1
    if value is None:
        return () if several else None
    if get_origin(kind) is not list:
        return _one(value, kind, parameter)
    if not isinstance(value, list | tuple):
        raise _ForTyper
    return [_one(each, get_args(kind)[0], parameter) for each in value]


def _holds_no_path(value: Any, parameter: Any) -> bool:
    kind = getattr(getattr(parameter, "type_descriptor", None), "annotation", None)
    if get_origin(kind) is list:
        return get_args(kind)[0] is Path and isinstance(value, list | tuple) and "" in value
    return kind is Path and value == ""


def _one(value: Any, kind: Any, parameter: Any) -> Any:
    asked = parameter.type_descriptor.parameter_info
    if asked.parser is None and kind is Path and not _is_special(asked):
        return _path(value)
    if asked.parser is None and kind in (str, bool, int) and type(value) is kind and _is_within(value, asked):
        return value
    raise _ForTyper


def _is_special(asked: Any) -> bool:
    """Whether more is wanted of a path than that it can be read when there is something."""
    return bool(asked.exists or asked.writable or asked.resolve_path or asked.allow_dash or asked.path_type) or not (
        asked.file_okay and asked.dir_okay
    )


def _path(value: Any) -> Path:
    made = Path(value) if isinstance(value, str) and "\0" not in value else None
    if made is None or (os.path.exists(made) and not os.access(made, os.R_OK)):
        raise _ForTyper
    return made


def _is_within(value: Any, asked: Any) -> bool:
    return (asked.min is None or value >= asked.min) and (asked.max is None or value <= asked.max)
