"""Signatures of office documents in OPC packages (ECMA-376-2, 12; ISO/IEC 29500-2): parts with their content types, and relationships.

A package is read by its relationships, so these are parts of what is signed: the relationship transform covers those that it names. A
signature passes only when every part and every relationship is covered that says what a reader shows; what is left is named.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote

from lxml import etree  # type: ignore[import-untyped]

from formats.package.zip_members import BadZip, ZipMembers
from formats.xml import NotWellFormed, exact
from policies.phrases import phrase
from signatures.certificates import Certificate
from signatures.collected import Collected
from signatures.left_words import COMMENTS
from signatures.marks import standing
from signatures.opc_aside import aside, idle_types
from signatures.report import Kind
from signatures.signed import SignedFile, Source
from signatures.unread import too_many
from signatures.xades.packaged import MOST_PART, Parts, opened_zip, read_part, refused_file
from signatures.xades.reader import Read
from signatures.xmldsig.c14n import Nodes, Refused, Work
from signatures.xmldsig.key_info import charged
from signatures.xmldsig.names import ds
from signatures.xmldsig.octets import Octets
from signatures.xmldsig.references import Reading, State

__all__ = ["OoxmlVerifier", "Package", "Relationship", "signature_parts"]

PACKAGE = "http://schemas.openxmlformats.org/package/2006/"
RELATIONSHIPS = PACKAGE + "relationships"
DIGITAL = RELATIONSHIPS + "/digital-signature/"
TRANSFORM = PACKAGE + "RelationshipTransform"
SIGNING = f"{{{PACKAGE}digital-signature}}"
TYPES = "[Content_Types].xml"

TRASH = "[trash]/"
"""Where Office leaves what it saves anew: no names of parts (6.2.2), so no program looks there, unless a relationship leads to it."""

MOST_SCANNED = 512 << 20
"""Bytes of XML that are looked through for a bound control; the largest sheets have some hundred MB."""

MOST_RELATIONSHIPS = 20_000
"""Relationships of one package: one for every picture, link and sheet."""

HOLDER = 32
"""Steps that looking at a part of relationships takes, besides what is in it: one of a few bytes takes as long as a small signature."""

MOST_SIGNATURES = 100
"""Parts with signatures of one package that are read; office programs show a handful."""

MOST_FORMAL = 1000
"""Origins, signatures and certificates, of each so many, that are looked at whether they are no more than that. Others are content."""

OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
STRICT = "http://purl.oclc.org/ooxml/officeDocument/relationships/"
PREVIEW = frozenset({RELATIONSHIPS + "/metadata/thumbnail"})
UNSIGNED = PREVIEW | {
    RELATIONSHIPS + "/metadata/core-properties",
    *(OFFICE + each for each in ("extended-properties", "custom-properties", "customXml", "customXmlProps")),
    *(STRICT + each for each in ("extendedProperties", "customProperties", "customXml", "customXmlProps")),
    "http://schemas.microsoft.com/office/2011/relationships/people",
    "http://schemas.microsoft.com/office/2020/02/relationships/classificationlabels",
}
"""Types of what office programs leave unsigned themselves ([MS-OFFCRYPTO] 2.5.2.3): properties of the file, data beside it, its preview."""

BOUND = "dataBinding"
"""The element by which a document shows text out of such data (ECMA-376-1, 17.5.2.6): then it is something that a reader shows."""

BOUNDS = (BOUND.encode(), BOUND.encode("utf-16-le").rstrip(b"\0"))
"""As it stands in the encodings that a part may have; what is left of the second stands in both orders of bytes."""


RELATIONSHIPS_HOLD = {f"{{{RELATIONSHIPS}}}Relationship": frozenset({"Id", "Type", "Target", "TargetMode"})}
TYPES_HOLD = {
    f"{{{PACKAGE}content-types}}Override": frozenset({"PartName", "ContentType"}),
    f"{{{PACKAGE}content-types}}Default": frozenset({"Extension", "ContentType"}),
}

MOST_CERTIFICATE = 1 << 16
"""Bytes of a part that is a certificate."""


@dataclass(frozen=True)
class Relationship:
    """One relationship of ``source`` (a part's name, "" for the package). ``target`` is the part, or for an external one its address."""

    source: str
    holder: str
    id: str
    type: str
    target: str
    external: bool


class Package:
    """An OPC package as its relationships and content types say. Raises `BadZip`, `NotWellFormed`, `Refused`."""

    def __init__(self, members: ZipMembers, work: Work) -> None:
        self.members, self.work = members, work
        self._names = {each.casefold(): each for each in members.names}
        self._aside: dict[str, list[str]] = {}
        types = self.xml(TYPES)
        work.visit(2 * len(types))
        self._aside[TYPES] = [*aside(types, TYPES_HOLD), *idle_types(types, self.named)]
        self._overrides: dict[str, str] = {}
        self._defaults: dict[str, str] = {}
        for each in types.iterchildren(f"{{{PACKAGE}content-types}}Override"):
            self._once(self._overrides, each.get("PartName", "").removeprefix("/").casefold(), each.get("ContentType", ""))
        for each in types.iterchildren(f"{{{PACKAGE}content-types}}Default"):
            self._once(self._defaults, each.get("Extension", "").casefold(), each.get("ContentType", ""))

    @staticmethod
    def _once(table: dict[str, str], key: str, value: str) -> None:
        if key in table:
            raise Refused(phrase("opc-type-twice", name=key))
        table[key] = value

    def xml(self, name: str) -> Any:
        """The root of a part. Raises `Refused`: there is none."""
        found = self.named(name)
        if found is None:
            raise Refused(phrase("opc-no-part", name=name))
        data = self.members.read(found, MOST_PART)
        self.work.parse(data)
        return exact(data)

    def named(self, name: str) -> str | None:
        """The member that a part name means: case does not count (6.2.2.3)."""
        return self._names.get(name.removeprefix("/").casefold())

    def content_type(self, name: str) -> str:
        """What [Content_Types].xml says of a part (7.2.3.2)."""
        key = name.casefold()
        return self._overrides.get(key) or self._defaults.get(posixpath.basename(key).rpartition(".")[2], "")

    @cached_property
    def relationships(self) -> tuple[Relationship, ...]:
        """Every relationship of every part that is there. Raises `Refused` beyond the bound, or where an id is there twice."""
        found: list[Relationship] = []
        for holder in self.members.names:
            folder, _, base = holder.rpartition("/")
            if posixpath.basename(folder) == "_rels" and base.endswith(".rels"):
                found += self._of(holder, posixpath.join(posixpath.dirname(folder), base.removesuffix(".rels")))
                if len(found) > MOST_RELATIONSHIPS:
                    raise Refused(phrase("opc-relationships", most=MOST_RELATIONSHIPS))
        return tuple(found)

    def _of(self, holder: str, source: str) -> Iterator[Relationship]:
        ids = set()
        root = self.xml(holder)
        self.work.visit(HOLDER + 2 * len(root))
        self._aside[holder] = list(aside(root, RELATIONSHIPS_HOLD))
        for each in root.iterchildren(etree.Element):
            if each.tag != f"{{{RELATIONSHIPS}}}Relationship":  # alternatives, for one: some readers look into them (6.5.3.5)
                raise Refused(phrase("opc-other", part=holder, name=each.tag[:80]))
            name = each.get("Id", "")
            if name in ids:
                raise Refused(phrase("opc-id-twice", part=holder, id=name[:80]))
            ids.add(name)
            external = each.get("TargetMode") == "External"
            target = each.get("Target", "")
            if not external:
                path = unquote(target.partition("#")[0])
                target = posixpath.normpath(posixpath.join("/", posixpath.dirname(source), path)).removeprefix("/")
            yield Relationship(source, holder, name, each.get("Type", ""), target, external)

    def aside(self, holder: str) -> set[str]:
        """What stands beside relationships in their part, or beside content types; none in other parts. Call after `relationships`."""
        return {f"{holder}{each}" for each in self._aside.get(holder, ())}

    @cached_property
    def way(self) -> dict[str, list[Relationship]]:
        """The relationships that lead to signatures, step by step: from the package to their origin, from there to each, from each to its
        certificates (12.4). What is called so from elsewhere leads to content."""
        found: dict[str, list[Relationship]] = {}
        sources: set[str] = {""}
        for step in ("origin", "signature", "certificate"):
            called = (each for each in self.relationships if each.type == DIGITAL + step and not each.external)
            found[step] = [each for each in called if self._place(each.source) in sources]
            sources = {self._place(each.target) for each in found[step]}
        return found

    def signatures(self) -> list[str]:
        """The parts with signatures."""
        return list(dict.fromkeys(name for each in self.way["signature"] if (name := self.named(each.target)) is not None))

    def binds(self) -> bool:
        """Whether some part shows data out of another, or may: there is more than is looked through. Raises `BadZip`."""
        parts = [each for each in self.members.names if f"{each}\n{self.content_type(each)}\n".lower().count("xml\n")]
        if sum(map(self.members.size, parts)) > MOST_SCANNED:
            return True
        for name in parts:
            stream = self.members.find(name)
            if stream is None:
                continue
            with stream() as opened:
                if standing(opened, BOUNDS):
                    return True
        return False

    def called(self) -> set[str]:
        """Parts that a relationship of signatures leads to, whatever they are."""
        found = {self.named(each.target) for each in self.relationships if each.type.startswith(DIGITAL) and not each.external}
        return {each for each in found if each is not None}

    def formal(self) -> set[str]:
        """Members that are the signatures' own and the package's machinery, and no content."""
        content = {self.named(each.target) for each in self.relationships if not each.type.startswith(DIGITAL)}
        own: set[str] = set()
        for step, led in self.way.items():
            names = dict.fromkeys(name for each in led if (name := self.named(each.target)) is not None and name not in content)
            own |= {each for each in islice(names, MOST_FORMAL) if self._is_called_so(each, step)}
        return own | {TYPES} | {each.holder for each in self.relationships if self._place(each.source) in own}

    def _is_called_so(self, name: str, step: str) -> bool:
        """Whether a part is no more than what it is called: nothing at all as the origin of the signatures (12.2.2), a signature, or a
        certificate."""
        if step == "origin":
            return not self.members.size(name)
        try:
            if step == "signature":
                return bool(self.xml(name).tag == ds("Signature"))
            charged(self.members.read(name, MOST_CERTIFICATE), self.work)
        except (BadZip, NotWellFormed, ValueError):
            return False
        return True

    def _place(self, name: str) -> str:
        """The part that is called ``name``, "" for the package; what is no part stays as it is."""
        return (self.named(name) or f"/{name}") if name else ""


class OoxmlVerifier:
    """`signatures.signed.Verifier` for OPC packages: documents, sheets, slides."""

    kinds = frozenset({Kind.OOXML})

    def __init__(self, known: Sequence[Certificate] = ()) -> None:
        self._known = tuple(known)

    def read(self, source: Source) -> SignedFile:
        work = source.work or Work()
        members = opened_zip(source, Kind.OOXML, work)
        if isinstance(members, SignedFile):
            return members
        try:
            package = Package(members, work)
            names = package.signatures()
            parts = _parts(package)
        except BadZip as error:
            return refused_file(Kind.OOXML, str(error))
        except (NotWellFormed, Refused) as error:
            return refused_file(Kind.OOXML, error.reason)
        if not names:
            return refused_file(Kind.OOXML, phrase("opc-no-way"))
        collected = Collected()
        for name in names[:MOST_SIGNATURES]:
            read_part(
                members,
                name,
                collected,
                work,
                kind=Kind.OOXML,
                resolve=_inside(package),
                parts=parts,
                known=self._known,
                transforms={TRANSFORM: (_relationships, _relationships_of_libxmlsec)},
            )
        if len(names) > MOST_SIGNATURES:
            collected.objects.append(too_many(Kind.OOXML, len(names), MOST_SIGNATURES))
        return collected.file()


def signature_parts(path: Path, work: Work) -> frozenset[str]:
    """The parts of a package that its verifier reads as signatures; none where the package is not read."""
    try:
        return frozenset(Package(ZipMembers(path), work).signatures())
    except (BadZip, NotWellFormed, Refused):
        return frozenset()


def _inside(package: Package) -> Callable[[str], Callable[[], BinaryIO] | None]:
    """Parts by the names of their references: ``/word/document.xml?ContentType=…`` (12.2.4.2)."""

    def resolve(name: str) -> Callable[[], BinaryIO] | None:
        path, _, query = name.partition("?")
        found = package.named(path)
        if found is None or not path.startswith("/"):
            return None
        declared = query.removeprefix("ContentType=")
        if not query.startswith("ContentType=") or declared.casefold() != package.content_type(found).casefold():
            raise Refused(phrase("opc-type", name=found))
        return package.members.find(found)

    return resolve


def _relationships(reading: Reading, step: Any, data: Nodes | Octets) -> Nodes:
    """The relationship transform (12.2.4.26): those that it names, in the order of their ids, with every default written out."""
    ids, types = _selected(step)
    root = reading.nodes(data).top
    if root.tag != f"{{{RELATIONSHIPS}}}Relationships":
        raise Refused(phrase("opc-transform"))
    reading.document.work.visit(len(root))
    made = etree.Element(root.tag, nsmap={None: RELATIONSHIPS})
    for each in sorted(root.iterchildren(f"{{{RELATIONSHIPS}}}Relationship"), key=lambda each: each.get("Id", "")):
        if each.get("Id") in ids or each.get("Type") in types:
            kept = {name: each.get(name, "") for name in ("Id", "Type", "Target")}
            etree.SubElement(made, each.tag, kept | {"TargetMode": each.get("TargetMode", "Internal")})
    return Nodes(made, whole=True, comments=True)


def _relationships_of_libxmlsec(reading: Reading, step: Any, data: Nodes | Octets) -> Nodes:
    """The same as libxmlsec does it, and so LibreOffice: white space between relationships, which should go, becomes elements ``text``
    before them."""
    root = reading.nodes(data).top
    made = _relationships(reading, step, data)
    spaces = [root.text, *(each.tail for each in root.iterchildren())]
    for _ in filter(None, spaces):
        made.top.insert(0, etree.Element(f"{{{RELATIONSHIPS}}}text"))
    return made


def _selected(step: Any) -> tuple[set[str], set[str]]:
    """(ids, types) of the relationships that a transform names."""
    ids = {each.get("SourceId", "") for each in step.iterchildren(SIGNING + "RelationshipReference")}
    groups = ("RelationshipsGroupReference", "RelationshipGroupReference")
    return ids, {each.get("SourceType", "") for group in groups for each in step.iterchildren(SIGNING + group)}


def _link(each: Relationship) -> str:
    """A relationship in a report: where it stands, its id, and what it is."""
    return f"{each.holder}#{each.id} ({each.type.rpartition('/')[2]})"


def _parts(package: Package) -> Parts:
    """What a signature must cover: every part and every relationship, but for what is harmless and the signatures themselves."""
    formal = package.formal()
    content = [each for each in package.relationships if not each.type.startswith(DIGITAL)]
    way = {each for led in package.way.values() for each in led}
    called = [each for each in package.relationships if each.type.startswith(DIGITAL)]
    lost = [each for each in called if each not in way or len(each.id.split()) > 1]  # an id is a name, and no words
    unsigned = PREVIEW if package.binds() else UNSIGNED
    harmless = {each for each in content if each.type in unsigned and not each.external}
    shown = {package.named(each.target) for each in content if each not in harmless and not each.external}
    beside = {name for each in harmless if (name := package.named(each.target)) is not None and name not in shown}
    holders = {each.holder for each in package.relationships}
    beside |= package.called() - formal - shown
    beside |= {each for each in package.members.names if each.casefold().startswith(TRASH) and each not in shown}
    files = {each for each in package.members.names if each not in formal and each not in holders}
    return Parts(
        frozenset(files - beside) | {_link(each) for each in content if each not in harmless},
        frozenset(beside)
        | {_link(each) for each in (*harmless, *lost)}
        | {one for each in package.members.names for one in package.aside(each)},
        _coverer(package),
    )


def _coverer(package: Package) -> Callable[[Read], set[str]]:
    """Which parts and relationships a signature covers: a reference to a part of relationships covers those that it leaves in."""

    held: dict[str, list[Relationship]] = {}
    for one in package.relationships:
        held.setdefault(one.holder, []).append(one)

    def covers(read: Read) -> set[str]:
        found: set[str] = set()
        for each in read.signature.every if read.signature else ():
            name = package.named(each.name.partition("?")[0]) if each.name else None
            if each.state is not State.GOOD or each.filtered or name is None:
                continue
            steps = [step for step in each.element.iter(ds("Transform")) if step.get("Algorithm") == TRANSFORM]
            inside = held.get(name, [])
            package.work.visit(len(inside) >> 1)
            for ids, types in map(_selected, steps):
                inside = [one for one in inside if one.id in ids or one.type in types]
            found.update([_link(one) for one in inside] if inside or steps else [name])
            if not steps:
                found.update(one for one in package.aside(name) if "comments" not in each.lacking or not one.endswith(COMMENTS))
        return found

    return covers
