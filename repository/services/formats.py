"""Formats as a service of the engine: what is held, what is at risk, what a migration would take, a sample of it, and pictures."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from formats.inside import OPENED
from formats.properties import CannotTell, Kind, Said
from formats.render import draw
from formats.sandbox import workspace
from policies.findings import Finding, Puid
from policies.formats import FormatPolicy, FormatRule, MigrationPath, Standing
from policies.phrases import phrase
from repository.access.reading import FileMissing
from repository.archive import Archive
from repository.catalog import EnclosedCounts, FormatCount
from repository.errors import NoPreview
from repository.ledger.events import ledger_of
from repository.model import AipFile
from repository.progress import Progress
from repository.versions.migration import (
    Converted,
    Converter,
    formats_of,
    in_workspace,
    left_to_do,
    path_of,
    sources_of,
    taken_back,
)

__all__ = ["Formats", "Held", "HeldInside", "PlanLine", "Sampled"]

MEASURED: Final = 500
"""Past migrations that speeds are taken from: the newest, for tools and machines change."""

PREVIEWS: Final = "access/previews"
"""Below the home, by the digest of what was drawn: it may be removed at any time, and is made again."""


@dataclass(frozen=True, slots=True)
class Held:
    """One format that is held, and what is thought of it."""

    count: FormatCount
    rule: FormatRule


@dataclass(frozen=True, slots=True)
class HeldInside:
    """What lies in archives, by format, with the counts of all of them; ``closed`` archives that can be opened were never looked into."""

    formats: list[Held]
    counts: EnclosedCounts
    closed: int


@dataclass(frozen=True, slots=True)
class PlanLine:
    """What one path would take up. ``hours`` on all cores and ``storage`` on all tiers are None where nothing was measured yet:
    ``measured`` is the number of files that they are taken from. ``taken_back`` files are left out: their migration was taken back."""

    path: MigrationPath
    puids: tuple[str, ...]
    tool_version: str | None
    aips: int
    files: int
    bytes: int
    taken_back: int = 0
    measured: int = 0
    hours: float | None = None
    storage: int | None = None


@dataclass(frozen=True, slots=True)
class Sampled:
    """One file of a sample: ``finding`` says why it was not accepted, ``converted`` what was made."""

    aip_id: str
    file: AipFile
    converted: Converted | None
    finding: Finding | None


class Formats:
    """Formats of what is held, and what could become of them. Nothing here changes an AIP."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def policy(self) -> FormatPolicy:
        """What this archive thinks of formats. Raises `FormatPolicyError`."""
        return formats_of(self._archive)

    def holdings(self, standings: Collection[Standing] = ()) -> list[Held]:
        """Every format that is held (of these standings; all when empty), most bytes first."""
        return self._thought_of(self._archive.catalog.formats.counts(), standings)

    def inside(self, held: Sequence[Held], standings: Collection[Standing] = ()) -> HeldInside:
        """What lies in archives among what is ``held`` (all of it, as `holdings` gives it), of these standings."""
        counts = self._archive.catalog.formats.enclosed()
        archives = sum(each.count.files for each in held if each.count.puid in OPENED)
        return HeldInside(self._thought_of(counts.formats, standings), counts, max(0, archives - counts.archives))

    def _thought_of(self, counts: Sequence[FormatCount], standings: Collection[Standing]) -> list[Held]:
        policy = self.policy()
        found = [Held(each, policy.rule(Puid(each.puid))) for each in counts]
        return [each for each in found if not standings or each.rule.standing in standings]

    def plan(self, path: str | None = None, puids: Sequence[str] = ()) -> list[PlanLine]:
        """What a campaign would take up: along one path, or along the first path of every format at risk; of these formats
        only, where some are named. Raises `NoPath`, `NotASource`."""
        policy = self.policy()
        chosen: dict[str, set[str]] = {}
        if path is not None:
            wanted = path_of(policy, path)
            chosen[wanted.name] = set(sources_of(policy, wanted, puids))
        else:
            at_risk = self.holdings([Standing.AT_RISK])
            for held in (each for each in at_risk if not puids or each.rule.puid in puids):
                for name in held.rule.paths[:1]:
                    chosen.setdefault(name, set()).add(held.rule.puid)
        return [self._line(policy.paths[name], tuple(sorted(formats))) for name, formats in chosen.items()]

    def _line(self, path: MigrationPath, puids: tuple[str, ...]) -> PlanLine:
        aips = files = size = back = 0
        for aip_id, found in groupby(left_to_do(self._archive, path, puids, again=True), key=itemgetter(0)):
            let_be, before = taken_back(self._archive, aip_id, path.name), files
            for _, file in found:
                if (file.path, file.sha512) in let_be:
                    back += 1
                else:
                    files, size = files + 1, size + file.size
            aips += files > before
        line = PlanLine(path, puids, Converter.version_for(path), aips, files, size, back)
        measured = self._measured(path.name)
        if not measured["files"]:
            return line
        cores = len(os.sched_getaffinity(0))
        hours = files * measured["milliseconds"] / measured["files"] / 3_600_000 / cores
        tiers = max(len(each.tiers) for each in self._archive.policy.promises.values())
        storage = round(size * measured["bytes_out"] / max(1, measured["bytes_in"])) * tiers
        return replace(line, measured=measured["files"], hours=hours, storage=storage)

    def _measured(self, path: str) -> Mapping[str, int]:
        total = dict.fromkeys(("files", "milliseconds", "bytes_in", "bytes_out"), 0)
        for event in self._archive.catalog.events.newest("migration", MEASURED):
            if event.detail.get("path") == path and "milliseconds" in event.detail:
                for name in total:
                    total[name] += int(event.detail.get(name, 0))
        return total

    def sample(
        self,
        path: str,
        *,
        puids: Sequence[str] = (),
        count: int,
        seed: int,
        seconds: float,
        keep: Path | None = None,
        again: bool = False,
        progress: Progress,
    ) -> list[Sampled]:
        """Migrate ``count`` files chosen by chance, and keep nothing of it but, with ``keep``, both files of each in a folder.

        What it took is entered in the ledger, for plans to reckon with; ``again`` as for a campaign. Raises `NoPath`, `NotASource`.
        """
        policy = self.policy()
        way = path_of(policy, path)
        left = left_to_do(self._archive, way, sources_of(policy, way, puids), again=again)
        chosen = _chosen(left, count, random.Random(seed))
        progress.start("migrate", len(chosen), "files")
        with closing(Converter(self._archive, policy, way, seconds)) as converter:

            def one(numbered: tuple[int, tuple[str, AipFile]]) -> Sampled:
                number, (aip_id, file) = numbered
                place = None if keep is None else keep / f"{number:04d}"
                done = in_workspace(converter, aip_id, file, place)
                progress.advance(1)
                return Sampled(aip_id, file, *((done, None) if isinstance(done, Converted) else (None, done)))

            with ThreadPoolExecutor(len(os.sched_getaffinity(0)), "sample") as pool:
                found = list(pool.map(one, enumerate(chosen, 1)))
        progress.finish()
        self._enter(way, found)
        return found

    def _enter(self, path: MigrationPath, found: Sequence[Sampled]) -> None:
        good = [(each.file, each.converted) for each in found if each.converted is not None]
        detail: dict[str, Any] = {"trial": len(found), "path": path.name, "files": len(good)}
        detail["bytes_in"] = sum(file.size for file, _ in good)
        detail["bytes_out"] = sum(done.size for _, done in good)
        detail["milliseconds"] = round(sum(done.seconds for _, done in good) * 1000)
        ledger = ledger_of(self._archive)
        ledger.append([ledger.event("migration", "success" if len(good) == len(found) else "warning", detail=detail)])

    def preview(self, aip_id: str, path: str, *, page: int = 1, side: int = 400) -> Path:
        """A picture of one page of a file, from outside the AIP; made now when it is not there. Raises `UnknownAip`, `FileMissing`,
        `NoPreview`."""
        file = self._archive.catalog.holdings.file(aip_id, path)
        if file is None:
            raise FileMissing(path, aip_id)
        place = self._archive.settings.home / PREVIEWS / file.sha512[:2] / f"{file.sha512}-p{page}-{side}.png"
        if not place.exists():
            self._draw(aip_id, file, place, page, side)
        return place

    def _draw(self, aip_id: str, file: AipFile, place: Path, page: int, side: int) -> None:
        policy = self.policy()
        kind = policy.rule(Puid(file.puid)).kind
        if kind not in [*Kind]:
            raise NoPreview(file.path, phrase("fmt-not-said", puid=file.puid or "-"))
        with closing(Converter(self._archive, policy, next(iter(policy.paths.values())))) as converter, workspace() as work:
            source = converter.fetch(aip_id, file, work)
            target = work / "preview.png"
            try:
                draw(Said(source, Kind(kind)), target, work, page=page, side=side)
            except CannotTell as reason:
                raise NoPreview(file.path, str(reason)) from reason
            place.parent.mkdir(parents=True, exist_ok=True)
            partial = place.with_name(f".{place.name}.{os.getpid()}")
            shutil.copyfile(target, partial)
            partial.rename(place)


def _chosen(everything: Iterator[tuple[str, AipFile]], count: int, chance: random.Random) -> list[tuple[str, AipFile]]:
    """``count`` of a stream, each with the same chance, without holding the stream (reservoir sampling)."""
    kept: list[tuple[str, AipFile]] = []
    for number, each in enumerate(everything):
        if len(kept) < count:
            kept.append(each)
        elif (place := chance.randrange(number + 1)) < count:
            kept[place] = each
    return kept
