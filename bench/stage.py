"""The stage of one run: the work folder, the data, the archives that several rows use, fresh names, and how contenders are run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from data import Dataset, large, many, wide
from kho import ROOT, Archive
from measure import CORES, Failed, Took, in_turn, run

__all__ = ["Stage"]

HERE = Path(__file__).resolve().parent

ROOM = 12 * 10**9
"""Bytes that must be free before anything new is written, at full scale: more than any one contender writes."""


@dataclass
class Stage:
    """``scale`` multiplies the numbers of objects and files; ``rounds`` overrides every row's own number of rounds.

    Nothing is removed before the end: ext4 is several times slower for minutes after a tree was removed.
    """

    work: Path
    scale: float = 1.0
    rounds: int = 0
    say: Callable[[str], None] = print
    _fresh: int = 0
    _kept: dict[str, Archive] = field(default_factory=dict)

    def number(self, full: int, least: int = 1) -> int:
        """A count, scaled."""
        return max(least, round(full * self.scale))

    def fresh(self, name: str) -> Path:
        """A path that was never used before. Raises Failed where there is no room to write: a bench that fills the disk measures nothing,
        and whoever else writes there is harmed."""
        free, least = shutil.disk_usage(self.work).free, round(ROOM * self.scale)
        if free < least:
            raise Failed(
                f"{free / 1e9:.1f} GB are free in {self.work}, {least / 1e9:.1f} GB have to be; fewer rows at a time need less"
            )
        self._fresh += 1
        return self.work / f"{name}-{self._fresh:04d}"

    @property
    def log(self) -> Path:
        return self.work / "log"

    def race(self, rounds: int, **contenders: Callable[[int], Took]) -> dict[str, list[Took]]:
        """Run contenders in turn, for the row's own rounds or as many as was asked for; "_" in a name is shown as " "."""
        named = {name.replace("_", " "): contender for name, contender in contenders.items()}
        return in_turn(named, self.rounds or rounds, self.say)

    # --- data, made when first needed ---

    @cached_property
    def a(self) -> Dataset:
        return many(self.fresh("data-a"), self.number(2000, 10))

    @cached_property
    def b(self) -> Dataset:
        return large(self.fresh("data-b"), self.number(20, 2))

    def c(self, files: int) -> Dataset:
        return wide(self.fresh("data-c"), files)

    # --- contenders ---

    def archive(self, *, identify: bool = True) -> Archive:
        """A new, empty archive."""
        return Archive(self.fresh("archive"), self.log).init(identify=identify)

    def filled(self, name: str, data: Dataset) -> Archive:
        """The archive that holds a data set; one that a row has filled already is used again."""
        if name not in self._kept:
            archive = self.archive()
            archive.deposit(data.objects)
            self.keep(name, archive)
        return self._kept[name]

    def keep(self, name: str, archive: Archive) -> None:
        """Remember an archive that holds a whole data set."""
        self._kept.setdefault(name, archive)

    def python(self, script: str, *arguments: str | Path | int) -> Took:
        """A script of the bench, with this Python."""
        words = [str(argument) for argument in arguments]
        return run([sys.executable, HERE / script, *words], log=self.log, environment={"PYTHONPATH": str(ROOT)})

    def floor(self, *arguments: str | Path | int) -> Took:
        return self.python("floors.py", *arguments)

    def timed(self, script: str, *arguments: str | Path | int) -> Took:
        """A script that prints the seconds that count; the rest of it is preparation."""
        log = self.fresh("seconds")
        words = [str(argument) for argument in arguments]
        took = run([sys.executable, HERE / script, *words], log=log, environment={"PYTHONPATH": str(ROOT)})
        seconds = float(log.read_text().split()[-1])
        return Took(seconds, seconds, took.peak)

    @cached_property
    def peer_python(self) -> Path:
        """The Python of the peers' environment, made at first use. Raises Failed."""
        made = subprocess.run([HERE / "peer-env"], capture_output=True, text=True, check=False)
        if made.returncode:
            raise Failed(made.stderr)
        return Path(made.stdout.strip().splitlines()[-1])

    def peer(self, *arguments: str | Path) -> Took:
        return run([self.peer_python, HERE / "peers.py", *arguments], log=self.log)

    def cold(self, folder: Path, contender: Callable[[int], Took]) -> Callable[[int], Took]:
        """A contender before whose every round the page cache forgets ``folder``, outside its time."""

        def once(number: int) -> Took:
            self.floor("forget", folder)
            return contender(number)

        return once

    def sums(self, program: str, folder: Path) -> Path:
        """A file of digests of everything in ``folder``, for ``program -c``."""
        target = self.fresh("sums")
        with open(target, "wb") as out:
            for part in _parts(str(path) for path in sorted(folder.rglob("*")) if path.is_file()):
                subprocess.run([program, "-b", *part], stdout=out, check=True)
        return target

    def cores(self) -> float:
        """How much more as many processes as there are cores do than one, at this moment. The host of a virtual machine may give one core
        to two of them, and tell of no steal; whoever uses both looks worse by that, and nothing else shows it."""
        one, all_of_them = (
            int(subprocess.run([sys.executable, HERE / "floors.py", "spin", str(count)], capture_output=True, check=True).stdout)
            for count in (1, CORES)
        )
        return all_of_them / max(one, 1)

    def command(self, *arguments: str | Path) -> Took:
        return run(arguments, log=self.log)


def _parts(paths: Iterable[str]) -> Iterable[list[str]]:
    part: list[str] = []
    for path in paths:
        part.append(path)
        if len(part) == 500:
            yield part
            part = []
    if part:
        yield part


def size_of(folder: Path) -> tuple[int, int]:
    """(files, bytes) below a folder."""
    sizes = [os.path.getsize(os.path.join(top, name)) for top, _, names in os.walk(folder) for name in names]
    return len(sizes), sum(sizes)


def answer(log: Path) -> dict[str, object]:
    """The last JSON document that a command printed into a log."""
    documents = [line for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("{")]
    found: dict[str, object] = json.loads(documents[-1])
    return found
