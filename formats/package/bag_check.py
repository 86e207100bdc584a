"""The check of a bag against RFC 8493 (BagIt 1.0), with what older versions allowed, in one pass over its files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from fixity import ALGORITHMS, CouldNotRead, Digest, Hasher
from formats.package.bag_listing import Entry, Listing, Manifest
from formats.package.bag_text import Declaration, decoded_paths, manifest_line, read_declaration, read_elements, read_lines
from formats.package.directory import FolderSource, is_hidden
from formats.package.names import SYSTEM_FILES, shown_name
from formats.package.source import Item, Kind, Source
from policies.findings import Findings

__all__ = ["INFO_NAMES", "MANIFEST_NAME", "BagCheck"]

INFO_NAMES: Final = (b"bag-info.txt", b"package-info.txt")
"""The metadata file: its name since 0.96, and before."""

MANIFEST_NAME: Final = re.compile(rb"(tag)?manifest-([A-Za-z0-9_.\-]+)\.txt")

_FETCH = re.compile(r"([^ \t]+)[ \t]+([0-9]{1,20}|-)[ \t]+(.+)", re.DOTALL)
_ABSOLUTE_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.+")
_OXUM = re.compile(r"([0-9]{1,25})\.([0-9]{1,25})")
_DRIVE = re.compile(r"[A-Za-z]:")
# RFC 8493 §2.4: names are lower case without other characters than letters and digits; BLAKE2b's full length is often left out.
_ALGORITHMS = {re.sub("[^a-z0-9]", "", key): key for key in ALGORITHMS} | {"blake2b": "blake2b-512"}
_LENGTHS: dict[str, int] = {}


class BagCheck:
    """One check of one bag. `run` once; bad content goes to ``findings``."""

    def __init__(self, source: Source, findings: Findings) -> None:
        self._source = source
        self._findings = findings
        self._listing = Listing()
        self._declaration = Declaration()
        self._manifests: list[Manifest] = []
        self._has_data = False
        self._system_missing = 0

    def run(self) -> None:
        """Raises CouldNotRead when a tag file cannot be read; a payload file that cannot be read is a finding."""
        try:
            self._declaration = read_declaration(self._source, self._findings)
            self._listing.add_files(self._files())
            self._read_manifests()
            self._read_fetch()
            self._listing.index()
            self._check_structure()
            self._check_listed_names()
            self._check_missing()
            self._check_unlisted()
            self._check_fetch()
            self._check_info()
            self._check_digests()
        finally:
            self._listing.close()

    # --- reading ---

    def _files(self) -> Iterator[Item]:
        for item in self._source.items():
            if item.name == b"data" or item.name.startswith(b"data/"):
                self._has_data |= item.kind is Kind.FOLDER or item.name != b"data"
            if item.kind is Kind.FOLDER:
                continue
            if match := MANIFEST_NAME.fullmatch(item.name):
                algorithm = _ALGORITHMS.get(re.sub("[^a-z0-9]", "", match[2].decode().lower()), "")
                self._manifests.append(Manifest(len(self._manifests), item.name, algorithm, match[1] is not None))
            yield item

    def _read_manifests(self) -> None:
        for manifest in self._manifests:
            self._listing.add_entries(manifest, self._entries(manifest))

    def _entries(self, manifest: Manifest) -> Iterator[tuple[bytes, bytes]]:
        shown = shown_name(manifest.name)
        for line in read_lines(self._source, manifest.name, self._declaration, self._findings):
            parts = manifest_line(line.text)
            if parts is None:
                self._findings.add("BAG-LINE", shown, line=line.number)
                continue
            checksum, path, escaped = parts
            if escaped:
                self._findings.add("BAG-MD5SUM", shown, line=line.number)
            name = self._name(path, shown, line.number)
            if name is None:
                continue
            if name.startswith(b"data/") == manifest.tag:
                self._misplaced(manifest, name, line.number)
                if not manifest.tag:
                    continue
            digest = self._digest(manifest.algorithm, checksum)
            if digest is None:
                self._findings.add("BAG-DIGEST-FORM", shown, line=line.number)
            yield name, digest or b""

    def _misplaced(self, manifest: Manifest, name: bytes, line: int) -> None:
        if not manifest.tag:
            self._findings.add("BAG-PATH-OUTSIDE", shown_name(manifest.name), name=shown_name(name), line=line)
        elif self._declaration.strict:
            self._findings.add("BAG-TAG-LISTS-PAYLOAD", shown_name(manifest.name), name=shown_name(name))

    @staticmethod
    def _digest(algorithm: str, checksum: str) -> bytes | None:
        """The checksum's bytes; None when it is not hexadecimal or not as long as the algorithm's digests are."""
        if not checksum.isascii() or not checksum.isalnum():
            return None if algorithm else checksum.encode("utf-8", "surrogateescape")
        try:
            value = bytes.fromhex(checksum)
        except ValueError:
            return None if algorithm else checksum.encode()
        return value if not algorithm or len(value) == _length(algorithm) else None

    def _name(self, path: str, shown: str, line: int) -> bytes | None:
        """The name in the bag that a path of a manifest or fetch.txt means; None (and a finding) when it may lead out."""
        if path.startswith("*") and not self._listing.exists(self._encoded(path)):
            self._findings.add("BAG-MD5SUM", shown, line=line)
            path = path[1:]
        if path.startswith("./"):
            self._findings.add("BAG-RELATIVE-PATH", shown, line=line)
            while path.startswith("./"):
                path = path[2:]
        if _leads_out(path):
            self._findings.add("BAG-PATH-OUTSIDE", shown, name=shown_name(self._encoded(path)), line=line)
            return None
        meanings = decoded_paths(path, strict=self._declaration.strict)
        names = [each for meaning in meanings for each in self._encodings(meaning)]
        name = names[0] if len(names) == 1 else next(filter(self._listing.exists, names), names[0])
        if "%" in path and self._declaration.strict and (name == self._encoded(path)):
            self._findings.add("BAG-PERCENT", shown, line=line)
        return name

    def _encodings(self, path: str) -> Iterator[bytes]:
        yield self._encoded(path)
        if self._declaration.encoding != "utf-8" and not path.isascii():
            # Names that were written to disk in the bag's own, older encoding.
            try:
                yield path.encode(self._declaration.encoding, "surrogateescape")
            except UnicodeEncodeError:
                return

    @staticmethod
    def _encoded(path: str) -> bytes:
        return path.encode("utf-8", "surrogateescape")

    def _read_fetch(self) -> None:
        if not self._listing.exists(b"fetch.txt"):
            return
        for line in read_lines(self._source, b"fetch.txt", self._declaration, self._findings):
            match = _FETCH.fullmatch(line.text)
            if match is None or not _ABSOLUTE_URI.fullmatch(match[1]):
                self._findings.add("BAG-LINE", "fetch.txt", line=line.number)
                if match is None:
                    continue
            name = self._name(match[3], "fetch.txt", line.number)
            if name is None:
                continue
            if not name.startswith(b"data/"):
                self._findings.add("BAG-PATH-OUTSIDE", "fetch.txt", name=shown_name(name), line=line.number)
            elif not self._listing.add_fetch(name, None if match[2] == "-" else min(int(match[2]), 1 << 62)):
                self._findings.add("BAG-TWICE-LEGACY", shown_name(name), manifest="fetch.txt")

    # --- judging ---

    def _check_structure(self) -> None:
        payload = [manifest for manifest in self._manifests if not manifest.tag]
        if not self._has_data:
            self._findings.add("BAG-NO-DATA")
        if not payload:
            self._findings.add("BAG-MANIFEST-MISSING")
        for manifest in self._manifests:
            if not manifest.algorithm:
                self._findings.add("BAG-ALGORITHM-UNKNOWN", shown_name(manifest.name))
        if payload and not any(manifest.algorithm for manifest in payload):
            self._findings.add("BAG-NOT-VERIFIABLE")

    def _check_listed_names(self) -> None:
        for number, name, equal in self._listing.listed_twice():
            code = "BAG-TWICE-LEGACY" if equal and not self._declaration.strict else "BAG-TWICE"
            self._findings.add(code, shown_name(name), manifest=shown_name(self._manifests[number].name))
        for first, other in self._listing.alike():
            self._findings.add("BAG-NAMES-ALIKE", shown_name(other), other=shown_name(first))
        if self._declaration.strict:
            self._check_tag_manifests()

    def _check_tag_manifests(self) -> None:
        payload = [manifest for manifest in self._manifests if not manifest.tag]
        for tag in (manifest for manifest in self._manifests if manifest.tag):
            for manifest in payload:
                if not self._listing.lists(tag, manifest.name):
                    self._findings.add("BAG-TAG-INCOMPLETE", shown_name(tag.name), name=shown_name(manifest.name))

    def _check_missing(self) -> None:
        for name, entries in self._listing.missing():
            if is_hidden(self._source, name):
                continue  # FIX-UNREADABLE says so
            twin = self._twin(name, entries)
            if twin is not None:
                self._listing.stands_for(twin, entries)
                self._findings.add("BAG-NAME-DIFFERS", shown_name(name), other=shown_name(twin))
            elif name.startswith(b"data/") and name.rpartition(b"/")[2].lower() in SYSTEM_FILES:
                self._system_missing += 1
                self._findings.add("BAG-SYSTEM-FILE-MISSING", shown_name(name))
            elif not self._listing.is_fetched(name):
                self._findings.add("BAG-FILE-MISSING", shown_name(name))

    def _twin(self, name: bytes, entries: list[Entry]) -> bytes | None:
        """The file that a missing name means where case or normalisation do not count: a similar name and the same digests."""
        return next((each for each in self._listing.lookalikes(name) if self._matches(each, entries) is True), None)

    def _check_unlisted(self) -> None:
        payload = [manifest for manifest in self._manifests if not manifest.tag]
        if not payload:
            return
        for name, found in self._listing.unlisted(payload):
            if not found:
                self._findings.add("BAG-UNLISTED", shown_name(name))
            elif self._declaration.strict:
                for manifest in payload:
                    if manifest.number not in found:
                        self._findings.add("BAG-NOT-IN-ALL", shown_name(name), manifest=shown_name(manifest.name))

    def _check_fetch(self) -> None:
        payload = {manifest.number for manifest in self._manifests if not manifest.tag}
        for name, stated, real, listed in self._listing.fetches():
            found = payload.intersection(listed)
            if not found or (self._declaration.strict and real is None and found != payload):
                self._findings.add("BAG-FETCH-UNLISTED", shown_name(name))
            if real is None:
                self._findings.add("BAG-FETCH-MISSING", shown_name(name))
            elif stated is not None and stated != real:
                self._findings.add("BAG-FETCH-SIZE", shown_name(name), stated=stated, size=real)

    def _check_info(self) -> None:
        for name in INFO_NAMES:
            if not self._listing.exists(name) or (name == INFO_NAMES[1] and self._declaration.version >= (0, 96)):
                continue
            elements = read_elements(self._source, name, self._declaration, self._findings)
            sums = [value for label, value in elements if label.lower() == "payload-oxum"]
            if len(sums) > 1:
                self._findings.add("BAG-OXUM-FORM" if self._declaration.strict else "BAG-OXUM-TWICE", shown_name(name))
            for each in dict.fromkeys(sums):
                self._check_oxum(each, shown_name(name))

    def _check_oxum(self, text: str, shown: str) -> None:
        match = _OXUM.fullmatch(text)
        if match is None:
            self._findings.add("BAG-OXUM-FORM", shown)
            return
        octets, streams = int(match[1]), int(match[2])
        size, count = self._listing.payload_bytes, self._listing.payload_files
        same = (octets, streams) == (size, count)
        # System files that were cleaned away are warned about by name; their bytes are not known any more.
        cleaned = self._system_missing and streams == count + self._system_missing and octets >= size
        hidden = isinstance(self._source, FolderSource) and self._source.has_hidden
        if not same and not cleaned and not hidden:
            self._findings.add("BAG-OXUM", shown, stated=text, found=f"{size}.{count}")

    def _check_digests(self) -> None:
        for name, entries in self._listing.to_verify():
            self._matches(name, entries, report=True)

    def _matches(self, name: bytes, entries: list[Entry], *, report: bool = False) -> bool | None:
        """Whether a file has the digests these entries give; None when none of them could be compared."""
        result: bool | None = None
        for entry in entries:
            algorithm = self._manifests[entry.manifest].algorithm
            if not algorithm or not entry.digest:
                continue
            try:
                equal = self._source.digest(name, algorithm) == Digest(algorithm, entry.digest)
            except CouldNotRead as error:
                if report:
                    self._findings.append(error.finding)
                return None
            if not equal and report:
                self._findings.add("BAG-DIGEST", shown_name(name), manifest=shown_name(self._manifests[entry.manifest].name))
            result = equal and result is not False
        return result


def _length(algorithm: str) -> int:
    """Bytes in a digest of ``algorithm``."""
    if algorithm not in _LENGTHS:
        _LENGTHS[algorithm] = len(Hasher((algorithm,)).digests()[algorithm].value)
    return _LENGTHS[algorithm]


def _leads_out(path: str) -> bool:
    """Whether a path may lead out of the bag on some system (RFC 8493 §5.1): absolute, drive, UNC, "~user", "%VARIABLE%", "..".

    A backslash inside a name is a name on POSIX; only what would climb or start anew when read as a separator is refused.
    """
    if (
        path.startswith(("/", "\\"))
        or re.match(r"~[^/]*/|~$", path)
        or _DRIVE.match(path)
        or re.match(r"%[A-Za-z_]+%[\\/]", path)
    ):
        return True
    return any(segment in ("", ".", "..") for segment in path.split("/")) or ".." in path.replace("\\", "/").split("/")
