"""PREMIS 3: what is known of an AIP's objects, what happened to them, and who did it. Written and read back as a stream.

The order is that of the schema (premis-v3-0.xsd, premisComplexType): at least one object, then events, then agents. Every
agent that an event names is described (E-ARK AIP 2.2.0, AIP16 and AIP18). Event is defined here, beside the writer that puts
it into an AIP.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Final

from formats.hrefs import decode_href, encode_href
from formats.xml import Element, subtrees
from formats.xml_writer import Writer, date_time, escape

__all__ = [
    "NAMESPACE",
    "UNKNOWN_FORMAT",
    "Agent",
    "Event",
    "PremisEntity",
    "PremisFile",
    "agent_of",
    "read_events",
    "read_premis",
    "write_premis",
]

NAMESPACE: Final = "http://www.loc.gov/premis/v3"

TECHNICAL_NAMESPACE: Final = "urn:kho:technical:1"

UNKNOWN_FORMAT: Final = "unknown"
"""The format name when nothing was identified: PREMIS 3 asks for a format on every file."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to an AIP, a deposit or a right: append-only, never changed.

    ``type`` is from the PREMIS event type vocabulary where it has a word ("ingestion", "fixity check", "message digest
    calculation", "format identification", "virus check", "replication", "recovery" …); ``outcome`` is "success", "warning" or
    "fail"; ``agent`` who did it ("kho 0.1.0", "user:name"), ``detail`` codes and counts, no names or reasons of people. Its
    key "asked_by" has the id of whoever asked the agent, so that a program never stands for a person.
    """

    id: str
    type: str
    time: datetime
    agent: str
    outcome: str
    aip_id: str = ""
    aip_version: int = 0
    deposit_id: str = ""
    tier: str = ""
    detail: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def asked_by(self) -> str:
        """The id of who asked for it; "" when the agent acted on its own account, or by a schedule."""
        return str(self.detail.get("asked_by", ""))


@dataclass(frozen=True, slots=True)
class PremisFile:
    """One file. ``path`` is its logical path from the AIP's root; it is written percent-encoded, as in METS, so that any name
    survives.

    ``original_name`` is the name as deposited when it differs (bytes that are no UTF-8 as surrogate escapes);
    ``format_notes`` says how the format was found; ``modified`` the source's modification time; ``derived_from`` the path of
    the file it was made from; ``technical`` what validation and characterisation found, as (name, value).
    """

    path: str
    size: int
    sha256: bytes
    sha512: bytes
    puid: str = ""
    format_name: str = ""
    format_version: str = ""
    format_notes: tuple[str, ...] = ()
    original_name: str = ""
    modified: datetime | None = None
    application: str = ""
    derived_from: str = ""
    technical: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class PremisEntity:
    """The AIP itself (``kind`` "intellectualEntity") or one of its representations ("representation").

    ``part_of`` is the id of the entity that holds it: of the AIP for a representation, of the parent AIP for an AIP (AIP13).
    """

    id: str
    kind: str = "intellectualEntity"
    original_name: str = ""
    part_of: str = ""


@dataclass(frozen=True, slots=True)
class Agent:
    """Who did something. ``type`` is "software", "person" or "organization" (PREMIS agentType vocabulary)."""

    id: str
    name: str
    type: str
    version: str = ""
    note: str = ""


def agent_of(identifier: str) -> Agent:
    """The description of an agent of which only the id is known: "user:…" is a person (the id only), "org:…" an organisation,
    anything else software, "name version"."""
    if identifier.startswith("user:"):
        return Agent(identifier, identifier.removeprefix("user:"), "person")
    if identifier.startswith("org:"):
        return Agent(identifier, identifier.removeprefix("org:"), "organization")
    name, _, version = identifier.rpartition(" ")
    return Agent(identifier, name or identifier, "software", version if name else "")


def write_premis(
    out: BinaryIO, *, objects: Iterable[PremisFile | PremisEntity], events: Iterable[Event] = (), agents: Iterable[Agent] = ()
) -> None:
    """One PREMIS document. Agents that events name and ``agents`` lacks are added by `agent_of`; memory grows only with their
    number.

    Raises:
        ValueError: there is no object at all (the schema asks for one), or a time has no zone.
        OSError: from ``out``, as it is.
    """
    xml = Writer(out)
    xml.open(
        "premis",
        {"xmlns": NAMESPACE, "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance", "version": "3.0"},
    )
    empty = True
    for each in objects:
        empty = False
        xml.raw(_file(each) if isinstance(each, PremisFile) else _entity(each))
    if empty:
        raise ValueError("a PREMIS document needs at least one object")
    named: dict[str, None] = {}
    for event in events:
        named.setdefault(event.agent)
        if event.asked_by:
            named.setdefault(event.asked_by)
        xml.raw(_event(event))
    for agent in agents:
        named.pop(agent.id, None)
        xml.raw(_agent(agent))
    for identifier in named:
        xml.raw(_agent(agent_of(identifier)))
    xml.close("premis")
    xml.flush()


def _simple(tag: str, text: str) -> str:
    return f"<{tag}>{escape(text)}</{tag}>" if text else ""


def _identifier(kind: str, value: str, type_: str = "", role: str = "") -> str:
    """``<kindIdentifier>``: a URI when it looks like one, else local."""
    type_ = type_ or ("URI" if value.startswith(("urn:", "http://", "https://", "info:")) else "local")
    tag = f"{kind}Identifier"
    said = _simple(f"{kind}Role", role)
    return f"<{tag}><{tag}Type>{type_}</{tag}Type><{tag}Value>{escape(value)}</{tag}Value>{said}</{tag}>"


def _linked_agents(event: Event) -> str:
    """Who did it; with who asked for it both have their role (Library of Congress, eventRelatedAgentRole)."""
    if not event.asked_by:
        return _identifier("linkingAgent", event.agent, "local")
    return _identifier("linkingAgent", event.agent, "local", "executing program") + _identifier(
        "linkingAgent", event.asked_by, "local", "authorizer"
    )


def _original_name(name: str) -> str:
    """The name for people, and in simpleLink the exact one where XML cannot carry it (PREMIS 3, originalNameComplexType)."""
    if not name:
        return ""
    exact = escape(name)
    link = f' simpleLink="{encode_href(name)}"' if "\ufffd" in exact else ""
    return f"<originalName{link}>{exact}</originalName>"


def _relationship(type_: str, subtype: str, kind: str, value: str) -> str:
    related = _identifier("relatedObject", value, kind)
    return (
        f"<relationship><relationshipType>{type_}</relationshipType><relationshipSubType>{subtype}</relationshipSubType>"
        f"{related}</relationship>"
    )


def _format(each: PremisFile) -> str:
    registry = ""
    if each.puid:
        registry = (
            "<formatRegistry><formatRegistryName>PRONOM</formatRegistryName>"
            f"<formatRegistryKey>{escape(each.puid)}</formatRegistryKey>"
            "<formatRegistryRole>specification</formatRegistryRole></formatRegistry>"
        )
    designation = ""
    if each.format_name or not each.puid:
        version = _simple("formatVersion", each.format_version)
        designation = (
            f"<formatDesignation>{_simple('formatName', each.format_name or UNKNOWN_FORMAT)}{version}</formatDesignation>"
        )
    notes = "".join(_simple("formatNote", note) for note in each.format_notes)
    return f"<format>{designation}{registry}{notes}</format>"


def _application(each: PremisFile) -> str:
    if not each.application and each.modified is None:
        return ""
    date = "" if each.modified is None else _simple("dateCreatedByApplication", date_time(each.modified))
    return f"<creatingApplication>{_simple('creatingApplicationName', each.application)}{date}</creatingApplication>"


def _technical(each: PremisFile) -> str:
    """PREMIS leaves technical metadata to other schemas; this one is names and values (docs/on-disk.md)."""
    if not each.technical:
        return ""
    rows = "".join(f'<property name="{escape(name)}">{escape(value)}</property>' for name, value in each.technical)
    return f'<objectCharacteristicsExtension><technical xmlns="{TECHNICAL_NAMESPACE}">{rows}</technical></objectCharacteristicsExtension>'


def _file(each: PremisFile) -> str:
    derived = _relationship("derivation", "has source", "filepath", encode_href(each.derived_from)) if each.derived_from else ""
    return (
        f'<object xsi:type="file">{_identifier("object", encode_href(each.path), "filepath")}'
        "<objectCharacteristics><compositionLevel>0</compositionLevel>"
        f"<fixity><messageDigestAlgorithm>SHA-256</messageDigestAlgorithm><messageDigest>{each.sha256.hex()}</messageDigest></fixity>"
        f"<fixity><messageDigestAlgorithm>SHA-512</messageDigestAlgorithm><messageDigest>{each.sha512.hex()}</messageDigest></fixity>"
        f"<size>{each.size}</size>{_format(each)}{_application(each)}{_technical(each)}</objectCharacteristics>"
        f"{_original_name(each.original_name)}{derived}</object>\n"
    )


def _entity(each: PremisEntity) -> str:
    part = _relationship("structural", "is included in", "", each.part_of) if each.part_of else ""
    inside = f"{_identifier('object', each.id)}{_original_name(each.original_name)}{part}"
    return f'<object xsi:type="{escape(each.kind)}">{inside}</object>\n'


_AS_JSON: Final = json.JSONEncoder(sort_keys=True).encode
"""Made once: `json.dumps` makes one for each event where it is told anything."""


def _event(event: Event) -> str:
    more: dict[str, object] = {"aip_version": event.aip_version, "deposit": event.deposit_id, "tier": event.tier}
    more = {name: value for name, value in more.items() if value}
    if event.detail:
        more["detail"] = dict(event.detail)
    detail = ""
    if more:
        # ASCII JSON: whatever a value holds (lone surrogates too) is read back exactly.
        words = escape(_AS_JSON(more))
        detail = f"<eventDetailInformation><eventDetail>{words}</eventDetail></eventDetailInformation>"
    linked = _identifier("linkingObject", event.aip_id) if event.aip_id else ""
    return (
        f"<event>{_identifier('event', event.id, 'local')}<eventType>{escape(event.type)}</eventType>"
        f"<eventDateTime>{date_time(event.time)}</eventDateTime>{detail}"
        f"<eventOutcomeInformation><eventOutcome>{escape(event.outcome)}</eventOutcome></eventOutcomeInformation>"
        f"{_linked_agents(event)}{linked}</event>\n"
    )


def _agent(agent: Agent) -> str:
    return (
        f"<agent>{_identifier('agent', agent.id, 'local')}{_simple('agentName', agent.name)}{_simple('agentType', agent.type)}"
        f"{_simple('agentVersion', agent.version)}{_simple('agentNote', agent.note)}</agent>\n"
    )


_TAGS: Final = tuple(f"{{{NAMESPACE}}}{name}" for name in ("object", "event", "agent"))
_OURS: Final = f"{{{NAMESPACE}}}"
_XSI_TYPE: Final = "{http://www.w3.org/2001/XMLSchema-instance}type"


def read_premis(stream: BinaryIO) -> Iterator[PremisFile | PremisEntity | Event | Agent]:
    """What `write_premis` wrote, in its order and equal to what it was given. Of other people's PREMIS 3, what these types
    can hold.

    Raises:
        NotWellFormed: as `formats.xml.events`.
        ValueError: a number, digest or time is none.
        OSError, CouldNotRead: from ``stream``, as they are.
    """
    for element in subtrees(stream, _TAGS):
        match element.tag:
            case tag if tag == _TAGS[0]:
                yield _read_object(element)
            case tag if tag == _TAGS[1]:
                yield _read_event(element)
            case _:
                yield _read_agent(element)


def read_events(stream: BinaryIO) -> Iterator[Event]:
    """The events alone. Raises as `read_premis`."""
    return map(_read_event, subtrees(stream, _TAGS[1:2]))


def _q(path: str) -> str:
    return "/".join(f"{{{NAMESPACE}}}{name}" for name in path.split("/"))


def _text(element: Element, path: str) -> str:
    return element.findtext(_PATHS.setdefault(path, _q(path))) or ""


_PATHS: dict[str, str] = {}
"""Path → the same with namespaces; as many entries as this module has constants."""


def _read_object(element: Element) -> PremisFile | PremisEntity:
    kind = (element.get(_XSI_TYPE) or "").rpartition(":")[2]
    identifier = _text(element, "objectIdentifier/objectIdentifierValue")
    related = _text(element, "relationship/relatedObjectIdentifier/relatedObjectIdentifierValue")
    name = element.find(_q("originalName"))
    original = "" if name is None else decode_href(name.get("simpleLink") or "") or name.text or ""
    if kind != "file":
        return PremisEntity(identifier, kind, original, related)
    facts = element.find(_q("objectCharacteristics"))
    if facts is None:
        raise ValueError(f"the file object {identifier} has no objectCharacteristics")
    digests = {_text(each, "messageDigestAlgorithm"): _text(each, "messageDigest") for each in facts.findall(_q("fixity"))}
    modified = _text(facts, "creatingApplication/dateCreatedByApplication")
    puid = _text(facts, "format/formatRegistry/formatRegistryKey")
    format_name = _text(facts, "format/formatDesignation/formatName")
    return PremisFile(
        path=decode_href(identifier),
        size=int(_text(facts, "size") or 0),
        sha256=bytes.fromhex(digests.get("SHA-256", "")),
        sha512=bytes.fromhex(digests.get("SHA-512", "")),
        puid=puid,
        format_name="" if format_name == UNKNOWN_FORMAT and not puid else format_name,
        format_version=_text(facts, "format/formatDesignation/formatVersion"),
        format_notes=tuple(note.text or "" for note in facts.iterfind(_q("format/formatNote"))),
        original_name=original,
        modified=datetime.fromisoformat(modified) if modified else None,
        application=_text(facts, "creatingApplication/creatingApplicationName"),
        derived_from=decode_href(related),
        technical=tuple((each.get("name") or "", each.text or "") for each in facts.iterfind(_TECHNICAL)),
    )


_TECHNICAL: Final = (
    f"{{{NAMESPACE}}}objectCharacteristicsExtension/{{{TECHNICAL_NAMESPACE}}}technical/{{{TECHNICAL_NAMESPACE}}}property"
)


def _leaves(element: Element) -> dict[str, str]:
    """The texts of the first children and grandchildren of each name, by path: asking for each path takes a search of its own."""
    found: dict[str, str] = {}
    for child in element:
        name = child.tag.removeprefix(_OURS)
        found.setdefault(name, child.text or "")
        for inner in child:
            found.setdefault(f"{name}/{inner.tag.removeprefix(_OURS)}", inner.text or "")
    return found


def _read_event(element: Element) -> Event:
    said = _leaves(element).get
    words = said("eventDetailInformation/eventDetail", "")
    try:
        more = json.loads(words) if words else {}
    except ValueError:
        more = None
    if not isinstance(more, dict):  # another tool's words
        more = {"detail": {"text": words}}
    detail = more.get("detail")
    return Event(
        id=said("eventIdentifier/eventIdentifierValue", ""),
        type=said("eventType", ""),
        time=datetime.fromisoformat(said("eventDateTime", "")),
        agent=said("linkingAgentIdentifier/linkingAgentIdentifierValue", ""),
        outcome=said("eventOutcomeInformation/eventOutcome", ""),
        aip_id=said("linkingObjectIdentifier/linkingObjectIdentifierValue", ""),
        aip_version=int(more.get("aip_version", 0)),
        deposit_id=str(more.get("deposit", "")),
        tier=str(more.get("tier", "")),
        detail=detail if isinstance(detail, dict) else {},
    )


def _read_agent(element: Element) -> Agent:
    said = _leaves(element).get
    return Agent(
        id=said("agentIdentifier/agentIdentifierValue", ""),
        name=said("agentName", ""),
        type=said("agentType", ""),
        version=said("agentVersion", ""),
        note=said("agentNote", ""),
    )
