"""The tapes as a service of the engine: what is in the libraries, making volumes, reading one back into the register, replacing one."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any, Final

from fixity.verify import KEPT_PROBLEMS, Outcome
from policies.findings import Findings, KhoError, said
from policies.phrases import phrase
from repository.archive import Archive
from repository.errors import UnknownTier
from repository.flow_names import REFRESH
from repository.ledger.events import ledger_of
from repository.model import Damage
from repository.progress import Progress
from repository.rebuilding.rebuild import RebuildReport, rebuild
from repository.recalls import look_now
from repository.settings.home import remember_tiers
from repository.tiers import make_tier
from storage.errors import Refused, StorageError, Unavailable
from storage.ocfl.folder import MARKER
from storage.tape.changer import Element, Kind, is_cleaning
from storage.tape.errors import NoCartridge
from storage.tape.folder import create_tape_folder
from storage.tape.recovery import Recovered, recover
from storage.tape.rows import BundleRow, Volume, VolumeState
from storage.tape.shelf import Shelf
from storage.tape.tier import TapeTier

if TYPE_CHECKING:
    from repository.jobs import Jobs

__all__ = ["LibraryState", "TapeReport", "Tapes", "VolumeReport"]

LOST: Final = "medium lost"
"""The event of giving up a cartridge."""


@dataclass(slots=True)
class LibraryState:
    """One tape tier: its volumes, what its library holds now ([] when it cannot be asked: ``unreachable`` says why), and disposed AIPs with
    the volumes that still hold them."""

    tier: str
    volumes: list[Volume]
    elements: list[Element] = field(default_factory=list)
    disposed: dict[str, list[str]] = field(default_factory=dict)
    unreachable: str = ""


@dataclass(slots=True)
class VolumeReport:
    """One volume: its tape files, AIPs of which something there counts, and disposed ones it still holds."""

    tier: str
    volume: Volume
    bundles: list[BundleRow]
    objects: list[str]
    disposed: list[str]


@dataclass(slots=True)
class TapeReport:
    """What a long piece of work on one volume did."""

    tier: str
    volume: str
    recovered: Recovered | None = None
    rebuilt: RebuildReport | None = None
    refreshed: Mapping[str, Any] | None = None
    findings: Findings = field(default_factory=Findings)


class Tapes:
    """Cartridges and volumes."""

    def __init__(self, archive: Archive, jobs: Callable[[], Jobs]) -> None:
        self._archive = archive
        self._jobs = jobs

    def inventory(self, tier: str | None = None) -> list[LibraryState]:
        """Every tape tier, or one. Raises `UnknownTier`."""
        return [self._state(each) for each in self._tiers(tier)]

    def _state(self, tier: TapeTier) -> LibraryState:
        state = LibraryState(tier.name, [])
        if not self._is_new(tier):  # before the first label there is no register that could be missing
            try:
                with tier.shelf(library=False) as shelf:
                    state = LibraryState(tier.name, shelf.register.volumes(), disposed=shelf.register.disposed())
            except Unavailable as error:
                state.unreachable = said(error.finding)
        try:
            state.elements = tier.elements()
        except StorageError as error:
            state.unreachable = said(error.finding)
        return state

    def label(self, barcode: str, *, tier: str | None, capacity: int, made: str, years: int) -> tuple[str, Volume]:
        """Make a blank cartridge a volume of a tier: (tier, volume). The first one makes the tier.

        Raises `UnknownTier`, Refused (not blank, protected, a cleaning cartridge), Unavailable.
        """
        chosen = self._tiers(tier)
        if len(chosen) != 1:
            raise UnknownTier(tier or "", ", ".join(each.name for each in chosen))
        (one,) = chosen
        if is_cleaning(barcode):
            raise Refused(barcode, phrase("tape-cleaning"))
        self._found(one)
        for other in self._tiers(None):
            with other.shelf(library=False) as shelf:
                if other is not one and barcode in {each.barcode for each in shelf.register.volumes()}:
                    raise Refused(barcode, phrase("tape-other-pool", tier=other.name))
        with one.shelf() as shelf:
            volume = shelf.label(barcode, capacity=capacity, made=made, rated_years=years)
        self._event("medium labelled", one, barcode)
        return one.name, volume

    def _is_new(self, tier: TapeTier) -> bool:
        """Whether kho.toml names a tier that has no folder yet, because it has no volume."""
        place = self._archive.settings.tier(tier.name)
        return not place.uuid and not (place.path / MARKER).exists()

    def _found(self, tier: TapeTier) -> None:
        """Make the folder of a tier that kho.toml names for the first time."""
        place = self._archive.settings.tier(tier.name)
        if self._is_new(tier):
            remember_tiers(self._archive.settings.home, {tier.name: make_tier(place)})

    def show(self, barcode: str) -> VolumeReport:
        """One volume, as the register knows it. Raises NoCartridge."""
        tier = self._tier_of(barcode)
        with tier.shelf(library=False) as shelf:
            return VolumeReport(
                tier.name,
                shelf.register.volume(barcode),
                shelf.register.bundles(barcode),
                shelf.register.objects_on(barcode),
                [object_id for object_id, volumes in shelf.register.disposed().items() if barcode in volumes],
            )

    def recover(self, barcode: str, *, tier: str | None, progress: Progress) -> TapeReport:
        """Read a volume whole, enter what is on it into the register, and what that tells into the catalog: from the cartridge alone.

        Raises `UnknownTier`, Refused (it belongs to another tier), Unavailable, WrongVolume.
        """
        (one, *_) = self._tiers(tier) if tier else [self._tier_of(barcode)]
        place = self._archive.settings.tier(one.name)
        if place.uuid and not (place.path / MARKER).exists():
            create_tape_folder(place.path, one.name, place.uuid)  # register and all were lost; the cartridges say whose they are
        report = TapeReport(one.name, barcode)
        progress.start("recover", None, "bytes")
        with one.shelf() as shelf:
            report.recovered = recover(shelf, barcode, progress.advance)
        progress.finish()
        for problem in report.recovered.problems:
            report.findings.add("TAPE-NOT-RECOVERED", barcode, reason=problem)
        report.rebuilt = rebuild(self._archive, one.name, progress)
        report.findings.extend(report.rebuilt.findings)
        self._event("medium recovered", one, barcode)
        return report

    def refresh(self, barcode: str, *, progress: Progress) -> TapeReport:
        """Write what counts on a volume to others of its pool, re-read it there, and retire the volume; disposed AIPs stay behind. A
        job, and this waits for it: one that was interrupted, or is under way, is gone on with.

        Raises NoCartridge, NoRoom, Unavailable.
        """
        from repository.jobs.client import JobState
        from repository.shown import Shown

        tier, jobs = self._tier_of(barcode), self._jobs()
        start = f"{REFRESH}:{tier.name}:{barcode}:"
        (known, *_) = [*(job.id for job in jobs.list([JobState.RUNNING, JobState.WAITING], prefix=start)), ""]
        if known:
            result = jobs.wait(known, flow=REFRESH, progress=Shown(progress))
        else:
            argument = {"tier": tier.name, "volume": barcode, "actor": self._archive.actor}
            result = jobs.run(REFRESH, start + uuid.uuid4().hex[:8], argument, progress=Shown(progress))
        progress.finish()
        report = TapeReport(tier.name, barcode, refreshed=result)
        for aip_id, reason in result["unsound"].items():
            report.findings.add("TAPE-REFRESH-UNSOUND", barcode, aip=aip_id, reason=reason)
        return report

    def carry(self, barcode: str, way: str, location: str = "") -> tuple[str, Volume]:
        """``way`` "export": to the mail slot, and ``location`` is written down. "import": from the mail slot to a slot. "lost": it is gone
        for good; its copies are missing from now on. Raises NoCartridge, Refused, Unavailable."""
        tier = self._tier_of(barcode)
        with tier.shelf(library=way != "lost") as shelf:
            if way == "lost":
                self._miss(tier.name, shelf.register.files_on(barcode))
                with shelf.register.transaction():
                    volume = shelf.register.change_volume(barcode, state=VolumeState.LOST, location="")
                    shelf.register.settle_all(barcode)
            else:
                volume = _carried(shelf, barcode, location if way == "export" else None)
        if way == "import":
            look_now(self._jobs())
        self._event({"export": "medium exported", "import": "medium imported", "lost": LOST}[way], tier, barcode)
        return tier.name, volume

    def _miss(self, tier: str, files: Iterable[tuple[str, str, bytes]]) -> None:
        """Copies of which something lay on a medium that is gone are known to be not whole: before the register forgets which they were,
        and not only when an audit comes to them."""
        catalog, ledger, now = self._archive.catalog, ledger_of(self._archive), self._archive.clock.now()
        for aip_id, group in groupby(files, key=lambda each: each[0]):
            gone = [
                Damage(aip_id, tier, path, Outcome.MISSING.value, sha512.hex())
                for _, path, sha512 in islice(group, KEPT_PROBLEMS)
            ]
            with catalog.begin() as transaction:
                version, new = catalog.copies.seen(aip_id, tier, gone, now, within=transaction)
                if new:
                    ledger.seen(new, version, LOST, within=transaction)

    # --- which tier -------------------------------------------------------------------------------------------------------

    def _tiers(self, name: str | None) -> list[TapeTier]:
        tapes = [each for each in self._archive.tiers.values() if isinstance(each, TapeTier)]
        found = [each for each in tapes if name in (None, each.name)]
        if not found:
            raise UnknownTier(name or "tape", ", ".join(each.name for each in tapes))
        return found

    def _tier_of(self, barcode: str) -> TapeTier:
        tiers = self._tiers(None)
        for tier in tiers:
            try:
                with tier.shelf(library=False) as shelf:
                    shelf.register.volume(barcode)
                return tier
            except KhoError:
                continue
        raise NoCartridge(barcode, phrase("tape-no-tiers-volume"))

    def _event(self, type_: str, tier: TapeTier, barcode: str, outcome: str = "success") -> None:
        event = ledger_of(self._archive).event(type_, outcome, detail={"volume": barcode})
        ledger_of(self._archive).append([replace(event, tier=tier.name)])


def _carried(shelf: Shelf, barcode: str, location: str | None) -> Volume:
    """A cartridge brought to the mail slot on its way to a ``location``, or from there to a slot (None). Where it goes is written down
    first: whatever becomes of this process, somebody finds it in the mail slot and takes it there."""
    before, changer = shelf.register.volume(barcode).location, shelf.library.changer
    here, goal = shelf.library.take_out(barcode), Kind.SLOT if location is None else Kind.MAIL_SLOT
    if location is not None:
        shelf.register.change_volume(barcode, location=location)
    try:
        if here.kind is not goal:
            changer.move(here.address, changer.free(goal).address)
    except StorageError:
        shelf.register.change_volume(barcode, location=before)
        raise
    return shelf.register.change_volume(barcode, location=location or "")
