"""Manifests of ASiC-E (EN 319 162-1, A.4): the file that a signature, time-stamp or evidence record is made over, and what that names."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Collection, Container, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from unicodedata import normalize
from urllib.parse import unquote

from formats.package.zip_members import BadZip, ZipMembers
from formats.xml import NotWellFormed, exact
from policies.findings import Finding
from policies.phrases import phrase
from signatures.asic.names import is_manifest
from signatures.report import SubIndication
from signatures.xades.packaged import member_named
from signatures.xmldsig.c14n import Refused, Work
from signatures.xmldsig.document import text_of
from signatures.xmldsig.names import digest_named

__all__ = ["MOST_MANIFEST", "Manifest", "MemberDigests", "Named", "read_manifest", "read_manifests"]

MOST_MANIFEST = 16 << 20
"""Bytes of all manifests of a container together; one reference takes some 300."""

MOST_REFERENCES = 20_000
"""References of one manifest: as many as there may be members."""

CHUNK = 1 << 20


@dataclass(frozen=True)
class Named:
    """One DataObjectReference: the member it names, and the digest that it must have."""

    member: str
    hash: str
    digest: bytes
    media_type: str = ""


@dataclass(frozen=True, eq=False)
class Manifest:
    """``name`` is the manifest's own, ``seal`` the member that is made over it (SigReference). Two are equal only when they are one.

    ``bare`` says that it names members by their digests, and says nothing else that anybody could read in it."""

    name: str
    seal: str
    named: tuple[Named, ...]
    bare: bool = False


def read_manifest(name: str, data: bytes, members: Container[str]) -> Manifest:
    """Raises NotWellFormed: it is none, or a digest in it cannot be told."""
    root: Any = exact(data)
    if _local(root) != "ASiCManifest":
        raise NotWellFormed(phrase("asic-no-manifest"), 1)
    seals = [_member(each, members) for each in root if _local(each) == "SigReference"]
    if len(seals) != 1:
        raise NotWellFormed(phrase("asic-seals", count=len(seals)), 1)
    references = [each for each in root.iter() if _local(each) == "DataObjectReference"]  # some stand inside the SigReference
    if len(references) > MOST_REFERENCES:
        raise NotWellFormed(phrase("asic-references", most=MOST_REFERENCES), 1)
    return Manifest(name, seals[0], tuple(_reference(each, members) for each in references), _is_bare(root))


_SAID = {
    "ASiCManifest": ("", frozenset()),
    "SigReference": ("ASiCManifest", frozenset({"URI", "MimeType"})),
    "DataObjectReference": ("ASiCManifest", frozenset({"URI", "MimeType"})),
    "DigestMethod": ("DataObjectReference", frozenset({"Algorithm"})),
    "DigestValue": ("DataObjectReference", frozenset()),
}
"""Elements of a manifest that says nothing besides: in which one each stands, and with which attributes."""

_MIME = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,100}")


def _is_bare(root: Any) -> bool:
    if root.getprevious() is not None or root.getnext() is not None:
        return False
    for each in root.iter():
        name = _local(each)
        within, attributes = _SAID.get(name, ("?", frozenset()))
        around = each.getparent()
        if within != ("" if around is None else _local(around)) or not {*each.keys()} <= attributes:
            return False
        text = (each.text or "" if name != "DigestValue" else "") + (each.tail or "")
        if text.strip() or not _MIME.fullmatch(each.get("MimeType", "a/a")):
            return False
    return True


def read_manifests(members: ZipMembers, names: Collection[str], work: Work, unread: list[str]) -> Iterator[Manifest]:
    """All manifests of a container; to ``unread`` is added why others could not be read."""
    left = MOST_MANIFEST
    for name in filter(is_manifest, members.names):
        try:
            data = members.read(name, left)
            left -= len(data)
            work.parse(data)
            found = read_manifest(name, data, names)
            work.visit(2 * len(found.named))
            yield found
        except (NotWellFormed, BadZip, Refused) as error:
            unread.append(f"{name}: {error}")


def _local(element: Any) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _reference(element: Any, members: Container[str]) -> Named:
    methods = [each for each in element if _local(each) == "DigestMethod"]
    values = [each for each in element if _local(each) == "DigestValue"]
    if len(methods) != 1 or len(values) != 1:
        raise NotWellFormed(phrase("asic-digest"), element.sourceline or 0)
    try:
        name, digest = digest_named(methods[0].get("Algorithm", "")), _digest(text_of(values[0]))
        return Named(_member(element, members), name, digest, element.get("MimeType", ""))
    except ValueError as error:
        raise NotWellFormed(str(error), element.sourceline or 0) from error


def _digest(text: str | None) -> bytes:
    """Raises ValueError."""
    try:
        return base64.b64decode("".join((text or "").split()), validate=True)
    except ValueError as error:
        raise ValueError(phrase("digest-base64")) from error


def _member(element: Any, members: Container[str]) -> str:
    """The member that a URI names: percent-decoded, or as it stands, from the top of the container or from its META-INF. What names nothing
    in the container (an address, a path that leads out of it) stays as it is, and is missing."""
    uri = element.get("URI", "")
    decoded = member_named(unquote(uri))
    return next((each for each in (decoded, uri, f"META-INF/{decoded}") if each in members), decoded)


class MemberDigests:
    """The digests of a container's members, each computed once: a manifest may name one member ten thousand times."""

    def __init__(self, members: ZipMembers) -> None:
        self._members = members
        self._known: dict[tuple[str, str], bytes] = {}

    def of(self, name: str, hash_name: str) -> bytes | None:
        """None: there is no such member. Raises BadZip: it is damaged."""
        opened = self._members.find(name)
        if opened is None:
            return None
        if (name, hash_name) not in self._known:
            hasher = hashlib.new(hash_name)
            with opened() as stream:
                while chunk := stream.read(CHUNK):
                    hasher.update(chunk)
            self._known[name, hash_name] = hasher.digest()
        return self._known[name, hash_name]

    def wrong(self, manifest: Manifest) -> tuple[SubIndication, Finding] | None:
        """The first thing that a manifest names and that is not so: a digest before a member that is not there."""
        found = sorted(self._wrong(manifest), key=lambda each: each[0] is SubIndication.SIGNED_DATA_NOT_FOUND)
        return found[0] if found else None

    def _wrong(self, manifest: Manifest) -> Iterator[tuple[SubIndication, Finding]]:
        for each in manifest.named:
            try:
                actual = self.of(each.member, each.hash)
            except BadZip as error:
                yield SubIndication.HASH_FAILURE, error.finding
                continue
            if actual is None:
                yield SubIndication.SIGNED_DATA_NOT_FOUND, self._missing(each.member)
            elif actual != each.digest:
                yield SubIndication.HASH_FAILURE, Finding("SIG-MEMBER-ALTERED", each.member, {"algorithm": each.hash})

    def _missing(self, name: str) -> Finding:
        """Names that look alike may be other ones: letters with marks are written in one character or in several (Unicode, UAX #15)."""
        alike = normalize("NFC", name) in self._forms
        return Finding("SIG-MEMBER-OTHER-FORM" if alike else "SIG-MEMBER-MISSING", name)

    @cached_property
    def _forms(self) -> frozenset[str]:
        """The names of all members, in one form: made once, for a manifest may name ten thousand that are not there."""
        return frozenset(normalize("NFC", each) for each in self._members.names)
