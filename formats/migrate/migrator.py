"""Migrators: each makes, from one file, another that says the same in another format, with one outside tool."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from formats.sandbox import End, Outcome, SandboxLimits, left, run
from formats.tools import program
from policies.phrases import phrase

__all__ = ["LIMITS", "Failed", "Made", "Migrator", "command_words", "placed", "run_tool"]

LIMITS = SandboxLimits(seconds=900.0)
"""One file: a book of 500 scanned pages is read by OCR in 20 minutes, and asks for more; an office document takes seconds."""


ADDRESS: Final = re.compile(r" @ 0x[0-9a-f]+")
"""Where in memory a decoder of FFmpeg was, as it says beside its name: another number in every run, that is kept for ever otherwise."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a migrator made. ``command`` is what was run, with {source} and {result} for the two files: it can be run again."""

    result: Path
    tool: str
    version: str
    command: str
    seconds: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """Nothing was made. ``code`` says what kind of fact that is (policies/codes/migration.toml), ``reason`` gives the tool's words."""

    code: str
    tool: str
    version: str
    command: str
    reason: str
    seconds: float = 0.0


class Migrator(Protocol):
    """One outside tool. Bad content, and a tool that hangs or dies, is a `Failed`; nothing is raised for it."""

    @property
    def name(self) -> str:
        """By which policies call it."""

    @property
    def recipes(self) -> Mapping[str, str]:
        """Recipe → extension of its result, with the point."""

    def version(self) -> str | None:
        """The installed version, None when the tool is not here."""

    def migrate(self, source: Path, recipe: str, work: Path, *, limits: SandboxLimits = LIMITS) -> Made | Failed:
        """Make the result below ``work``, an empty folder of the caller's. The source is only read; its extension must be true.

        Raises:
            KeyError: there is no such recipe.
            OSError: no process can be started, or ``work`` cannot be written.
        """


def placed(source: Path, work: Path, name: str = "source") -> Path:
    """The source under a plain name in ``work``: tools stumble over names, and write beside what they read."""
    link = work / f"{name}{source.suffix.lower()}"
    os.symlink(source.absolute(), link)
    return link


def command_words(command: Sequence[str], names: Mapping[str, str]) -> str:
    """The command as it is recorded: no path of this machine, and nothing that changes from run to run."""
    words = [_named(word, names) for word in command]
    return shlex.join(words).replace("'{source}'", "{source}").replace("'{result}'", "{result}")


def _named(words: str, names: Mapping[str, str]) -> str:
    for path, name in sorted(names.items(), key=lambda each: -len(each[0])):
        words = words.replace(path, name)
    return words


def run_tool(
    command: Sequence[str],
    *,
    tool: str,
    version: str | None,
    source: Path,
    result: Path,
    work: Path,
    limits: SandboxLimits,
    also: Mapping[str, str] | None = None,
    encrypted: Sequence[bytes] = (),
    environment: Mapping[str, str] | None = None,
    again: int = 0,
) -> Made | Failed:
    """Run a tool that makes ``result``. ``also`` names further paths for the record; ``encrypted`` are words by which the tool says
    that it would need a password; ``again`` is a status by which it asks to be started once more."""
    names = {str(source): "{source}", str(result): "{result}", str(work): "{work}", **(also or {})}
    said = command_words([Path(command[0]).name, *command[1:]], names)
    place = program(command[0]) if not os.path.isabs(command[0]) else command[0]
    if place is None or version is None:
        return Failed("MIG-NO-TOOL", tool, "", said, phrase("program-not-installed", name=command[0]))
    outcome = run([place, *command[1:]], folder=work, limits=limits, environment=environment)
    if again and outcome.status == again:
        outcome = run([place, *command[1:]], folder=work, limits=limits, environment=environment)
    if outcome.ok and left(result, work) and result.stat().st_size:
        return Made(result, tool, version, said, outcome.seconds)
    own, theirs = (
        _named(ADDRESS.sub("", each.decode("utf-8", "replace")), names).encode() for each in (outcome.stdout, outcome.stderr)
    )
    outcome = replace(outcome, stdout=own, stderr=theirs)  # a finding is kept for ever, and no path of this machine with it
    return Failed(_code(outcome, encrypted), tool, version, said, _reason(outcome, result, work), outcome.seconds)


def _reason(outcome: Outcome, result: Path, work: Path) -> str:
    if not outcome.ok:
        return outcome.words()
    other = os.path.lexists(result) and not left(result, work)
    return phrase("tool-made-no-file" if other else "tool-made-nothing") + _last_line(outcome)


def _code(outcome: Outcome, encrypted: Sequence[bytes]) -> str:
    if outcome.end in (End.TIME, End.MEMORY, End.PROCESSES):
        return "MIG-TOOL-LIMIT"
    if outcome.end is End.DISK:
        return "MIG-TOOL-DISK"
    if outcome.end is End.NOT_STARTED:
        return "MIG-NO-TOOL"
    said = outcome.stdout + outcome.stderr
    return "MIG-ENCRYPTED" if any(word in said for word in encrypted) else "MIG-TOOL-FAILED"


def _last_line(outcome: Outcome) -> str:
    lines = [line.strip() for line in (outcome.stdout + outcome.stderr).decode("utf-8", "replace").splitlines() if line.strip()]
    return f" ({lines[-1][:200]})" if lines else ""
