"""The version of the tables: made and brought up to date by `upgrade`, and never used when it is another Kho's."""

from __future__ import annotations

from importlib import resources

from sqlalchemy import inspect, text

from repository.catalog.database import Database, Transaction
from repository.catalog.errors import SchemaMismatch

__all__ = ["REVISIONS", "VERSION_TABLE", "check_schema", "upgrade"]

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009")
"""All revisions this Kho knows, oldest first; a test compares them with migrations/versions."""

VERSION_TABLE = "kho_schema"
"""Not Alembic's default name: jobs keep their tables in the same database."""

_UPGRADE_LOCK = 0x6B686F
"""PostgreSQL's advisory lock while upgrading; SQLite's writers exclude one another anyway."""


def _found(transaction: Transaction) -> str:
    if not inspect(transaction).has_table(VERSION_TABLE):
        return ""
    return str(transaction.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar() or "")


def check_schema(database: Database) -> None:
    """Raises SchemaMismatch when the database holds no catalog, or an older or newer one."""
    with database.read() as transaction:
        found = _found(transaction)
    if found == REVISIONS[-1]:
        return
    if not found:
        raise SchemaMismatch("CAT-NO-SCHEMA", database.name)
    code = "CAT-OLDER" if found in REVISIONS else "CAT-NEWER"
    raise SchemaMismatch(code, database.name, found=found, needed=REVISIONS[-1])


def upgrade(url: str, *, make: bool = True) -> str:
    """Make the catalog's tables (unless told not to), or bring older ones up to date, in one transaction; nothing happens when they
    are. Returns the revision that was found, "" when there was none.

    Raises:
        CatalogUnavailable: the database cannot be used.
        SchemaMismatch: (CAT-NEWER) they are of a newer Kho; (CAT-NO-SCHEMA) there are none, and none are to be made.
    """
    # Alembic costs a fifth of a second to import and is needed only here.
    from alembic import command
    from alembic.config import Config

    database = Database(url)
    try:
        with database.write() as transaction:
            if transaction.dialect.name == "postgresql":
                transaction.execute(text(f"SELECT pg_advisory_xact_lock({_UPGRADE_LOCK})"))
            found = _found(transaction)
            if found and found not in REVISIONS:
                raise SchemaMismatch("CAT-NEWER", database.name, found=found, needed=REVISIONS[-1])
            if not (found or make):
                raise SchemaMismatch("CAT-NO-SCHEMA", database.name)
            if found != REVISIONS[-1]:
                config = Config()
                config.set_main_option(
                    "script_location", str(resources.files("repository.catalog") / "migrations").replace("%", "%%")
                )
                config.attributes["transaction"] = transaction
                command.upgrade(config, "head")
            return found
    finally:
        database.close()
