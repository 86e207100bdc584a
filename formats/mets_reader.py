"""Other people's METS, read as a stream of facts in document order. It judges nothing and follows nothing.

Attributes keep their names; those of xlink, csip and sip get these prefixes whatever the document calls them. What stands
inside of mdWrap, FContent and other sections that CSIP does not use is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from formats.mets import CSIP_NAMESPACE, METS_NAMESPACE, XLINK_NAMESPACE
from formats.xml import Element, NotWellFormed, events, local_name
from policies.phrases import phrase

__all__ = [
    "AdministrativeSection",
    "Agent",
    "Attributes",
    "Division",
    "File",
    "FileGroup",
    "FileSection",
    "Header",
    "MetadataSection",
    "MetsPart",
    "Pointer",
    "RecordId",
    "Root",
    "StructMap",
    "read_mets",
]

Attributes = Mapping[str, str]

SIP_NAMESPACE: Final = "https://DILCIS.eu/XML/METS/SIPExtensionMETS"

_PREFIXES: Final = {
    XLINK_NAMESPACE: "xlink:",
    CSIP_NAMESPACE.lower(): "csip:",  # specification and examples disagree on the case of the host
    SIP_NAMESPACE.lower(): "sip:",
}

TEXT_LIMIT: Final = 4_096
"""Characters kept of a name, note or label: longer ones are cut, they are shown and searched, never compared."""


@dataclass(frozen=True, slots=True)
class Root:
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Header:
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Agent:
    """``notes``: (csip:NOTETYPE or "", text)."""

    attributes: Attributes
    names: tuple[str, ...]
    notes: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RecordId:
    """altRecordID or metsDocumentID (``kind``)."""

    kind: str
    attributes: Attributes
    text: str


@dataclass(frozen=True, slots=True)
class AdministrativeSection:
    """amdSec, before the sections in it."""

    attributes: Attributes


@dataclass(frozen=True, slots=True)
class MetadataSection:
    """dmdSec, digiprovMD, rightsMD, techMD or sourceMD (``tag``); ``reference`` its mdRef, None when there is none. ``amd``
    counts the amdSec it stands in (0: a dmdSec)."""

    tag: str
    attributes: Attributes
    reference: Attributes | None
    wrapped: bool
    amd: int


@dataclass(frozen=True, slots=True)
class FileSection:
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class FileGroup:
    """``depth`` is 1 for the groups right inside of fileSec."""

    attributes: Attributes
    depth: int


@dataclass(frozen=True, slots=True)
class File:
    """``locations``: its FLocat elements; ``uses``: USE of its groups, outermost first."""

    attributes: Attributes
    locations: tuple[Attributes, ...]
    uses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StructMap:
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Division:
    """``depth`` is 1 for the main division; ``map`` counts the structMap."""

    attributes: Attributes
    depth: int
    map: int


@dataclass(frozen=True, slots=True)
class Pointer:
    """mptr or fptr (``kind``) inside of the division that came last at ``depth``."""

    kind: str
    attributes: Attributes
    depth: int
    map: int


MetsPart = (
    Root
    | Header
    | Agent
    | RecordId
    | AdministrativeSection
    | MetadataSection
    | FileSection
    | FileGroup
    | File
    | StructMap
    | Division
    | Pointer
)
"""One fact of a document."""

_SECTIONS: Final = frozenset({"dmdSec", "digiprovMD", "rightsMD", "techMD", "sourceMD"})
_FOREIGN: Final = frozenset({"mdWrap", "FContent", "structLink", "behaviorSec"})


def _attributes(element: Element) -> dict[str, str]:
    result: dict[str, str] = {}
    for name, value in element.items():
        if name[0] == "{":
            namespace, _, local = name[1:].partition("}")
            prefix = _PREFIXES.get(namespace) or _PREFIXES.get(namespace.lower())
            name = name if prefix is None else prefix + local
        result[name] = value
    return result


def _text(element: Element) -> str:
    return (element.text or "")[:TEXT_LIMIT].strip()


@dataclass
class _State:
    """What is open."""

    section: str = ""
    attributes: Attributes = field(default_factory=dict)
    reference: Attributes | None = None
    wrapped: bool = False
    amd: int = 0
    names: list[str] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    uses: list[str] = field(default_factory=list)
    locations: list[Attributes] = field(default_factory=list)
    files: int = 0  # open <file> elements (they nest)
    maps: int = 0
    depth: int = 0
    foreign: int = 0


def read_mets(stream: BinaryIO) -> Iterator[MetsPart]:
    """The facts of one METS document, `Root` first.

    Raises:
        NotWellFormed: as `formats.xml.events`, or the root element is not METS's.
        OSError, CouldNotRead: from ``stream``, as they are.
    """
    state = _State()
    first = True
    for event, element in events(stream):
        if first:
            first = False
            if element.tag != f"{{{METS_NAMESPACE}}}mets":
                raise NotWellFormed(phrase("xml-root", found=element.tag, namespace=METS_NAMESPACE), element.sourceline or 0)
            yield Root(_attributes(element))
            continue
        name = local_name(element)
        if name in _FOREIGN:
            state.foreign += 1 if event == "start" else -1
            state.wrapped = True
        elif not state.foreign:
            yield from _started(state, name, element) if event == "start" else _ended(state, name, element)


def _started(state: _State, name: str, element: Element) -> Iterator[MetsPart]:
    match name:
        case "file":
            state.files += 1
            if state.files == 1:
                state.attributes, state.locations = _attributes(element), []
        case "FLocat" if state.files == 1:
            state.locations.append(_attributes(element))
        case "div":
            state.depth += 1
            yield Division(_attributes(element), state.depth, state.maps)
        case "fptr" | "mptr":
            yield Pointer(name, _attributes(element), state.depth, state.maps)
        case "fileGrp":
            attributes = _attributes(element)
            state.uses.append(attributes.get("USE", ""))
            yield FileGroup(attributes, len(state.uses))
        case "mdRef":
            state.reference = _attributes(element)
        case "amdSec":
            state.amd += 1
            yield AdministrativeSection(_attributes(element))
        case "agent":
            state.attributes, state.names, state.notes = _attributes(element), [], []
        case "metsHdr":
            yield Header(_attributes(element))
        case "fileSec":
            yield FileSection(_attributes(element))
        case "structMap":
            state.maps += 1
            yield StructMap(_attributes(element))
        case _ if name in _SECTIONS:
            state.attributes, state.reference, state.wrapped = _attributes(element), None, False


def _ended(state: _State, name: str, element: Element) -> Iterator[MetsPart]:
    match name:
        case "file":
            state.files -= 1
            if state.files == 0:
                yield File(state.attributes, tuple(state.locations), tuple(state.uses))
        case "div":
            state.depth -= 1
        case "fileGrp":
            state.uses.pop()
        case "name":
            state.names.append(_text(element))
        case "note":
            state.notes.append((_attributes(element).get("csip:NOTETYPE", ""), _text(element)))
        case "agent":
            yield Agent(state.attributes, tuple(state.names), tuple(state.notes))
        case "altRecordID" | "metsDocumentID":
            yield RecordId(name, _attributes(element), _text(element))
        case _ if name in _SECTIONS:
            amd = 0 if name == "dmdSec" else state.amd
            yield MetadataSection(name, state.attributes, state.reference, state.wrapped, amd)
