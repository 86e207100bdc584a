"""The door: what one command line was asked for (archive, form of the answer), and how its answer is given.

The answer is the only thing on stdout: tables for people, or one JSON document (``--json``). Everything else (progress, errors,
what to do next) goes to stderr.
"""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import typer

from policies.findings import Finding, KhoError, Weight
from policies.phrases import phrase
from policies.users import user_name
from repository.cli.exits import Exit
from repository.cli.printable import printable
from repository.loading import loading
from repository.texts import language

if TYPE_CHECKING:
    from repository.engine import Engine
    from repository.progress import Progress
    from storage.processes import Helpers

__all__ = ["HOME_VARIABLE", "Door", "Usage", "actor", "check_one_of", "check_source", "is_there", "not_readable"]

HOME_VARIABLE = "KHO_HOME"
MARKER = "kho.toml"
"""The file by which a folder is known as the home of an archive."""


class Usage(KhoError):
    """The command line asks for something that cannot be meant (exit code 2)."""


def not_readable(path: str | Path) -> Usage:
    """That the user who runs the command may not read what he names."""
    return Usage("USE-NOT-READABLE", str(path), user=user_name(os.geteuid()))


def _is_archive(place: Path) -> bool:
    """Raises Usage where one may not look."""
    try:
        os.lstat(place / MARKER)
    except PermissionError:
        raise not_readable(place) from None
    except (OSError, ValueError):
        return False
    return (place / MARKER).is_file()


def is_there(path: Path) -> bool:
    """Whether something has this name, be it a link to nothing. Raises Usage where one may not look: os.path says no then."""
    try:
        os.lstat(path)
    except PermissionError:
        raise not_readable(path) from None
    except (FileNotFoundError, NotADirectoryError, ValueError):  # the last: no name of a file at all
        return False
    return True


def check_source(path: Path) -> None:
    """A package must be a file or a folder: a pipe would be waited for without end. Raises Usage."""
    if not is_there(path):
        raise Usage("USE-NO-PATH", str(path))
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise Usage("USE-NEITHER", str(path))
    if path.exists() and not os.access(path, os.R_OK, effective_ids=True):
        raise not_readable(path)


def check_one_of(name: str, value: str, choices: Sequence[str], *, command: str) -> None:
    """Raises Usage: an option has a value that is none of its own."""
    if value not in choices:
        raise Usage("USE-VALUE", name=name, value=value, reason=phrase("use-one-of", names=", ".join(choices)), command=command)


def actor() -> str:
    """Who asks, as events name them: the login name of the one who runs the command."""
    try:
        return f"user:{getpass.getuser()}"
    except (KeyError, OSError):  # a container may run under a number that has no name
        return f"user:{os.getuid()}"


@dataclass
class Door:
    """One run of ``kho``. ``home`` and ``as_json`` may be said before or after the name of the command; ``helpers`` are processes that a
    command started before its arguments were understood; they end with the run."""

    home: Path | None = None
    as_json: bool = False
    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)
    again: str = ""
    """The command that goes on with what this one began, where that is not the same one."""
    _begun: bool = False
    helpers: Helpers | None = None
    _progress: Progress | None = None

    @classmethod
    def of(cls, context: typer.Context, home: Path | None = None, as_json: bool = False) -> Door:
        """The door of this run, with what the command's own options add."""
        door = context.find_root().obj
        assert isinstance(door, Door)
        door.home = home or door.home
        door.as_json = as_json or door.as_json
        return door

    def goes_on_by(self, command: str) -> None:
        """What was begun goes on by ``command``, if this one is interrupted."""
        self.again = command

    def place(self) -> Path:
        """The archive's folder, which need not be there yet. Raises Usage when none was named."""
        if self.home is None:
            named = os.environ.get(HOME_VARIABLE)
            if not named:
                raise Usage("USE-HOME")
            self.home = Path(named)
        return self.home.absolute()

    def archive(self) -> Path:
        """The folder of an archive that is there. Raises Usage."""
        place = self.place()
        if not _is_archive(place):
            raise Usage("USE-NO-ARCHIVE", str(place))
        return place

    def has_archive(self) -> bool:
        """Whether an archive was named, and is there: for commands that can do without one."""
        named = self.home or os.environ.get(HOME_VARIABLE)
        return bool(named) and _is_archive(Path(named or ""))

    def open(self, helpers: Helpers | None = None, readers: Helpers | None = None) -> Engine:
        """The engine of the archive that was named, to be used as a context manager; ``helpers`` and ``readers`` as `Engine.open` says.
        Raises Usage, KhoError, OSError."""
        home = self.archive()
        with loading():
            from repository.engine import Engine
            from repository.log import configure

        configure(home)

        return Engine.open(home, actor=actor(), helpers=helpers, readers=readers)

    def progress(self) -> Progress:
        """Bars where a person waits, a line a minute where none looks; always on stderr."""
        from repository.cli.bars import progress_on

        self._progress = progress_on(self.err)
        return self._progress

    def say(self, text: str) -> None:
        """One line for people, on stderr."""
        if self._progress is not None:
            self._progress.finish()
        self.out.flush()
        print(text, file=self.err, flush=True)

    def answer(
        self,
        kind: str,
        body: Mapping[str, Any],
        text: Callable[[], None],
        *,
        code: Exit = Exit.DONE,
        findings: Iterable[Finding] = (),
        closing: Sequence[Finding] = (),
        cursor: str | None = None,
    ) -> Exit:
        """Give the answer in the form that was asked for and return ``code``.

        ``body`` may hold iterators: they are streamed as JSON arrays, so that a list of a million files costs no memory.
        ``closing`` says in words how it ended; the last one's "what to do next" becomes the last line on stderr.
        """
        if self._progress is not None:
            self._progress.finish()
        if self.as_json:
            self._document(kind, body, [*findings, *closing], cursor, ok=code is Exit.DONE)
        else:
            text()
        self.out.flush()
        self.close(closing)
        return code

    def close(self, closing: Sequence[Finding]) -> None:
        """Say on stderr how it ended; the last line is what to do next."""
        speech = language()
        for finding in closing:
            self.say(printable(finding.text(speech)))
        if closing and closing[-1].todo(speech):
            self.say(printable(closing[-1].todo(speech)))

    def failed(self, finding: Finding) -> None:
        """Answer with an error: a JSON document when asked for one (the begun one is closed), and words on stderr."""
        if self.as_json:
            if self._begun:
                self._tail([finding], None, ok=False)
            else:
                self._document("error", {}, [finding], None, ok=False)
            self.out.flush()
        self.close([finding])

    def _document(self, kind: str, body: Mapping[str, Any], findings: Sequence[Finding], cursor: str | None, *, ok: bool) -> None:
        self._write(f'{{"kho":1,"kind":{_json(kind)}')
        self._begun = True
        for key, value in body.items():
            self._write(f",{_json(key)}:")
            if isinstance(value, Iterator):
                self._array(value)
            else:
                self._write(_json(value))
        self._tail(findings, cursor, ok=ok)

    def _array(self, rows: Iterator[Any]) -> None:
        self._write("[")
        try:
            for number, row in enumerate(rows):
                self._write(("," if number else "") + _json(row))
        finally:
            self._write("]")

    def _tail(self, findings: Iterable[Finding], cursor: str | None, *, ok: bool) -> None:
        from repository.views.records import finding

        rows = [finding(each, language()) for each in findings]
        ok = ok and all(each.weight < Weight.ERROR for each in findings)
        self._begun = False
        self._write(f',"ok":{_json(ok)},"findings":{_json(rows)},"cursor":{_json(cursor)}}}\n')

    def _write(self, text: str) -> None:
        self.out.write(text)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
