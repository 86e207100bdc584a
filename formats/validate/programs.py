"""External programs, called from within the sandbox (so that they are confined with us, and end with us)."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Answer", "call", "version_of"]

VERSION_SECONDS = 20.0

MOST_OUTPUT = 4 << 20
"""Bytes of an answer that are looked at: reports of hostile files can be as long as one likes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``status`` is the exit status; below zero the program died of that signal."""

    status: int
    out: str
    err: str


def version_of(command: Sequence[str], pattern: str) -> str:
    """What ``command`` says of its version (the first group of ``pattern``); "" when the program is not here or does not say."""
    program = shutil.which(command[0])
    if program is None:
        return ""
    try:
        said = subprocess.run([program, *command[1:]], capture_output=True, stdin=subprocess.DEVNULL, timeout=VERSION_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = re.search(pattern, (said.stdout + said.stderr).decode(errors="replace"))
    return match[1] if match else ""


def call(command: Sequence[str | Path]) -> Answer:
    """Run it to its end (how long that may take is for whoever started us). Raises OSError when it cannot be started."""
    with Path("out").open("w+b") as out, Path("err").open("w+b") as err:
        status = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out, stderr=err).returncode
        out.seek(0)
        err.seek(0)
        said = out.read(MOST_OUTPUT), err.read(MOST_OUTPUT)
    return Answer(status, *(words.decode(errors="replace") for words in said))
