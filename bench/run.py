"""``make bench``: Kho beside floors and peers, in turn, on the same data, in the same run. How to read it: docs/bench.md."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kho import Archive
from measure import Failed
from results import Result, as_json, table
from rows import DEFAULT, ROWS
from stage import Stage

ROOT = Path(__file__).resolve().parents[1]

REMOVED = ".bench-removed"
"""When a run removed its data, beside the next one's."""

SETTLED = 360.0
"""Seconds after which nobody notices. ext4 gives out no inode that was freed in the last minute (in the last six, while its block waits
to be written), and passes over each of them whenever a file is made: a quarter of all processor time of an ingest was seen to go there."""

LARGE = 0.5
"""The scale from which a run's data are a large tree."""


def main(arguments: Sequence[str]) -> int:
    """Run the rows that were asked for. 1 when one of them could not be measured; a missed aim is no failure."""
    asked = _parser().parse_args(arguments)
    names = asked.rows.split(",") if asked.rows else DEFAULT
    if unknown := [name for name in names if name not in ROWS]:
        _parser().error(f"no such row: {', '.join(unknown)}; there are {', '.join(ROWS)}")
    asked.work.mkdir(parents=True, exist_ok=True)
    _let_settle(asked.work / REMOVED)
    work = Path(tempfile.mkdtemp(prefix="bench-", dir=asked.work))
    Archive.compiled()
    stage = Stage(work, asked.scale, asked.rounds, _say)
    about = _about(asked)
    results: list[Result] = []
    try:
        failed = False
        for name in names:
            failed |= not _measured(name, stage, results)
            about["load_after"] = os.getloadavg()
            about["seconds"] = round(time.time() - about["started"])
            _write(asked.json, as_json(results, about))  # after each: what ends a long run takes nothing of it along
        print(table(results))
        print(f"{asked.json} has the same with all rounds. Load average {about['load']} before, {about['load_after']} after.")
    finally:
        if not asked.keep:
            shutil.rmtree(work, ignore_errors=True)
            if asked.scale >= LARGE:
                (asked.work / REMOVED).touch()
    return 1 if failed else 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _let_settle(removed: Path) -> None:
    """Wait until what the run before removed slows nobody down."""
    wait = SETTLED - (time.time() - removed.stat().st_mtime) if removed.exists() else 0.0
    if 0 < wait <= SETTLED:
        _say(f"waiting {wait:.0f} s: ext4 is slow for minutes after a large tree was removed, and the last run's was just now")
        time.sleep(wait)


def _measured(name: str, stage: Stage, results: list[Result]) -> bool:
    stage.say(f"{name}: {(ROWS[name].__doc__ or '').strip()}")
    before = stage.cores()
    try:
        result = ROWS[name](stage)
    except Failed as error:
        stage.say(f"{name} could not be measured: {error}")
        stage.say(stage.log.read_text(encoding="utf-8", errors="replace")[-2000:] if stage.log.exists() else "")
        return False
    result.cores = (before, stage.cores())
    results.append(result)
    return True


def _write(path: Path, document: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _about(asked: argparse.Namespace) -> dict[str, Any]:
    return {
        "started": time.time(),
        "command": " ".join(sys.argv),
        "scale": asked.scale,
        "cores": len(os.sched_getaffinity(0)),
        "machine": platform.platform(),
        "python": f"{platform.python_version()} ({sys.base_prefix})",  # one that was built without optimisation is half as fast
        "load": os.getloadavg(),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench ARGS=", description=__doc__)
    parser.add_argument("--rows", metavar="A,B", help=f"only these rows, of: {', '.join(ROWS)}")
    parser.add_argument("--scale", type=float, default=1.0, metavar="N", help="data of N times the size (0.05 for a quick look)")
    parser.add_argument("--rounds", type=int, default=0, metavar="N", help="N rounds instead of each row's own number")
    parser.add_argument(
        "--work", type=Path, default=ROOT / "build", metavar="DIR", help="where data and archives lie (default: build)"
    )
    parser.add_argument(
        "--json", type=Path, default=ROOT / "build" / "bench.json", metavar="FILE", help="default: build/bench.json"
    )
    parser.add_argument("--keep", action="store_true", help="leave data, archives and the log of all commands there")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
