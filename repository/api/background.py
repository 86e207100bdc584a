"""Background: the server as the worker of its archive, when no other process is.

One process launches the jobs of a home. While a `kho worker` does, the server only queues; when that ends, the server takes over
within `LOOK_EVERY`. A `kho worker` that is started meanwhile says that the server has the lock, and ends.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from policies.findings import KhoError
from repository.jobs import LauncherBusy
from repository.schedule import plans
from repository.worker import run

if TYPE_CHECKING:
    from repository.engine import Engine

__all__ = ["LEAVE_WITHIN", "LOOK_EVERY", "Background"]

LOOK_EVERY: Final = 2.0
"""Seconds between looks whether the worker is gone."""

LEAVE_WITHIN: Final = 15.0
"""Seconds that running steps get when the server stops; init systems kill after 30 or more."""

_log = logging.getLogger("kho.api")


class Background:
    """A thread that launches the jobs whenever it may."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.serving = False
        self.cut_off = 0  # steps that did not leave in time

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="kho-background")
        self._thread.start()

    def stop(self) -> None:
        """Leave at the next step, and wait for it."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.cut_off = run(
                    self._engine.jobs, plans(self._engine.archive), say=self._say, stop=self._stop, leave_within=LEAVE_WITHIN
                )
            except LauncherBusy as busy:
                _log.debug("the jobs run elsewhere: %s", busy)
            except KhoError as error:
                _log.error("the jobs cannot be run: %s", error)
            except Exception:
                _log.exception("the jobs cannot be run")
            finally:
                self.serving = False
            self._stop.wait(LOOK_EVERY)

    def _say(self, line: str) -> None:
        self.serving = line == "worker: started" or (self.serving and line != "worker: stopping")
        _log.info(line)
