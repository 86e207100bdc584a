"""What every flow is given: the archive's places, promises, catalog, tiers, examiners and clock, put together once by the engine."""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import metadata

from formats.identify import Identifier, SiegfriedIdentifier
from formats.inspection import InspectionLimits, Inspectors
from formats.malware import ClamdScanner, NoScanner, Scanner
from policies.archive import ArchivePolicyError, Policy
from repository.catalog import Catalog
from repository.clock import Clock, SystemClock
from repository.errors import UnknownTier
from repository.settings.home import Settings
from repository.settings.places import SettingsError
from repository.spools import Spools
from storage.processes import Helpers
from storage.tier import Tier
from storage.verifiers import Verifiers

__all__ = ["SOFTWARE", "Archive", "software_version"]

_log = logging.getLogger("kho.archive")

SOFTWARE = "kho"


@functools.cache
def software_version() -> str:
    """The installed version of Kho."""
    return metadata.version(SOFTWARE)


@dataclass(frozen=True)
class Archive:
    """One archive, opened. ``actor`` is who asked ("user:name", "worker"); it stands in every event."""

    settings: Settings
    policy: Policy
    catalog: Catalog
    tiers: Mapping[str, Tier]
    identifier: Identifier
    inspectors: Inspectors
    scanner: Scanner
    clock: Clock
    spools: Spools
    actor: str
    verifiers: Verifiers = field(default_factory=Verifiers)

    @classmethod
    def of(
        cls,
        settings: Settings,
        policy: Policy,
        actor: str,
        *,
        tiers: Mapping[str, Tier],
        clock: Clock | None = None,
        workers: int | None = None,
        readers: Helpers | None = None,
    ) -> Archive:
        """Put together what the settings name, and ``tiers``. ``workers``: files that are identified and inspected at once, by default
        one a core (or what the policy says). ``readers`` are processes for its `Verifiers` that were started before."""
        inspection, signatures = policy.inspection, settings.format_signatures
        return cls(
            settings=settings,
            policy=policy,
            catalog=Catalog(settings.database),
            tiers=tiers,
            identifier=SiegfriedIdentifier(workers=workers, signature=signatures if signatures.exists() else None),
            inspectors=Inspectors(InspectionLimits(seconds=inspection.seconds, workers=workers or inspection.workers)),
            scanner=ClamdScanner(settings.clamd) if settings.clamd else NoScanner(),
            clock=clock or SystemClock(),
            spools=Spools(settings.spool),
            actor=actor,
            verifiers=Verifiers(helpers=readers),
        )

    def in_force(self) -> Archive:
        """This archive under the policy as policy.toml says it now: a worker or server has an archive open for longer than a policy holds.
        One that cannot be used changes nothing here; every command says what is wrong with it."""
        try:
            policy = self.settings.policy()
        except (ArchivePolicyError, SettingsError) as error:
            _log.warning("the policy of before stays in force: %s", error)
            return self
        return self if policy.digest == self.policy.digest else replace(self, policy=policy)

    def tier(self, name: str) -> Tier:
        """Raises `UnknownTier`."""
        try:
            return self.tiers[name]
        except KeyError:
            raise UnknownTier(name, ", ".join(self.tiers)) from None
