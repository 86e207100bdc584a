"""Exceptions as findings and exit codes. What was not expected leaves its traceback in a log file, never on the screen."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from typer import TyperException

from policies.findings import Finding, KhoError
from policies.phrases import os_phrase, phrase
from repository.cli.door import HOME_VARIABLE, MARKER, Usage, not_readable
from repository.cli.exits import Exit
from repository.cli.values import name_of

__all__ = ["exit_of", "finding_of", "usage_finding"]

_EXITS = {
    "AIP-NO-FILE": Exit.USAGE,
    "AIP-NO-VERSION": Exit.USAGE,
    "AIP-UNKNOWN": Exit.USAGE,
    "CAT-CURSOR": Exit.USAGE,
    "DEP-SOURCE-ARCHIVE": Exit.USAGE,
    "DEP-SOURCE-MISSING": Exit.USAGE,
    "DEP-UNKNOWN": Exit.USAGE,
    "MIG-ACCESS-PATH": Exit.USAGE,
    "MIG-CAMPAIGN-ENDED": Exit.USAGE,
    "MIG-NO-CAMPAIGN": Exit.USAGE,
    "MIG-NO-PATH": Exit.USAGE,
    "MIG-NO-ROLLBACK": Exit.USAGE,
    "MIG-NOT-A-SOURCE": Exit.USAGE,
    "MIG-OTHER-CAMPAIGN": Exit.USAGE,
    "DEP-WRONG-STATE": Exit.USAGE,
    "RPT-COLLECTION": Exit.USAGE,
    "SET-EXISTS": Exit.USAGE,
    "SET-NO-HOME": Exit.USAGE,
    "SET-TIER-KNOWN": Exit.USAGE,
    "SET-TIER-TAKEN": Exit.USAGE,
    "SET-TIER-URL": Exit.USAGE,
    "TIER-NOT-BUCKET": Exit.USAGE,
    "TIER-KEPT": Exit.USAGE,
    "TIER-UNKNOWN": Exit.USAGE,
    "DEP-KEY-REUSED": Exit.REFUSED,
    "AIP-NO-GOOD-COPY": Exit.DAMAGE,
    "AIP-NOT-ENOUGH-COPIES": Exit.FEW_COPIES,
    "AIP-NOT-REACHED": Exit.FEW_COPIES,
}
"""Errors by code (they keep it on their way from the process that ran a job) that mean something else than "Kho could not"."""


def exit_of(error: Exception) -> Exit:
    """The exit code that an error means."""
    if isinstance(error, Usage):
        return Exit.USAGE
    return _EXITS.get(error.code, Exit.FAILED) if isinstance(error, KhoError) else Exit.FAILED


def finding_of(error: Exception, home: Path | None = None) -> Finding:
    """An error in words. One that nobody foresaw is written to the archive's log first."""
    if isinstance(error, KhoError):
        return error.finding
    log = _record(error, home)
    if isinstance(error, OSError) and error.errno is not None:
        where = f" ({os.fsdecode(error.filename)})" if isinstance(error.filename, str | bytes) else ""
        return Finding("OPS-SYSTEM", args={"reason": f"{os_phrase(error)}{where}"})
    return Finding("OPS-UNEXPECTED", args={"kind": type(error).__name__, "log": str(log)})


def usage_finding(error: TyperException) -> Finding:
    """What typer says about a command line, under a code of ours."""
    command = getattr(getattr(error, "ctx", None), "command_path", "") or "kho"
    option = getattr(error, "option_name", None)
    kind = type(error).__name__
    if kind == "NoSuchOption" and option:
        return Finding("USE-OPTION", args={"option": option, "command": command})
    parameter = getattr(error, "param", None)
    if kind == "MissingParameter" and parameter is not None:
        return Finding("USE-MISSING", args={"name": name_of(parameter), "command": command})
    if (unread := _UNREADABLE.fullmatch(error.format_message())) is not None:
        return not_readable(unread["path"]).finding
    return Finding("USE-COMMAND", args={"reason": _in_our_words(error.format_message()), "command": command})


_UNREADABLE = re.compile(r"Invalid value for '.*': \w+ '(?P<path>.*)' is not readable\.", re.DOTALL)

_MESSAGES = (
    (r"Missing command\.", "usage-command-missing"),
    (r"No such command '(?P<name>.*)'\. Did you mean (?P<near>.*)\?", "usage-no-command-near"),
    (r"No such command '(?P<name>.*)'\.", "usage-no-command"),
    (r"Got unexpected extra arguments?\(?s?\)? \((?P<given>.*)\)", "usage-extra"),
    (r"Option '(?P<name>.*)' requires an argument\.", "usage-needs-value"),
    (r"Option '(?P<name>.*)' does not take a value\.", "usage-no-value"),
    (r"Invalid value for '(?P<name>.*)': Input should be a valid integer.*", "usage-integer"),
    (r"Invalid value for '(?P<name>.*)': Input should be greater than or equal to (?P<least>\S+)", "usage-least"),
    (r"Invalid value for '(?P<name>.*)': Input should be less than or equal to (?P<most>\S+)", "usage-most"),
)
"""What typer says most, in English only → the phrase that says it in both languages."""


def _in_our_words(message: str) -> str:
    for pattern, key in _MESSAGES:
        if (found := re.fullmatch(pattern, message, re.DOTALL)) is not None:
            return phrase(key, **found.groupdict())
    return message


def _record(error: Exception, home: Path | None) -> Path:
    """Append the traceback to the log of the archive, else to one in the folder for temporary files; returns the file."""
    import logging

    from repository.log import configure

    logging.raiseExceptions = False  # a log that cannot be written must not print a traceback of its own
    for folder in _log_folders(home):
        try:
            configure(folder)
        except OSError:
            continue
        logging.getLogger("kho.cli").error("unexpected error: %s", type(error).__name__, exc_info=error)
        return folder / "log" / "kho.log"
    return Path(os.devnull)


def _log_folders(home: Path | None) -> list[Path]:
    if home is None and os.environ.get(HOME_VARIABLE):
        home = Path(os.environ[HOME_VARIABLE])
    own = [home.absolute()] if home is not None and os.path.isfile(home / MARKER) else []  # which tells no error of its own
    return [*own, Path(tempfile.gettempdir()) / f"kho-{os.getuid()}"]
