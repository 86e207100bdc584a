"""What archives and mails hold: their files are unpacked one after the other, named, validated where that is wanted, and forgotten;
archives in archives too, within bounds.

The archive itself stays the one file that it is. Nothing here judges: what could not be looked at is told, with its reason.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from formats.enclosed import Enclosed, EnclosedFormat
from formats.identify import Basis, Identification, Identifier
from formats.package.limits import Limits
from formats.package.mails import read_mails
from formats.package.names import shown_name
from formats.package.opening import open_archive
from formats.validate import Validation, Validity, Why
from policies.findings import Finding, Findings, Puid, said, spoken
from policies.identification import ArchivesPolicy
from policies.phrases import phrase

__all__ = ["OPENED", "Contents", "Inside", "Member", "notes_again", "told"]

MAILBOX: Final = Puid("fmt/720")

MAILS: Final = frozenset((MAILBOX, Puid("fmt/278"), Puid("fmt/950")))
"""Mailboxes (MBOX) and single mails: what came with them is named, the mail itself is not."""

OPENED: Final = MAILS | set(map(Puid, ("x-fmt/263", "x-fmt/265", "x-fmt/266", "x-fmt/267", "x-fmt/268", "fmt/1098")))
"""And ZIP, TAR, GZIP, BZIP, BZIP2, XZ. Formats that are zips and have a name of their own (OOXML, ODF, EPUB …) are known by that name."""

BATCH_FILES, BATCH_BYTES = 256, 256 << 20
"""Files, and bytes, that lie unpacked at once."""

ARROW: Final = " → "
"""Between an archive and its member, where one archive lies in another."""

EXTENSION: Final = re.compile(rb"\.[A-Za-z0-9]{1,16}\Z")

MOST_NAMED: Final = 8
"""Names that one finding gives."""

MOST_FORMATS: Final = 60
"""Formats that the record of one archive names, the commonest first."""

PATIENCE: Final = 20
"""Files of one deposit's archives on which a validator may hang or die; the others are not validated then."""

SECONDS: Final = 600.0
"""By the clock, that validators may take for what lies in the archives of one deposit; the others are not validated then. As long as five
files on which one hangs: thousands of pictures that take a second each, and hang on nothing, fit into a ZIP of some MB."""

Validate = Callable[[Iterable[tuple[Path, Puid]]], Iterator[tuple[Path, Validation]]]
"""As `formats.inspection.Inspectors.validate`."""

NOBODY: Final = Puid("")

NOT_KNOWN: Final = ("", "")
"""PUID and name of what nobody knows."""

_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive. ``name`` as it stands there, after the names of the archives it lies in."""

    name: str
    size: int
    known: Identification


BOUNDS: Final = frozenset({"PKG-TOO-MANY", "PKG-TOO-LARGE", "PKG-FILE-TOO-LARGE"})
"""What the readers say when there is more than they were allowed."""


@dataclass
class Contents:
    """What one archive holds, summed: memory grows with the number of formats. ``sizes`` are the bytes of ``formats``, and of what is not
    known. ``left`` is how often something was not looked at, by what hindered it (a code), ``reasons`` the first reason of each in words;
    ``locked`` how many files ask for a password. ``validity`` is how many are valid, invalid, not validated: of nothing where nobody was to
    validate, of what is not empty else; ``invalid`` names the first, with what is wrong. ``spared`` of those that are not validated were
    given to no validator any more, ``spared_why`` says why."""

    files: int = 0
    bytes: int = 0
    formats: Counter[tuple[str, str]] = field(default_factory=Counter)
    sizes: Counter[tuple[str, str]] = field(default_factory=Counter)
    unknown: int = 0
    unknown_names: list[str] = field(default_factory=list)
    locked: int = 0
    validity: Counter[Validity] = field(default_factory=Counter)
    invalid: list[tuple[str, str]] = field(default_factory=list)
    spared: int = 0
    spared_why: str = ""
    left: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, str] = field(default_factory=dict)

    def add(self, member: Member) -> None:
        self.files += 1
        self.bytes += member.size
        known = member.known
        if known.basis is Basis.FAILED:
            self.miss("IDENT-FAILED", known.reason)
        elif known.puid or known.basis is Basis.EMPTY:
            name = known.puid, f"{known.name} {known.version}".strip()
            self.formats[name] += 1
            self.sizes[name] += member.size
        else:
            self.unknown += 1
            self.sizes[NOT_KNOWN] += member.size
            if len(self.unknown_names) < MOST_NAMED:
                self.unknown_names.append(member.name)

    def judge(self, name: str, found: Validation) -> None:
        """A file was validated, or could not be."""
        self.validity[found.validity] += 1
        if found.validity is Validity.INVALID and len(self.invalid) < MOST_NAMED:
            first = found.defects[0] if found.defects else None
            self.invalid.append((name, f"{first.rule}: {spoken(first.words)}" if first else ""))

    def spare(self, reason: str) -> None:
        """A file is given to no validator."""
        self.validity[Validity.NOT_VALIDATED] += 1
        self.spared += 1
        self.spared_why = self.spared_why or reason

    def miss(self, code: str, reason: str) -> None:
        """Something was not looked at."""
        self.left[code] += 1
        self.reasons.setdefault(code, reason)

    def sums(self) -> Enclosed:
        """For the catalog: the same contents give the same sums."""
        counts = self.formats + Counter({NOT_KNOWN: self.unknown})
        rows = [
            EnclosedFormat(*name, count, self.sizes[name])
            for name, count in sorted(counts.items(), key=lambda each: (-each[1], each[0]))
        ]
        rest = rows[MOST_FORMATS:]
        more = (len(rest), sum(each.files for each in rest), sum(each.bytes for each in rest))
        return Enclosed(tuple(rows[:MOST_FORMATS]), more, self.locked, self.left.total())

    def notes(self) -> tuple[str, ...]:
        """As they are recorded beside the archive's own format (docs/on-disk.md)."""
        rows = [f"inside: {self.files} files, {self.bytes} bytes"]
        rows += [
            f"inside: {count} × {puid or '-'} {name}".rstrip() for (puid, name), count in self.formats.most_common(MOST_FORMATS)
        ]
        if len(self.formats) > MOST_FORMATS:
            rows.append(f"inside: {len(self.formats) - MOST_FORMATS} more formats")
        if self.unknown:
            rows.append(f"inside: {self.unknown} × not known")
        if self.locked:
            rows.append(f"inside: {self.locked} × asks for a password")
        if self.validity:
            rows.append(f"{VALIDATED}{', '.join(f'{self.validity[each]} {each.value}' for each in Validity)}")
            rows += [f"{INVALID}{name}: {words}" for name, words in self.invalid]
            if self.spared:
                rows.append(f"{SPARED}{self.spared} × VAL-INSIDE-LEFT")
            rows.append(NOT_CHARACTERISED)
        elif self.files:
            rows.append(NAMED_ONLY)
        rows += [f"inside, not looked at: {count} × {code}" for code, count in sorted(self.left.items())]
        return tuple(rows)


NAMED_ONLY: Final = "inside: named only, neither validated nor characterised"
"""What lies in archives has a format and nothing more: whether it is sound is not known, and nobody is to take it for looked at."""


NOT_CHARACTERISED: Final = "inside: named and validated, not characterised"

NOTED: Final = ("inside: ", "inside, ")
"""How all notes begin that tell of what lies in an archive."""

VALIDATED: Final = "inside, validated: "

INVALID: Final = "inside, invalid: "

SPARED: Final = "inside, not validated: "

JUDGED: Final = (VALIDATED, INVALID, SPARED, NOT_CHARACTERISED)
"""How the notes begin that only who validates can make."""

EARLIER: Final = "inside: named again since; validated as what it was named before"
"""The formats may be others now, and the files more or fewer, than those that were validated."""


def notes_again(before: Sequence[str], now: Sequence[str]) -> tuple[str, ...]:
    """The notes ``now`` of an archive that was looked into again, with what was found before of the soundness of what lies in it where
    nobody validated this time, and all that was found where nobody looked: its bytes are the same, and nobody is to read that it was never
    validated."""
    if not any(each.startswith(NOTED) for each in now):
        return (*now, *(each for each in before if each.startswith(NOTED)))
    judged = [each for each in before if each.startswith(JUDGED)]
    if not judged or any(each.startswith(VALIDATED) for each in now):
        return tuple(now)
    return (*(each for each in now if each != NAMED_ONLY), *judged, EARLIER)


def told(path: str, puid: str, contents: Contents) -> Iterator[Finding]:
    """What is to be said of the archive with the logical path ``path``."""
    formats = [puid_ for (puid_, _), _ in contents.formats.most_common(MOST_NAMED) if puid_]
    listed = ", ".join(formats) + (" …" if len(contents.formats) > MOST_NAMED else "")
    if contents.files or puid not in MAILS:
        code = "IDENT-ATTACHED" if puid in MAILS else "IDENT-INSIDE"
        yield Finding(code, path, {"puid": puid, "files": contents.files, "formats": listed or "-"})
    if contents.unknown:
        names = ", ".join(contents.unknown_names) + (" …" if contents.unknown > len(contents.unknown_names) else "")
        yield Finding("IDENT-INSIDE-UNKNOWN", path, {"files": contents.unknown, "names": names})
    if contents.validity:
        valid, invalid, rest = (contents.validity[each] for each in (Validity.VALID, Validity.INVALID, Validity.NOT_VALIDATED))
        yield Finding("VAL-INSIDE", path, {"files": contents.validity.total(), "valid": valid, "invalid": invalid, "rest": rest})
    if contents.invalid:
        names = ", ".join(name for name, _ in contents.invalid) + (" …" if invalid > len(contents.invalid) else "")
        yield Finding("VAL-INSIDE-INVALID", path, {"files": invalid, "names": names})
    if contents.spared:
        yield Finding("VAL-INSIDE-LEFT", path, {"files": contents.spared, "reason": contents.spared_why})
    if contents.locked:
        yield Finding("IDENT-INSIDE-LOCKED", path, {"files": contents.locked})
    if contents.left:
        yield Finding("IDENT-INSIDE-LEFT", path, {"count": contents.left.total(), "reason": "; ".join(contents.reasons.values())})


class Inside:
    """Looks into the archives of one deposit (or one command), within ``bounds`` for all of them together. ``room`` is a folder of the
    caller's in which files lie for a moment. ``validate`` None: they are named only. ``clock`` gives seconds."""

    def __init__(
        self,
        identifier: Identifier,
        room: Path,
        bounds: ArchivesPolicy,
        validate: Validate | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._identifier, self._room, self._bounds, self._validate = identifier, room, bounds, validate
        self._patience, self._seconds, self._clock = PATIENCE, SECONDS, clock
        self._files, self._bytes = bounds.files, bounds.bytes
        self._numbers = 0

    def look(self, path: Path, name: bytes, tell: Callable[[Member], None] | None = None, *, puid: Puid = NOBODY) -> Contents:
        """What the archive or mail at ``path`` holds, of which ``name`` is the name and ``puid`` the format; each file is told of by
        ``tell``, too. Raises IdentifierUnavailable, and OSError of ``room``."""
        contents = Contents()
        if not (self._files and self._bytes):
            contents.miss("IDENT-INSIDE-LEFT", self._bounded())
            return contents

        def one(member: Member) -> None:
            contents.add(member)
            if tell is not None:
                tell(member)

        self._into(_Nested(path, name, puid), 1, one, contents)
        return contents

    def _into(self, outer: _Nested, depth: int, tell: Callable[[Member], None], contents: Contents) -> None:
        findings = Findings()
        taking = _Taking(self._room, self._next_number)
        limits = Limits(items=self._files, total_bytes=self._bytes, file_bytes=self._bytes)
        nested: list[_Nested] = []

        def look_at(batch: Sequence[_Taken]) -> None:
            named = list(self._named(batch))
            self._judge(outer, named, contents)
            for taken, known in named:
                shown = outer.within + shown_name(taken.name)
                tell(Member(shown, taken.size, known))
                if known.puid not in OPENED:
                    taken.path.unlink()
                elif depth < self._bounds.depth:
                    nested.append(_Nested(taken.path, taken.name, known.puid, shown + ARROW))
                else:
                    taken.path.unlink()
                    contents.miss("PKG-TOO-DEEP", phrase("inside-depth", depth=self._bounds.depth))

        taking.full = look_at
        try:
            with outer.path.open("rb") as file:
                if outer.puid in MAILS:
                    read_mails(file, taking, findings, box=outer.puid == MAILBOX, limits=limits)
                elif not open_archive(file, outer.name, taking, findings, limits=limits):
                    contents.miss("PKG-ARCHIVE-DAMAGED", phrase("inside-none"))
        finally:
            taking.flush()
            self._files, self._bytes = max(0, self._files - taking.files), max(0, self._bytes - taking.bytes)
        for finding in findings:
            if finding.code == "PKG-ENCRYPTED":
                contents.locked += 1
            else:
                contents.miss(finding.code, self._bounded() if finding.code in BOUNDS else said(finding, code=False))
        for inner in nested:
            self._into(inner, depth + 1, tell, contents)
            inner.path.unlink()

    def _judge(self, outer: _Nested, named: Sequence[tuple[_Taken, Identification]], contents: Contents) -> None:
        """Have files validated while they lie here; an empty one has no format, and is sound as it is."""
        if self._validate is None:
            return
        names = {taken.path: outer.within + shown_name(taken.name) for taken, _ in named}

        def asked() -> Iterator[tuple[Path, Puid]]:
            for taken, known in named:
                reason = self._impatient() if taken.size else ""
                if reason:
                    contents.spare(reason)
                elif taken.size:
                    yield taken.path, known.puid

        since = self._clock()
        for path, found in self._validate(asked()):
            contents.judge(names[path], found)
            self._patience -= found.why in (Why.TIME_OUT, Why.TOOL_DIED)
            now = self._clock()
            self._seconds, since = self._seconds - (now - since), now

    def _impatient(self) -> str:
        """Why validators are given no more files; "" while they are."""
        if self._patience <= 0:
            return phrase("inside-hung", files=PATIENCE)
        return "" if self._seconds > 0 else phrase("inside-slow", minutes=round(SECONDS / 60))

    def _bounded(self) -> str:
        return phrase("inside-bounds", files=self._bounds.files, size=self._bounds.bytes)

    def _next_number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _named(self, batch: Sequence[_Taken]) -> Iterator[tuple[_Taken, Identification]]:
        found = dict(self._identifier.identify(taken.path for taken in batch))
        return ((taken, found[taken.path]) for taken in batch)


@dataclass(frozen=True, slots=True)
class _Nested:
    """What is looked into: ``within`` are the names of what it lies in."""

    path: Path
    name: bytes
    puid: Puid
    within: str = ""


@dataclass(frozen=True, slots=True)
class _Taken:
    path: Path
    name: bytes
    size: int


class _Taking:
    """Receives the files of an archive into ``room``, some at a time; ``full`` is given them, and removes them."""

    def __init__(self, room: Path, number: Callable[[], int]) -> None:
        self._room, self._number = room, number
        self.full: Callable[[Sequence[_Taken]], None] = lambda _: None
        self.files = self.bytes = 0
        self._batch: list[_Taken] = []
        self._held = 0

    def add_file(self, name: bytes, stream: BinaryIO, modified: int | None = None, *, size: int = 0) -> object:
        extension = EXTENSION.search(name)
        path = self._room / f"{self._number()}{os.fsdecode(extension[0]) if extension else ''}"
        try:
            with path.open("wb") as out:
                shutil.copyfileobj(stream, out, _CHUNK)
                written = out.tell()
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        taken = _Taken(path, name, written)
        self.files, self.bytes, self._held = self.files + 1, self.bytes + written, self._held + written
        self._batch.append(taken)
        if len(self._batch) >= BATCH_FILES or self._held >= BATCH_BYTES:
            self.flush()
        return taken

    def add_folder(self, name: bytes, modified: int | None = None) -> None:
        """Folders have no format."""

    def flush(self) -> None:
        batch, self._batch, self._held = self._batch, [], 0
        if batch:
            self.full(batch)
