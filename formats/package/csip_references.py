"""What METS documents refer to, compared with what is in the package: present, of the size, with the checksum.

A file that is not where METS says is looked for by three rules that leave no doubt about its bytes or none about its name: a
backslash for a slash, another letter case, or, when size and checksum match, another place. A file whose checksum is right
only with other line ends is reported as such: its text is whole, and the declared bytes can be made again. Everything else is
missing or altered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import BinaryIO, Final

from fixity import CouldNotRead
from formats.hrefs import BadReference, decode_href, resolve
from formats.package.csip_rules import Reference
from formats.package.directory import is_hidden
from formats.package.names import folded_name, shown_name
from formats.package.seen import Seen
from formats.package.source import Item, Kind, Source
from policies.findings import Findings

__all__ = ["CHECKSUM_TYPES", "References"]

CHECKSUM_TYPES: Final = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}
"""METS 1.12 CHECKSUMTYPE → our name. Not among them: Adler-32, CRC32 (no proof of anything), HAVAL, MNP, TIGER, WHIRLPOOL."""

MISSING_EXAMINED: Final = 10_000
"""Missing files that are looked for elsewhere; more are reported as missing at once, so that memory stays bounded."""

CHUNK: Final = 1 << 20


def _algorithm(name: str) -> str:
    plain = name.upper().replace("SHA-", "SHA").replace("SHA", "SHA-")
    return CHECKSUM_TYPES.get(plain, "")


class References:
    """Follows references one by one, then, in `finish`, looks for what was missing and for files nobody referred to."""

    def __init__(self, source: Source, findings: Findings) -> None:
        self._source = source
        self._findings = findings
        self._referred = Seen()
        self._missing: list[tuple[Reference, bytes]] = []

    def follower(self, base: bytes) -> Callable[[Reference], None]:
        """What takes the references of the METS document in the folder ``base``."""

        def follow(reference: Reference) -> None:
            try:
                name = resolve(reference.href, base)
            except BadReference as bad:
                code = "CSIP-HREF-REMOTE" if bad.reason == "scheme" else "CSIP-HREF-OUTSIDE"
                self._findings.add(code, shown_name(decode_href(reference.href).encode("utf-8", "surrogateescape")))
                return
            self._look(reference, name)

        return follow

    def note(self, name: bytes) -> None:
        """A METS document itself: it needs no reference."""
        self._referred.add(name)

    def _file(self, name: bytes) -> Item | None:
        item = self._source.get(name)
        return item if item is not None and item.kind is Kind.FILE else None

    def _look(self, reference: Reference, name: bytes) -> None:
        item = self._file(name)
        if item is None and b"\\" in name and (item := self._file(name.replace(b"\\", b"/"))) is not None:
            self._findings.add("CSIP-HREF-BACKSLASH", shown_name(item.name), href=reference.href)
        if item is not None:
            self._referred.add(item.name)
            self._compare(reference, item)
        elif len(self._missing) < MISSING_EXAMINED:
            self._missing.append((reference, name))
        else:
            self._report_missing(reference, name)

    # --- comparing ---

    def _compare(self, reference: Reference, item: Item) -> None:
        shown = shown_name(item.name)
        kind = reference.kind.upper()
        size_fits = not reference.size.isdecimal() or int(reference.size) == item.size
        if not reference.checksum or not reference.checksum_type:
            self._unproven(reference, item, size_fits)
            return
        try:
            fits = self._checksum_fits(reference, item)
            if fits is None:
                self._findings.add("CSIP-CHECKSUM-UNKNOWN", shown, type=reference.checksum_type)
                self._unproven(reference, item, size_fits)
            elif fits and not size_fits:
                self._findings.add(f"CSIP-{kind}-SIZE", shown, declared=reference.size, found=item.size)
            elif not fits:
                ends = self._line_ends(reference, item)
                if ends:
                    self._findings.add("CSIP-LINE-ENDS", shown, ends=ends)
                else:
                    self._findings.add(
                        f"CSIP-{kind}-ALTERED", shown, type=reference.checksum_type, declared=reference.checksum.lower()
                    )
        except CouldNotRead as error:
            self._findings.append(error.finding)

    def _unproven(self, reference: Reference, item: Item, size_fits: bool) -> None:
        """Without a checksum the size is all there is to compare. That a checksum is lacking is a finding of its own rule."""
        if not size_fits:
            self._findings.add(
                f"CSIP-{reference.kind.upper()}-SIZE", shown_name(item.name), declared=reference.size, found=item.size
            )

    def _checksum_fits(self, reference: Reference, item: Item) -> bool | None:
        """None: the algorithm is none we know. Raises CouldNotRead."""
        algorithm = _algorithm(reference.checksum_type)
        if not algorithm:
            return None
        return self._source.digest(item.name, algorithm).hex == reference.checksum.lower()

    def _line_ends(self, reference: Reference, item: Item) -> str:
        """ "CRLF" or "LF" when the file has the declared checksum, and size, with these line ends; else ""."""
        with self._source.open(item.name) as stream:
            return _with_line_ends(stream, _algorithm(reference.checksum_type), reference.checksum.lower(), reference.size)

    # --- what was not there ---

    def _report_missing(self, reference: Reference, name: bytes) -> None:
        if not is_hidden(self._source, name):  # FIX-UNREADABLE says so
            self._findings.add(f"CSIP-{reference.kind.upper()}-MISSING", shown_name(name))

    def finish(self) -> None:
        """Report what is missing, and files that no document refers to (CSIP58)."""
        found = self._search() if self._missing else {}
        for index, (reference, name) in enumerate(self._missing):
            item, how = found.get(index, (None, ""))
            if item is None:
                self._report_missing(reference, name)
                continue
            self._referred.add(item.name)
            self._findings.add(how, shown_name(name), found=shown_name(item.name))
            self._compare(reference, item)
        for item in self._source.items():
            if item.kind is Kind.FILE and item.name not in self._referred:
                self._findings.add("CSIP-FILE-UNREFERENCED", shown_name(item.name))

    def _search(self) -> dict[int, tuple[Item, str]]:
        """Missing reference (by index) → the file that it means, and the code that says how that is known."""
        by_name: dict[bytes, list[int]] = {}
        by_size: dict[int, list[int]] = {}
        for index, (reference, name) in enumerate(self._missing):
            for spelling in {name, name.replace(b"\\", b"/")}:
                by_name.setdefault(folded_name(spelling), []).append(index)
            if reference.size.isdecimal() and int(reference.size) and reference.checksum:
                by_size.setdefault(int(reference.size), []).append(index)
        found: dict[int, tuple[Item, str]] = {}
        for item in self._source.items():
            if item.kind is not Kind.FILE:
                continue
            for index in by_name.get(folded_name(item.name), ()):
                if index not in found or self._proven(index, item) or found[index][1] == "CSIP-FILE-MOVED":
                    found[index] = (item, "CSIP-HREF-CASE")
            if item.size in by_size and item.name not in self._referred:
                self._search_by_digest(item, by_size[item.size], found)
        return found

    def _search_by_digest(self, item: Item, indexes: Iterable[int], found: dict[int, tuple[Item, str]]) -> None:
        taken = {each.name for each, _ in found.values()}
        for index in indexes:
            if index not in found and item.name not in taken and self._proven(index, item):
                found[index] = (item, "CSIP-FILE-MOVED")
                return

    def _proven(self, index: int, item: Item) -> bool:
        try:
            return bool(self._checksum_fits(self._missing[index][0], item))
        except CouldNotRead:
            return False  # reported when its own reference, or its spooling, meets it


def _with_line_ends(stream: BinaryIO, algorithm: str, checksum: str, size: str) -> str:
    lf, crlf = hashlib.new(algorithm, usedforsecurity=False), hashlib.new(algorithm, usedforsecurity=False)
    sizes = [0, 0]
    held = b""
    while chunk := stream.read(CHUNK):
        chunk = held + chunk
        held = b"\r" if chunk.endswith(b"\r") else b""  # its line feed may come with the next chunk
        plain = chunk[: len(chunk) - len(held)].replace(b"\r\n", b"\n")
        dos = plain.replace(b"\n", b"\r\n")
        lf.update(plain)
        crlf.update(dos)
        sizes = [sizes[0] + len(plain), sizes[1] + len(dos)]
    for digest, length, name in ((lf, sizes[0], "LF"), (crlf, sizes[1], "CRLF")):
        digest.update(held)
        if digest.hexdigest() == checksum and (not size.isdecimal() or int(size) == length + len(held)):
            return name
    return ""
