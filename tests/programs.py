"""Where programs are that tests start and that Debian keeps for administrators: the PATH of an ordinary user does not name that folder."""

from __future__ import annotations

import os
import shutil


def found(name: str) -> str | None:
    """The path of a program, on the PATH or where daemons are; none where it is not installed."""
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin")))
