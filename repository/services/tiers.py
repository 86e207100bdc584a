"""Tiers as a service of the engine: adding one, beginning one anew whose medium is gone, and forgetting one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from policies.phrases import phrase
from repository.archive import Archive
from repository.errors import TierKept, UnknownTier
from repository.founding import Founding
from repository.ledger.events import ledger_of
from repository.settings.home import SettingsError, TierFile, TierPlace
from storage.errors import Unavailable

__all__ = ["Begun", "Tiers"]

ADDED = "tier added"
REPLACED = "tier replaced"
REMOVED = "tier removed"
"""Types of events (the PREMIS vocabulary has no words for them)."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A tier that holds nothing yet: its name, its place in words, the UUID of its marker, and how many copies the catalog let go of that
    the tier before it held."""

    name: str
    place: str
    uuid: str
    copies: int = 0


class Tiers:
    """The tiers that kho.toml names. What runs beside this (`kho worker`, `kho serve`) knows them as they were when it began."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._home = archive.settings.home

    def add(self, name: str, place: Path | str | None = None, *, site: str = "") -> Begun:
        """Make a tier and enter it in kho.toml: at ``place`` (a folder, or a URL "s3://…"); without one, a tier that somebody has entered
        there and that was not made yet. A making that fails leaves nothing behind.

        Raises `UnknownTier`, SettingsError (SET-TIER-KNOWN, SET-TIER-TAKEN, as `Settings.load`), StorageError.
        """
        known, file = {each.name: each for each in self._archive.settings.tiers}, TierFile.read(self._home)
        held = {each.name for each in self._archive.catalog.copies.summary(self._archive.clock.now())}
        if name in known and (place is not None or known[name].uuid or name in held):  # what held copies is replaced, not added
            raise SettingsError("SET-TIER-KNOWN", str(file.path), tier=name)
        if name not in known and place is None:
            raise UnknownTier(name, ", ".join(known))
        if place is not None:
            file = file.added(name, place, site=site)
        return self._begin(file, file.tier(name), ADDED)

    def replace(self, name: str, folder: Path | None = None, *, give_up: bool = False) -> Begun:
        """Begin a tier anew whose medium is gone for good: empty, at its place or in another ``folder``. The catalog lets go of its copies,
        which are made again as promised; should the medium come back, it is not this tier any more. ``give_up``: also where something has
        no other copy that is known to be good.

        Raises `UnknownTier`, `TierKept`, and what `add` raises.
        """
        archive = self._archive
        tier, place, file = archive.tier(name), archive.settings.tier(name), TierFile.read(self._home)
        if place.tape is not None:
            raise TierKept(name, phrase("tier-on-cartridges"))
        if place.s3 is not None and folder is not None:
            raise TierKept(name, phrase("tier-in-bucket"))
        try:
            tier.check()
        except Unavailable:
            pass
        else:
            raise TierKept(name, phrase("tier-answers", place=place.shown))
        self._check_others(name, give_up)
        keys = {"path": os.fspath(folder)} if folder is not None else {}
        if place.in_service is not None:  # old media are checked first, and this one is new
            keys["in_service"] = archive.clock.now().date().isoformat()
        file = file.changed(name, keys)
        return self._begin(file, replace(file.tier(name), uuid=""), REPLACED)

    def remove(self, name: str, *, give_up: bool = False) -> int:
        """Forget a tier on which nothing is promised any more: the catalog lets go of its copies, and kho.toml of the tier, which may
        be gone from there already. What lies on it stays where it is. How many copies that were. ``give_up`` as in `replace`.

        Raises `UnknownTier`, `TierKept`, and SettingsError as `TierFile`.
        """
        archive, file = self._archive, TierFile.read(self._home)
        known = {each.name for each in archive.settings.tiers}
        held = {each.name for each in archive.catalog.copies.summary(archive.clock.now())}
        if name not in known | held:
            raise UnknownTier(name, ", ".join(sorted(known | held)))
        if name in archive.policy.tiers:
            raise TierKept(name, phrase("tier-promised"))
        if known == {name}:
            raise TierKept(name, phrase("tier-only-one"))
        self._check_others(name, give_up)
        file = file.removed(name) if name in known else file
        copies = self._let_go(name, REMOVED, {})
        file.write()
        return copies

    def _check_others(self, name: str, give_up: bool) -> None:
        if not give_up and (alone := self._archive.catalog.placements.only_on(name)):
            raise TierKept(name, phrase("tier-last-copies", count=alone))

    def _let_go(self, name: str, type_: str, detail: Mapping[str, str | int]) -> int:
        """The catalog lets go of a tier's copies, with an event. How many those were."""
        archive, ledger = self._archive, ledger_of(self._archive)
        with archive.catalog.begin() as transaction:
            copies = archive.catalog.placements.clear(name, within=transaction)
            archive.catalog.canaries.forget(name, within=transaction)
            event = ledger.event(type_, "success", detail={**detail, "copies": copies}, tier=name)
            ledger.append([event], within=transaction)
        return copies

    def _begin(self, file: TierFile, place: TierPlace, type_: str) -> Begun:
        """Make the tier, then tell the catalog, then kho.toml: until that says so, nobody takes the tier for the one before it."""
        with Founding(self._home) as founding:
            identifier = founding.tier(place)
            copies = self._let_go(place.name, type_, {"uuid": identifier, "place": place.shown})
            file.changed(place.name, {"uuid": identifier}).write()
        return Begun(place.name, place.shown, identifier, copies)
