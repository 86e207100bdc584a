"""Kho, driven as its users drive it: one ``kho`` process a command."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from measure import Took, run

__all__ = ["Archive"]

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("policies", "fixity", "formats", "signatures", "storage", "repository")
PRODUCER = "Sở Nội vụ tỉnh Hương Giang"

ARGUMENTS = 100_000
"""Bytes of paths given to one command; Linux takes two megabytes of arguments, shells less."""


@dataclass(frozen=True)
class Archive:
    """One embedded archive: a home, SQLite, two tiers on the same disk."""

    home: Path
    log: Path

    def kho(self, *arguments: str | Path, good: Iterable[int] = (0,)) -> Took:
        """Run one command. Raises Failed."""
        environment = {"KHO_HOME": str(self.home), "PYTHONPATH": str(ROOT), "KHO_LANG": "en"}
        return run(
            [sys.executable, "-m", "repository.cli", "--json", *arguments], log=self.log, environment=environment, good=good
        )

    @staticmethod
    def compiled() -> None:
        """Compile what was edited since Kho was installed, as the peers were when they were installed."""
        subprocess.run(
            [sys.executable, "-m", "compileall", "-q", *(ROOT / each for each in PACKAGES)], check=True, stdout=sys.stderr
        )

    def init(self, *, identify: bool = True) -> Archive:
        """Make it. Files are not validated: the rows compare with peers that do not, and decoding would be all that is measured."""
        self.kho("init")
        policy = self.home / "policy.toml"
        text = policy.read_text(encoding="utf-8")
        off = {"[validate]\nenabled = true\ncharacterise = true": "[validate]\nenabled = false\ncharacterise = false"}
        if not identify:
            off["[identify]\nenabled = true"] = "[identify]\nenabled = false"
        for said, wanted in off.items():
            assert said in text
            text = text.replace(said, wanted)
        policy.write_text(text, encoding="utf-8")
        return self

    def deposit(self, objects: Sequence[Path]) -> Took:
        """Deposit packages, in one command."""
        return self.kho("deposit", "--producer", PRODUCER, *objects)

    @property
    def tier(self) -> Path:
        """The storage root of the first tier."""
        return next(path for path in sorted(self.home.rglob("ocfl")) if (path / "0=ocfl_1.1").exists())

    def without_catalog(self, home: Path) -> Archive:
        """The same archive as it is found after its catalog was lost, in a new home (the tiers are shared, and only read)."""
        home.mkdir(parents=True)
        for name in ("kho.toml", "policy.toml"):
            shutil.copy(self.home / name, home / name)
        for name in ("spool", "refused", "quarantine", "log"):
            os.makedirs(home / name, exist_ok=True)
        return Archive(home, self.log)
