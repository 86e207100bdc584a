"""Catalog: the one object that flows are given; its parts are deposits, holdings, copies, checks, events and days of the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager

from sqlalchemy import delete

from repository.catalog import registration
from repository.catalog.canaries import Canaries
from repository.catalog.checks import Checks
from repository.catalog.collections import Collections
from repository.catalog.coming import Coming
from repository.catalog.copies import Copies
from repository.catalog.database import Database, Transaction
from repository.catalog.deposits import Deposits
from repository.catalog.events import Events
from repository.catalog.evidence import Evidence
from repository.catalog.formats import Formats
from repository.catalog.holdings import Holdings
from repository.catalog.ledger_days import LedgerDays
from repository.catalog.looks import Looks
from repository.catalog.placements import Placements
from repository.catalog.registration import Registration
from repository.catalog.schema import REVISIONS, check_schema, upgrade
from repository.catalog.tables import (
    aip,
    aip_version,
    copy,
    damage,
    evidence_batch,
    evidence_leaf,
    file,
    kept_object,
    kept_version,
    search,
)

__all__ = ["Catalog"]

DERIVED = (damage, copy, file, aip_version, search, aip, kept_object, kept_version, evidence_leaf, evidence_batch)
"""What can be made again from the tiers. Deposits, events, notes and the history of checks cannot."""


class Catalog:
    """One catalog by the URL of its database ("sqlite:///…", "postgresql+psycopg://…").

    Threads may share it; a process that was forked opens its own. Every method may raise CatalogUnavailable.

    Raises:
        CatalogUnavailable: the database cannot be reached.
        SchemaMismatch: it holds no catalog, or one of an older or newer Kho.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        try:
            check_schema(self._database)
        except BaseException:
            self._database.close()
            raise
        self.deposits = Deposits(self._database)
        self.coming = Coming(self._database)
        self.holdings = Holdings(self._database)
        self.copies = Copies(self._database)
        self.checks = Checks(self._database)
        self.collections = Collections(self._database)
        self.looks = Looks(self._database)
        self.events = Events(self._database)
        self.formats = Formats(self._database)
        self.evidence = Evidence(self._database)
        self.days = LedgerDays(self._database)
        self.canaries = Canaries(self._database)
        self.placements = Placements(self._database)

    @classmethod
    def create(cls, url: str) -> None:
        """Make the tables in the database, or bring them up to date. Raises as `upgrade`."""
        upgrade(url)

    @classmethod
    def bring_up_to_date(cls, url: str) -> tuple[str, str]:
        """Bring the tables of an older Kho up to date: (revision found, revision now). Raises as `upgrade`; makes no catalog."""
        return upgrade(url, make=False), REVISIONS[-1]

    def begin(self) -> AbstractContextManager[Transaction]:
        """A transaction for several changes that belong together: committed at the end of the block, undone by any exception.
        Hand it to methods as ``within``."""
        return self._database.write()

    def looking(self, within: Transaction | None = None) -> AbstractContextManager[Transaction]:
        """A transaction for several looks that belong together, or ``within``; to be handed to methods as ``within`` those."""
        return self._database.read(within)

    def register(self, entries: Registration | Iterable[Registration], *, within: Transaction | None = None) -> int:
        """Enter versions of AIPs with their files and copies, all or none; returns how many files were entered or compared.
        Entering the same version again changes nothing.

        Raises:
            CatalogConflict: (CAT-VERSION) a version is not the next one, is there with another inventory, or has not as many
                files as it says.
        """
        several = [entries] if isinstance(entries, Registration) else entries
        with self._database.write(within) as transaction:
            return registration.register(transaction, several)

    def clear(self, *, within: Transaction | None = None) -> None:
        """Forget everything that a rebuild makes again. Deposits, events and the history of checks stay."""
        with self._database.write(within) as transaction:
            for table in DERIVED:
                transaction.execute(delete(table))

    def close(self) -> None:
        """Close all connections."""
        self._database.close()
