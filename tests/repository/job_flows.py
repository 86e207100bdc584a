"""Small real flows for the tests of jobs, and the processes that run them: ``python job_flows.py HOME ROLE [ARG…]``.

Every step writes one line ``job step`` to ``HOME/effects`` before and after its work, in one append; a test counts them.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from policies.findings import KhoError
from repository import log, worker
from repository.jobs import Flow, Jobs, Settings, Step, Steps
from storage.errors import Unavailable


def settings(home: Path, **changes: Any) -> Settings:
    url = os.environ.get("KHO_TEST_DATABASE") or f"sqlite:///{home / 'catalog.db'}"
    return Settings(home, url, **changes)


def jobs(home: Path, **changes: Any) -> Jobs:
    log.configure(home)
    return Jobs(settings(home, **changes), flows(home))


def effects(home: Path) -> list[tuple[str, str, str]]:
    """(job, step, begin or end) in the order in which they happened."""
    try:
        text = (home / "effects").read_text()
    except FileNotFoundError:
        return []
    return [tuple(line.split("\t")) for line in text.splitlines()]  # type: ignore[misc]


def flows(home: Path) -> list[Flow]:
    def effect(step: Step, when: str) -> None:
        descriptor = os.open(home / "effects", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, f"{step.job_id}\t{step.name}\t{when}\n".encode())
        os.close(descriptor)

    def work(step: Step, seconds: float) -> str:
        effect(step, "begin")
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0 and not (home / "hurry").exists():
            step.progress(int((seconds - left) * 100), int(seconds * 100), "ticks")
            time.sleep(min(left, 0.02))
        effect(step, "end")
        return f"{step.job_id}/{step.name}"

    def deaf(step: Step, seconds: float) -> None:
        effect(step, "begin")
        time.sleep(seconds)
        effect(step, "end")

    def three(steps: Steps, argument: dict[str, float]) -> list[str]:
        return [steps.run(name, work, argument["seconds"]) for name in ("one", "two", "three")]

    def failing(steps: Steps, argument: dict[str, str]) -> str:
        def fail(step: Step) -> Any:
            effect(step, "begin")
            if argument["how"] == "storage":
                raise Unavailable("tier-a/Tệp\udcff", "time-out")
            if argument["how"] == "bug":
                raise RuntimeError("a fault of the program")
            if argument["how"] == "rights":
                raise PermissionError(errno.EACCES, "Permission denied", "/srv/kho/evidence/1.note")
            if argument["how"] == "set":
                return {1, 2}
            return None

        steps.run("one", work, 0.0)
        if argument["how"] == "caught":
            argument["how"] = "storage"
            try:
                steps.run("fails", fail)
            except Unavailable as error:
                return steps.run("after", work, 0.0) + f" after {error.code}"
        steps.run("fails", fail)
        return "never"

    def flaky(steps: Steps, argument: dict[str, int]) -> int:
        def sometimes(step: Step) -> int:
            effect(step, "begin")
            tried = sum(1 for job, _, _ in effects(home) if job == step.job_id)
            if tried <= argument["failures"]:
                raise Unavailable("tier-a", "busy")
            return tried

        return steps.run("sometimes", sometimes, attempts=3, again_on={"STO-UNAVAILABLE"})  # type: ignore[no-any-return]

    def mended(steps: Steps, argument: dict[str, str]) -> str:
        def needs(step: Step) -> str:
            effect(step, "begin")
            if not (home / "mended").exists():
                raise Unavailable("tier-a", "not mended")
            return "mended"

        steps.run("one", work, 0.0)
        return steps.run("needs", needs)  # type: ignore[no-any-return]

    def deadly(steps: Steps, argument: dict[str, str]) -> str:
        def die(step: Step) -> str:
            effect(step, "begin")
            if not (home / "spare me").exists():
                os._exit(137)
            return "spared"

        return steps.run("die", die)  # type: ignore[no-any-return]

    return [
        Flow("three", three),
        Flow("failing", failing),
        Flow("flaky", flaky),
        Flow("mended", mended),
        Flow("deadly", deadly),
        Flow("deaf", lambda steps, argument: steps.run("deaf", deaf, argument["seconds"])),
    ]


def _worker(home: Path, leave_within: str = "5") -> None:
    machine = jobs(home, heartbeat=0.5, dead_after=2.0)
    worker.run(machine, (), leave_within=float(leave_within))
    machine.close()


class _Unlucky(threading.Event):
    """Told to end just when the main thread has the event's lock: between two instructions of `wait`."""

    def wait(self, timeout: float | None = None) -> bool:
        with self._cond:  # type: ignore[attr-defined]
            signal.raise_signal(signal.SIGTERM)
        return super().wait(timeout)


def _unlucky(home: Path) -> None:
    machine = jobs(home)
    worker.run(machine, (), stop=_Unlucky())
    machine.close()


def _run(home: Path, flow: str, job_id: str, argument: str) -> None:
    machine = jobs(home)
    try:
        print(machine.run(flow, job_id, json.loads(argument)))
    except KhoError as error:
        print(error.code)
    finally:
        machine.close()


def _enqueue_many(home: Path, prefix: str, count: str, seconds: str) -> None:
    """Queue jobs and wait for all; prints how many answered with their own result."""
    machine = jobs(home)
    ids = [f"{prefix}-{number}" for number in range(int(count))]
    for job_id in ids:
        machine.run("three", job_id, {"seconds": float(seconds)}, wait=False)
    print(sum(machine.wait(job_id)[2] == f"{job_id}/three" for job_id in ids))
    machine.close()


def _planned(home: Path) -> None:
    machine = jobs(home)
    plan = worker.Plan("beat", "three", {"seconds": 0.0}, every=timedelta(seconds=1))
    stop = threading.Event()
    threading.Timer(4, stop.set).start()
    worker.run(machine, [plan], stop=stop)
    machine.close()


if __name__ == "__main__":
    roles = {"worker": _worker, "unlucky": _unlucky, "run": _run, "enqueue": _enqueue_many, "planned": _planned}
    roles[sys.argv[2]](Path(sys.argv[1]), *sys.argv[3:])
