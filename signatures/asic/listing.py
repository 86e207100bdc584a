"""``META-INF/manifest.xml``: the list of members that Estonian containers must have as OpenDocument does, and that no signature covers.

Where it says nothing but what is so anyway (members that are there, media types that were signed along), nobody is told anything by it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from formats.package.zip_members import BadZip, ZipMembers
from formats.xml import NotWellFormed, exact
from signatures.asic.manifest import Manifest
from signatures.asic.names import EXTENDED, MIMETYPE
from signatures.xades.packaged import MOST_PART, member_named
from signatures.xades.properties import local
from signatures.xades.reader import Read
from signatures.xmldsig.c14n import Work
from signatures.xmldsig.document import ID_ATTRIBUTES, text_of
from signatures.xmldsig.references import pointed

__all__ = ["LISTING", "agrees", "listed", "types_in_manifest", "types_in_signature"]

LISTING = "META-INF/manifest.xml"

_SPACE = "{urn:oasis:names:tc:opendocument:xmlns:manifest:1.0}"
_VERSIONS = ("1.0", "1.1", "1.2", "1.3")
_ALL = "/"

_ANY = "application/octet-stream"
"""The media type that says nothing (RFC 2046, 4.5.1)."""


def listed(members: ZipMembers, work: Work) -> Mapping[str, str] | None:
    """The media type of each member in the list; None: there is no list, or it says something besides. Raises `Refused`."""
    if members.find(LISTING) is None:
        return None
    try:
        data = members.read(LISTING, MOST_PART)
        work.parse(data)
        root = exact(data)
        own = {EXTENDED, members.read(MIMETYPE, MOST_PART).decode("ascii").strip() if members.find(MIMETYPE) else EXTENDED}
    except (BadZip, NotWellFormed, UnicodeDecodeError):
        return None
    found: dict[str, str] = {}
    if root.tag != _SPACE + "manifest" or not _says_only(root, "version") or root.getroottree().docinfo.doctype:
        return None
    if any(True for each in root.xpath("preceding-sibling::node() | following-sibling::node()")):
        return None
    for entry in root:
        if entry.tag != _SPACE + "file-entry" or len(entry):
            return None
        name, kind = _value(entry, "full-path"), _value(entry, "media-type")
        if not _says_only(entry, "full-path", "media-type", "version") or (entry.tail or "").strip() or name in found:
            return None
        if kind not in own if name == _ALL else members.find(name) is None:
            return None
        found[name] = kind
    found.pop(_ALL, None)
    return found


def _value(element: Any, name: str) -> str:
    return str(element.get(_SPACE + name, element.get(name, "")))


def _says_only(element: Any, *names: str) -> bool:
    """Whether an element has no text, and no attributes but these, each once; a version is one of the standard's."""
    said = [each.removeprefix(_SPACE) for each in element.attrib]
    version = _value(element, "version")
    plain = len(said) == len(set(said)) and set(said) <= {*names}
    return plain and not (element.text or "").strip() and (not version or version in _VERSIONS)


def agrees(types: Mapping[str, str], covered: Collection[str], signed: Mapping[str, str]) -> bool:
    """Whether the list says of ``covered`` members what was ``signed`` along of them. What is not covered is told anyway."""
    return all(kind in (signed.get(name), _ANY) for name, kind in types.items() if name in covered)


def types_in_manifest(manifest: Manifest) -> dict[str, str]:
    """Which media types a manifest gives, which is signed itself."""
    return {each.member: each.media_type for each in manifest.named if each.media_type}


def types_in_signature(read: Read) -> dict[str, str]:
    """Which media types were signed along in XAdES (DataObjectFormat), by the names of files; of one with two, none."""
    if read.signature is None or read.properties is None:
        return {}
    files = [each for each in read.signature.every if each.name]
    names = {id_: each.name for each in files for one in ID_ATTRIBUTES if (id_ := each.element.get(one)) is not None}
    found: dict[str, set[str]] = {}
    for name, kind in _formats(read):
        if name in names:
            found.setdefault(member_named(names[name]), set()).add(kind)
    return {name: next(iter(kinds)) for name, kinds in found.items() if len(kinds) == 1}


def _formats(read: Read) -> Iterator[tuple[str | None, str]]:
    """(id of a reference, media type)."""
    assert read.properties is not None
    for each in read.properties.signed_named("DataObjectFormat"):
        kinds = [text_of(one).strip() for one in each.iterchildren() if local(one) == "MimeType"]
        if len(kinds) == 1:
            yield pointed(each.get("ObjectReference")), kinds[0]
