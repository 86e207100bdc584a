"""The errors of the catalog.

CatalogError
├── CatalogUnavailable   the database could not be asked or could not do it (down, locked, full): says nothing about records
│   └── CatalogDenied    the user who asks may not write the file of the database, or what lies beside it
├── SchemaMismatch       no catalog there, or one of another Kho
├── CatalogConflict      someone else was first: the row is not in the state this change was built on
└── BadCursor            a cursor that this list never gave

An id that is not known is `repository.errors.UnknownDeposit` or `UnknownAip`.
"""

from __future__ import annotations

from policies.findings import KhoError

__all__ = ["BadCursor", "CatalogConflict", "CatalogDenied", "CatalogError", "CatalogUnavailable", "SchemaMismatch"]


class CatalogError(KhoError):
    """The base of the catalog's errors."""


class CatalogUnavailable(CatalogError):
    def __init__(self, reason: str) -> None:
        super().__init__("CAT-UNAVAILABLE", "", reason=reason)


class CatalogDenied(CatalogUnavailable):
    """The user who asks may not write it."""

    def __init__(self, reason: str) -> None:
        CatalogError.__init__(self, "CAT-DENIED", "", reason=reason)


class SchemaMismatch(CatalogError):
    """Code CAT-NO-SCHEMA, CAT-OLDER or CAT-NEWER."""


class CatalogConflict(CatalogError):
    """Code CAT-KEY-EXISTS, CAT-STATE or CAT-VERSION."""


class BadCursor(CatalogError):
    def __init__(self, cursor: str) -> None:
        super().__init__("CAT-CURSOR", cursor)
