"""Migration: one file at a time is fetched, made anew, identified, validated and compared; only what stands all of it goes into an AIP.

What is not known is never taken for good: a comparison that could not be made refuses the result as one that failed does.
"""

from __future__ import annotations

import itertools
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Final

from formats.identify import Identification
from formats.inspection import Inspectors
from formats.migrate import LIMITS, MIGRATORS, Failed, Made
from formats.properties import Compared, Demand, Kind, Said, compare, named, read_told
from formats.sandbox import workspace
from formats.validate import Validity, Why
from policies.findings import Finding, KhoError, Puid, said, spoken
from policies.formats import FormatPolicy, MigrationPath
from policies.phrases import phrase
from repository.aip.carried import Told
from repository.aip.stored import open_verified
from repository.archive import Archive
from repository.errors import AipUnreadable, NoPath, NotASource
from repository.model import AipFile, Event
from repository.settings.formats import formats_in
from signatures.detect import detect
from storage.errors import Cold, Unavailable
from storage.tier import ObjectId

__all__ = [
    "Converted",
    "Converter",
    "carries_signature",
    "formats_of",
    "in_workspace",
    "left_to_do",
    "losses_of",
    "path_of",
    "result_path",
    "source_path",
    "sources_of",
    "taken_back",
    "told_of",
    "wanted_files",
]

NOT_A_PASS: Final = frozenset({Why.TOOL_DIED, Why.TIME_OUT, Why.LOCKED})
"""Why a result was not validated, where that speaks against the result; that nobody here can validate its format does not."""

DETACHED: Final = (".p7s", ".p7m", ".sig", ".asc", ".xades", ".xsig")
"""Signatures that lie beside what they sign."""


def formats_of(archive: Archive) -> FormatPolicy:
    """The format policy of an archive: Kho's, and what its home says otherwise. Raises `FormatPolicyError`."""
    return formats_in(archive.settings.home)


def path_of(policy: FormatPolicy, name: str) -> MigrationPath:
    """A path by its name. Raises `NoPath`."""
    try:
        return policy.paths[name]
    except KeyError:
        raise NoPath(name, ", ".join(sorted(policy.paths))) from None


def sources_of(policy: FormatPolicy, path: MigrationPath, puids: Sequence[str] = ()) -> tuple[Puid, ...]:
    """The formats to be taken along a path: these, or all that it leads from. Raises `NotASource` where it does not lead from one."""
    known = policy.sources_of(path.name)
    if strange := [each for each in puids if each not in known]:
        raise NotASource(path.name, ", ".join(strange), ", ".join(known))
    return tuple(map(Puid, puids)) or known


def result_path(source: str, path: MigrationPath, version: int) -> str:
    """Where the result of a migration stands in the AIP version that brings it (docs/on-disk.md)."""
    _, representation, rest = source.split("/", 2)
    extension = MIGRATORS[path.tool].recipes[path.recipe]
    return f"representations/{representation}.{path.name}.v{version}/{rest}{extension}"


def source_path(result: str, path: str) -> str:
    """The other way round: what `result_path` gave ``result`` for, on the path of that name as it is, or was. "" when it did not.

    The extension that it added is not looked up: a recipe may have changed since.
    """
    match = _RESULT.fullmatch(result)
    return "" if match is None or match["path"] != path else f"representations/{match['of']}/{match['rest']}"


_RESULT: Final = re.compile(
    r"representations/(?P<of>[^/]+)\.(?P<path>[a-z0-9-]+)\.v[1-9][0-9]*/(?P<rest>data/.+)\.[^./]+", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Converted:
    """A result that stood everything; its file lies in the caller's folder. ``validated`` says in words what looked at it, ``seconds`` is
    all that it took, from the fetching to the last comparison."""

    made: Made
    known: Identification
    compared: tuple[Compared, ...]
    validated: str
    signed: bool
    size: int
    seconds: float = 0.0

    def words(self) -> dict[str, str]:
        """How it was made and what looked at it, as the event of a version says it."""
        made = {"tool": self.made.tool, "version": self.made.version, "command": self.made.command}
        return {**made, "validated": self.validated, "compared": " ".join(each.name for each in self.compared)}


def losses_of(told: Told, aip_id: str, path: str) -> list[Finding]:
    """What is to be said of the result of a file, of which `told_of` told: its signature, and what it lacks as its path may lose it."""
    compared = (read_told(name.removeprefix(COMPARED), words) for name, words in told if name.startswith(COMPARED))
    lost = ", ".join(_lost(name, count) for each in compared for name, count in each.lost.items())
    found = [Finding("MIG-SIGNATURE-LOST", path, {"aip": aip_id})] if SIGNATURE_LOST in told else []
    return [*found, Finding("MIG-LOST", path, {"aip": aip_id, "lost": lost})] if lost else found


def _lost(name: str, count: int) -> str:
    match name:
        case "comments":
            return phrase("part-comments", count=count)
        case "notes":
            return phrase("part-notes", count=count)
        case "changes":
            return phrase("part-changes", count=count)
        case "formulas":
            return phrase("part-formulas", count=count)
        case "bookmarks":
            return phrase("part-bookmarks", count=count)
        case "links":
            return phrase("part-links", count=count)
        case "fields":
            return phrase("part-fields", count=count)
        case "subtitles":
            return phrase("part-subtitles", count=count)
        case "chapters":
            return phrase("part-chapters", count=count)
        case "covers":
            return phrase("part-covers", count=count)
        case "tags":
            return phrase("part-tags", count=count)
        case "streams":
            return phrase("part-streams", count=count)
        case "resolution":
            return phrase("part-resolution")
        case "metadata":
            return phrase("part-metadata", count=count)
    return phrase("part-hidden", count=count)


def told_of(done: Converted) -> Told:
    """What the PREMIS of a result tells of how it was made and compared (docs/on-disk.md, "Technical metadata");
    `repository.versions.account` reads it."""
    rows = [("migration command", done.made.command), ("migration checked", done.validated)]
    rows += [(f"{COMPARED}{each.name}", each.told()) for each in done.compared]
    return (*rows, SIGNATURE_LOST) if done.signed else tuple(rows)


SIGNATURE_LOST: Final = ("signature lost", "yes")


COMPARED: Final = "compared "
"""Before the name of a property, in what `told_of` tells."""


@dataclass
class Converter:
    """Migrates single files of one archive along one path. Threads may share it; close it."""

    archive: Archive
    policy: FormatPolicy
    path: MigrationPath
    seconds: float = LIMITS.seconds
    inspectors: Inspectors = field(default_factory=Inspectors)
    awaited: set[str] = field(default_factory=set)  # AIPs of which something has to be brought before it can be read

    def close(self) -> None:
        self.inspectors.close()

    @staticmethod
    def version_for(path: MigrationPath) -> str | None:
        """The version of a path's tool; None when it is not here."""
        return MIGRATORS[path.tool].version()

    def convert(self, aip_id: str, file: AipFile, work: Path) -> Converted | Finding:
        """Make the result below ``work``, or say why there is none. Raises OSError when this machine cannot work."""
        began = time.monotonic()
        try:
            source = self.fetch(aip_id, file, work)
        except Cold as error:
            self.awaited.add(aip_id)
            return Finding("MIG-AWAITED", aip_id, {"reason": said(error.finding)})
        except (AipUnreadable, Unavailable) as error:
            return Finding("MIG-SOURCE-UNREADABLE", file.path, {"aip": aip_id, "reason": str(error)})
        room = work / "tool"
        room.mkdir()
        made = MIGRATORS[self.path.tool].migrate(source, self.path.recipe, room, limits=replace(LIMITS, seconds=self.seconds))
        if isinstance(made, Failed):
            words = {"reason": made.reason, "tool": f"{made.tool} {made.version}".strip()}
            return Finding(made.code, file.path, {"aip": aip_id, **words})
        doubt = self._doubt(aip_id, file, source, made, work)
        if isinstance(doubt, Finding):
            return doubt
        return replace(doubt, signed=self._signed(aip_id, file, source), seconds=time.monotonic() - began)

    def fetch(self, aip_id: str, file: AipFile, work: Path) -> Path:
        """The original, verified, under a plain name. Raises `AipUnreadable`."""
        target = work / f"original{PurePosixPath(file.path).suffix.lower()}"
        tiers = list(self.archive.tiers.values())
        stream, _ = open_verified(tiers, ObjectId(aip_id), file.content_path, bytes.fromhex(file.sha512))
        with stream, target.open("wb") as out:
            shutil.copyfileobj(stream, out, 1 << 20)
        return target

    def _doubt(self, aip_id: str, file: AipFile, source: Path, made: Made, work: Path) -> Converted | Finding:
        known = next(answer for _, answer in self.archive.identifier.identify([made.result]))
        if known.puid not in self.path.targets:
            found = known.puid or "unknown"
            return Finding("MIG-WRONG-FORMAT", file.path, {"aip": aip_id, "found": found, "wanted": ", ".join(self.path.targets)})
        outcome = next(outcome for _, outcome in self.inspectors.validate([(made.result, known.puid)]))
        if outcome.validity is Validity.INVALID or outcome.why in NOT_A_PASS:
            reason = "; ".join(f"{each.rule}: {each.words}" for each in outcome.defects[:3]) or outcome.reason
            return Finding("MIG-INVALID", file.path, {"aip": aip_id, "reason": reason})
        validated = (
            ", ".join(outcome.checks) if outcome.validity is Validity.VALID else f"not validated: {spoken(outcome.reason)}"
        )
        room = work / "compare"
        room.mkdir()
        compared = self._compared(file, source, made.result, room)
        for each in compared:
            if not each.accepted:
                code = "MIG-DIFFERS" if each.same is False else "MIG-NOT-COMPARED"
                return Finding(code, file.path, {"aip": aip_id, "property": named(each.name), "detail": each.detail})
        return Converted(made, known, compared, validated, False, made.result.stat().st_size)

    def _compared(self, file: AipFile, source: Path, result: Path, room: Path) -> tuple[Compared, ...]:
        demands = [Demand(each.name, each.least, self.path.loses) for each in self.path.compare]
        kind = self.policy.rule(Puid(file.puid)).kind
        if kind not in [*Kind]:
            return tuple(Compared(each.name, None, detail=phrase("puid-unread", puid=file.puid)) for each in demands)
        return compare(Said(source, Kind(kind)), Said(result, Kind(self.path.kind)), demands, room)

    def _signed(self, aip_id: str, file: AipFile, source: Path) -> bool:
        """Whether the original carries a signature, or one lies beside it."""
        beside = (self.archive.catalog.holdings.file(aip_id, file.path + suffix) for suffix in DETACHED)
        return carries_signature(source) or any(each is not None for each in beside)


def carries_signature(path: Path) -> bool:
    """Whether a file carries a signature of any kind that is known (valid or not)."""
    with path.open("rb") as stream:
        try:
            return detect(stream) is not None
        except KhoError:
            return False


def wanted_files(
    archive: Archive, aip_id: str, path: MigrationPath, puids: Sequence[str], *, again: bool = False
) -> Iterator[AipFile]:
    """The originals of an AIP that this path was not gone with yet (or not in the newest version any more); those whose migration was
    taken back only when asked for ``again``."""
    done = [name for name in archive.catalog.formats.representations(aip_id) if f".{path.name}.v" in name]
    back = frozenset() if again else taken_back(archive, aip_id, path.name)
    for file in archive.catalog.formats.originals(aip_id, puids):
        if (file.path, file.sha512) not in back and not any(_is_there(archive, aip_id, file.path, path, name) for name in done):
            yield file


def taken_back(archive: Archive, aip_id: str, path: str) -> frozenset[tuple[str, str]]:
    """(original, SHA-512 of its content) of everything in an AIP whose migration along a path was taken back.

    That was the decision of a person, and holds until a person decides otherwise, also when the tool has another version by then. Where an
    update brought other content since, that is another file, of which nobody said anything.
    """
    found: set[tuple[str, str]] = set()
    for event in _rollbacks(archive, aip_id):
        brought = int(event.detail["version_before"]) + 1
        for name in archive.catalog.formats.representations(aip_id, version=brought):
            if name.endswith(f".{path}.v{brought}"):
                found.update(_originals_of(archive, aip_id, path, name, brought))
    return frozenset(found)


def _rollbacks(archive: Archive, aip_id: str) -> Iterator[Event]:
    cursor: str | None = None
    while True:
        page = archive.catalog.events.list(aip_id=aip_id, type="deaccession", cursor=cursor)
        yield from (event for event in page.items if "rollback" in event.detail)
        if (cursor := page.cursor) is None:
            return


def _originals_of(archive: Archive, aip_id: str, path: str, representation: str, version: int) -> Iterator[tuple[str, str]]:
    for result in archive.catalog.holdings.files(aip_id, version=version, below=f"representations/{representation}/data/"):
        original = archive.catalog.holdings.file(aip_id, source_path(result.path, path), version=version)
        if original is not None:
            yield original.path, original.sha512


def _is_there(archive: Archive, aip_id: str, source: str, path: MigrationPath, representation: str) -> bool:
    version = representation.rpartition(".v")[2]
    if not version.isdecimal():
        return False
    return archive.catalog.holdings.file(aip_id, result_path(source, path, int(version))) is not None


def left_to_do(
    archive: Archive, path: MigrationPath, puids: Sequence[str], *, again: bool = False
) -> Iterator[tuple[str, AipFile]]:
    """(AIP, file) of everything that is left to do on a path, AIP by AIP; as `wanted_files`."""
    after = 0
    while page := archive.catalog.formats.aips(puids, after=after):
        for pk, aip_id in page:
            yield from zip(itertools.repeat(aip_id), wanted_files(archive, aip_id, path, puids, again=again), strict=False)
            after = pk


def in_workspace(converter: Converter, aip_id: str, file: AipFile, keep: Path | None = None) -> Converted | Finding:
    """Convert in a folder that is gone afterwards; with ``keep`` original and result are copied there."""
    with workspace() as work:
        done = converter.convert(aip_id, file, work)
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            for original in work.glob("original*"):
                shutil.copyfile(original, keep / original.name)
            if isinstance(done, Converted):
                shutil.copyfile(done.made.result, keep / f"result{done.made.result.suffix}")
        return done
