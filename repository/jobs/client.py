"""The client: what any process may do with jobs beside a launcher, through `DBOSClient` (it runs nothing).

Three things go below DBOS's public face, because the public one cannot do them: `SystemDatabase.reenqueue_for_recovery` and the
move of a waiting job to another queue (the public ``resume_workflow`` forgets how often a job was tried, and does not look whether
somebody else was first), and the engine for the table of heartbeats. `test_jobs_processes` and `test_jobs_postgresql` hold them
still: look at them when DBOS is upgraded.
"""

from __future__ import annotations

import enum
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from dbos import DBOS, DBOSClient, EnqueueOptions, WorkflowStatus

from policies.findings import KhoError
from policies.phrases import phrase
from repository.jobs.errors import Cancelled, Conflict, GaveUp, JobDatabase, JobTables, OldSqlite, unpack
from repository.jobs.flow import Json, Progress
from repository.jobs.records import Recorded, RecordSerializer
from repository.jobs.settings import APPLICATION, APPLICATION_VERSION, OWN_QUEUE, QUEUE, SHORT_QUEUE, Settings

__all__ = ["Client", "Job", "JobState"]

_SHORT_POLL = 0.5
"""Seconds between looks into the queue of short flows, which nobody stands waiting for."""

_OWN_POLL = 1.0
"""Seconds between looks into the launcher's own queue, where only jobs lie that were taken over from a process that died. A look costs
some milliseconds of the processor: at 0.02 s they were an eighth of an ingest."""

_TABLES_POLL = 0.02
"""Seconds between looks for tables that another process makes."""

_TABLES_WITHIN = 30.0
"""Seconds for another process to make the tables: it takes a tenth of one."""

_ALL = 100_000
"""More jobs than all executors together ever have in flight."""

_FORGOTTEN_AT_ONCE = 1_000
"""Jobs deleted in one transaction, so that others get their turn."""


class JobState(enum.Enum):
    """Where a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    GIVEN_UP = "given-up"

    @property
    def ended(self) -> bool:
        return self not in (JobState.WAITING, JobState.RUNNING)


_STATES = {
    JobState.WAITING: ["ENQUEUED", "DELAYED"],
    JobState.RUNNING: ["PENDING"],
    JobState.DONE: ["SUCCESS"],
    JobState.FAILED: ["ERROR"],
    JobState.CANCELLED: ["CANCELLED"],
    JobState.GIVEN_UP: ["MAX_RECOVERY_ATTEMPTS_EXCEEDED"],
}
_BY_NAME = {name: state for state, names in _STATES.items() for name in names}


@dataclass(frozen=True, slots=True)
class Job:
    """One job. ``updated`` is its last change of state; ``executor`` runs or ran it; ``tries`` counts its starts."""

    id: str
    flow: str
    state: JobState
    created: datetime
    updated: datetime
    executor: str
    version: str
    tries: int
    queue: str
    result: Json = None
    error: KhoError | None = None

    @property
    def holder(self) -> str:
        """The executor that runs an unfinished job, or has taken it for itself; "" when nobody has."""
        if self.state is JobState.RUNNING:
            return self.executor
        return self.queue.removeprefix(OWN_QUEUE) if self.queue.startswith(OWN_QUEUE) else ""

    def outcome(self, flow: str) -> Json:
        """The recorded result of an ended job.

        Raises:
            Conflict: it is a job of another flow than ``flow``.
            Cancelled, GaveUp: it was never finished.
            KhoError: its error.
        """
        if flow and self.flow != flow:
            raise Conflict(self.id, f"{self.flow}, not {flow}")
        if self.state is JobState.CANCELLED:
            raise Cancelled(self.id)
        if self.state is JobState.GIVEN_UP:
            raise GaveUp(self.id)
        if self.error is not None:
            raise self.error
        return self.result


class Client:
    """Jobs seen from outside. Threads may share one; close it. Raises OldSqlite."""

    def __init__(self, settings: Settings) -> None:
        if settings.sqlite:
            check_sqlite()
        self._settings = settings
        self._dbos: DBOSClient | None = None
        self._guard = threading.Lock()
        self._made = False
        self._own_queue_registered = False

    @property
    def dbos(self) -> DBOSClient:
        with self._guard:
            if self._dbos is None:
                self._dbos = DBOSClient(
                    system_database_url=self._settings.database_url,
                    serializer=RecordSerializer(),
                    application_name=APPLICATION,
                )
            return self._dbos

    def close(self) -> None:
        with self._guard:
            if self._dbos is not None:
                self._dbos.destroy()
                self._dbos = None

    def enqueue(
        self, flow: str, job_id: str, argument: Json, *, connection: Any = None, delay: float = 0.0, short: bool = False
    ) -> None:
        """Queue a job, not to be begun before ``delay`` seconds are over; nothing happens if it is known already. Within the transaction
        of ``connection``, if given. ``short``: of a short flow."""
        queue = SHORT_QUEUE if short else QUEUE
        options: EnqueueOptions = {"workflow_name": flow, "queue_name": queue, "workflow_id": job_id}
        if delay:
            options["delay_seconds"] = delay
        if connection is None:
            self.dbos.enqueue(options, argument)
        else:
            self.dbos.enqueue_in_transaction(connection, options, argument)

    def job(self, job_id: str) -> Job | None:
        """One job, or None when it is unknown."""
        rows = self._listed(workflow_ids=[job_id], load_input=False)
        return _job(rows[0]) if rows else None

    def _listed(self, **wanted: Any) -> list[WorkflowStatus]:
        """`DBOSClient.list_workflows`; where the tables were never made there is no job."""
        return [] if self.fresh() else self.dbos.list_workflows(**wanted)

    def jobs(self, states: Collection[JobState], *, limit: int, prefix: str = "", executor: str = "") -> Sequence[Job]:
        """Jobs in these states (all when empty), youngest first."""
        rows = self._listed(
            status=[name for state in states for name in _STATES[state]] or None,
            workflow_id_prefix=prefix or None,
            executor_id=executor or None,
            application_name=APPLICATION,
            limit=limit,
            sort_desc=True,
            load_input=False,
        )
        return [_job(row) for row in rows]

    def arguments(self, flow: str) -> list[Json]:
        """The arguments of the jobs of ``flow`` that have not ended."""
        rows = self._listed(
            name=flow,
            status=[*_STATES[JobState.WAITING], *_STATES[JobState.RUNNING]],
            application_name=APPLICATION,
            limit=_ALL,
            load_output=False,
        )
        return [row.input["args"][0] for row in rows if row.input is not None]

    def sooner(self, flow: str, which: Callable[[Json], bool]) -> int:
        """End the delay of the jobs of ``flow`` of whose argument ``which`` is true; how many there were."""
        rows = self._listed(name=flow, status=["DELAYED"], application_name=APPLICATION, limit=_ALL, load_output=False)
        ids = [row.workflow_id for row in rows if row.input is not None and which(row.input["args"][0])]
        for job_id in ids:
            self.dbos.set_workflow_delay(job_id, delay_seconds=0)
        return len(ids)

    def running(self) -> Sequence[Job]:
        """All jobs that stand as running, whether their executor lives or not."""
        return self.jobs([JobState.RUNNING], limit=_ALL)

    def progress(self, job_id: str, key: str) -> Progress | None:
        value = self.dbos.get_event(job_id, key, timeout_seconds=0)
        return Progress(*value) if isinstance(value, list) else None

    def cancel(self, job_id: str) -> None:
        self.dbos.cancel_workflow(job_id)

    def retry(self, job_id: str) -> None:
        """Queue an ended job again from the step that failed (from the first, if none did)."""
        failed = [step["function_id"] for step in self.dbos.list_workflow_steps(job_id) if step["error"] is not None]
        self.dbos.rewind_workflow(
            job_id, start_step=min(failed, default=1), application_version=APPLICATION_VERSION, queue_name=QUEUE
        )

    def take(self, job_id: str) -> bool:
        """Let the executor of this process run a job that waits in the common queue; False when somebody else was first."""
        if not self._own_queue_registered:  # DBOS listens to no other, and the tables may be another host's work
            self._register(self._settings.own_queue, _OWN_POLL)
            self._own_queue_registered = True
        job = self._columns
        waiting = job.status.in_(_STATES[JobState.WAITING])
        return (
            self._move(self._settings.own_queue, waiting, job.workflow_uuid == job_id, job.queue_name.in_([QUEUE, SHORT_QUEUE]))
            > 0
        )

    def put_back(self) -> None:
        """Put back into the common queue what commands of this home had taken for themselves, and did not begin."""
        if self._listed(queue_name=self._settings.own_queue, status=["ENQUEUED"], limit=1, load_input=False):
            self._move(QUEUE, self._columns.status == "ENQUEUED", self._columns.queue_name == self._settings.own_queue)

    def put_back_but(self, alive: Collection[str]) -> int:
        """Put back what commands had taken whose executors are none of these; returns how many jobs."""
        job = self._columns
        taken = job.queue_name.startswith(OWN_QUEUE, autoescape=True)
        return self._move(QUEUE, job.status == "ENQUEUED", taken, job.queue_name.not_in([OWN_QUEUE + each for each in alive]))

    @property
    def _columns(self) -> Any:
        return self.dbos._sys_db.tables.workflow_status.c

    def _move(self, queue: str, *conditions: Any) -> int:
        """Move jobs to another queue in one statement: of two that take a job at once, the database says who was first."""
        changed = {"queue_name": queue, "status": "ENQUEUED", "updated_at": int(time.time() * 1000)}
        update = self.dbos._sys_db.tables.workflow_status.update().where(*conditions).values(changed)
        with self.dbos._sys_db.engine.begin() as connection:
            return connection.execute(update).rowcount

    def requeue(self, jobs: Sequence[Job]) -> int:
        """Let jobs of dead executors be run again; one that has another executor by now is left alone. Returns how many were."""
        recover = self.dbos._sys_db.reenqueue_for_recovery
        return sum(recover(job.id, [job.executor], QUEUE) for job in jobs)

    def forget(self, before: datetime, flows: Collection[str]) -> int:
        """Delete the records of jobs of these flows that were done or cancelled before this moment; returns how many."""
        count = 0
        while rows := self._listed(
            name=sorted(flows),
            status=["SUCCESS", "CANCELLED"],
            completed_before=before.isoformat(),
            application_name=APPLICATION,
            limit=_FORGOTTEN_AT_ONCE,
            load_input=False,
            load_output=False,
        ):
            self.dbos.delete_workflows([row.workflow_id for row in rows])
            count += len(rows)
        return count

    def drop(self, job_id: str) -> None:
        """Delete the record of one job."""
        self.dbos.delete_workflows([job_id])

    def upgrade(self) -> None:
        """Make or renew DBOS's tables and our queues; start half-done jobs of older shapes again from their first step.

        Only while nothing runs here.

        Raises:
            JobTables: the database cannot be made durable.
        """
        if self._settings.sqlite:
            _make_durable(sqlite_file(self._settings.database_url))
        DBOS.migrate(self._settings.database_url)
        self.register_queues()
        for job in self.running():
            if job.version != APPLICATION_VERSION:
                self.cancel(job.id)
                self.dbos.rewind_workflow(job.id, start_step=1, application_version=APPLICATION_VERSION, queue_name=QUEUE)

    def register_queues(self) -> None:
        settings = self._settings
        for name, poll in ((QUEUE, settings.queue_poll), (SHORT_QUEUE, _SHORT_POLL), (settings.own_queue, _OWN_POLL)):
            self._register(name, poll)

    def _register(self, queue: str, poll: float) -> None:
        self.dbos.register_queue(queue, worker_concurrency=self._settings.concurrency, polling_interval_sec=poll)

    def fresh(self) -> bool:
        """Whether the tables were never made (known on SQLite only): they come with an archive, and a rebuild of its catalog leaves them
        to the first job."""
        if self._made or not self._settings.sqlite:
            return False
        file = sqlite_file(self._settings.database_url)
        if not file.exists():
            return True
        with closing(sqlite3.connect(file, timeout=30)) as connection:
            found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'dbos_migrations'").fetchone()
        self._made = found is not None
        return not self._made

    def await_tables(self) -> None:
        """Wait until another process, which is at it, has made the tables. Raises `JobTables` when it does not."""
        ends = time.monotonic() + _TABLES_WITHIN
        while self.fresh():
            if time.monotonic() > ends:
                raise JobTables(self._settings.database_url.rsplit("@", 1)[-1], phrase("job-still-not-there"))
            time.sleep(_TABLES_POLL)


def database_failure(settings: Settings, error: Exception) -> JobDatabase | None:
    """The error in our words, if it is one of the database's (whose library belongs to the catalog, so it is known by its name)."""
    if isinstance(error, sqlite3.Error) or type(error).__module__.startswith("sqlalchemy."):
        return JobDatabase(settings.database_url.rsplit("@", 1)[-1], str(getattr(error, "orig", error)))
    return None


def check_sqlite(
    python: tuple[int, ...] = tuple(sys.version_info[:3]), sqlite: tuple[int, ...] = sqlite3.sqlite_version_info
) -> None:
    """DBOS takes for granted that Python 3.12 and newer come with a SQLite that tells milliseconds (3.42); where one was built with an
    older, every row of a job would fail. Raises OldSqlite."""
    if python >= (3, 12) and sqlite < (3, 42):
        raise OldSqlite(".".join(map(str, python)), ".".join(map(str, sqlite)))


def sqlite_file(url: str) -> Path:
    """The file of an ``sqlite:///…`` address."""
    return Path(unquote(url.split("?", 1)[0].removeprefix("sqlite:///")))


def _make_durable(file: Path) -> None:
    """WAL, and proof that a commit is on the disk when it returns.

    DBOS sets no ``synchronous``, so its connections have the default of the SQLite build; a distributor may have lowered it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file, timeout=30)) as connection:
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        level = connection.execute("PRAGMA synchronous").fetchone()[0]
    if mode != "wal":
        raise JobTables(str(file), phrase("job-wal", mode=mode))
    if level < 2:
        raise JobTables(str(file), phrase("job-sync", level=level))


def _job(row: WorkflowStatus) -> Job:
    error = row.error
    return Job(
        id=row.workflow_id,
        flow=row.name,
        state=_BY_NAME[row.status],
        created=_time(row.created_at),
        updated=_time(row.updated_at),
        executor=row.executor_id or "",
        version=row.app_version or "",
        tries=row.recovery_attempts or 0,
        queue=row.queue_name or "",
        result=row.output,
        error=unpack(error.packed) if isinstance(error, Recorded) else None,
    )


def _time(milliseconds: int | None) -> datetime:
    return datetime.fromtimestamp((milliseconds or 0) / 1000, UTC)
