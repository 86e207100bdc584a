"""The errors of jobs, and how any Kho error travels from the process that ran a job to the one that waits for it.

JobError
├── StepFailed       a step broke in a way nobody planned (a fault of the program or the machine)
│   └── StepRefused  the operating system refused something (rights, space, a mount)
├── Cancelled        someone cancelled the job
├── GaveUp           the job killed its process too often and is no longer tried
├── Interrupted      this process was told to stop; the job is durable and continues later
├── Conflict         the job id belongs to another flow
├── UnknownJob       there is no job with this id
├── UnknownFlow      there is no flow with this name
├── NotJson          a step or caller handed over something that cannot be recorded
├── StillRunning     the wait was limited and the job is not done
├── LauncherBusy     another process launches the jobs of this home
├── JobTables        the job tables in the database do not fit this version of Kho
├── OldSqlite        the SQLite of this Python is too old for it
└── JobDatabase      the database could not be asked, or could not do it now
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from policies.findings import KhoError
from policies.phrases import os_phrase

__all__ = [
    "Cancelled",
    "Conflict",
    "GaveUp",
    "Interrupted",
    "JobDatabase",
    "JobError",
    "JobTables",
    "LauncherBusy",
    "NotJson",
    "OldSqlite",
    "StepFailed",
    "StepRefused",
    "StillRunning",
    "UnknownFlow",
    "UnknownJob",
    "pack",
    "step_failure",
    "unpack",
]


class JobError(KhoError):
    """The base of this package's errors."""


class StepFailed(JobError):
    def __init__(self, where: str, kind: str, reason: str) -> None:
        super().__init__("JOB-STEP-FAILED", where, kind=kind, reason=reason)


class StepRefused(StepFailed):
    def __init__(self, where: str, error: OSError) -> None:
        place = f" ({os.fsdecode(error.filename)})" if isinstance(error.filename, str | bytes) else ""
        KhoError.__init__(self, "JOB-STEP-REFUSED", where, reason=f"{os_phrase(error)}{place}")


def step_failure(where: str, error: Exception) -> StepFailed:
    """What nobody planned, as an error that can be recorded."""
    if isinstance(error, OSError) and error.errno is not None:
        return StepRefused(where, error)
    return StepFailed(where, type(error).__name__, str(error))


class Cancelled(JobError):
    def __init__(self, job_id: str) -> None:
        super().__init__("JOB-CANCELLED", job_id)


class GaveUp(JobError):
    def __init__(self, job_id: str) -> None:
        super().__init__("JOB-GAVE-UP", job_id)


class Interrupted(JobError):
    def __init__(self, job_id: str) -> None:
        super().__init__("JOB-INTERRUPTED", job_id)


class Conflict(JobError):
    def __init__(self, job_id: str, reason: str) -> None:
        super().__init__("JOB-CONFLICT", job_id, reason=reason)


class UnknownJob(JobError):
    def __init__(self, job_id: str) -> None:
        super().__init__("JOB-UNKNOWN", job_id)


class UnknownFlow(JobError):
    def __init__(self, flow: str) -> None:
        super().__init__("JOB-UNKNOWN-FLOW", flow)


class NotJson(JobError):
    def __init__(self, where: str, reason: str) -> None:
        super().__init__("JOB-NOT-JSON", where, reason=reason)


class StillRunning(JobError):
    def __init__(self, job_id: str, state: str) -> None:
        super().__init__("JOB-STILL-RUNNING", job_id, state=state)


class LauncherBusy(JobError):
    def __init__(self, lock: str, holder: str) -> None:
        super().__init__("JOB-LAUNCHER-BUSY", lock, holder=holder)


class JobTables(JobError):
    def __init__(self, database: str, reason: str) -> None:
        super().__init__("JOB-TABLES", database, reason=reason)


class OldSqlite(JobError):
    def __init__(self, python: str, sqlite: str) -> None:
        super().__init__("JOB-SQLITE", "", python=python, sqlite=sqlite)


class JobDatabase(JobError):
    def __init__(self, database: str, reason: str) -> None:
        super().__init__("JOB-DATABASE", database, reason=reason)


def pack(error: KhoError) -> dict[str, Any]:
    """The error as JSON-able facts: code, path and arguments, and its class, by which `unpack` knows it again."""
    kind = type(error)
    finding = error.finding
    return {
        "code": finding.code,
        "path": finding.path,
        "args": dict(finding.args),
        "class": f"{kind.__module__}.{kind.__qualname__}",
    }


def unpack(packed: dict[str, Any]) -> KhoError:
    """The error again, of its own class where that is loaded here (so that flows and doors may catch it), else a plain `KhoError`
    with the same code. Attributes that a class keeps beside its finding do not travel."""
    known = {f"{kind.__module__}.{kind.__qualname__}": kind for kind in _descendants(KhoError)}
    error = Exception.__new__(known.get(packed["class"], KhoError))
    KhoError.__init__(error, packed["code"], packed["path"], **packed["args"])
    return error


def _descendants(kind: type[KhoError]) -> Iterator[type[KhoError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _descendants(child)
