"""What begins before anything else: processes that are copies of this one, made while it is alone and has nothing open."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Sequence

from repository.loading import loading
from storage import processes
from storage.ocfl.early import early_helpers
from storage.processes import Helpers

__all__ = ["EXAMINER", "begun", "beside"]

_WITH_VALUE = ("--home",)
"""Options of ``kho`` itself that are followed by a value."""

_HELP = "--help"
"""Who asks for it wants no audit."""

READERS = "storage.verifiers:serve"
"""What a process that re-reads copies runs; its module is not loaded for the other commands."""


def begun(arguments: Sequence[str]) -> Helpers | None:
    """The processes that ``kho verify`` of a large storage root, or an audit, will need; to be closed. Asked before the command line is
    understood, and before the code for that is loaded: much of it no such process needs, and copies of this one would have to keep."""
    said = _said(arguments)
    command = next(said, None)
    if command == "verify":
        for path in said:
            if (helpers := early_helpers(path)) is not None:
                return helpers
    if command == "audit" and _HELP not in arguments and processes.alone():
        return _copies(READERS)  # an audit may be small: copies cost it next to nothing, and programs more than it does
    return None


EXAMINER = "repository.signed.examiner"
"""What looks for signatures, which every process would load for itself with its first deposit."""


def beside(*loaded: str) -> Helpers | None:
    """Processes for the `repository.workforce.Workforce` of an archive that is not open yet, one a processor; None where there is but one.
    To be closed. They have what they run, and the modules ``loaded``, from the beginning."""
    return _copies("repository.workforce:serve", loaded)


def _copies(entry: str, loaded: Sequence[str] = ()) -> Helpers | None:
    """Processes that run ``entry``, one a processor; None where there is but one."""
    cores = len(os.sched_getaffinity(0))
    if cores < 2:
        return None
    helpers = processes.Helpers(entry, cores)
    with loading():  # what they run is most of what is run here
        for each in loaded:
            importlib.import_module(each)
        helpers.copy()
    return helpers


def _said(arguments: Sequence[str]) -> Iterator[str]:
    """The words that are no options."""
    words = iter(arguments)
    for word in words:
        if word in _WITH_VALUE:
            next(words, None)
        elif not word.startswith("-"):
            yield word
