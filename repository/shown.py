"""A flow's progress as that of its job, which any door can read; and a job's as that of whoever waits for it."""

from __future__ import annotations

import threading

from repository.jobs.flow import Progress as JobProgress
from repository.jobs.flow import Step
from repository.progress import Progress, Unit

__all__ = ["Shown", "StepProgress"]


class StepProgress:
    """Shows a flow's progress as that of its job step, which any door can read. What is told raises when the step is to be left."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._guard = threading.Lock()
        self._done = 0
        self._total = 0
        self._unit: Unit = "files"
        self._phase = ""

    def start(self, phase: str, total: int | None, unit: Unit) -> None:
        self._phase, self._done, self._total, self._unit = phase, 0, total or 0, unit
        self._step.progress(0, self._total, f"{phase}:{unit}")

    def advance(self, amount: int) -> None:
        with self._guard:
            self._done += amount
        self._step.progress(self._done, self._total, f"{self._phase}:{self._unit}")

    def finish(self) -> None:
        self._step.check()


class Shown:
    """Shows a job's recorded progress through the progress of whoever waits: one phase after another."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._phase = ""
        self._done = 0

    def __call__(self, now: JobProgress) -> None:
        phase, _, unit = now.unit.partition(":")
        if phase != self._phase or now.done < self._done:
            self._progress.finish()
            self._progress.start(phase, now.total or None, unit if unit in ("bytes", "files", "objects") else "files")  # type: ignore[arg-type]
            self._phase, self._done = phase, 0
        self._progress.advance(now.done - self._done)
        self._done = now.done
