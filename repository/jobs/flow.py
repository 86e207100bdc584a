"""Flows and steps: what the composition root hands to the machine that runs them.

A flow is a plain function over steps. It must be deterministic between its steps (no clock, no chance, no reading of state:
those belong into steps), because a resumed flow is run again from the top, and finished steps answer from their records.
A step is idempotent: after a crash the interrupted one is run again. Both take and return ids and small JSON-able facts, never
domain objects.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Protocol

from repository.jobs.errors import NotJson

__all__ = ["Flow", "Json", "Leaving", "Progress", "Report", "Step", "Steps", "normal"]

Json = Any
"""None, bool, int, float, str, list and dict with str keys, nested. (A recursive alias is not worth its errors here.)"""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is. ``total`` 0 means unknown; ``unit`` is a word such as "files" or "bytes"."""

    step: str
    done: int = 0
    total: int = 0
    unit: str = ""


Report = Callable[[Progress], None]


class Leaving(BaseException):
    """This process must stop, or lost the job: the step is left unrecorded and will be run again.

    A BaseException, so that no ``except Exception`` on the way takes it for a failure of the work.
    """


class Step:
    """What a step function is given first: who it works for, and where to report. May be used from the step's own threads."""

    def __init__(self, job_id: str, name: str, report: Report, stopping: threading.Event) -> None:
        self.job_id = job_id
        self.name = name
        self._report = report
        self._stopping = stopping

    def progress(self, done: int, total: int = 0, unit: str = "") -> None:
        """Say how far the step is; cheap, may be called for every file.

        Raises:
            Leaving: the process is told to stop, or the job was cancelled.
        """
        self.check()
        self._report(Progress(self.name, done, total, unit))

    def check(self) -> None:
        """A place where the step may be left. Raises `Leaving` when the process is told to stop."""
        if self._stopping.is_set():
            raise Leaving(self.job_id)

    def sleep(self, seconds: float) -> None:
        """Wait; raises `Leaving` at once when the process is told to stop."""
        if self._stopping.wait(seconds):
            raise Leaving(self.job_id)


StepFunction = Callable[..., Json]


class Steps(Protocol):
    """The durable steps of one job."""

    @property
    def job_id(self) -> str:
        """The id of the job, by which its steps are idempotent."""

    def run(self, name: str, function: StepFunction, *args: Json, attempts: int = 1, again_on: Collection[str] = ()) -> Json:
        """Run ``function(step, *args)`` once, record its result, and return it; a resumed flow gets the record.

        An error with a code of ``again_on`` is tried up to ``attempts`` times, waiting 1, 2, 4 … seconds; no other error is.

        Raises:
            KhoError: the step's own, or `StepFailed` for anything else; recorded, so a resumed flow meets the same.
            Leaving: the process is told to stop.
        """


@dataclass(frozen=True, slots=True)
class Flow:
    """A named flow. When the order or the names of its steps change, raise ``repository.jobs.settings.SHAPE``. ``short``: it takes seconds
    or minutes, and must not wait for those that take hours."""

    name: str
    run: Callable[[Steps, Json], Json]
    short: bool = False


def normal(value: Json, where: str) -> Json:
    """``value`` as it will be read back (tuples become lists), so that a first run and a resumed one see the same.

    Raises:
        NotJson: it cannot be recorded.
    """
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise NotJson(where, str(error)) from None


class Throttle:
    """Lets one call through every ``interval`` seconds."""

    def __init__(self, interval: float, first_after: float) -> None:
        self._interval = interval
        self._next = time.monotonic() + first_after

    def due(self) -> bool:
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self._interval
        return True
