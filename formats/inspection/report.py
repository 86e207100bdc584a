"""InspectionReport: what was found out about every spooled file, as rows of the spool database."""

from __future__ import annotations

import json
from collections.abc import Iterable

from fixity.tables import Database, make_tables
from formats.characterise import shown
from formats.held import Held
from formats.inspection.inspectors import Inspection
from formats.package.spool_database import beside
from policies.findings import spoken

__all__ = ["InspectionReport"]

_SCHEMA = "CREATE TABLE IF NOT EXISTS inspection (file TEXT PRIMARY KEY, technical TEXT NOT NULL) WITHOUT ROWID"
beside(_SCHEMA)


class InspectionReport:
    """A view over the table ``inspection`` of a spool database; ``file`` is the spooled file's name."""

    def __init__(self, database: Database) -> None:
        self._database = database
        make_tables(database, _SCHEMA)
        self._held = Held(database, "inspection", "file, technical", _pairs)

    def add(self, found: Iterable[tuple[str, Inspection]]) -> None:
        rows = ((file, json.dumps(technical(each), ensure_ascii=False)) for file, each in found)
        self._database.executemany("INSERT OR REPLACE INTO inspection VALUES (?,?)", rows)
        self._held.forget()

    def get(self, file: str) -> tuple[tuple[str, str], ...]:
        """(name, value) pairs as they are recorded in PREMIS; () when the file was not inspected."""
        return self._held.get(file) or ()

    def counts(self) -> dict[str, int]:
        """Validity → number of files; {} when none was validated."""
        rows = self._database.execute(
            "SELECT json_extract(technical, '$[0][1]'), count(*) FROM inspection WHERE json_extract(technical, '$[0][0]') = 'validation'"
            " GROUP BY 1 ORDER BY 1"
        )
        return dict(rows.fetchall())


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in json.loads(text))


def technical(found: Inspection) -> list[tuple[str, str]]:
    """The technical metadata of one file: what validation said and by which tools, then the properties, by name. It stands in PREMIS, for
    readers who know no phrases."""
    rows: list[tuple[str, str]] = []
    if found.validation is not None:
        rows.append(("validation", found.validation.validity.value))
        rows += [("validated by", check) for check in found.validation.checks]
        rows += [("defect", f"{defect.rule}: {spoken(defect.words)}") for defect in found.validation.defects]
        if found.validation.more:
            rows.append(("more defects", str(found.validation.more)))
        if found.validation.why is not None:
            rows.append(("not validated because", f"{found.validation.why.value}: {spoken(found.validation.reason)}"))
    return rows + list(shown(found.properties))
