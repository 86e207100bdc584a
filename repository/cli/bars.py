"""What progress looks like on a terminal, and where there is none."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, TextIO

from repository.progress import Minutes, Progress, Unit
from repository.texts import words

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

__all__ = ["Bars", "progress_on"]

REDRAW = 0.1
"""Seconds between two updates of a bar: a million files must not be a million drawings."""


def progress_on(stream: TextIO) -> Progress:
    """Bars when ``stream`` is a terminal, else a line a minute."""
    if stream.isatty():
        return Bars(stream)

    def write(phase: str, done: int, total: int | None, unit: Unit, over: bool) -> None:
        key = "progress.over" if over else "progress.going" if total is None else "progress.part"
        print(words(key, phase=phase_words(phase), done=done, total=total or 0, unit=words(f"unit.{unit}")), file=stream)

    return Minutes(write)


def phase_words(phase: str) -> str:
    """What a phase is called; its key when nobody gave it words: showing progress must never break work."""
    try:
        return words(f"phase.{phase}")
    except KeyError:
        return phase


class Bars:
    """A bar for each phase, with rate and time left."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._shown: RichProgress | None = None
        self._task: TaskID | None = None
        self._waiting = 0
        self._due = 0.0

    def start(self, phase: str, total: int | None, unit: Unit) -> None:
        self.finish()
        if not phase:
            return  # work that has not said yet what it is
        with self._lock:
            self._shown = _drawing(self._stream, unit)
            self._task = self._shown.add_task(phase_words(phase), total=total)
            self._shown.start()
            self._waiting, self._due = 0, 0.0

    def advance(self, amount: int) -> None:
        with self._lock:
            self._waiting += amount
            if time.monotonic() >= self._due:
                self._flush()
                self._due = time.monotonic() + REDRAW

    def finish(self) -> None:
        with self._lock:
            if self._shown is not None and self._task is not None:
                self._flush()
                task = next(task for task in self._shown.tasks if task.id == self._task)
                if task.total is None:  # whose end nobody knew: now it is known
                    self._shown.update(self._task, total=task.completed)
                self._shown.stop()
            self._shown = self._task = None

    def _flush(self) -> None:
        if self._shown is not None and self._task is not None:
            self._shown.advance(self._task, self._waiting)
            self._waiting = 0


def _drawing(stream: TextIO, unit: Unit) -> RichProgress:
    from rich import progress as rich
    from rich.console import Console

    figures: list[rich.ProgressColumn] = (
        [rich.DownloadColumn(binary_units=True), rich.TransferSpeedColumn()]
        if unit == "bytes"
        else [rich.MofNCompleteColumn(), rich.TextColumn(words(f"unit.{unit}"))]
    )
    return rich.Progress(
        rich.TextColumn("{task.description}", markup=False),
        rich.BarColumn(),
        *figures,
        rich.TimeRemainingColumn(),
        console=Console(file=stream),
    )
