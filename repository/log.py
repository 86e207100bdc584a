"""The log: JSON lines in ``HOME/log/kho.log``, for machines. Words for people on stderr are the doors' business.

Every line has time, level, logger, message and process; job and deposit ids are bound with `bound` and stand on every line
written inside. Never logged: the content of records, secrets. Several processes write one file: a line is one append of less
than `LINE_LIMIT` bytes, and the file is turned over under a lock.
"""

from __future__ import annotations

import contextlib
import contextvars
import fcntl
import json
import logging
import logging.handlers
import os
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from policies.findings import spoken

__all__ = ["FILES_KEPT", "FILE_LIMIT", "LINE_LIMIT", "bound", "configure"]

FILE_LIMIT = 16 << 20
"""Bytes after which the file is turned over: opens in any editor, holds about a week of a busy worker."""

FILES_KEPT = 8
"""Older files kept (kho.log.1 is the youngest)."""

LINE_LIMIT = 64 << 10
"""Bytes of one line; longer tracebacks are cut in the middle, because their two ends say most."""

_QUIET = {"dbos": logging.WARNING, "alembic": logging.WARNING, "apscheduler": logging.WARNING}
"""Libraries that talk too much (DBOS: 80 lines a launch), and the level from which they are heard."""

_fields: contextvars.ContextVar[Mapping[str, str]] = contextvars.ContextVar("kho_log_fields", default={})  # noqa: B039 - never mutated


@contextlib.contextmanager
def bound(**fields: str) -> Iterator[None]:
    """Put ``fields`` (ids, never content) on every line logged inside."""
    token = _fields.set({**_fields.get(), **fields})
    try:
        yield
    finally:
        _fields.reset(token)


class _JsonLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _short(spoken(record.getMessage())),
            "process": record.process,
            **_fields.get(),
        }
        if record.exc_info:
            line["traceback"] = _short(self.formatException(record.exc_info))
        return json.dumps(line)  # ASCII: names that are not UTF-8 stay writable


def _short(text: str) -> str:
    # A character may need 12 bytes as JSON escapes; two such texts and the rest must fit into one line.
    room = LINE_LIMIT // 32
    return text if len(text) <= 2 * room else f"{text[:room]} … {text[-room:]}"


class _SharedFile(logging.handlers.WatchedFileHandler):
    """Appends whole lines; turns the file over when it is full, and notices (by the inode) when another process did."""

    def __init__(self, file: Path) -> None:
        super().__init__(file, encoding="utf-8", delay=True)
        self._path = file

    def emit(self, record: logging.LogRecord) -> None:
        # A log that cannot be written (the disk is full) is no reason to stop the work, nor to cover the screen with tracebacks.
        with contextlib.suppress(OSError):
            with contextlib.suppress(FileNotFoundError):
                if os.stat(self._path).st_size >= FILE_LIMIT:
                    self._turn()
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name of logging
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)

    def _turn(self) -> None:
        with open(self._path.with_suffix(".lock"), "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self._path.exists() or os.stat(self._path).st_size < FILE_LIMIT:
                return  # another process was first
            for number in range(FILES_KEPT - 1, 0, -1):
                older = self._path.with_name(f"{self._path.name}.{number}")
                if older.exists():
                    os.replace(older, self._path.with_name(f"{self._path.name}.{number + 1}"))
            os.replace(self._path, self._path.with_name(f"{self._path.name}.1"))


def configure(home: Path, *, level: int = logging.INFO) -> None:
    """Send the log of this process to ``home/log/kho.log``; may be called again, for another home. Raises OSError when the
    folder cannot be made."""
    folder = home / "log"
    folder.mkdir(parents=True, exist_ok=True)
    handler = _SharedFile(folder / "kho.log")
    handler.setFormatter(_JsonLine())
    for name, threshold in {"kho": level, **_QUIET}.items():
        logger = logging.getLogger(name)
        for old in list(logger.handlers):
            logger.removeHandler(old)
            old.close()
        # A handler of ours also keeps DBOS from adding its own for the console.
        logger.addHandler(handler)
        logger.setLevel(max(level, threshold))
        logger.propagate = False
