"""What begins before anything else: processes that are copies of this one, made while it is alone and has nothing open."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from repository.loading import loading
from storage import processes
from storage.ocfl.early import early_helpers
from storage.processes import Helpers

__all__ = ["begun", "beside"]

_WITH_VALUE = ("--home",)
"""Options of ``kho`` itself that are followed by a value."""


def begun(arguments: Sequence[str]) -> Helpers | None:
    """The processes that ``kho verify`` of a large storage root will need; to be closed. Asked before the command line is understood, and
    before the code for that is loaded, which takes a fifth of a second."""
    said = _said(arguments)
    if next(said, None) == "verify":
        for path in said:
            if (helpers := early_helpers(path)) is not None:
                return helpers
    return None


def beside() -> Helpers | None:
    """Processes for the `repository.workforce.Workforce` of an archive that is not open yet, one a processor; None where there is but one.
    To be closed."""
    cores = len(os.sched_getaffinity(0))
    if cores < 2:
        return None
    helpers = processes.Helpers("repository.workforce:serve", cores)
    with loading():  # what they run is most of what is run here
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
