"""E-ARK information packages (CSIP, SIP, AIP, DIP 2.x): recognised, checked, and arranged into the AIP's folders.

The METS files are the depositor's manifest: every file they name is looked for and compared. The METS of each representation
is checked like the root's, whether a pointer names it or it only lies in its place.
"""

from __future__ import annotations

import re
from typing import Final

from fixity import CouldNotRead
from formats.hrefs import BadReference, encode_href, resolve
from formats.mets_reader import read_mets
from formats.package.csip_arrangement import arrange_package
from formats.package.csip_references import References
from formats.package.csip_rules import MetsFacts, Reference, check_document
from formats.package.names import shown_name
from formats.package.source import Item, Kind, Package, Source
from formats.package.spool import Spool
from formats.xml import NotWellFormed
from policies.findings import Findings
from policies.phrases import os_phrase

__all__ = ["FORMAT", "Eark"]

ROOT_METS: Final = b"METS.xml"

_NEARLY_METS: Final = re.compile(rb"m[-_ ]?e[-_ ]?t[-_ ]?s.{0,2}(\.xml)?", re.IGNORECASE)

MAX_REPRESENTATIONS: Final = 10_000
"""METS documents of representations that are read in one package."""


class Eark:
    """The package format "eark"."""

    name = "eark"

    def recognises(self, source: Source) -> bool:
        """A METS.xml at the top; or, without one, the folders of CSIP: then it is a package that lost it (CSIPSTR4)."""
        if _is(source, ROOT_METS, Kind.FILE):
            return True
        folders = [name for name in (b"metadata", b"schemas", b"documentation") if _is(source, name, Kind.FOLDER)]
        return bool(folders) and _is(source, b"representations", Kind.FOLDER)

    def check(self, source: Source, findings: Findings) -> None:
        """Rules, references, checksums and folders. What cannot be read is a finding (FIX-UNREADABLE), so that the rest is
        still checked."""
        layout = _Layout(source)
        if not _is(source, ROOT_METS, Kind.FILE):
            findings.add("CSIPSTR4", shown_name(ROOT_METS), found=shown_name(layout.nearly))
            layout.report(findings)
            return
        references = References(source, findings)
        facts = _check_mets(source, ROOT_METS, references, findings)
        _check_label(source.label, facts, "METS.xml", findings)
        waiting = _targets(facts, b"") + [name for name in layout.mets if name != ROOT_METS]
        done = {ROOT_METS}
        while waiting:
            name = waiting.pop(0)
            if name in done or len(done) > MAX_REPRESENTATIONS:
                continue
            done.add(name)
            if not _is(source, name, Kind.FILE):
                references.follower(b"")(Reference(encode_href(name.decode("utf-8", "surrogateescape")), "mets"))
                continue
            inner = _check_mets(source, name, references, findings)
            folder = name.rpartition(b"/")[0]
            _check_label(shown_name(folder.rpartition(b"/")[2]), inner, shown_name(name), findings)
            waiting += _targets(inner, folder)
        layout.report(findings)
        references.finish()

    def arrange(self, spool: Spool, findings: Findings) -> Package:
        """Give every item its place in the AIP, and say what the package says of itself. See
        `formats.package.csip_arrangement`."""
        return arrange_package(spool, findings)


def _is(source: Source, name: bytes, kind: Kind) -> bool:
    item = source.get(name)
    return item is not None and item.kind is kind


def _check_mets(source: Source, name: bytes, references: References, findings: Findings) -> MetsFacts:
    path = shown_name(name)
    base = name.rpartition(b"/")[0]
    references.note(name)
    try:
        with source.open(name) as stream:
            return check_document(
                read_mets(stream), path=path, package=not base, findings=findings, refer=references.follower(base)
            )
    except NotWellFormed as bad:
        findings.add("CSIP-NOT-WELL-FORMED", path, reason=bad.reason, line=bad.line)
    except CouldNotRead as error:
        findings.append(error.finding)
    except OSError as error:
        findings.append(CouldNotRead(path, os_phrase(error)).finding)
    return MetsFacts()


def _targets(facts: MetsFacts, base: bytes) -> list[bytes]:
    """The METS documents that pointers name. A pointer out of the package is a finding of `References` when it is followed."""
    names = []
    for href in facts.pointers:
        try:
            names.append(resolve(href, base))
        except BadReference:
            names.append(href.encode("utf-8", "surrogateescape"))
    return names


def _check_label(label: str, facts: MetsFacts, path: str, findings: Findings) -> None:
    """CSIP1 (and CSIPSTR2, CSIPSTR10): OBJID should be the folder's name, whatever a file system made of its special
    characters."""
    identifier = facts.root.get("OBJID", "")
    if identifier and _plain(identifier) != _plain(label):
        findings.add("CSIP1-NAME", path, objid=identifier, folder=label)


def _plain(name: str) -> str:
    return re.sub(r"[^\w]|_", "", name).lower()


class _Layout:
    """The folders of a package, from one pass over its items."""

    def __init__(self, source: Source) -> None:
        self.mets: list[bytes] = []
        self.nearly = b""
        self._top: set[bytes] = set()
        self._parts: dict[bytes, set[bytes]] = {}
        for item in source.items():
            self._see(item)

    def _see(self, item: Item) -> None:
        segments = item.name.split(b"/", 3)
        if len(segments) == 1:
            if item.kind is Kind.FOLDER:
                self._top.add(item.name)
            elif not self.nearly and _NEARLY_METS.fullmatch(item.name):
                self.nearly = item.name
        if segments[0] != b"representations" or len(segments) < 2 or len(self._parts) >= MAX_REPRESENTATIONS:
            return
        if len(segments) == 2:
            if item.kind is Kind.FOLDER:
                self._parts.setdefault(segments[1], set())
        elif len(segments) == 3 and segments[1] in self._parts:
            self._parts[segments[1]].add(segments[2])
            if segments[2] == ROOT_METS and item.kind is Kind.FILE:
                self.mets.append(item.name)

    def report(self, findings: Findings) -> None:
        """CSIPSTR5, 9, 11, 12, 15 and 16: folders that should be there."""
        for name, code in (
            (b"metadata", "CSIPSTR5"),
            (b"representations", "CSIPSTR9"),
            (b"schemas", "CSIPSTR15"),
            (b"documentation", "CSIPSTR16"),
        ):
            inside = code in ("CSIPSTR15", "CSIPSTR16") and any(name in parts for parts in self._parts.values())
            if name not in self._top and not inside:
                findings.add(code, name.decode())
        for representation, parts in self._parts.items():
            path = shown_name(b"representations/" + representation)
            if b"data" not in parts:
                findings.add("CSIPSTR11", path)
            if ROOT_METS not in parts:
                findings.add("CSIPSTR12", path)


FORMAT = Eark()
