"""Running one contender as a process and measuring it: wall-clock and processor seconds, peak memory of its largest process."""

from __future__ import annotations

import os
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Failed", "Took", "in_turn", "median_seconds", "run"]

CORES = len(os.sched_getaffinity(0))

BLOCK = 512
"""Bytes of a block in which the kernel counts what a process read (getrusage(2), ``ru_inblock``)."""

LOOK_EVERY = 0.2
"""Seconds between looks at the memory of a contender's processes. The kernel keeps each one's peak, so few looks suffice."""

TICKS = os.sysconf("SC_CLK_TCK")
"""In which the kernel counts processor time (proc(5))."""

IDENTIFIER = b"formats.identify.worker"
"""By this in its command line the identification worker is known, whose memory is counted apart."""


class Failed(Exception):
    """A contender ended with an error, so that there is nothing to compare."""


@dataclass(frozen=True, slots=True)
class Took:
    """One run. Seconds, and bytes of memory; ``worker`` is the identification worker's, ``together`` what all processes held at once.
    ``wanted`` is the part of the cores that it had work for: what it would have used without neighbours (`_Watch`). ``read`` is how many
    bytes came from a device, not from the page cache."""

    wall: float
    cpu: float
    peak: int
    worker: int = 0
    together: int = 0
    wanted: float = 0.0
    read: int = 0

    @property
    def used(self) -> float:
        """The part of the cores that it had."""
        return self.cpu / self.wall / CORES


def run(
    command: Sequence[str | Path], *, log: Path, environment: Mapping[str, str] | None = None, good: Iterable[int] = (0,)
) -> Took:
    """Run a command to its end; what it says goes to ``log``. Raises Failed."""
    with open(log, "ab") as out:
        out.write(f"$ {' '.join(map(str, command))[:2000]}\n".encode())
        out.flush()
        started = _now()
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={**os.environ, **(environment or {})},
        )
        with _Watch(process.pid) as watch:
            _, status, usage = os.wait4(process.pid, 0)
            wall = _now() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in set(good):
        raise Failed(f"{' '.join(map(str, command))[:200]} ended with {process.returncode}; see {log}")
    peak = max(watch.peak, 0) or usage.ru_maxrss << 10
    wanted = min(1.0, watch.spent / watch.alone / CORES) if watch.alone else 0.0
    read = usage.ru_inblock * BLOCK
    return Took(wall, usage.ru_utime + usage.ru_stime, peak, watch.worker, watch.together, wanted, read)


def _now() -> float:
    return os.times().elapsed


class _Watch:
    """Looks at the memory of a process and its descendants, and at how many of their threads run or wait for a core, until it is told to
    stop.

    ``alone`` are the seconds that it would have taken with the machine to itself: what was ``spent`` of processor time since the last look
    by as many cores as there were threads that wanted one, and the time itself where none did. Neighbours stretch the time with work for
    every core more than the time with work for one, so that a mean over the time as it passed would flatter.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.peak = self.worker = self.together = 0
        self.spent = self.alone = 0.0

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        last = _now()
        while not self._stop.wait(LOOK_EVERY):
            together = runnable = 0
            spent = 0.0
            for pid in _family(self._pid):
                peak, held, identifier = _memory_of(pid)
                together += held
                runnable += _runnable(pid)
                spent += _spent(pid)
                if identifier:
                    self.worker = max(self.worker, peak)
                else:
                    self.peak = max(self.peak, peak)
            self.together = max(self.together, together)
            now, more = _now(), max(0.0, spent - self.spent)
            self.alone += more / min(max(1, runnable), CORES) + (0.0 if runnable else now - last)
            self.spent += more
            last = now


def _family(pid: int) -> list[int]:
    """A process and all its descendants."""
    found = [pid]
    for each in found:
        try:
            for task in os.listdir(f"/proc/{each}/task"):
                found += map(int, Path(f"/proc/{each}/task/{task}/children").read_bytes().split())
        except OSError:
            continue
    return found


def _memory_of(pid: int) -> tuple[int, int, bool]:
    """(peak memory in bytes, what is held now, whether it is the identification worker); zeros for a process that is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_bytes()
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return 0, 0, False
    return _kilobytes(status, b"VmHWM:"), _kilobytes(status, b"RssAnon:"), IDENTIFIER in command


def _kilobytes(status: bytes, name: bytes) -> int:
    _, _, rest = status.partition(name)
    return int(rest.split(maxsplit=1)[0]) << 10 if rest else 0


def _runnable(pid: int) -> int:
    """Threads of a process that run, or would if there were a core."""
    found = 0
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            stat = Path(f"/proc/{pid}/task/{task}/stat").read_bytes()
            found += stat[stat.rindex(b")") + 2 : stat.rindex(b")") + 3] == b"R"
    except (OSError, ValueError):
        pass
    return found


def _spent(pid: int) -> float:
    """Seconds of processor time of a process and of those of its children that are gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return 0.0
    return sum(map(int, stat[stat.rindex(b")") + 2 :].split()[11:15])) / TICKS


def in_turn(contenders: Mapping[str, Callable[[int], Took]], rounds: int, say: Callable[[str], None]) -> dict[str, list[Took]]:
    """Run A B C A B C …: what the machine is doing besides falls on all alike. Each is given the number of the round."""
    taken: dict[str, list[Took]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name, contender in contenders.items():
            taken[name].append(contender(number))
            say(f"    round {number + 1}  {name}: {taken[name][-1].wall:.2f} s")
    return taken


def median_seconds(work: Callable[[], object], repeat: int) -> float:
    """The median time of some runs of ``work`` in this process."""
    taken = []
    for _ in range(repeat):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)
