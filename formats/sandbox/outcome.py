"""How a tool ended."""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["End", "Outcome"]


class End(enum.StrEnum):
    """Why there is no tool any more."""

    EXITED = "exited"  # by itself, with a status: what that means is the tool's affair
    DIED = "died"  # by a signal that the sandbox did not send: a crash, or the machine's memory ran out
    TIME = "time"  # it was ended: not done in time
    MEMORY = "memory"  # it was ended: more memory than it may have
    PROCESSES = "processes"  # it was ended: more processes than it may start
    STOPPED = "stopped"  # it was ended because nobody wanted it any more
    NOT_STARTED = "not started"  # it never ran: there is no such program, or this machine cannot confine it


@dataclass(frozen=True, slots=True)
class Outcome:
    """``status`` is the exit status (EXITED) or the signal (DIED), else -1; ``seconds`` by the clock; ``memory`` the most that was
    seen held at once, in bytes; ``reason`` says in words why it was NOT_STARTED. ``cut`` is set when output was dropped."""

    end: End
    status: int = -1
    seconds: float = 0.0
    memory: int = 0
    stdout: bytes = b""
    stderr: bytes = b""
    cut: bool = False
    reason: str = ""

    @property
    def ok(self) -> bool:
        """It ended by itself with status 0, and all it said was kept."""
        return self.end is End.EXITED and self.status == 0 and not self.cut

    def words(self) -> str:
        """The end in a few English words, for the reason of a finding."""
        match self.end:
            case End.EXITED:
                return f"ended with status {self.status}{self._last_words()}"
            case End.DIED:
                return f"died of signal {self.status}{self._last_words()}"
            case End.TIME:
                return f"was not done in {self.seconds:.0f} s"
            case End.NOT_STARTED:
                return f"could not be started: {self.reason}"
            case End.STOPPED:
                return "was stopped"
            case End.MEMORY | End.PROCESSES:
                return f"wanted more {self.end.value} than it may have"

    def _last_words(self) -> str:
        lines = [line for line in self.stderr.decode(errors="replace").splitlines() if line.strip()]
        return f" ({lines[-1].strip()[:200]})" if lines else ""
