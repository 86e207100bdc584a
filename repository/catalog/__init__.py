"""The catalog: an index of what the tiers hold. It can be rebuilt from them, so losing it loses no record.

SQLAlchemy is used in this package and nowhere else.
"""

from __future__ import annotations

from repository.catalog.canaries import Canary
from repository.catalog.catalog import Catalog
from repository.catalog.collections import Members, Periods
from repository.catalog.copies import TierSummary
from repository.catalog.database import Transaction
from repository.catalog.deposits import DepositChange
from repository.catalog.errors import BadCursor, CatalogConflict, CatalogError, CatalogUnavailable, SchemaMismatch
from repository.catalog.events import EventRow, Note, event_row, id_of_row, time_of_row
from repository.catalog.formats import DERIVED, EnclosedCounts, FormatCount
from repository.catalog.ledger_days import LedgerDay
from repository.catalog.people import PEOPLE, PERSON
from repository.catalog.registration import FileRow, Registration, file_row, row_of, size_in
from repository.catalog.schema import upgrade

__all__ = [
    "DERIVED",
    "PEOPLE",
    "PERSON",
    "BadCursor",
    "Canary",
    "Catalog",
    "CatalogConflict",
    "CatalogError",
    "CatalogUnavailable",
    "DepositChange",
    "EnclosedCounts",
    "EventRow",
    "FileRow",
    "FormatCount",
    "LedgerDay",
    "Members",
    "Note",
    "Periods",
    "Registration",
    "SchemaMismatch",
    "TierSummary",
    "Transaction",
    "event_row",
    "file_row",
    "id_of_row",
    "row_of",
    "size_in",
    "time_of_row",
    "upgrade",
]
