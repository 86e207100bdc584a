"""Work in the background: durable flows on DBOS, run by one launcher a home. Everything about DBOS lives in this package.

The face loads lazily: importing DBOS costs half a second, and `kho --help` must answer in less. `Flow`, `Step`, `Steps`,
`Progress` and the errors need no DBOS; `Jobs`, `Job` and `JobState` load it when they are first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from repository.jobs.errors import (
    Cancelled,
    Conflict,
    GaveUp,
    Interrupted,
    JobDatabase,
    JobError,
    JobTables,
    LauncherBusy,
    NotJson,
    StepFailed,
    StillRunning,
    UnknownFlow,
    UnknownJob,
)
from repository.jobs.flow import Flow, Json, Leaving, Progress, Step, Steps
from repository.jobs.settings import Settings
from repository.loading import loading

if TYPE_CHECKING:
    from repository.jobs.client import Job, JobState
    from repository.jobs.service import Jobs

__all__ = [
    "Cancelled",
    "Conflict",
    "Flow",
    "GaveUp",
    "Interrupted",
    "Job",
    "JobDatabase",
    "JobError",
    "JobState",
    "JobTables",
    "Jobs",
    "Json",
    "LauncherBusy",
    "Leaving",
    "NotJson",
    "Progress",
    "Settings",
    "Step",
    "StepFailed",
    "Steps",
    "StillRunning",
    "UnknownFlow",
    "UnknownJob",
]


def __getattr__(name: str) -> Any:
    if name == "Jobs":
        with loading():
            from repository.jobs.service import Jobs

        return Jobs
    if name in ("Job", "JobState"):
        from repository.jobs import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
