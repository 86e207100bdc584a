"""Deposits that wait for somebody: what a killed process left is gone on with by the next command that deposits or repairs, or by a
worker; other commands say that it waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from repository.cli.screen import number
from repository.texts import words

if TYPE_CHECKING:
    from repository.cli.door import Door
    from repository.engine import Engine

__all__ = ["go_on", "say_waiting"]


def say_waiting(door: Door, engine: Engine) -> None:
    """One line on stderr when deposits wait and no process runs the archive's jobs."""
    if waiting := engine.unfinished.count():
        door.say(words("deposit.waiting", count=number(waiting)))


def go_on(door: Door, engine: Engine) -> None:
    """Go on with what a killed process left, after the command's own work. Whoever presses Ctrl-C leaves it for later."""
    engine.unfinished.adopt()
    if waiting := engine.unfinished.jobs():
        door.say(words("deposit.going_on", count=number(waiting)))
        try:
            engine.unfinished.go_on(door.progress())
        except KeyboardInterrupt:
            door.say(words("deposit.left"))
    say_waiting(door, engine)
