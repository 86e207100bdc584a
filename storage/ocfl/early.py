"""Processes for the check of a storage root, made before anything else is known: copies of this one, as soon as it has loaded what they
run."""

from __future__ import annotations

import os

from storage.processes import Helpers

__all__ = ["ENTRY", "MUCH", "early_helpers"]

ENTRY = "storage.ocfl.check_parallel:serve"
"""What a process that judges objects runs."""

MUCH = 128
"""Folders in a storage root from which on it is worth while to start processes before anything else is known."""


def early_helpers(path: str | os.PathLike[str]) -> Helpers | None:
    """Processes that judge objects, one a processor, when ``path`` looks like a storage root that holds many; to be closed."""
    cores = len(os.sched_getaffinity(0))
    try:
        names = os.listdir(path) if cores > 1 else []
    except OSError:
        return None
    if len(names) < MUCH or not any(name.startswith("0=ocfl_") and not name.startswith("0=ocfl_object") for name in names):
        return None
    helpers = Helpers(ENTRY, cores)
    helpers.copy()
    return helpers
