"""The engine: one archive, opened; the composition root, and the one door through which command line, API and worker act.

Everything an archive can do is a method of one of its small services. Long work runs as jobs; what is quick is done at once.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import closing
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from repository.access.reading import Reading
from repository.archive import Archive
from repository.catalog import Catalog
from repository.clock import Clock
from repository.loading import loading
from repository.services.holdings import Holdings
from repository.settings.home import Settings, init_home, remember_tiers
from repository.tiers import open_tier

if TYPE_CHECKING:
    from policies.findings import Finding
    from repository.evidence.service import Evidences
    from repository.jobs import Jobs
    from repository.services.arrivals import Arrivals
    from repository.services.campaigns import Campaigns
    from repository.services.catalog import CatalogService
    from repository.services.copies import Audits, Copies
    from repository.services.deposits import Deposits
    from repository.services.formats import Formats
    from repository.services.ledger import Ledgers
    from repository.services.overview import Overview
    from repository.services.reports import PeriodReports, Reports
    from repository.services.signatures import Signatures
    from repository.services.tapes import Tapes
    from repository.services.tiers import Tiers
    from repository.services.unfinished import Unfinished
    from repository.workforce import Workforce
    from storage.processes import Helpers

__all__ = ["Engine"]


class Engine:
    """One archive. Use it as a context manager; `open` and `create` make it.

    What only jobs need is loaded with the first job: it is a third of all code, and most questions are answered without.
    ``apart``, ``helpers``: as `Workforce` says."""

    def __init__(self, archive: Archive, *, apart: bool = False, helpers: Helpers | None = None) -> None:
        self.archive = archive
        self._apart = apart
        self._helpers = helpers
        self._asking = threading.Lock()
        self.holdings = Holdings(archive, lambda: self.jobs)
        self.reading = Reading(archive, lambda: self.jobs)

    @classmethod
    def create(
        cls, home: Path, *, tiers: Mapping[str, Path | str], language: str | None = None, actor: str = "user:init"
    ) -> Engine:
        """Make a new archive: home, policy, catalog and tiers; a making that fails leaves nothing behind.

        Raises `SettingsError`, `StorageError`, `CatalogError`."""
        from repository.founding import Founding

        with Founding(home) as founding:
            settings = init_home(home, tiers=tiers, language=language or "vi")
            remember_tiers(home, {place.name: founding.tier(place) for place in settings.tiers})
            Catalog.create(settings.database)
            engine = cls.open(home, actor=actor)
            try:
                engine.jobs.upgrade()
            except BaseException:
                engine.close()
                raise
        return engine

    @classmethod
    def adopt(cls, home: Path, *, tiers: Mapping[str, Path | str], language: str | None = None) -> tuple[Settings, list[Finding]]:
        """Make a lost home anew around tiers that are there: kho.toml with their UUIDs, and where no policy (or formats.toml) is left the
        last one that the tiers tell of; what became of that are the findings. Tiers are only read. No catalog is made, for an empty one
        would look like no holdings: everything refuses until `kho catalog rebuild`.

        Raises `SettingsError`, and `StorageError` when a tier is not there or has another name."""
        from repository.founding import Founding
        from repository.ledger.policies import POLICY, give_back, kept_policy

        with Founding(home):
            own = (home / POLICY).exists()
            settings = init_home(home, tiers=tiers, language=language or "vi")
            there = {place.name: open_tier(place, settings.home) for place in settings.tiers}
            remember_tiers(home, {name: tier.identifier for name, tier in there.items()})
            return Settings.load(home), give_back(settings, kept_policy(there), own=own)

    @classmethod
    def open(
        cls,
        home: Path,
        *,
        actor: str,
        clock: Clock | None = None,
        helpers: Helpers | None = None,
        readers: Helpers | None = None,
    ) -> Engine:
        """Open the archive in ``home``. ``helpers`` are processes for its `Workforce` that were started before, ``readers`` some that
        re-read copies.

        Raises `SettingsError`, `ArchivePolicyError`, `CatalogError`."""
        settings = Settings.load(home)
        tiers = {
            place.name: open_tier(place, settings.home, link_from_spool=settings.links(place.name)) for place in settings.tiers
        }
        archive = Archive.of(settings, settings.policy(), actor, tiers=tiers, clock=clock, readers=readers)
        return cls(archive, apart=clock is None, helpers=helpers)

    @classmethod
    def upgrade(cls, home: Path) -> tuple[str, str]:
        """Bring the catalog and the job tables in ``home`` up to date with this Kho, while nothing runs there: (the catalog's revision
        before, now). What is up to date stays as it is; a lost catalog is not made here, for an empty one would look like no holdings.

        Raises `SettingsError`, `CatalogError` (CAT-NO-SCHEMA, CAT-NEWER), `LauncherBusy`, `JobTables`."""
        from repository.jobs import Jobs

        settings = Settings.load(home)
        revisions: list[tuple[str, str]] = []
        with closing(Jobs.at(settings.home, settings.database, ())) as jobs:
            jobs.upgrade(lambda: revisions.append(Catalog.bring_up_to_date(settings.database)))
        return revisions[0]

    @cached_property
    def _workforce(self) -> Workforce:
        from repository.workforce import Workforce

        return Workforce(apart=self._apart, helpers=self._helpers)

    def _workforce_once(self) -> Workforce:
        """It, for flows: several may ask at the same time, and there shall be one."""
        with self._asking:
            return self._workforce

    @cached_property
    def jobs(self) -> Jobs:
        """The background work of this archive (made when first needed: it costs half a second)."""
        with loading():
            from repository.flows import flows_of
            from repository.jobs import Jobs

        return Jobs.at(
            self.archive.settings.home,
            self.archive.settings.database,
            flows_of(self.archive, self._workforce_once, lambda: self.jobs),
        )

    @cached_property
    def catalog(self) -> CatalogService:
        """The catalog as an index that can be made again (what proofs by evidence need is loaded with it)."""
        from repository.services.catalog import CatalogService

        return CatalogService(self.archive, self._workforce)

    @cached_property
    def deposits(self) -> Deposits:
        from repository.services.deposits import Deposits

        return Deposits(self.archive, self.jobs)

    @cached_property
    def arrivals(self) -> Arrivals:
        """What comes in through a door of ours, rather than from a path."""
        from repository.services.arrivals import Arrivals

        return Arrivals(self.archive, self.jobs)

    @cached_property
    def unfinished(self) -> Unfinished:
        from repository.services.unfinished import Unfinished

        return Unfinished(self.archive, self.jobs)

    @cached_property
    def tiers(self) -> Tiers:
        """Tiers to be added, and to be begun anew."""
        from repository.services.tiers import Tiers

        return Tiers(self.archive)

    @cached_property
    def tapes(self) -> Tapes:
        """Cartridges and volumes of the tape tiers."""
        from repository.services.tapes import Tapes

        return Tapes(self.archive, lambda: self.jobs)

    @cached_property
    def ledger(self) -> Ledgers:
        """What happened, provable to others."""
        from repository.services.ledger import Ledgers

        return Ledgers(self.archive, self.jobs)

    @cached_property
    def signatures(self) -> Signatures:
        from repository.services.signatures import Signatures

        return Signatures(self.archive, self.jobs)

    @cached_property
    def evidence(self) -> Evidences:
        """What proves that records existed, and when."""
        from repository.evidence.service import Evidences

        return Evidences(self.archive, self.jobs)

    @cached_property
    def formats(self) -> Formats:
        """Formats of what is held, and what could become of them."""
        from repository.services.formats import Formats

        return Formats(self.archive)

    @cached_property
    def campaigns(self) -> Campaigns:
        from repository.services.campaigns import Campaigns

        return Campaigns(self.archive, self.jobs)

    @cached_property
    def reports(self) -> Reports:
        """What can be said of the whole."""
        from repository.services.reports import Reports

        return Reports(self.archive)

    @cached_property
    def periods(self) -> PeriodReports:
        """Reports on the checks of a period, with their proof."""
        from repository.services.reports import PeriodReports

        return PeriodReports(self.archive)

    @cached_property
    def overview(self) -> Overview:
        """What needs attention, forecasts, metrics."""
        from repository.services.overview import Overview

        return Overview(self.archive, lambda: self.jobs)

    @cached_property
    def audits(self) -> Audits:
        from repository.services.copies import Audits

        return Audits(self.archive, lambda: self.jobs)

    @cached_property
    def copies(self) -> Copies:
        from repository.services.copies import Copies

        return Copies(self.archive, self.jobs)

    def close(self) -> None:
        """End what was started: the workers of identification and inspection, jobs and database connections."""
        if "jobs" in self.__dict__:
            self.jobs.close()
        if "_workforce" in self.__dict__:
            self._workforce.close()
        elif self._helpers is not None:
            self._helpers.close()
        self.archive.identifier.close()
        self.archive.inspectors.close()
        self.archive.verifiers.close()
        for tier in self.archive.tiers.values():
            tier.close()
        self.archive.spools.close_all()
        self.archive.catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
