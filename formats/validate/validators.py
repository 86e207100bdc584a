"""The caller's side of validation: files in, outcomes out, by confined workers that may die."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from formats.families import family_of
from formats.sandbox import GIB, MIB, End, Reply, SandboxLimits, Workers
from formats.validate.validation import Validation, Why, could_not
from policies.findings import Puid

__all__ = ["ValidationLimits", "Validators"]

MODULE = "formats.validate.worker"

NO_VALIDATOR = "there is no validator for this format"


@dataclass(frozen=True, slots=True)
class ValidationLimits:
    """One file may take ``seconds`` + its size ÷ ``slowest_bytes_per_second`` by the clock; a worker with its programs holds at most
    ``memory`` bytes. ``workers`` is how many work at once; 0 is one a core."""

    seconds: float = 120.0
    slowest_bytes_per_second: float = 2.0 * MIB
    """ffmpeg decodes FFV1 of an hour (40 GB) at some 20 MB/s on one core; a tenth of that is too slow."""
    memory: int = 3 * GIB
    workers: int = 0


class Validators:
    """Validates files. Workers start when they are first needed, and stay for the next call; `close` ends them."""

    def __init__(self, limits: ValidationLimits | None = None, *, environment: Mapping[str, str] | None = None) -> None:
        self._limits = limits or ValidationLimits()
        count = self._limits.workers or len(os.sched_getaffinity(0))
        sandbox = SandboxLimits(memory=self._limits.memory)
        self._workers = Workers(MODULE, count=count, limits=sandbox, environment=environment)

    def validate(self, files: Iterable[tuple[Path, Puid]]) -> Iterator[tuple[Path, Validation]]:
        """One outcome for each (file, format), in their order, in bounded memory. Raises OSError when no process can be started."""
        for (path, _), reply in self._workers.ask_all(files, self._ask):
            yield path, _outcome(reply)

    def _ask(self, file: tuple[Path, Puid]) -> Reply:
        path, puid = file
        if not family_of(puid):  # nobody need be asked
            return Reply({"validation": could_not(Why.NO_VALIDATOR, NO_VALIDATOR).document()})
        try:
            size = path.stat().st_size
        except OSError as error:
            return Reply({"error": error.strerror or str(error)})
        seconds = self._limits.seconds + size / self._limits.slowest_bytes_per_second
        return self._workers.ask({"path": os.path.abspath(path), "puid": puid}, seconds=seconds)

    def close(self) -> None:
        self._workers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _outcome(reply: Reply) -> Validation:
    if reply.body is None:
        return could_not(Why.TIME_OUT if reply.end is End.TIME else Why.TOOL_DIED, reply.reason)
    if "error" in reply.body:
        return could_not(Why.TOOL_DIED, f"it cannot be read: {reply.body['error']}")
    try:
        return Validation.of(reply.body["validation"])
    except (KeyError, TypeError, ValueError):
        return could_not(Why.TOOL_DIED, "the worker's answer is none")
