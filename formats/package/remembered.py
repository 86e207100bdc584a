"""Findings of reception, remembered in the spool: a deposit that is looked at again (released, or resumed after a crash) must not
lose what was found while its bytes came in."""

from __future__ import annotations

import json

from fixity.tables import make_tables
from formats.package.spool import Spool
from formats.package.spool_database import beside
from policies.findings import Finding, Findings

__all__ = ["remember", "remembered"]

_TABLE = (
    "CREATE TABLE IF NOT EXISTS finding (seq INTEGER PRIMARY KEY, code TEXT NOT NULL, path TEXT NOT NULL, args TEXT NOT NULL)"
)
beside(_TABLE)


def remember(spool: Spool) -> Findings:
    """A collection whose every finding is also written into ``spool``, with its rows: they are there before it is complete."""
    make_tables(spool.database, _TABLE)

    def keep(finding: Finding) -> None:
        row = (finding.code, finding.path.encode("utf-8", "backslashreplace").decode(), json.dumps(dict(finding.args)))
        spool.database.execute("INSERT INTO finding (code, path, args) VALUES (?,?,?)", row)

    return Findings(sink=keep)


def remembered(spool: Spool) -> Findings:
    """The findings that were written into ``spool``."""
    make_tables(spool.database, _TABLE)
    findings = Findings()
    for code, path, args in spool.database.execute("SELECT code, path, args FROM finding ORDER BY seq"):
        findings.append(Finding(code, path, json.loads(args)))
    return findings
