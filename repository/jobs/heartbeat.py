"""Heartbeats: which executors live, when several hosts share one PostgreSQL.

DBOS leaves the jobs in flight on a dead executor PENDING for ever. On SQLite the launcher's lock tells who lives; between hosts a
row a few seconds old does. All times are the database's, so clocks of hosts need not agree. An executor that was only frozen and
wakes up again loses: DBOS gives every start a token of its own and refuses the records of the older; the steps are idempotent.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from repository.jobs.client import Client, Job
from repository.jobs.settings import APPLICATION_VERSION, COMMAND, Settings

__all__ = ["TABLE", "Heartbeat"]

_log = logging.getLogger("kho.jobs")

TABLE = """
CREATE TABLE IF NOT EXISTS kho_executors (
    executor_id text PRIMARY KEY, kind text NOT NULL, seen timestamptz NOT NULL
)
"""
_BEAT = """
INSERT INTO kho_executors (executor_id, kind, seen) VALUES (%(executor)s, %(kind)s, now())
ON CONFLICT (executor_id) DO UPDATE SET kind = excluded.kind, seen = excluded.seen
"""
_END = "DELETE FROM kho_executors WHERE executor_id = %(executor)s"
_THERE = "SELECT to_regclass('kho_executors') IS NOT NULL"
_ALIVE = "SELECT executor_id, kind FROM kho_executors WHERE seen > now() - make_interval(secs => %(seconds)s)"


class Heartbeat:
    """The heartbeat of this executor, and what it knows of the others. Does nothing on SQLite."""

    def __init__(self, settings: Settings, client: Client) -> None:
        self._settings = settings
        self._client = client
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._there = False

    def begin(self, kind: str) -> None:
        """Say from now on that this executor lives. A command beats as well: its one job may take an hour."""
        if self._settings.sqlite:
            return
        try:
            self._execute(TABLE, {})
        except Exception:
            # PostgreSQL looks and makes in two steps: of two that begin at one moment, the second finds it there now.
            self._execute(TABLE, {})
        self._execute(_BEAT, {"executor": self._settings.executor_id, "kind": kind})
        self._ended.clear()
        self._thread = threading.Thread(target=self._beat, args=(kind,), name="kho-heartbeat", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Say that it ended in good order."""
        if self._thread is None:
            return
        self._ended.set()
        self._thread.join()
        self._thread = None
        self._execute(_END, {"executor": self._settings.executor_id})

    def _beat(self, kind: str) -> None:
        while not self._ended.wait(self._settings.heartbeat):
            try:
                self._execute(_BEAT, {"executor": self._settings.executor_id, "kind": kind})
            except Exception:
                _log.warning("no heartbeat", exc_info=True)  # the next one may get through

    def others(self) -> frozenset[str]:
        """The other executors that live."""
        return frozenset(self._others())

    def served(self) -> bool:
        """Whether another executor that lives takes jobs from the common queue; a command runs its own only."""
        return any(kind != COMMAND for kind in self._others().values())

    def _others(self) -> Mapping[str, str]:
        """Their kinds. The first who launches makes the table: until then there are none."""
        if self._settings.sqlite:
            return {}
        self._there = self._there or bool(self._execute(_THERE, {})[0][0])
        if not self._there:
            return {}
        rows = self._execute(_ALIVE, {"seconds": self._settings.dead_after})
        return {executor: kind for executor, kind in rows if executor != self._settings.executor_id}

    def resume_dead(self) -> int:
        """Queue the jobs of dead executors again, those in flight and those that they had taken for themselves; returns how many. Two
        that do so at once do no harm."""
        if self._settings.sqlite:
            return 0
        alive = self.others() | {self._settings.executor_id}
        dead: Sequence[Job] = [
            job for job in self._client.running() if job.executor not in alive and job.version == APPLICATION_VERSION
        ]
        waiting = self._client.put_back_but(alive)
        resumed = self._client.requeue(dead)
        if resumed:
            self._client.put_back_but(alive)  # each went back to the queue it came from
        return waiting + resumed

    def _execute(self, statement: str, values: dict[str, Any]) -> Sequence[Any]:
        with self._client.dbos._sys_db.engine.begin() as connection:
            result = connection.exec_driver_sql(statement, values)
            return result.fetchall() if result.returns_rows else ()
