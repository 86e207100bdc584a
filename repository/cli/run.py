"""One run of ``kho``, from its arguments to its exit code. The only place where exceptions become words and codes."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from typer import Abort, TyperException

from policies.findings import Finding, KhoError
from repository.cli.app import application
from repository.cli.door import Door
from repository.cli.exits import Exit
from repository.cli.failures import exit_of, finding_of, usage_finding

__all__ = ["run"]

INTERRUPTED = 130
"""What typer returns when a command ended with KeyboardInterrupt (128 + SIGINT, by the custom of shells)."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line; returns the exit code. Raises nothing but what the interpreter itself needs."""
    _make_printable()
    door = Door(as_json="--json" in arguments)
    try:
        result = application()(args=list(arguments) or ["--help"], prog_name="kho", standalone_mode=False, obj=door)
        if result == INTERRUPTED:
            raise KeyboardInterrupt
        door.out.flush()
        return int(result or Exit.DONE)
    except BrokenPipeError:
        return _broken_pipe()
    except (KeyboardInterrupt, Abort):
        door.failed(Finding("OPS-INTERRUPTED"))
        return Exit.FAILED
    except Exception as error:
        return _failed(door, error)


def _failed(door: Door, error: Exception) -> int:
    if isinstance(error, TyperException) and not isinstance(error, KhoError):
        finding, code = usage_finding(error), Exit.USAGE
    else:
        finding, code = finding_of(error, door.home), exit_of(error)
    try:
        door.failed(finding)
    except BrokenPipeError:
        return _broken_pipe()
    return code


def _broken_pipe() -> int:
    """Whoever read our answer has gone (``kho list | head``). The interpreter must not try to flush once more at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    return Exit.FAILED


def _make_printable() -> None:
    """Answers are UTF-8 whatever the locale says; a character that cannot be written is shown as an escape, never an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
