"""METS 1.12 of an E-ARK AIP 2.2.0, written as a stream: one root METS, and one METS for each representation (divided METS, AIP3).

What is written satisfies every MUST of CSIP 2.2.0 and E-ARK AIP 2.2.0 that applies, and each SHOULD that Kho has the facts
for. A section without files is left out, because CSIP66 asks for at least one file in each file group. Ids are made from
sequence numbers, so that the same facts give the same bytes. Nothing is held in memory but counts; the file lists are read
once, in their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import BinaryIO, Final

from formats.hrefs import encode_href
from formats.vocabularies import CONTENT_CATEGORIES, CONTENT_INFORMATION_TYPES, MDTYPES
from formats.xml_writer import Writer, date_time, escape

__all__ = [
    "AIP_PROFILE",
    "CSIP_NAMESPACE",
    "EMPTY_FOLDER",
    "METS_NAMESPACE",
    "XLINK_NAMESPACE",
    "MetadataFile",
    "MetsAgent",
    "MetsFile",
    "MetsHeader",
    "RepresentationRef",
    "write_representation_mets",
    "write_root_mets",
]

METS_NAMESPACE: Final = "http://www.loc.gov/METS/"
CSIP_NAMESPACE: Final = "https://DILCIS.eu/XML/METS/CSIPExtensionMETS"
XLINK_NAMESPACE: Final = "http://www.w3.org/1999/xlink"

AIP_PROFILE: Final = "https://earkdip.dilcis.eu/profile/E-ARK-AIP-v2-2-0.xml"
"""AIPM2, to the letter: the host is a slip in the specification, but it is the value that its test compares with."""

IDS_PER_DIVISION: Final = 10_000
"""References to metadata sections in one attribute. libxml2 refuses an attribute over 10 MB; more sections get sub-divisions."""


EMPTY_FOLDER: Final = "empty folder"
"""TYPE of the division of a folder that holds nothing."""


@dataclass(frozen=True, slots=True)
class MetsFile:
    """One file, as METS refers to it. ``path`` is relative to the folder of the METS file; ``size`` in bytes; ``created``
    with a zone."""

    path: str
    size: int
    sha256: bytes
    mime: str
    created: datetime


@dataclass(frozen=True, slots=True)
class MetadataFile:
    """A metadata file. ``type`` is from METS's MDTYPE list ("EAD", "DC", "PREMIS" …); any other name is written as OTHER with
    that name."""

    file: MetsFile
    type: str
    version: str = ""
    status: str = "CURRENT"


@dataclass(frozen=True, slots=True)
class MetsAgent:
    """An agent of metsHdr. ``notes`` are (csip:NOTETYPE or "", text)."""

    role: str
    type: str
    name: str
    other_role: str = ""
    other_type: str = ""
    notes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class MetsHeader:
    """What the root element and metsHdr say. ``objid`` never changes over the life of an AIP (AIPM1).

    ``category`` is the content category: outside of `CONTENT_CATEGORIES` it is written as "Other" with csip:OTHERTYPE (CSIP2,
    CSIP3); ``content_information`` likewise (CSIP4, CSIP5). ``modified`` is set when the package was changed after it was
    made (CSIP8).
    """

    objid: str
    created: datetime
    software: str
    software_version: str
    modified: datetime | None = None
    label: str = ""
    category: str = "Mixed"
    content_information: str = "MIXED"
    package_type: str = "AIP"
    profile: str = AIP_PROFILE
    agents: tuple[MetsAgent, ...] = ()


@dataclass(frozen=True, slots=True)
class RepresentationRef:
    """One representation: its folder name, and its METS file (``path`` from the AIP's root: "representations/NAME/METS.xml")."""

    name: str
    mets: MetsFile
    content_information: str = "OTHER"


def write_root_mets(
    out: BinaryIO,
    header: MetsHeader,
    *,
    descriptive: Iterable[MetadataFile] = (),
    preservation: Iterable[MetadataFile] = (),
    other: Iterable[MetadataFile] = (),
    representations: Iterable[RepresentationRef] = (),
    documentation: Iterable[MetsFile] = (),
    schemas: Iterable[MetsFile] = (),
    submission: Iterable[MetsFile] = (),
) -> None:
    """The METS.xml of an AIP. ``other`` are the files of metadata/other, ``submission`` those of submission/; each is read once.

    ``representations`` is held in memory (AIPs have few). AIPM5 asks for at least one ``preservation`` file.

    Raises:
        OSError: from ``out``, as it is.
    """
    document = _Document(out, header)
    document.metadata(descriptive, preservation, other)
    held = tuple(representations)
    document.group("Documentation", documentation)
    document.group("Schemas", schemas)
    document.group("Submission", submission)
    for each in held:
        use = f"Representations/{each.name}"
        document.group(use, (each.mets,), _content_information(each.content_information), mets=each.mets.path)
    document.finish(())


def write_representation_mets(
    out: BinaryIO,
    header: MetsHeader,
    *,
    name: str,
    files: Iterable[MetsFile],
    descriptive: Iterable[MetadataFile] = (),
    preservation: Iterable[MetadataFile] = (),
    other: Iterable[MetadataFile] = (),
    documentation: Iterable[MetsFile] = (),
    schemas: Iterable[MetsFile] = (),
    empty_folders: Iterable[str] = (),
) -> None:
    """The METS.xml of representation ``name``: ``header.objid`` is the representation's name or id (CSIP1), paths count from
    its folder.

    ``files`` are those of data/, read once; ``empty_folders`` (paths from the representation's folder) become divisions of
    the structural map, because no file can stand for them.

    Raises:
        OSError: from ``out``, as it is.
    """
    document = _Document(out, header)
    document.metadata(descriptive, preservation, other)
    document.group("Documentation", documentation)
    document.group("Schemas", schemas)
    document.group("Representations", files, _content_information(header.content_information), use=f"Representations/{name}/data")
    document.finish(empty_folders)


def _content_information(value: str) -> dict[str, str]:
    if value in CONTENT_INFORMATION_TYPES - {"OTHER"}:
        return {"csip:CONTENTINFORMATIONTYPE": value}
    other = "unspecified" if value in ("", "OTHER") else value
    return {"csip:CONTENTINFORMATIONTYPE": "OTHER", "csip:OTHERCONTENTINFORMATIONTYPE": other}


def _root_attributes(header: MetsHeader) -> dict[str, str]:
    category = header.category or "Mixed"
    known = category in CONTENT_CATEGORIES
    return {
        "xmlns": METS_NAMESPACE,
        "xmlns:xlink": XLINK_NAMESPACE,
        "xmlns:csip": CSIP_NAMESPACE,
        "OBJID": header.objid,
        "LABEL": header.label,
        "TYPE": category if known else "Other",
        "csip:OTHERTYPE": "" if known and category != "Other" else ("OTHER" if known else category),
        **_content_information(header.content_information),
        "PROFILE": header.profile,
    }


def _file_attributes(file: MetsFile) -> str:
    return (
        f'MIMETYPE="{escape(file.mime or "application/octet-stream")}" SIZE="{file.size}" CREATED="{date_time(file.created)}" '
        f'CHECKSUM="{file.sha256.hex()}" CHECKSUMTYPE="SHA-256"'
    )


@dataclass(frozen=True, slots=True)
class _Group:
    """A file group that was written, and the division that will refer to it. ``mets`` is the href of a representation's METS,
    or ""."""

    id: str
    label: str
    mets: str
    first_file: str


class _Document:
    """One METS document in the making: sections in the order of the schema, and what the structural map has to refer to."""

    def __init__(self, out: BinaryIO, header: MetsHeader) -> None:
        self._xml = Writer(out)
        self._header = header
        self._files = 0
        self._groups: list[_Group] = []
        self._dmd = 0
        self._adm = 0
        self._xml.open("mets", _root_attributes(header))
        self._write_header()

    def _write_header(self) -> None:
        header = self._header
        software = MetsAgent(
            "CREATOR", "OTHER", header.software, "", "SOFTWARE", (("SOFTWARE VERSION", header.software_version),)
        )
        attributes = {
            "CREATEDATE": date_time(header.created),
            "LASTMODDATE": date_time(header.modified) if header.modified else "",
            "RECORDSTATUS": "REVISED" if header.modified else "NEW",
            "csip:OAISPACKAGETYPE": header.package_type,
        }
        with self._xml.element("metsHdr", attributes):
            for agent in (software, *header.agents):
                self._write_agent(agent)

    def _write_agent(self, agent: MetsAgent) -> None:
        attributes = {"ROLE": agent.role, "OTHERROLE": agent.other_role, "TYPE": agent.type, "OTHERTYPE": agent.other_type}
        with self._xml.element("agent", attributes):
            self._xml.leaf("name", text=agent.name)
            for kind, text in agent.notes:
                self._xml.leaf("note", {"csip:NOTETYPE": kind}, text)

    def metadata(
        self, descriptive: Iterable[MetadataFile], preservation: Iterable[MetadataFile], other: Iterable[MetadataFile]
    ) -> None:
        """dmdSec for each description, then one amdSec (CSIP31): PREMIS as digiprovMD, the rest as sourceMD, in the schema's
        order."""
        for each in descriptive:
            self._dmd += 1
            self._section("dmdSec", f"dmd-{self._dmd}", each)
        opened = False
        for tag, each in chain((("sourceMD", each) for each in other), (("digiprovMD", each) for each in preservation)):
            if not opened:
                self._xml.open("amdSec", {"ID": "amd"})
                opened = True
            self._adm += 1
            self._section(tag, f"adm-{self._adm}", each)
        if opened:
            self._xml.close("amdSec")

    def _section(self, tag: str, identifier: str, each: MetadataFile) -> None:
        known = each.type in MDTYPES
        type_ = f'MDTYPE="{each.type}"' if known else f'MDTYPE="OTHER" OTHERMDTYPE="{escape(each.type)}"'
        version = f' MDTYPEVERSION="{escape(each.version)}"' if each.version else ""
        self._xml.raw(
            f'<{tag} ID="{identifier}" CREATED="{date_time(each.file.created)}" STATUS="{escape(each.status)}">'
            f'<mdRef ID="{identifier}-file" LOCTYPE="URL" xlink:type="simple" xlink:href="{encode_href(each.file.path)}" '
            f"{type_}{version} {_file_attributes(each.file)}/></{tag}>\n"
        )

    def group(
        self, label: str, files: Iterable[MetsFile], attributes: Mapping[str, str] | None = None, *, use: str = "", mets: str = ""
    ) -> None:
        """One file group, if there is a file at all; ``label`` is that of its division, ``use`` the group's when it differs."""
        group: _Group | None = None
        for file in files:
            self._files += 1
            if group is None:
                if not self._groups:
                    self._xml.open("fileSec", {"ID": "files"})
                group = _Group(f"group-{len(self._groups) + 1}", label, encode_href(mets), f"file-{self._files}")
                self._groups.append(group)
                self._xml.open("fileGrp", {"ID": group.id, "USE": use or label, **(attributes or {})})
            self._xml.raw(
                f'<file ID="file-{self._files}" {_file_attributes(file)}>'
                f'<FLocat LOCTYPE="URL" xlink:type="simple" xlink:href="{encode_href(file.path)}"/></file>\n'
            )
        if group is not None:
            self._xml.close("fileGrp")

    def finish(self, empty_folders: Iterable[str]) -> None:
        """The structural map (CSIP80 to CSIP112), and the end of the document."""
        if self._groups:
            self._xml.close("fileSec")
        self._xml.open("structMap", {"ID": "structure", "TYPE": "PHYSICAL", "LABEL": "CSIP"})
        self._xml.open("div", {"ID": "div-package", "LABEL": self._header.objid})
        self._metadata_division()
        labelled = {group.label for group in self._groups}
        for number, group in enumerate(self._groups, 1):
            with self._xml.element("div", {"ID": f"div-{number}", "LABEL": group.label}):
                self._pointers(group)
                if group.label == "Representations":
                    self._empty(empty_folders)
        if "Representations" not in labelled:
            self._lonely(empty_folders)
        self._xml.close("div")
        self._xml.close("structMap")
        self._xml.close("mets")
        self._xml.flush()

    def _pointers(self, group: _Group) -> None:
        if group.mets:  # CSIP108 to CSIP112 and AIP3: the pointer, and the METS file as a file
            self._xml.leaf("mptr", {"LOCTYPE": "URL", "xlink:type": "simple", "xlink:href": group.mets, "xlink:title": group.id})
            self._xml.leaf("fptr", {"FILEID": group.first_file})
        else:
            self._xml.leaf("fptr", {"FILEID": group.id})

    def _metadata_division(self) -> None:
        parts = max(1, -(-max(self._dmd, self._adm) // IDS_PER_DIVISION))
        ids = [(self._ids("adm", self._adm, part), self._ids("dmd", self._dmd, part)) for part in range(parts)]
        with self._xml.element("div", {"ID": "div-metadata", "LABEL": "Metadata", "ADMID": ids[0][0], "DMDID": ids[0][1]}):
            for part, (adm, dmd) in enumerate(ids[1:], 2):
                self._xml.leaf("div", {"ID": f"div-metadata-{part}", "ADMID": adm, "DMDID": dmd})

    @staticmethod
    def _ids(prefix: str, count: int, part: int) -> str:
        first = part * IDS_PER_DIVISION
        return " ".join(f"{prefix}-{number}" for number in range(first + 1, min(count, first + IDS_PER_DIVISION) + 1))

    def _empty(self, folders: Iterable[str]) -> None:
        for number, folder in enumerate(folders, 1):
            self._xml.leaf("div", {"ID": f"folder-{number}", "TYPE": EMPTY_FOLDER, "LABEL": encode_href(folder)})

    def _lonely(self, folders: Iterable[str]) -> None:
        """A division for a representation that holds nothing but empty folders."""
        waiting = iter(folders)
        for first in waiting:
            with self._xml.element("div", {"ID": "div-folders", "LABEL": "Representations"}):
                self._empty(chain((first,), waiting))
