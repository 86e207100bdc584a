"""Archive packages of TR-ESOR (BSI TR-03125-F: XAIP, and LXAIP whose data lie beside), and the evidence records handed over in them.

A record in a package covers one version of it: every object that the version's manifest points to as protected. Binary objects are
hashed decoded, XML objects in the canonical form that the package names.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import islice
from typing import Any, BinaryIO

from lxml import etree  # type: ignore[import-untyped]

from formats.xml import NotWellFormed, TooLarge, exact
from formats.xml_prolog import prolog_of
from policies.findings import Finding
from policies.phrases import phrase
from signatures.canonical import canonical_element
from signatures.detect import by_root
from signatures.evidence import DataObject, ObjectDigests, object_of_bytes
from signatures.evidence.objects import data_object
from signatures.report import Kind, Role
from signatures.xaip_content import (
    DIGEST_METHOD,
    DIGEST_VALUE,
    NAMESPACE,
    check_sum,
    content_of,
    decoded,
    in_place,
    is_ours,
    only_child,
    plain,
)
from signatures.xaip_credentials import Credential, Handed, Unread, credentials_in
from signatures.xaip_left import beside_inner, unprotected
from signatures.xmldsig.c14n import C14N, METHODS, Refused, Work
from signatures.xmldsig.document import text_of
from signatures.xmldsig.names import digest_named, ds

__all__ = ["MOST_LEFT", "NAMESPACE", "Protected", "Xaip", "at_most", "in_package", "is_package"]

MOST_POINTERS = 100_000
"""Protected objects of one version."""

MOST_LEFT = 20
"""Objects that are not protected and named."""

Named = Callable[[str], Callable[[], BinaryIO] | None]

_COUNT = etree.XPath("count(descendant-or-self::node())")

_IDS = ("dataObjectID", "metaDataID", "credentialID", "VersionID", "Id")


@dataclass(frozen=True)
class Protected:
    """The objects of a version; ``missing`` names what its manifest points to and what is not there; ``reason`` says why the
    record cannot be for it, ``refused`` why that was not looked at."""

    objects: tuple[DataObject, ...] = ()
    missing: tuple[str, ...] = ()
    covers: frozenset[bytes] = frozenset()
    reason: str = ""
    refused: str = ""
    left: tuple[str, ...] = ()
    """What of the package is not protected, evidence records aside: `MOST_LEFT` at most, and "…" where there are more."""
    alone: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What is not protected besides where producers hash less of an object, by the habit's name."""
    notes: tuple[Finding, ...] = ()


def at_most(names: Iterable[str]) -> tuple[str, ...]:
    """The first `MOST_LEFT` of ``names``, and "…" where there are more."""
    found = tuple(islice(dict.fromkeys(names), MOST_LEFT + 1))
    return (*found[:MOST_LEFT], *(("…",) if len(found) > MOST_LEFT else ()))


def is_package(root: Any) -> bool:
    return is_ours(root, "XAIP")


def in_package(data: bytes) -> Xaip | None:
    """The package that ``data`` is; None when it is none that is read."""
    try:
        if by_root(prolog_of(io.BytesIO(data)).root) is not Kind.XAIP:
            return None
        root = exact(data)
    except NotWellFormed:
        return None
    return Xaip(root) if is_package(root) else None


class Xaip:
    """One package."""

    def __init__(self, root: Any, work: Work | None = None) -> None:
        self._root, self._work = root, work or Work()
        self._versions: dict[str, Protected] = {}
        self._objects: dict[str, DataObject] = {}
        self._inner: dict[str, dict[Any, Any]] = {}
        """Habit → objects, and what it hashes of each alone."""
        self._sums: dict[str, Finding] = {}
        """What is to be said of a checkSum that was not compared, by the object's id."""

    def _section(self, name: str) -> Iterator[Any]:
        """What stands in the sections of that name."""
        for each in self._root.iterchildren("*"):
            if is_ours(each, name):
                yield from each.iterchildren("*")

    @cached_property
    def aoid(self) -> str:
        found = next((each for each in self._section("packageHeader") if is_ours(each, "AOID")), None)
        return text_of(found).strip() if found is not None else ""

    @cached_property
    def _method(self) -> str:
        found = next((each for each in self._section("packageHeader") if each.tag == ds("CanonicalizationMethod")), None)
        return str(found.get("Algorithm", "")) if found is not None else C14N

    @cached_property
    def _manifests(self) -> dict[str, Any]:
        found = [each for each in self._section("packageHeader") if is_ours(each, "versionManifest")]
        return {each.get("VersionID", ""): each for each in found}

    @property
    def versions(self) -> tuple[str, ...]:
        return tuple(self._manifests)

    @cached_property
    def _by_id(self) -> dict[str, list[tuple[Any, str]]]:
        """Every element that has an id, with the attribute that says it."""
        found: dict[str, list[tuple[Any, str]]] = {}
        for element in self._root.iter("*"):
            if not is_ours(element, "evidenceRecord"):
                for name in _IDS:
                    if (value := element.get(name)) is not None:
                        found.setdefault(plain(value), []).append((element, name))
        return found

    def _called(self, name: str) -> Any:
        """The one element with that id, None where there is none. Raises NotWellFormed: there are several, or it stands where none is."""
        found = self._by_id.get(plain(name), [])
        if len(found) > 1:
            raise NotWellFormed(phrase("xai-ids", count=len(found), name=name), found[1][0].sourceline or 0)
        if found and not in_place(*found[0]):
            raise NotWellFormed(phrase("xai-place", name=name), found[0][0].sourceline or 0)
        return found[0][0] if found else None

    def credentials(self) -> Iterator[Handed | Credential | Unread]:
        """What stands among its credentials, and what cannot be read of it."""
        return credentials_in(self._root)

    def records(self) -> Iterator[Handed]:
        """Every evidence record in its credentials. Raises NotWellFormed: one cannot be read."""
        for each in self.credentials():
            if isinstance(each, Unread) and each.role is Role.EVIDENCE:
                raise NotWellFormed(str(each.why))
            if isinstance(each, Handed):
                yield each

    def object_called(self, name: str, named: Named) -> DataObject | None:
        """The one object with that id; None: there is none. Raises NotWellFormed."""
        found = self._called(name)
        return self._object(name, found, named) if found is not None else None

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
        if not record.version and len(self._manifests) > 1:
            return Protected(refused=phrase("xai-which", count=len(self._manifests)))
        version = record.version or next(iter(self._manifests), "")
        if version not in self._manifests:
            return Protected(reason=phrase("xai-version", version=version))
        try:
            self._called(version)
        except NotWellFormed as error:
            return Protected(reason=error.reason)
        if version not in self._versions:
            self._versions[version] = self._of_version(version, named)
        return self._versions[version]

    def _of_version(self, version: str, named: Named) -> Protected:
        objects: list[DataObject] = []
        missing: list[str] = []
        covers: set[bytes] = set()
        elements: set[Any] = set()
        for number, pointer in enumerate(dict.fromkeys(self._pointers(self._manifests[version]))):
            if number >= MOST_POINTERS:
                return Protected(refused=phrase("xai-pointers", most=MOST_POINTERS))
            try:
                found = self._called(pointer)
                made = self._object(pointer, found, named) if found is not None else None
            except TooLarge as error:
                return Protected(refused=error.reason)
            except NotWellFormed as error:
                return Protected(reason=error.reason)
            if made is None:
                missing.append(pointer)
                continue
            objects.append(made)
            elements.add(found)
            if isinstance(made.digests, ObjectDigests):
                covers.add(made.digests["sha256"])
            else:
                missing.append(pointer)
        if not objects and not missing:
            return Protected(reason=phrase("xai-nothing", version=version))
        self.account(sum(len(each) for each in self._root) >> 2)
        try:
            left = at_most(unprotected(self._root, elements, METHODS[self._method], self._work))
        except Refused as error:
            return Protected(refused=phrase("can-none", why=error.reason))
        alone = {
            quirk: at_most(name for each, inner in found.items() if each in elements for name in beside_inner(each, inner))
            for quirk, found in self._inner.items()
        }
        notes = tuple(islice((self._sums[each.name] for each in objects if each.name in self._sums), MOST_LEFT))
        return Protected(tuple(objects), tuple(missing), frozenset(covers), left=left, alone=alone, notes=notes)

    @staticmethod
    def _pointers(manifest: Any) -> Iterator[str]:
        for each in manifest.iter("*"):
            if is_ours(each, "protectedObjectPointer") and is_ours(each.getparent(), "packageInfoUnit"):
                yield text_of(each).strip()

    def _object(self, name: str, element: Any, named: Named) -> DataObject:
        """What is hashed of one object. One that lies beside and is not there has no digests but the one that the package says. Raises
        NotWellFormed."""
        if name not in self._objects:
            self.account(4 + int(_COUNT(element)) // 2)
            self._objects[name] = self._made(name, element, named)
        return self._objects[name]

    def _made(self, name: str, element: Any, named: Named) -> DataObject:
        content = content_of(element)
        if content.reference is not None:
            return self._checked(element, self._beside(name, content.reference, named))
        if content.binary is not None:
            return self._checked(element, object_of_bytes(name, decoded(content.binary)))
        forms = {"": element}
        if (inner := content.xml) is not None:
            forms[phrase("evd-habit-holder")] = inner
            if (alone := only_child(inner)) is not None:
                forms[phrase("evd-habit-inner")] = alone
            for quirk in forms.keys() - {""}:
                self._inner.setdefault(quirk, {})[element] = forms[quirk]
        encoded = {quirk: canonical_element(each, self._method, work=self._work) for quirk, each in forms.items()}
        encoded[phrase("evd-habit-space")] = self._without_space(element)
        first = encoded.pop("")
        others = {quirk: _digests(each) for quirk, each in encoded.items()}
        return self._checked(element, DataObject(name, _digests(first), others=others))

    def _checked(self, element: Any, made: DataObject) -> DataObject:
        """The same, when its element has no checkSum that says otherwise. Raises NotWellFormed."""
        found = check_sum(element)
        if found is None or not isinstance(made.digests, ObjectDigests):
            return made
        if not found.algorithm:
            self._sums[made.name] = _not_compared(made.name, phrase("xai-sum-algorithm", name=found.said[:100]))
        elif not made.others and not found.is_of(made.digests):
            raise NotWellFormed(phrase("xai-sum", name=made.name), element.sourceline or 0)
        elif not any(isinstance(each, ObjectDigests) and found.is_of(each) for each in (made.digests, *made.others.values())):
            self._sums[made.name] = _not_compared(made.name, phrase("xai-sum-form"))
        return made

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
        method = reference.find(DIGEST_METHOD)
        said = reference.find(DIGEST_VALUE)
        value = decoded(said) if said is not None else b""
        try:
            hash_name = digest_named(method.get("Algorithm", "") if method is not None else "")
        except ValueError as error:
            raise NotWellFormed(str(error)) from error
        if opened is None:
            return DataObject(name, {hash_name: value})
        found = ObjectDigests(opened)
        if found[hash_name] != value:
            raise NotWellFormed(phrase("xai-digest", uri=reference.get("URI", "")))
        return data_object(name, opened)


def _not_compared(name: str, reason: str) -> Finding:
    return Finding("EVD-SUM-NOT-COMPARED", "", {"object": name, "reason": reason})


def _digests(data: bytes) -> ObjectDigests:
    return ObjectDigests(partial(io.BytesIO, data))
