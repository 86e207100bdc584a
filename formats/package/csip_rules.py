"""The rules of CSIP and SIP 2.2.0 for one METS document that are cheap and certain, checked while it streams by.

A finding's code is the requirement's own number; a MUST weighs error, a SHOULD warning, a MAY info, with the exceptions that the
register of codes gives a reason for. What the document refers to is handed on (`Reference`), not looked at here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from formats.mets_reader import (
    AdministrativeSection,
    Agent,
    Attributes,
    Division,
    File,
    FileGroup,
    FileSection,
    Header,
    MetadataSection,
    MetsPart,
    Pointer,
    RecordId,
    Root,
    StructMap,
)
from formats.package.csip_structure import Structure
from formats.package.seen import Seen
from formats.vocabularies import CONTENT_CATEGORIES, MDTYPES
from policies.findings import Findings

__all__ = ["MetsFacts", "Reference", "check_document"]

PACKAGE_TYPES: Final = frozenset({"SIP", "AIP", "DIP", "AIU", "AIC"})
STATUSES: Final = frozenset({"CURRENT", "SUPERSEDED"})
RECORD_STATUSES: Final = frozenset({"NEW", "SUPPLEMENT", "REPLACEMENT", "TEST", "VERSION", "DELETE", "OTHER", "REVISED"})

_MDREF_RULES: Final = {"dmdSec": 22, "digiprovMD": 36, "rightsMD": 49}
"""The number of the first of nine rules for mdRef in each section: LOCTYPE, xlink:type, href, MDTYPE, MIMETYPE, SIZE,
CREATED, CHECKSUM, CHECKSUMTYPE."""

_DATE_TIME: Final = re.compile(r"-?\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")
_MIME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*(\s*;.*)?")
_PROFILE: Final = re.compile(r"https?://(?:www\.)?eark(?:csip|sip|aip|dip)\.dilcis\.eu/profile/E-ARK-.*\.xml", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reference:
    """A file that a METS document refers to. ``kind`` is "metadata", "file" or "mets"; texts are as they stand there, "" when
    missing."""

    href: str
    kind: str
    size: str = ""
    checksum: str = ""
    checksum_type: str = ""


@dataclass
class MetsFacts:
    """What a METS document says of its package."""

    root: Attributes = field(default_factory=dict)
    header: Attributes = field(default_factory=dict)
    agents: list[Agent] = field(default_factory=list)
    records: list[RecordId] = field(default_factory=list)
    pointers: list[str] = field(default_factory=list)
    descriptive: list[tuple[str, str]] = field(default_factory=list)
    """(href, MDTYPE or OTHERMDTYPE) of descriptive metadata."""

    @property
    def is_sip(self) -> bool:
        return "-sip" in self.root.get("PROFILE", "").lower()


MAX_KEPT: Final = 10_000
"""Agents, pointers and descriptions kept of one document; more are still checked."""


def check_document(
    parts: Iterator[MetsPart], *, path: str, package: bool, findings: Findings, refer: Callable[[Reference], None]
) -> MetsFacts:
    """Check one document; ``package``: the root METS, not that of a representation. ``path`` names it in findings.

    Raises:
        NotWellFormed, OSError, CouldNotRead: from ``parts``, as they are; what was found before stays found.
    """
    rules = _Rules(path, package, findings, refer)
    for part in parts:
        rules.take(part)
    rules.end()
    return rules.facts


class _Rules:
    def __init__(self, path: str, package: bool, findings: Findings, refer: Callable[[Reference], None]) -> None:
        self._path = path
        self._package = package
        self._findings = findings
        self._refer = refer
        self._ids = Seen()
        self._structure = Structure(self._add, self._ids, package)
        self._sections: dict[str, int] = {}
        self._uses: dict[str, int] = {}
        self._group = ""
        self._group_files = 1
        self._administrative = Seen()
        self._amd = 0
        self._file_sections = 0
        self._headers = 0
        self._no_format_version = 0
        self.facts = MetsFacts()

    def _add(self, code: str, **args: str | int) -> None:
        self._findings.add(code, self._path, **args)

    def _id(self, attributes: Attributes, code: str, what: str) -> str:
        """Remember the ID; ``code`` when there must be one and is none."""
        identifier = attributes.get("ID", "")
        if identifier:
            if not self._ids.add(identifier):
                self._add("CSIP-ID-TWICE", id=identifier)
        elif code:
            self._add(code, what=what)
        return identifier

    def take(self, part: MetsPart) -> None:
        match part:
            case File():
                self._file(part)
            case Division():
                self._id(part.attributes, "", "")
                self._structure.division(part)
            case Pointer():
                self._pointer(part)
            case FileGroup():
                self._file_group(part)
            case MetadataSection():
                self._metadata(part)
            case Root():
                self._root(part.attributes)
            case Header():
                self._header(part.attributes)
            case Agent():
                if len(self.facts.agents) < MAX_KEPT:
                    self.facts.agents.append(part)
            case AdministrativeSection():
                self._amd += 1
                self._administrative.add(self._id(part.attributes, "", ""))
            case RecordId():
                if len(self.facts.records) < MAX_KEPT:
                    self.facts.records.append(part)
            case FileSection():
                self._file_sections += 1
                self._id(part.attributes, "CSIP59", "fileSec")
            case StructMap():
                self._close_group()
                self._structure.map(part, self._id(part.attributes, "", ""))

    # --- root and header ---

    def _root(self, attributes: Attributes) -> None:
        self.facts.root = attributes
        if not attributes.get("OBJID", "").strip():
            self._add("CSIP1")
        category = attributes.get("TYPE", "")
        if not category:
            self._add("CSIP2")
        elif category not in CONTENT_CATEGORIES and category != "OTHER":
            self._add("CSIP2-TERM", value=category)
        if category.upper() == "OTHER" and not attributes.get("csip:OTHERTYPE"):
            self._add("CSIP3")
        if not attributes.get("csip:CONTENTINFORMATIONTYPE"):
            self._add("CSIP4")
        elif attributes["csip:CONTENTINFORMATIONTYPE"] == "OTHER" and not attributes.get("csip:OTHERCONTENTINFORMATIONTYPE"):
            self._add("CSIP5")
        profile = attributes.get("PROFILE", "").strip()
        if not profile:
            # A representation's METS often has none; the package's own says what rules it follows.
            self._add("CSIP6" if self._package else "CSIP6-REPRESENTATION")
        elif not _PROFILE.fullmatch(profile):
            self._add("CSIP6-UNKNOWN", value=profile)
        if self._package and self.facts.is_sip and not attributes.get("LABEL"):
            self._add("SIP1")

    def _header(self, attributes: Attributes) -> None:
        self._headers += 1
        self.facts.header = attributes
        if not _DATE_TIME.fullmatch(attributes.get("CREATEDATE", "")):
            self._add("CSIP7", value=attributes.get("CREATEDATE", ""))
        if (modified := attributes.get("LASTMODDATE")) is not None and not _DATE_TIME.fullmatch(modified):
            self._add("CSIP8", value=modified)
        kind = attributes.get("csip:OAISPACKAGETYPE", "")
        if kind not in PACKAGE_TYPES:
            self._add("CSIP9" if self._package else "CSIP9-REPRESENTATION", value=kind)
        if self._package and self.facts.is_sip:
            if attributes.get("RECORDSTATUS", "") not in RECORD_STATUSES:
                self._add("SIP3", value=attributes.get("RECORDSTATUS", ""))
            if kind != "SIP" and kind in PACKAGE_TYPES:
                self._add("SIP4", value=kind)

    def _end_of_header(self) -> None:
        if not self._headers:
            self._add("CSIP117")
            return
        if not self.facts.agents:
            self._add("CSIP10")
            return
        candidates = [each for each in self.facts.agents if each.attributes.get("ROLE") == "CREATOR"]
        for code, name, value in (("CSIP11", "", ""), ("CSIP12", "TYPE", "OTHER"), ("CSIP13", "OTHERTYPE", "SOFTWARE")):
            fitting = [each for each in candidates if not name or each.attributes.get(name) == value]
            if not fitting:
                self._add(code)
                break
            candidates = fitting
        if candidates:
            self._software(candidates)
        if self._package and self.facts.is_sip:
            self._sip_agents()

    def _software(self, candidates: list[Agent]) -> None:
        """CSIP14 to CSIP16, of the agent that fits best."""
        best = max(candidates, key=lambda agent: (any(agent.names), any(kind == "SOFTWARE VERSION" for kind, _ in agent.notes)))
        if not any(best.names):
            self._add("CSIP14")
        if not best.notes:
            self._add("CSIP15")
        elif not any(kind == "SOFTWARE VERSION" for kind, _ in best.notes):
            self._add("CSIP16")

    def _sip_agents(self) -> None:
        submitting = [
            agent
            for agent in self.facts.agents
            if (agent.attributes.get("ROLE") == "CREATOR" or agent.attributes.get("OTHERROLE") == "SUBMITTER")
            and agent.attributes.get("TYPE") in ("ORGANIZATION", "INDIVIDUAL")
        ]
        if not submitting:
            self._add("SIP15")
        elif not any(any(agent.names) for agent in submitting):
            self._add("SIP18")
        agreements = [r for r in self.facts.records if r.attributes.get("TYPE") == "SUBMISSIONAGREEMENT"]
        if len(agreements) != 1 or not agreements[0].text:
            self._add("SIP5", count=len(agreements))

    # --- metadata ---

    def _metadata(self, part: MetadataSection) -> None:
        tag = part.tag
        self._sections[tag] = self._sections.get(tag, 0) + 1
        identifier = self._id(
            part.attributes, {"dmdSec": "CSIP18", "digiprovMD": "CSIP33", "rightsMD": "CSIP46"}.get(tag, ""), tag
        )
        if part.amd:
            self._administrative.add(identifier)
        if tag == "dmdSec" and not _DATE_TIME.fullmatch(part.attributes.get("CREATED", "")):
            self._add("CSIP19", id=identifier)
        if tag in _MDREF_RULES:
            status = part.attributes.get("STATUS", "")
            if status not in STATUSES:
                self._add({"dmdSec": "CSIP20", "digiprovMD": "CSIP34", "rightsMD": "CSIP47"}[tag], id=identifier, value=status)
        if part.reference is None:
            if tag in _MDREF_RULES:
                self._add({"dmdSec": "CSIP21", "digiprovMD": "CSIP35", "rightsMD": "CSIP48"}[tag], id=identifier)
            return
        self._id(part.reference, "", "")
        self._reference(part.reference, _MDREF_RULES.get(tag), identifier)
        if tag == "dmdSec" and part.attributes.get("STATUS") != "SUPERSEDED" and len(self.facts.descriptive) < MAX_KEPT:
            kind = part.reference.get("MDTYPE", "")
            other = part.reference.get("OTHERMDTYPE", "")
            self.facts.descriptive.append((part.reference.get("xlink:href", ""), other if kind == "OTHER" and other else kind))

    def _reference(self, attributes: Attributes, first: int | None, identifier: str) -> None:
        """The nine rules for mdRef. Sections CSIP has no rules for are only followed."""
        if first is not None:
            fits = (
                attributes.get("LOCTYPE") == "URL",
                attributes.get("xlink:type") == "simple",
                bool(attributes.get("xlink:href")),
                attributes.get("MDTYPE") in MDTYPES,
                *self._facts_of(attributes),
            )
            for offset, good in enumerate(fits):
                if not good:
                    self._add(f"CSIP{first + offset}", id=identifier)
        self._mime(attributes, identifier)
        self._follow(attributes, attributes, "metadata")

    @staticmethod
    def _facts_of(attributes: Attributes) -> tuple[bool, bool, bool, bool, bool]:
        """Whether MIMETYPE, SIZE, CREATED, CHECKSUM and CHECKSUMTYPE are there and make sense."""
        return (
            bool(attributes.get("MIMETYPE")),
            attributes.get("SIZE", "").isdecimal(),
            _DATE_TIME.fullmatch(attributes.get("CREATED", "")) is not None,
            bool(attributes.get("CHECKSUM")),
            bool(attributes.get("CHECKSUMTYPE")),
        )

    def _mime(self, attributes: Attributes, identifier: str) -> None:
        mime = attributes.get("MIMETYPE", "")
        if mime and not _MIME.fullmatch(mime):
            self._add("CSIP-MIMETYPE", id=identifier, value=mime)

    def _follow(self, facts: Attributes, location: Attributes, kind: str) -> None:
        href = location.get("xlink:href", "")
        if href:
            names = ("SIZE", "CHECKSUM", "CHECKSUMTYPE")
            self._refer(Reference(href, kind, *(facts.get(name, "").strip() for name in names)))

    # --- files ---

    def _close_group(self) -> None:
        if not self._group_files:
            self._add("CSIP66", id=self._group)
        self._group_files = 1

    def _file_group(self, part: FileGroup) -> None:
        if part.depth == 1:
            self._close_group()
        self._group_files = 0
        attributes = part.attributes
        self._group = self._id(attributes, "CSIP65", "fileGrp")
        use = attributes.get("USE", "")
        if part.depth > 1:
            return
        if not use:
            self._add("CSIP64", id=self._group)
        kind = next(
            (each for each in ("Documentation", "Schemas", "Representations") if use.lower().startswith(each.lower())), ""
        )
        if use and not use.startswith(kind or "?"):
            self._add("CSIP64-TERM", value=use)
        if kind:
            self._structure.group(kind, use, self._group)
            self._uses[kind] = self._uses.get(kind, 0) + 1
        if kind == "Representations" and not attributes.get("csip:CONTENTINFORMATIONTYPE"):
            self._add("CSIP62", id=self._group)
        for identifier in attributes.get("ADMID", "").split():
            if identifier not in self._administrative:
                self._add("CSIP61", id=self._group, value=identifier)

    def _file(self, part: File) -> None:
        self._group_files += 1
        identifier = self._id(part.attributes, "CSIP67", "file")
        for offset, good in enumerate(self._facts_of(part.attributes)):
            if not good:
                self._add(f"CSIP{68 + offset}", id=identifier)
        self._mime(part.attributes, identifier)
        if not part.locations:
            self._add("CSIP76", id=identifier)
        for location in part.locations:
            if location.get("LOCTYPE") != "URL":
                self._add("CSIP77", id=identifier)
            if location.get("xlink:type") != "simple":
                self._add("CSIP78", id=identifier)
            if not location.get("xlink:href"):
                self._add("CSIP79", id=identifier)
            self._follow(part.attributes, location, "file")
            self._structure.located(part.uses, location.get("xlink:href", ""))
        self._no_format_version += not part.attributes.get("sip:FILEFORMATVERSION")

    def _pointer(self, part: Pointer) -> None:
        self._structure.pointer(part)
        href = part.attributes.get("xlink:href", "")
        if part.kind == "mptr" and href and len(self.facts.pointers) < MAX_KEPT:
            self.facts.pointers.append(href)

    # --- the end ---

    def end(self) -> None:
        self._close_group()
        self._end_of_header()
        if not self._sections.get("dmdSec"):
            self._add("CSIP17")
        if not self._amd:
            self._add("CSIP31")
        elif not self._sections.get("digiprovMD"):
            self._add("CSIP32")
        if self._amd > 1:
            self._add("CSIP31-SEVERAL", count=self._amd)
        if not self._file_sections:
            self._add("CSIP58")
        elif self._package:
            for use, code in (("Documentation", "CSIP60"), ("Schemas", "CSIP113"), ("Representations", "CSIP114")):
                if not self._uses.get(use):
                    self._add(code)
        if self._package and self.facts.is_sip and self._no_format_version:
            self._add("SIP33", count=self._no_format_version)
        self._structure.end()
