"""FormatReport: what format every spooled file has, as rows of the spool database (a package may have a million files)."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from fixity.tables import Database, make_tables
from formats.held import Held
from formats.identify import Identification
from formats.package.spool_database import beside
from policies.findings import Puid, spoken

__all__ = ["FormatReport", "KnownFormat", "notes_of"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS format (
    file TEXT PRIMARY KEY, puid TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL, mime TEXT NOT NULL, notes TEXT NOT NULL
) WITHOUT ROWID
"""
_ENCLOSED = "CREATE TABLE IF NOT EXISTS enclosed (file TEXT PRIMARY KEY, sums TEXT NOT NULL) WITHOUT ROWID"
beside(_SCHEMA, _ENCLOSED)


_COLUMNS = "file, puid, name, version, mime, notes, coalesce(sums, '')"


@dataclass(frozen=True, slots=True)
class KnownFormat:
    """The answer for one file, as it is recorded. ``notes`` say who said it, on what ground, with which signatures; second opinion too.
    ``inside`` is the text of the `formats.enclosed.Enclosed` of an archive that was looked into."""

    puid: Puid
    name: str
    version: str
    mime: str
    notes: tuple[str, ...]
    inside: str = ""


class FormatReport:
    """A view over the table ``format`` of a spool database; ``file`` is the spooled file's name."""

    def __init__(self, database: Database) -> None:
        self._database = database
        make_tables(database, _SCHEMA, _ENCLOSED)
        self._held = Held(database, "format LEFT JOIN enclosed USING (file)", _COLUMNS, _known)

    def add(self, answers: Iterable[tuple[str, Identification]]) -> None:
        rows = ((file, a.puid, a.name, a.version, a.mime, json.dumps(notes_of(a), ensure_ascii=False)) for file, a in answers)
        self._database.executemany("INSERT OR REPLACE INTO format VALUES (?,?,?,?,?,?)", rows)
        self._held.forget()

    def get(self, file: str) -> KnownFormat | None:
        return self._held.get(file)

    def of(self, puids: Collection[str]) -> Iterator[tuple[str, Puid]]:
        """(file, format) of the files of these formats, in the order of the files; they may be added to meanwhile."""
        marks = ",".join("?" * len(puids))
        rows = self._database.execute(f"SELECT file, puid FROM format WHERE puid IN ({marks}) ORDER BY file", tuple(puids))
        return ((file, Puid(puid)) for file, puid in rows.fetchall())

    def enclose(self, file: str, notes: Iterable[str], sums: str) -> None:
        """Remember what lies in an archive: ``notes`` behind what is known of its own format, ``sums`` beside it."""
        (before,) = self._database.execute("SELECT notes FROM format WHERE file = ?", (file,)).fetchone()
        words = json.dumps([*json.loads(before), *notes], ensure_ascii=False)
        self._database.execute("UPDATE format SET notes = ? WHERE file = ?", (words, file))
        self._database.execute("INSERT OR REPLACE INTO enclosed VALUES (?, ?)", (file, sums))
        self._held.forget()

    def tools(self) -> Iterator[tuple[str, int]]:
        """(first note, number of files): which tool with which signatures answered how often."""
        yield from self._database.execute("SELECT json_extract(notes, '$[0]'), count(*) FROM format GROUP BY 1")


def _known(puid: str, name: str, version: str, mime: str, notes: str, inside: str) -> KnownFormat:
    return KnownFormat(Puid(puid), name, version, mime, tuple(json.loads(notes)), inside)


def notes_of(answer: Identification) -> list[str]:
    """Who said it, on what ground, with which signatures, and what a second tool said, as it is recorded beside the format."""
    notes = [f"{answer.tool} {answer.tool_version} ({answer.signature_version})".strip(), f"basis: {answer.basis.value}"]
    if answer.alternatives:
        notes.append(f"also: {', '.join(answer.alternatives)}")
    if answer.reason:
        notes.append(spoken(answer.reason, "en"))  # a record of PREMIS, as all of these notes
    second = answer.second
    if second is not None:
        said = ", ".join(second.puids) or spoken(second.reason, "en")
        notes.append(
            f"second opinion: {second.tool} {second.tool_version} ({second.signature_version}) {second.standing.value}: {said}"
        )
    return notes
