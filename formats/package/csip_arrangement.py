"""Where the items of an E-ARK package stand in Kho's AIP, and what the package says of itself.

Content, metadata, schemas and documentation keep their paths: an E-ARK AIP has the same folders (CSIP 2.2 §4). METS files,
which Kho writes anew, and everything CSIP has no folder for go below ``submission/``, unchanged, as does whatever has a name
that Kho's own files need. The mapping is injective: ``submission/<id>/`` is followed by the whole name.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from fixity import CouldNotRead
from formats.describe import flatten, kind_of
from formats.hrefs import BadReference, resolve
from formats.mets_reader import Agent, FileSection, Header, MetadataSection, RecordId, Root, StructMap, read_mets
from formats.package.csip_rules import MetsFacts
from formats.package.names import stored_name
from formats.package.source import Kind, Package, Role
from formats.package.spool import Spool
from formats.xml import NotWellFormed
from policies.findings import Findings

__all__ = ["RESERVED", "arrange_package", "place"]

ROOT_METS: Final = b"METS.xml"

RESERVED: Final = re.compile(
    r"(?:METS\.xml"
    r"|metadata/preservation/premis\.xml"
    r"|metadata/preservation/events-v[0-9]+\.xml"
    r"|metadata/other/kho-submission\.jsonl"
    r"|representations/[^/]+/METS\.xml"
    r"|representations/[^/]+/metadata/preservation/premis-kho\.xml)(?:/.*)?",
    re.IGNORECASE | re.DOTALL,
)
"""Paths that Kho writes itself, and all below them, in any letter case: exports go to file systems that ignore case."""

MAX_DESCRIPTIVE: Final = 1_000
"""Descriptive metadata files listed in `Package.descriptive`. All are kept."""

MAX_ID: Final = 60
"""Characters of the folder below ``submission/``."""

_ROLES: Final = {"descriptive": Role.DESCRIPTIVE, "preservation": Role.PRESERVATION}


def place(name: bytes, submission: str) -> tuple[str, Role]:
    """The logical path and the role of an item called ``name``."""
    stored = stored_name(name)
    role = _role(stored)
    if role is None or RESERVED.fullmatch(stored):
        return f"{submission}/{stored}", Role.SUBMISSION
    return stored, role


def _role(stored: str) -> Role | None:
    """By the folder it lies in; None where CSIP has none for it."""
    segments = stored.split("/")
    match segments:
        case ["schemas", _, *_]:
            return Role.SCHEMA
        case ["documentation", _, *_]:
            return Role.DOCUMENTATION
        case ["metadata", part, *rest]:
            return _ROLES.get(part, Role.OTHER) if rest else Role.OTHER
        case ["representations", _, "data", _, *_]:
            return Role.CONTENT
        case ["representations", _, "metadata", part, *rest]:
            return _ROLES.get(part, Role.OTHER) if rest else Role.OTHER
        case _:
            return None


def arrange_package(spool: Spool, findings: Findings) -> Package:
    """Give every item of ``spool`` its place; returns what the package says of itself. What is wrong was said by the check
    before.

    Raises:
        NameTaken, SpoolFull, SpoolFailed: from the spool.
    """
    facts = _facts(spool)
    identifier = facts.root.get("OBJID", "").strip()
    submission = f"submission/{_folder_name(identifier or spool.label)}"
    spool.clear_arrangement()
    spool.arrange((item.name, *place(item.name, submission)) for item in spool.items())
    descriptive = tuple(_descriptive(spool, facts, submission))
    return Package(
        format="eark",
        identifier=identifier,
        producer=_producer(facts.agents),
        title=facts.root.get("LABEL", "").strip() or _title(spool, descriptive) or spool.label,
        content_category=_category(facts),
        fields=_fields(facts),
        descriptive=tuple((path, kind) for _, path, kind in descriptive),
    )


def _folder_name(identifier: str) -> str:
    """A folder name that every system can hold, for people to recognise the package by."""
    name = re.sub(r"[^\w.-]", "_", unicodedata.normalize("NFC", identifier))[:MAX_ID].strip(".")
    return name or "sip"


def _facts(spool: Spool) -> MetsFacts:
    """The head of the root METS: all before the file section. What cannot be read says nothing; that was a finding of the
    check."""
    facts = MetsFacts()
    try:
        with spool.open(ROOT_METS) as stream:
            for part in read_mets(stream):
                match part:
                    case Root():
                        facts.root = part.attributes
                    case Header():
                        facts.header = part.attributes
                    case Agent():
                        facts.agents.append(part)
                    case RecordId():
                        facts.records.append(part)
                    case MetadataSection(tag="dmdSec", reference=reference) if reference is not None:
                        if len(facts.descriptive) < MAX_DESCRIPTIVE and part.attributes.get("STATUS") != "SUPERSEDED":
                            facts.descriptive.append((reference.get("xlink:href", ""), reference.get("MDTYPE", "")))
                    case FileSection() | StructMap():
                        break
    except (KeyError, NotWellFormed, CouldNotRead):
        pass
    return facts


def _producer(agents: Iterable[Agent]) -> str:
    """The depositing agency: the submitting agent (SIP15), else who made or owns the records; organisations before persons."""
    wanted = (("OTHER", "SUBMITTER"), ("CREATOR", ""), ("ARCHIVIST", ""), ("IPOWNER", ""))
    for role, other in wanted:
        for kind in ("ORGANIZATION", "INDIVIDUAL"):
            for agent in agents:
                fits = (agent.attributes.get("ROLE", ""), agent.attributes.get("TYPE")) == (role, kind)
                fits = fits and (not other or agent.attributes.get("OTHERROLE", "").upper() == other)
                name = next(filter(None, agent.names), "")
                if fits and name:
                    return name
    return ""


def _category(facts: MetsFacts) -> str:
    category = facts.root.get("TYPE", "")
    return facts.root.get("csip:OTHERTYPE", "") or category if category.upper() == "OTHER" else category


def _fields(facts: MetsFacts) -> dict[str, tuple[str, ...]]:
    """Attributes of the root and the header, record ids and agents, as received."""
    fields: dict[str, list[str]] = {}
    for attributes in (facts.root, facts.header):
        for name, value in attributes.items():
            if name != "ID" and not name.startswith("{"):
                fields.setdefault(name, []).append(value)
    for record in facts.records:
        fields.setdefault(record.attributes.get("TYPE") or record.kind, []).append(record.text)
    for agent in facts.agents:
        role = agent.attributes.get("OTHERROLE") or agent.attributes.get("ROLE", "AGENT")
        fields.setdefault(f"agent:{role}", []).extend(filter(None, agent.names))
        for kind, text in agent.notes:
            if kind == "IDENTIFICATIONCODE":
                fields.setdefault(f"agent:{role}:code", []).append(text)
    return {name: tuple(values) for name, values in fields.items()}


def _descriptive(spool: Spool, facts: MetsFacts, submission: str) -> Iterator[tuple[bytes, str, str]]:
    """(name, logical path, kind) of descriptive metadata: what METS names first, then what lies in a descriptive folder."""
    names: dict[bytes, str] = {}
    for href, kind in facts.descriptive:
        try:
            names[resolve(href)] = kind
        except BadReference:
            continue
    in_place = (
        item.name for item in spool.items() if item.kind is Kind.FILE and place(item.name, submission)[1] is Role.DESCRIPTIVE
    )
    for name in islice(in_place, MAX_DESCRIPTIVE):
        names.setdefault(name, "")
    for name in islice(names, MAX_DESCRIPTIVE):
        item = spool.get(name)
        if item is not None and item.kind is Kind.FILE:
            yield name, place(name, submission)[0], _kind(spool, name)


def _kind(spool: Spool, name: bytes) -> str:
    try:
        with spool.open(name) as stream:
            return kind_of(name.rpartition(b"/")[2].decode("utf-8", "replace"), stream)
    except CouldNotRead:
        return "other"


def _title(spool: Spool, descriptive: Iterable[tuple[bytes, str, str]]) -> str:
    for name, _, kind in descriptive:
        if kind == "other":
            continue
        try:
            with spool.open(name) as stream:
                if titles := flatten(kind, stream).get("title"):
                    return titles[0]
        except CouldNotRead:
            continue
    return ""
