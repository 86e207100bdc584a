"""Deposits that wait for somebody: a job that was broken off is taken up by a worker, and by nothing else until one starts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from repository.cli.screen import number
from repository.texts import words

if TYPE_CHECKING:
    from repository.cli.door import Door
    from repository.engine import Engine

__all__ = ["say_waiting"]

PATIENCE: Final = timedelta(minutes=10)
"""A deposit that nothing happened to for so long, while nobody runs jobs, was broken off."""


def say_waiting(door: Door, engine: Engine) -> None:
    """One line on stderr when deposits wait and no process runs the archive's jobs."""
    from repository.jobs.lock import LauncherLock
    from repository.model import DepositState

    archive = engine.archive
    states = (DepositState.RECEIVED, DepositState.SPOOLED, DepositState.ACCEPTED)
    waiting = archive.catalog.deposits.idle(states, since=archive.clock.now() - PATIENCE)
    if waiting and LauncherLock(archive.settings.lock).free():
        door.say(words("deposit.waiting", count=number(waiting)))
