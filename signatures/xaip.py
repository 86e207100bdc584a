"""Archive packages of TR-ESOR (BSI TR-03125-F: XAIP, and LXAIP whose data lie beside), and the evidence records handed over in them.

A record in a package covers one version of it: every object that the version's manifest points to as protected. Binary objects are
hashed decoded, XML objects in the canonical form that the package names.
"""

from __future__ import annotations

import base64
import binascii
import copy
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, BinaryIO

from lxml import etree  # type: ignore[import-untyped]

from formats.xml import NotWellFormed, TooLarge, exact
from policies.phrases import phrase
from signatures.canonical import canonical_element
from signatures.evidence import DataObject, ObjectDigests, object_of_bytes
from signatures.evidence.objects import data_object
from signatures.evidence.xmlers import NAMESPACE as ERS
from signatures.xmldsig.c14n import C14N, METHODS, Refused, Work
from signatures.xmldsig.document import text_of
from signatures.xmldsig.names import digest_named

__all__ = ["NAMESPACE", "Handed", "Protected", "Xaip", "in_package", "is_package", "wrapped_record"]

NAMESPACE = "http://www.bsi.bund.de/tr-esor/xaip"
"""Of version 1.3; older ones have their number behind it."""

MOST_POINTERS = 100_000
"""Protected objects of one version."""

Named = Callable[[str], Callable[[], BinaryIO] | None]

_COUNT = etree.XPath("count(descendant-or-self::node())")

_IDS = ("dataObjectID", "metaDataID", "credentialID", "VersionID", "Id")
_BINARY = (
    "binaryData",
    "binaryMetaData",
    "Base64Signature",
    "RFC3161TimeStampToken",
    "EncapsulatedX509Certificate",
    "EncapsulatedCRLValue",
    "EncapsulatedOCSPValue",
    "asn1EvidenceRecord",
)
"""Elements whose decoded content is the object, where the object holds one of them and no more."""


@dataclass(frozen=True)
class Handed:
    """An evidence record as it was handed over: for which package and version it says it was made ("" where it does not)."""

    encoded: bytes
    name: str = ""
    aoid: str = ""
    version: str = ""


@dataclass(frozen=True)
class Protected:
    """The objects of a version; ``missing`` names what its manifest points to and what is not there; ``reason`` says why the
    record cannot be for it, ``refused`` why that was not looked at."""

    objects: tuple[DataObject, ...] = ()
    missing: tuple[str, ...] = ()
    covers: frozenset[bytes] = frozenset()
    reason: str = ""
    refused: str = ""


def _local(element: Any) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _ours(element: Any) -> bool:
    return isinstance(element.tag, str) and element.tag.startswith("{" + NAMESPACE)


def is_package(root: Any) -> bool:
    return _ours(root) and _local(root) == "XAIP"


def in_package(data: bytes) -> Xaip | None:
    """The package that ``data`` is; None when it is none that is read."""
    if NAMESPACE.encode() not in data[:65536]:
        return None
    try:
        root = exact(data)
    except NotWellFormed:
        return None
    return Xaip(root) if is_package(root) else None


def wrapped_record(element: Any, name: str = "") -> Handed | None:
    """The record in an evidenceRecord element of TR-ESOR; None when it holds none. Raises NotWellFormed."""
    if not _ours(element) or _local(element) != "evidenceRecord":
        return None
    for child in element:
        if _local(child) == "asn1EvidenceRecord":
            encoded = _decoded(child)
        elif _local(child) in ("xmlEvidenceRecord", "EvidenceRecord"):
            inner = (
                child
                if child.tag == f"{{{ERS}}}EvidenceRecord"
                else next((e for e in child if _local(e) == "EvidenceRecord"), None)
            )
            if inner is None:
                continue
            encoded = _document(inner)
        else:
            continue
        return Handed(encoded, name, element.get("AOID", ""), element.get("VersionID", ""))
    return None


def _document(element: Any) -> bytes:
    return bytes(etree.tostring(element, with_tail=False))


def _decoded(element: Any) -> bytes:
    try:
        return base64.b64decode("".join(text_of(element).split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotWellFormed(phrase("xai-base64", name=_local(element), why=str(error)), element.sourceline or 0) from error


class Xaip:
    """One package."""

    def __init__(self, root: Any, work: Work | None = None) -> None:
        self._root, self._work = root, work or Work()
        self._versions: dict[str, Protected] = {}
        self._objects: dict[str, DataObject] = {}

    @cached_property
    def aoid(self) -> str:
        found = next((each for each in self._root.iter() if _local(each) == "AOID" and _ours(each)), None)
        return text_of(found).strip() if found is not None else ""

    @cached_property
    def _method(self) -> str:
        header = next((each for each in self._root if _local(each) == "packageHeader"), self._root)
        found = next((each for each in header.iter() if _local(each) == "CanonicalizationMethod"), None)
        return str(found.get("Algorithm", "")) if found is not None else C14N

    @cached_property
    def _manifests(self) -> dict[str, Any]:
        header = next((each for each in self._root if _local(each) == "packageHeader"), ())
        return {each.get("VersionID", ""): each for each in header if _local(each) == "versionManifest"}

    @cached_property
    def _by_id(self) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for element in self._root.iter():
            if isinstance(element.tag, str) and _local(element) != "evidenceRecord":
                for name in _IDS:
                    if (value := element.get(name)) is not None:
                        found.setdefault(value, []).append(element)
        return found

    def records(self) -> Iterator[Handed]:
        """Every evidence record in its credentials. Raises NotWellFormed: one is no base64."""
        for section in self._root:
            for credential in section if _local(section) == "credentialsSection" else ():
                for each in credential if isinstance(credential.tag, str) else ():
                    if (found := wrapped_record(each, credential.get("credentialID", ""))) is not None:
                        yield found

    def signatures(self) -> Iterator[tuple[str, bytes, tuple[str, ...]]]:
        """(id, CMS, ids of what it is related to) of every credential that is a signature in CMS. Raises NotWellFormed."""
        for section in self._root:
            for credential in section if _local(section) == "credentialsSection" else ():
                found = [each for each in credential.iter() if _local(each) == "Base64Signature"]
                if len(found) == 1 and isinstance(credential.tag, str):
                    related = tuple(credential.get("relatedObjects", "").split())
                    yield credential.get("credentialID", ""), _decoded(found[0]), related

    def object_called(self, name: str, named: Named) -> DataObject | None:
        """The one object with that id; None: there is none, or several. Raises NotWellFormed."""
        found = self._by_id.get(name, [])
        return self._object(name, found[0], named) if len(found) == 1 else None

    def account(self, steps: int) -> None:
        """Account for ``steps`` of `Work`. Raises TooLarge: there are no more."""
        try:
            self._work.visit(steps)
        except Refused as error:
            raise TooLarge(phrase("can-none", why=error.reason)) from error

    def protected(self, record: Handed, named: Named) -> Protected:
        """The objects that ``record`` must cover. ``named`` opens what lies beside (LXAIP)."""
        if record.aoid and record.aoid != self.aoid:
            return Protected(reason=phrase("xai-other", wanted=record.aoid, found=self.aoid))
        if self._method not in METHODS:
            return Protected(reason=phrase("xai-method", method=self._method[:100]))
        version = record.version or max(self._manifests, default="")
        if version not in self._manifests:
            return Protected(reason=phrase("xai-version", version=version))
        if version not in self._versions:
            self._versions[version] = self._of_version(version, named)
        return self._versions[version]

    def _of_version(self, version: str, named: Named) -> Protected:
        objects: list[DataObject] = []
        missing: list[str] = []
        covers: set[bytes] = set()
        for number, pointer in enumerate(dict.fromkeys(self._pointers(self._manifests[version]))):
            if number >= MOST_POINTERS:
                return Protected(refused=phrase("xai-pointers", most=MOST_POINTERS))
            found = self._by_id.get(pointer, [])
            if len(found) > 1:
                return Protected(reason=phrase("xai-ids", count=len(found), name=pointer))
            try:
                made = self._object(pointer, found[0], named) if found else None
            except TooLarge as error:
                return Protected(refused=error.reason)
            except NotWellFormed as error:
                return Protected(reason=error.reason)
            if made is None:
                missing.append(pointer)
                continue
            objects.append(made)
            if isinstance(made.digests, ObjectDigests):
                covers.add(made.digests["sha256"])
            else:
                missing.append(pointer)
        if not objects and not missing:
            return Protected(reason=phrase("xai-nothing", version=version))
        return Protected(tuple(objects), tuple(missing), frozenset(covers))

    @staticmethod
    def _pointers(manifest: Any) -> Iterator[str]:
        for each in manifest.iter():
            if _local(each) == "protectedObjectPointer":
                yield text_of(each).strip()

    def _object(self, name: str, element: Any, named: Named) -> DataObject:
        """What is hashed of one object. One that lies beside and is not there has no digests but the one that the package says. Raises
        NotWellFormed."""
        if name not in self._objects:
            self.account(4 + int(_COUNT(element)) // 2)
            self._objects[name] = self._made(name, element, named)
        return self._objects[name]

    def _made(self, name: str, element: Any, named: Named) -> DataObject:
        references = [each for each in element.iter() if _local(each) == "DataObjectReference"]
        if len(references) == 1 and _local(element) != "versionManifest":
            return self._beside(name, references[0], named)
        binary = [each for each in element.iter() if _local(each) in _BINARY]
        if len(binary) == 1 and _local(element) != "versionManifest":
            return object_of_bytes(name, _decoded(binary[0]))
        forms = {"": element}
        inner = next((each for each in element if _local(each) in ("xmlData", "xmlMetaData")), None)
        if inner is not None:
            forms["the element that holds the XML data is hashed alone"] = inner
            if len(inner) == 1:
                forms["the XML data are hashed without what holds them"] = inner[0]
        encoded = {quirk: canonical_element(each, self._method, work=self._work) for quirk, each in forms.items()}
        encoded["an element of the package is hashed without the white space that it has here"] = self._without_space(element)
        first = encoded.pop("")
        others = {quirk: _digests(each) for quirk, each in encoded.items()}
        return DataObject(name, _digests(first), others=others)

    def _without_space(self, element: Any) -> bytes:
        """The canonical form as it was before somebody put the package into lines: no text of white space between elements."""
        bare = copy.deepcopy(element)
        for each in bare.iter():
            if len(each) and not (each.text or "").strip():
                each.text = None
            if each is not bare and not (each.tail or "").strip():
                each.tail = None
        return canonical_element(bare, self._method, work=self._work)

    def _beside(self, name: str, reference: Any, named: Named) -> DataObject:
        """A file that the package refers to: it must be there, and have the digest that the package says."""
        opened = named(reference.get("URI", ""))
        method = next((each.get("Algorithm", "") for each in reference if _local(each) == "DigestMethod"), "")
        value = next((_decoded(each) for each in reference if _local(each) == "DigestValue"), b"")
        try:
            hash_name = digest_named(method)
        except ValueError as error:
            raise NotWellFormed(str(error)) from error
        if opened is None:
            return DataObject(name, {hash_name: value})
        found = ObjectDigests(opened)
        if found[hash_name] != value:
            raise NotWellFormed(phrase("xai-digest", uri=reference.get("URI", "")))
        return data_object(name, opened)


def _digests(data: bytes) -> ObjectDigests:
    return ObjectDigests(partial(io.BytesIO, data))
