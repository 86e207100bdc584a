"""One run of ``kho``, from its arguments to its exit code. The only place where exceptions become words and codes."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from typer import Abort, TyperException

from policies.findings import Finding, KhoError
from policies.phrases import phrase
from repository.cli.app import application
from repository.cli.door import Door
from repository.cli.exits import Exit
from repository.cli.failures import exit_of, finding_of, usage_finding

if TYPE_CHECKING:
    from storage.processes import Helpers

__all__ = ["run"]

INTERRUPTED = 130
"""What typer returns when a command ended with KeyboardInterrupt (128 + SIGINT, by the custom of shells)."""


def run(arguments: Sequence[str], helpers: Helpers | None = None) -> int:
    """Run one command line; returns the exit code. ``helpers`` are what `repository.cli.ahead` began; they end with the run. Raises
    nothing but what the interpreter itself needs."""
    _make_printable()
    logging.lastResort = logging.NullHandler()  # what no log was configured for must not print tracebacks on the screen
    door = Door(as_json="--json" in arguments, helpers=helpers)
    try:
        result = application()(args=list(arguments), prog_name="kho", standalone_mode=False, obj=door)
        if result == INTERRUPTED:
            raise KeyboardInterrupt
        door.out.flush()
        return int(result or Exit.DONE)
    except BrokenPipeError:
        _abandon_stdout()
        return Exit.FAILED
    except (KeyboardInterrupt, Abort):
        again = f"`{door.again}`" if door.again else phrase("the-same-command")
        return _tell(door, Finding("OPS-INTERRUPTED", args={"again": again}), Exit.FAILED)
    except Exception as error:
        return _failed(door, error)
    finally:
        if door.helpers is not None:
            door.helpers.close()


def _failed(door: Door, error: Exception) -> int:
    if isinstance(error, TyperException) and not isinstance(error, KhoError):
        finding, code = usage_finding(error), Exit.USAGE
    else:
        finding, code = finding_of(error, door.home), exit_of(error)
    return _tell(door, finding, code)


def _tell(door: Door, finding: Finding, code: Exit) -> int:
    try:
        door.failed(finding)
        door.out.flush()
    except OSError:  # stdout itself is the trouble: a reader that has gone, a full disk
        _abandon_stdout()
        with contextlib.suppress(OSError):
            door.close([finding])
    return code


def _abandon_stdout() -> None:
    """Nobody takes our answer (``kho list | head``). The interpreter must not try to flush once more at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())


def _make_printable() -> None:
    """Answers are UTF-8 whatever the locale says; a character that cannot be written is shown as an escape, never an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
