"""Run by test_audit_interrupted: an auditor that is killed at random moments, again and again. Arguments: home, kills, seed."""

from __future__ import annotations

import itertools
import os
import random
import signal
import sqlite3
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kept_objects import keep_objects

from repository.checks import audit
from repository.checks.audit import AuditScope, audit_some
from repository.engine import Engine
from repository.progress import Silent

OBJECTS, STEP = 60, 10


def auditor(home: Path, started: str) -> None:
    audit.STEP_COPIES = STEP
    with Engine.open(home, actor="user:auditor") as engine:
        scope = AuditScope(everything=True).as_json()
        while audit_some(engine.archive, scope, started, [], Silent())["checked"]:
            pass


def looked_at(home: Path, rounds: list[str]) -> list[int]:
    """Copies looked at in each of these rounds, the last of which is still open; fails when anything was lost or counted twice."""
    with closing(sqlite3.connect(home / "catalog.db", timeout=60)) as database:
        times = [int(datetime.fromisoformat(each).timestamp() * 1_000_000) for each in rounds] + [2**62]
        counts = []
        for begin, end in itertools.pairwise(times):
            total, different = database.execute(_RUNS, (begin, end, begin, end)).fetchone()
            assert total == different, f"{total - different} copies were counted twice"
            counts.append(total)
        (runs,) = database.execute("SELECT count(*) FROM check_run").fetchone()
        (events,) = database.execute("SELECT count(*) FROM event WHERE type = 'fixity check'").fetchone()
        assert runs == events, f"{runs} results, {events} events"
        (marked,) = database.execute("SELECT count(*) FROM copy WHERE last_check >= ?", (times[-2],)).fetchone()
        assert marked == counts[-1], "a result and the state of its copy do not agree"
    return counts


_RUNS = " UNION ALL ".join(
    f"SELECT aip_id, tier FROM check_run WHERE tier = '{tier}' AND time >= ? AND time < ?" for tier in "ab"
)
_RUNS = f"SELECT count(*), count(DISTINCT aip_id || tier) FROM ({_RUNS})"
"""By tier and time, as the index is: every round is looked at again at the end."""


def main(home: Path, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    Engine.create(home, tiers={name: home / "tiers" / name for name in "ab"}).close()
    with Engine.open(home, actor="user:test") as engine:
        past = datetime.now(UTC) - timedelta(days=1)
        keep_objects(engine.archive, home.parent / "work", OBJECTS, 3, past, over=timedelta(days=1))
    copies, killed, rounds = OBJECTS * 2, 0, [datetime.now(UTC).isoformat()]
    begun = time.monotonic()
    auditor(home, rounds[-1])
    whole = time.monotonic() - begun
    rounds.append(datetime.now(UTC).isoformat())
    while killed < kills:
        child = os.fork()
        if child == 0:
            try:
                auditor(home, rounds[-1])
                os._exit(0)
            except BaseException as error:
                print(f"auditor: {error!r}", file=sys.stderr, flush=True)
                os._exit(3)
        time.sleep(chance.random() * whole)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert not os.WIFEXITED(status) or os.WEXITSTATUS(status) == 0, "the auditor failed by itself"
        killed += os.WIFSIGNALED(status)
        counts = looked_at(home, rounds[-2:])  # an audit that is over is looked at once more, to see that nobody adds to it
        assert counts[:-1] in ([], [copies])
        if counts[-1] == copies:
            rounds.append(datetime.now(UTC).isoformat())
    auditor(home, rounds[-1])
    counts = looked_at(home, rounds)
    assert all(count == copies for count in counts), "the coverage is not the plan"
    print(f"killed {killed} times; {len(counts)} audits, each of {copies} copies")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
