"""The caller's side of inspection: files in, outcomes out, by confined workers that may die."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from formats.characterise import Value
from formats.families import family_of
from formats.sandbox import GIB, MIB, End, Reply, SandboxLimits, Workers
from formats.validate import Validation, Why
from formats.validate.validation import could_not
from policies.findings import Puid
from policies.phrases import os_phrase, phrase

__all__ = ["Inspection", "InspectionLimits", "Inspectors"]

MODULE = "formats.inspection.worker"

COMPILING = 60.0
"""Seconds for all schemas of a deposit: METS, PREMIS and EAD together take a tenth of one."""

NO_VALIDATOR = phrase("no-validator")


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found out about one file. ``validation`` is None when it was not asked for; ``properties`` may be empty."""

    validation: Validation | None
    properties: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InspectionLimits:
    """One file may take ``seconds`` + its size ÷ ``slowest_bytes_per_second`` by the clock; a worker with its programs holds at most
    ``memory`` bytes. ``workers`` is how many work at once; 0 is one a core."""

    seconds: float = 120.0
    slowest_bytes_per_second: float = 2.0 * MIB
    """ffmpeg decodes FFV1 of an hour (40 GB) at some 20 MB/s on one core; a tenth of that is too slow."""
    memory: int = 3 * GIB
    workers: int = 0


class Inspectors:
    """Validates and characterises files. Workers start when they are first needed, and stay for the next call; `close` ends them.

    The two are one request, because both begin by opening the file.
    """

    def __init__(self, limits: InspectionLimits | None = None, *, environment: Mapping[str, str] | None = None) -> None:
        self._limits = limits or InspectionLimits()
        count = self._limits.workers or len(os.sched_getaffinity(0))
        sandbox = SandboxLimits(memory=self._limits.memory)
        self._workers = Workers(MODULE, count=count, limits=sandbox, environment=environment)

    def inspect(
        self,
        files: Iterable[tuple[Path, Puid]],
        *,
        validate: bool = True,
        characterise: bool = True,
        schemas: Path | None = None,
        limits: InspectionLimits | None = None,
    ) -> Iterator[tuple[Path, Inspection]]:
        """One outcome for each (file, format), in their order, in bounded memory. ``schemas`` is a folder of those that XML is held
        against (`usable`). ``limits`` may give another time than those of the workers. Raises OSError when no process can be started."""
        given = limits or self._limits
        asked: dict[str, bool | str] = {"validate": validate, "characterise": characterise}
        asked["schemas"] = str(schemas.absolute()) if schemas else ""
        replies = self._workers.ask_all(
            files, lambda file: self._ask(file, asked, given), known=_known, at_once=given.workers or None
        )
        for (path, _), reply in replies:
            yield path, _outcome(reply, validate)

    def validate(self, files: Iterable[tuple[Path, Puid]]) -> Iterator[tuple[Path, Validation]]:
        """As `inspect`, validation only."""
        for path, found in self.inspect(files, characterise=False):
            assert found.validation is not None
            yield path, found.validation

    def usable(self, schemas: Path) -> str:
        """Why the schemas of a folder cannot be used at all: compiling takes more time or memory than it may. "" when they can; what is
        wrong with one of them is told of each file that it would speak of."""
        reply = self._workers.ask({"compile": str(schemas.absolute())}, seconds=COMPILING)
        return "" if reply.body is not None and "schemas" in reply.body else reply.reason or phrase("worker-answer")

    def _ask(self, file: tuple[Path, Puid], asked: Mapping[str, bool | str], limits: InspectionLimits) -> Reply:
        path, puid = file
        try:
            size = path.stat().st_size
        except OSError as error:
            return Reply({"error": os_phrase(error)})
        seconds = limits.seconds + size / limits.slowest_bytes_per_second
        return self._workers.ask({"path": os.path.abspath(path), "puid": puid, **asked}, seconds=seconds)

    def close(self) -> None:
        self._workers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


NOBODY = Reply({"validation": could_not(Why.NO_VALIDATOR, NO_VALIDATOR).document(), "properties": {}})


def _known(file: tuple[Path, Puid]) -> Reply | None:
    """The answer for files of no family that Kho knows: nobody need be asked, and the file is not even looked for."""
    return None if family_of(file[1]) else NOBODY


def _outcome(reply: Reply, validated: bool) -> Inspection:
    if reply.body is None:
        return _nothing(Why.TIME_OUT if reply.end is End.TIME else Why.TOOL_DIED, reply.reason)
    if "error" in reply.body:
        return _nothing(Why.TOOL_DIED, phrase("file-not-read", reason=str(reply.body["error"])))
    try:
        said = reply.body["validation"]
        properties = {
            str(name): value for name, value in reply.body["properties"].items() if isinstance(value, str | int | float)
        }
        return Inspection(Validation.of(said) if validated else None, properties)
    except (AttributeError, KeyError, TypeError, ValueError):
        return _nothing(Why.TOOL_DIED, phrase("worker-answer"))


def _nothing(why: Why, reason: str) -> Inspection:
    return Inspection(could_not(why, reason))
