"""What is set on purpose about the job machine, each with its reason; and who this executor is."""

from __future__ import annotations

import hashlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "APPLICATION",
    "APPLICATION_VERSION",
    "COMMAND",
    "MAX_RECOVERIES",
    "OWN_QUEUE",
    "QUEUE",
    "SHAPE",
    "SHORT_QUEUE",
    "SQLITE_EXECUTOR",
    "Settings",
]

APPLICATION = "kho"
"""The name under which DBOS keeps our rows, so that another program may share the database."""

SHAPE = 4
"""The shape of the flows: raised when the order or the names of the steps of any flow change, because a half-done job can only be
continued by code with the same steps. `Jobs.upgrade` starts half-done jobs of older shapes again from their first step."""

APPLICATION_VERSION = f"kho-flows-{SHAPE}"
"""DBOS resumes only jobs of its own version; its default is a digest of the source, which would orphan them at every release."""

QUEUE = "kho"
"""The queue of all jobs that some launcher is to run."""

SHORT_QUEUE = f"{QUEUE}-short"
"""The same for jobs of short flows: with one queue they would wait while long ones (audits of tape, campaigns) take all its places."""

OWN_QUEUE = f"{QUEUE}-own-"
"""How the queues begin of jobs that an interactive command takes for itself; the executor's id follows."""

COMMAND = "command"
"""The kind of a launcher that runs its own jobs only, and nothing from the common queue."""

MAX_RECOVERIES = 100
"""Starts after which a job that kills its process each time is given up, so that it cannot stop the others for
ever. Restarts in good order count too, hence so many."""

SQLITE_EXECUTOR = "kho-launcher"
"""On SQLite the lock makes sure that there is one executor, so its name may outlive moved folders and renamed hosts."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the jobs of one home live. Times in seconds. Throughput through the queue is ``concurrency`` ÷ ``queue_poll``."""

    home: Path
    database_url: str
    concurrency: int = 4  # jobs at once in a worker: they wait for disks more than for cores
    queue_poll: float = 0.1  # how soon a worker sees a queued job; an idle poll is one read
    wait_poll: float = 0.05  # how soon a waiting command sees its result; grows to wait_poll_limit
    wait_poll_limit: float = 0.2
    progress_every: float = 1.0  # a progress report is a committed row, so one a second
    heartbeat: float = 10.0  # PostgreSQL: how often an executor says that it lives
    dead_after: float = 60.0  # PostgreSQL: silence after which its jobs are resumed elsewhere

    @property
    def sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")

    @property
    def executor_id(self) -> str:
        """Stable over restarts, and never the default "local", which every DBOS program on the database would share."""
        if self.sqlite:
            return SQLITE_EXECUTOR
        place = f"{_machine()}\0{socket.gethostname()}\0{os.path.realpath(self.home)}"
        return f"kho-{socket.gethostname()}-{hashlib.sha256(place.encode()).hexdigest()[:12]}"

    @property
    def own_queue(self) -> str:
        """The queue of jobs that an interactive command takes over: only the launcher itself listens to it."""
        return OWN_QUEUE + self.executor_id


def _machine() -> str:
    try:
        return Path("/etc/machine-id").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
