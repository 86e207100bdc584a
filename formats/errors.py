"""The errors of formats.

FormatsError
├── SpoolFull      the disk that holds the spool is full: our problem, not the depositor's
├── SpoolFailed    the spool could not be written or read for another reason
└── NameTaken      two things of one package want the same place (a reader turns it into a finding)
"""

from __future__ import annotations

import errno

from policies.findings import KhoError
from policies.phrases import os_phrase

__all__ = ["FormatsError", "NameTaken", "SpoolFailed", "SpoolFull", "spool_error"]


class FormatsError(KhoError):
    """The base of this package's errors: Kho could not work. What is wrong with content is a finding, never one of these."""


class SpoolFull(FormatsError):
    def __init__(self, path: str) -> None:
        super().__init__("PKG-SPOOL-FULL", path)


class SpoolFailed(FormatsError):
    def __init__(self, path: str, reason: str) -> None:
        super().__init__("PKG-SPOOL-FAILED", path, reason=reason)


class NameTaken(FormatsError):
    """``code`` says how: PKG-DUPLICATE (the same name twice), PKG-FILE-AND-FOLDER, PKG-STORED-TWICE."""


def spool_error(error: OSError, path: str) -> FormatsError:
    """What an OSError of writing to the spool means."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return SpoolFull(path)
    return SpoolFailed(path, os_phrase(error))
