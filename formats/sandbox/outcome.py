"""How a tool ended."""

from __future__ import annotations

import enum
import os
from dataclasses import dataclass

from policies.phrases import os_phrase, phrase

__all__ = ["End", "Outcome"]


class End(enum.StrEnum):
    """Why there is no tool any more."""

    EXITED = "exited"  # by itself, with a status: what that means is the tool's affair
    DIED = "died"  # by a signal that the sandbox did not send: a crash, or the machine's memory ran out
    TIME = "time"  # it was ended: not done in time
    MEMORY = "memory"  # it was ended: more memory than it may have
    PROCESSES = "processes"  # it was ended: more processes than it may start
    DISK = "disk"  # it was ended: more on the disk than it may hold, or too little left free for others
    STOPPED = "stopped"  # it was ended because nobody wanted it any more
    NOT_STARTED = "not started"  # it never ran: there is no such program, or this machine cannot confine it


@dataclass(frozen=True, slots=True)
class Outcome:
    """``status`` is the exit status (EXITED) or the signal (DIED), else -1; ``seconds`` by the clock; ``memory`` the most that was
    seen held at once, in bytes; ``reason`` says why it was NOT_STARTED ("errno 2", "confine Landlock"), and which bound of DISK was passed.
    ``cut`` is set when output was dropped."""

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
        """The end in a few words, for the reason of a finding: a phrase, and what the tool itself said last."""
        match self.end:
            case End.EXITED:
                return phrase("tool-exited", status=self.status) + self._last_words()
            case End.DIED:
                return phrase("tool-died", signal=self.status) + self._last_words()
            case End.TIME:
                return phrase("tool-time", seconds=f"{self.seconds:.0f}")
            case End.NOT_STARTED:
                return phrase("tool-not-started", reason=self._prevented())
            case End.STOPPED:
                return phrase("tool-stopped")
            case End.MEMORY:
                return phrase("tool-memory")
            case End.PROCESSES:
                return phrase("tool-processes")
            case End.DISK:
                return phrase("tool-disk-room") if self.reason == "room" else phrase("tool-disk-most")

    def _prevented(self) -> str:
        """What prevented a tool from starting, as the launcher told it, which knows no phrases."""
        kind, _, what = self.reason.partition(" ")
        if kind == "errno" and what.isdecimal():
            return os_phrase(OSError(int(what), os.strerror(int(what))))
        return phrase("tool-not-confined", what=what) if kind == "confine" else self.reason

    def _last_words(self) -> str:
        lines = [line for line in self.stderr.decode(errors="replace").splitlines() if line.strip()]
        return f" ({lines[-1].strip()[:200]})" if lines else ""
