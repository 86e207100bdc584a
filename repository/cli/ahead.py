"""What begins before the command line is understood, and before the code for that is loaded, which takes a fifth of a second."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from storage.ocfl.early import early_helpers
from storage.processes import Helpers

__all__ = ["begun"]

_WITH_VALUE = ("--home",)
"""Options of ``kho`` itself that are followed by a value."""


def begun(arguments: Sequence[str]) -> Helpers | None:
    """The processes that ``kho verify`` of a large storage root will need; to be closed."""
    said = _said(arguments)
    if next(said, None) == "verify":
        for path in said:
            if (helpers := early_helpers(path)) is not None:
                return helpers
    return None


def _said(arguments: Sequence[str]) -> Iterator[str]:
    """The words that are no options."""
    words = iter(arguments)
    for word in words:
        if word in _WITH_VALUE:
            next(words, None)
        elif not word.startswith("-"):
            yield word
