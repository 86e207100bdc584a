"""References of an XML signature: what they point at, what their transforms make of it, and whether its digest is right.

Nothing is ever fetched: a reference points into its own document or at a file that the caller names. The list of transforms is closed:
canonical forms, the enveloped signature, base64, XPath as far as it means "all but these elements", and what a container format adds.
"""

from __future__ import annotations

import base64
import binascii
import enum
import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, BinaryIO
from urllib.parse import unquote

from lxml import etree  # type: ignore[import-untyped]

from policies.phrases import foreign, phrase
from signatures.xmldsig.attachments import SCHEME, attachment, is_message
from signatures.xmldsig.c14n import BYTES, C14N, METHODS, Method, Nodes, Refused, Sink, Work
from signatures.xmldsig.document import Document, has_nodes, reread, text_of
from signatures.xmldsig.guess import Guess, file_named
from signatures.xmldsig.names import DS, digest_named, ds
from signatures.xmldsig.native import canonical
from signatures.xmldsig.octets import Octets
from signatures.xmldsig.prefixes import Listed, unsigned_declarations
from signatures.xmldsig.xpath import FILTER2, XPATH, by_filters, by_xpath

__all__ = [
    "BASE64",
    "EXCLUSIVE",
    "Reading",
    "Reference",
    "Resolver",
    "State",
    "followed",
    "method_of",
    "pointed",
    "read_references",
    "target_of",
    "transformed",
]

MOST_REFERENCES = 10_000
"""References of one signature, manifests included: an office document has one for every part, a container one for every file."""

REFERENCE = 8
"""Steps that looking at one takes, whatever it covers."""

MOST_TRANSFORMS = 8
"""Transforms of one reference; real ones have one to three."""

READ = 12
"""A file is read once for nothing, however long it is, for no less is needed to look at it; again (in another hash algorithm, for an
archive time-stamp) at a step for every 2 ** READ bytes: to read and to hash them takes about as long."""

CHUNK = 1 << 20

COMMENTS, NAMESPACES = LACKING = ("comments", "namespaces")
"""What canonical forms may lack of what they are made of."""

ENVELOPED = DS + "enveloped-signature"
BASE64 = DS + "base64"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
MANIFEST = DS + "Manifest"

Resolver = Callable[[str], Callable[[], BinaryIO] | None]
"""From the name that a detached reference gives ("" when it gives none) to the file that is meant, or None: it is not there."""


class State(enum.Enum):
    """What came of one reference."""

    GOOD = "good"
    ALTERED = "altered"
    MISSING = "missing"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """In a digest that is not understood."""


@dataclass(frozen=True)
class Reference:
    """One reference, looked at. ``nodes`` is what it covers in the document itself, ``name`` the file it covers beside.

    ``exact`` says that every byte of that file counts (no transform came between), ``filtered`` that some of it may not count at all."""

    uri: str | None
    type: str
    algorithm: str
    state: State
    reason: str = ""
    nodes: Nodes | None = None
    name: str = ""
    exact: bool = True
    filtered: bool = False
    comments: bool = False
    """Whether the comments in the nodes that it covers are covered too, or there are none."""
    listed: Listed = None
    """What its canonical forms write of declarations in these nodes, besides those by which elements and attributes are called."""
    lacking: frozenset[str] = frozenset()
    """What was read again on the way and had "comments" or "namespaces" that no form of it has: of a file, or of what stands in nodes."""
    element: Any = None
    inner: tuple[Reference, ...] = ()
    """The references of a manifest that this one points at."""

    def flat(self) -> Iterator[Reference]:
        yield self
        for each in self.inner:
            yield from each.flat()


Transform = Callable[["Reading", Any, "Nodes | Octets"], "Nodes | Octets"]
Transforms = Mapping[str, tuple[Transform, ...]]
"""URI → the transform, then what programs are known to do in its place: tried where the digest is not right."""


@dataclass
class Reading:
    """What references are read with. ``transforms`` are those that a container format adds; ``ways`` says of each ds:Reference which of
    several is done, ``way`` of the one that is followed."""

    document: Document
    signature: Any
    resolve: Resolver
    transforms: Transforms = field(default_factory=dict)
    seen: int = 0
    way: int = 0
    ways: dict[Any, int] = field(default_factory=dict)

    def digest(self, data: Nodes | Octets, algorithm: str) -> bytes:
        """The digest of what is left after the last transform. Raises `Refused`."""
        known, file = (data.known, data.file) if isinstance(data, Octets) else (None, False)
        return self.document.work.digest(algorithm, partial(self.into, data), known=known, file=file)

    def into(self, data: Nodes | Octets, sink: Sink, method: Method = METHODS[C14N]) -> None:
        """Hand octets to ``sink`` as they are, and nodes in their canonical form. Raises `Refused`."""
        if isinstance(data, Octets):
            data.into(sink)
        else:
            canonical(data, method, self.document.work, sink)

    def nodes(self, data: Nodes | Octets) -> Nodes:
        if isinstance(data, Nodes):
            return data
        return Nodes(reread(data.joined(), self.document.work), whole=True, comments=True)


def read_references(reading: Reading, holder: Any, *, nested: bool = False) -> tuple[Reference, ...]:
    """Every ds:Reference of a SignedInfo or Manifest. Raises `Refused` beyond the bound of their number."""
    found = []
    for element in holder.iterchildren(ds("Reference")):
        reading.seen += 1
        if reading.seen > MOST_REFERENCES:
            raise Refused(phrase("dsig-references", most=MOST_REFERENCES))
        found.append(_read(reading, element, nested=nested))
    return tuple(found)


def _read(reading: Reading, element: Any, *, nested: bool) -> Reference:
    reading.document.work.visit(REFERENCE)
    base: dict[str, Any] = {"uri": element.get("URI"), "type": element.get("Type", ""), "algorithm": "", "element": element}
    try:
        base["algorithm"] = digest_named(_algorithm(element.find(ds("DigestMethod"))))
    except ValueError as error:
        return Reference(**base, state=State.UNKNOWN, reason=str(error))
    try:
        expected = base64.b64decode("".join(text_of(element.find(ds("DigestValue"))).split()), validate=True)
        for way in range(_ways(reading, element)):
            reading.ways[element] = way
            result, base["name"] = followed(reading, element)
            if result is None:
                return Reference(**base, state=State.MISSING, reason=base["uri"] or "")
            base |= {"exact": not result.steps, "nodes": result.nodes, "filtered": result.filtered}
            base |= {"comments": result.comments, "listed": result.listed}
            if reading.digest(result.data, base["algorithm"]) == expected:
                base["lacking"] = frozenset(
                    what for known in result.made for what in LACKING if (known, what) in reading.document.work.lacking
                )
                return Reference(**base, state=State.GOOD, inner=_manifest(reading, base, nested=nested))
    except Refused as error:
        return Reference(**base, state=State.REFUSED, reason=error.reason)
    except (ValueError, binascii.Error) as error:
        return Reference(**base, state=State.REFUSED, reason=foreign(error))
    guessed = base["name"] and isinstance(reading.resolve(base["name"]), Guess)
    return Reference(**base, state=State.MISSING if guessed else State.ALTERED)


def _ways(reading: Reading, element: Any) -> int:
    """How many ways there are to do what a reference and its transforms say."""
    if (element.get("URI") or "").startswith(SCHEME):
        return 2
    return max((len(reading.transforms.get(_algorithm(each), ())) for each in element.iter(ds("Transform"))), default=1) or 1


def followed(reading: Reading, element: Any) -> tuple[Transformed | None, str]:
    """(what the transforms of a ds:Reference make of what it points at, the name of the file it points at, if it is one). None: it is not
    there. Raises `Refused`."""
    reading.way = reading.ways.get(element, 0)
    listed = element.find(ds("Transforms"))
    part = unquote(element.get("URI") or "")
    if part.startswith(SCHEME) and is_message(reading.document):
        return _attached(reading, part, listed), ""
    target, name = target_of(reading, _implied(element.get("URI"), listed))
    if target is None and part.startswith(SCHEME):
        raise Refused(phrase("dsig-cid", uri=part[:80]))
    return (None if target is None else transformed(reading, listed, target)), name


def _attached(reading: Reading, uri: str, listed: Any) -> Transformed | None:
    """The same of an attachment of the message: its bytes; or, as no rule says which is meant, the base64 that stands there."""
    part = attachment(reading.document, uri)
    if part is None:
        return None
    text = text_of(part).encode()
    data = Octets(lambda sink: sink(text), part) if reading.way else _decoded(reading, Nodes(part))
    made = transformed(reading, listed, data)
    if made.filtered:
        raise Refused(phrase("dsig-filter-elsewhere"))
    return replace(made, nodes=Nodes(part))


def _implied(uri: str | None, listed: Any) -> str | None:
    """What a reference without URI points at: where it takes out an enveloped signature, that can only be the document around it."""
    first = listed.find(ds("Transform")) if listed is not None else None
    return "" if uri is None and _algorithm(first) == ENVELOPED else uri


def _manifest(reading: Reading, base: dict[str, Any], *, nested: bool) -> tuple[Reference, ...]:
    """The references of a manifest that is signed: each is checked like the signature's own (XML-DSig 2.3 leaves that to the format)."""
    nodes = base["nodes"]
    if nodes is None or nodes.filters:  # what a filter took away may be the manifest
        return ()
    manifests = [nodes.top] if nodes.top.tag == ds("Manifest") else list(nodes.top.iterchildren(ds("Manifest")))
    if base["type"] != MANIFEST and nodes.top.tag not in (ds("Manifest"), ds("Object")):
        return ()
    if nested and manifests:
        raise Refused(phrase("dsig-manifest"))
    return tuple(each for manifest in manifests for each in read_references(reading, manifest, nested=True))


# -- what a reference points at -----------------------------------------------------------------------------------------------

_POINTER = re.compile(r"#xpointer\(id\(['\"]([^'\"]+)['\"]\)\)")


def pointed(uri: str | None) -> str | None:
    """The id at which ``uri`` points; None: at none."""
    if uri is None or not uri.startswith("#"):
        return None
    pointer = _POINTER.fullmatch(uri)
    return pointer[1] if pointer else None if uri.startswith("#xpointer(") else unquote(uri[1:])


def target_of(reading: Reading, uri: str | None) -> tuple[Nodes | Octets | None, str]:
    """(what ``uri`` points at, the name of the file when it is one beside). None: it is not there. Raises `Refused`."""
    if uri == "":
        return Nodes(reading.document.root, whole=True), ""
    if uri == "#xpointer(/)":
        return Nodes(reading.document.root, whole=True, comments=True), ""
    if uri is not None and uri.startswith("#"):
        called = pointed(uri)
        if called is None:
            raise Refused(phrase("dsig-pointer", uri=uri[:80]))
        found = reading.document.by_id(called)
        return (Nodes(found, comments=called != unquote(uri[1:])), "") if found is not None else (None, "")
    name, opened = file_named(uri or "", reading.resolve)
    if opened is None:
        return None, name
    return Octets(partial(_read_into, reading.document.work, opened), known=opened, file=True), name


def _read_into(work: Work, opened: Callable[[], BinaryIO], sink: Sink) -> None:
    """Read a file, each time but the first on account: signatures can ask for it in many ways. Raises `Refused`."""
    again = work.opened(opened) > 1
    with opened() as stream:
        while chunk := stream.read(CHUNK):
            work.visit(len(chunk) >> READ if again else 0)
            sink(chunk)


# -- transforms ---------------------------------------------------------------------------------------------------------------


def _algorithm(element: Any) -> str:
    return "" if element is None else element.get("Algorithm", "")


def method_of(element: Any) -> Method:
    """The canonical form that an element with an Algorithm names. Raises `Refused`."""
    uri = _algorithm(element)
    if uri not in METHODS:
        raise Refused(phrase("dsig-canonical", uri=uri[:80]))
    method = METHODS[uri]
    listed = element.find(f"{{{EXCLUSIVE}}}InclusiveNamespaces")
    if method.exclusive and listed is not None:
        names = listed.get("PrefixList", "").split()
        prefixes = frozenset("" if each == "#default" else each for each in names)
        method = Method(exclusive=True, comments=method.comments, prefixes=prefixes)
    return method


@dataclass(frozen=True)
class Transformed:
    """What transforms made of what a reference points at. ``nodes`` is the last node set of the document itself on the way: what is
    covered, less what filters took away; None for a file. ``steps`` is how many transforms there were, ``filtered`` whether one of them
    may have taken something out of a file."""

    data: Nodes | Octets
    nodes: Nodes | None
    steps: int
    filtered: bool = False
    comments: bool = True
    """Whether comments of the nodes stay."""
    listed: Listed = None
    """The prefixes that all exclusive forms on the way list; None: there is none."""
    made: frozenset[Hashable] = frozenset()
    """What was made of a file, or of what was read again: what that lacks is known when it has been."""


def transformed(reading: Reading, listed: Any, target: Nodes | Octets) -> Transformed:
    """Apply a ds:Transforms (None: there is none) to ``target``. Raises `Refused`."""
    steps = list(listed.iterchildren(ds("Transform"))) if listed is not None else []
    if len(steps) > MOST_TRANSFORMS:
        raise Refused(phrase("dsig-transforms", most=MOST_TRANSFORMS))
    data, nodes = target, target if isinstance(target, Nodes) else None
    comments, listed, made = nodes is None or nodes.comments, None, set()
    for step in steps:
        data = _transform(reading, step, data)
        if _algorithm(step) in METHODS:
            method = method_of(step)
            comments = comments and (nodes is None or method.comments)
            listed = listed if not method.exclusive else method.prefixes if listed is None else listed & method.prefixes
        made.add(data.known if isinstance(data, Octets) else None)
        if isinstance(data, Nodes) and nodes is not None and data.top is nodes.top:
            nodes = data
        elif nodes is not None and _algorithm(step) in _FILTERS:
            # What it takes out of a form that was read again is no element of the document, and could not be named.
            raise Refused(phrase("dsig-filter-elsewhere"))
    filtered = nodes is None and any(_algorithm(step) in _FILTERS for step in steps)
    comments = comments and not (nodes is not None and isinstance(data, Nodes))  # for then a form without them is taken
    return Transformed(data, nodes, len(steps), filtered, comments, listed, frozenset(made - {None}))


def _transform(reading: Reading, step: Any, data: Nodes | Octets) -> Nodes | Octets:
    uri = _algorithm(step)
    if uri in METHODS:
        method = method_of(step)
        known = (data.known, method) if isinstance(data, Octets) and data.known is not None else None
        return Octets(partial(_canonical, reading, data, method, known), known)
    if uri == ENVELOPED:
        nodes = reading.nodes(data)
        if _inside(reading.signature, nodes.top):
            return nodes.filtered("subtract", frozenset((reading.signature,)))
        # It is an expression that keeps what this signature is not around (XML-DSig 6.6.4): beside the signature that is all of it.
        if not _inside(nodes.top, reading.document.root) or _inside(nodes.top, reading.signature):
            raise Refused(phrase("dsig-enveloped"))
        return nodes
    if uri == BASE64:
        return _decoded(reading, data)
    if uri in _FILTERS:
        return _FILTERS[uri](reading.document, reading.signature, step, reading.nodes(data))
    if uri in reading.transforms:
        ways = reading.transforms[uri]
        return ways[min(reading.way, len(ways) - 1)](reading, step, data)
    raise Refused(phrase("dsig-transform", uri=uri[:80]))


def _canonical(reading: Reading, data: Nodes | Octets, method: Method, known: Hashable, sink: Sink) -> None:
    nodes, work = reading.nodes(data), reading.document.work
    if known is not None and not method.comments and has_nodes(nodes.top, etree.Comment):
        work.lacking.add((known, COMMENTS))
    if known is not None and method.exclusive and any(True for _ in unsigned_declarations(nodes.top, method.prefixes, work)):
        work.lacking.add((known, NAMESPACES))
    canonical(nodes, method, work, sink)


_FILTERS = {XPATH: by_xpath, FILTER2: by_filters}


def _inside(element: Any, top: Any) -> bool:
    return element is top or any(each is top for each in element.iterancestors())


def _decoded(reading: Reading, data: Nodes | Octets) -> Octets:
    if isinstance(data, Nodes):
        if data.filters or next(data.top.iterchildren(etree.Element), None) is not None:  # markup between would not be signed
            raise Refused(phrase("dsig-base64-markup"))
        text, known = text_of(data.top), data.top
    else:
        text, known = data.joined().decode("ascii", "replace"), data.known
    reading.document.work.visit(len(text) >> BYTES)
    try:
        decoded = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(phrase("dsig-base64", why=str(error)[:80])) from error
    return Octets(lambda sink: sink(decoded), None if known is None else (known, BASE64))
