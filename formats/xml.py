"""XML, read with suspicion (it is written by `formats.xml_writer`).

Reading (`events`, `parse`) refuses every DOCTYPE: no package metadata needs one, and it is the door of entity expansion and
of external entities. ``resolve_entities=False`` alone would not do: it silently turns an element with an entity reference
into one without text. Nothing is ever fetched: no DTD, no schema, no xsi:schemaLocation. Bad XML is `NotWellFormed`, a
statement about the content.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Final, Protocol

from lxml import etree  # type: ignore[import-untyped]

from formats.xml_complaints import complaint
from formats.xml_errors import HasDoctype, NotLookedAt, NotWellFormed, TooLarge, UnknownEncoding
from formats.xml_prolog import HEAD, PLAIN, encoding_of, has_doctype
from policies.phrases import phrase

__all__ = [
    "MAX_DEPTH",
    "MAX_PROLOG_BYTES",
    "MAX_TREE_BYTES",
    "Element",
    "HasDoctype",
    "NotLookedAt",
    "NotWellFormed",
    "TooLarge",
    "UnknownEncoding",
    "events",
    "exact",
    "local_name",
    "parse",
    "subtrees",
    "to_bytes",
]


class Element(Protocol):
    """What Kho uses of an lxml element: lxml ships no types, so they are said here once."""

    tag: str
    text: str | None
    tail: str | None
    sourceline: int | None

    def get(self, key: str) -> str | None: ...
    def set(self, key: str, value: str) -> None: ...
    def items(self) -> Iterable[tuple[str, str]]: ...
    def find(self, path: str) -> Element | None: ...
    def findall(self, path: str) -> list[Element]: ...
    def findtext(self, path: str) -> str | None: ...
    def iterfind(self, path: str) -> Iterator[Element]: ...
    def iter(self) -> Iterator[Element]: ...
    def getparent(self) -> Element | None: ...
    def getprevious(self) -> Element | None: ...
    def getroottree(self) -> Any: ...
    def remove(self, child: Element) -> None: ...
    def clear(self, *, keep_tail: bool = False) -> None: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Element: ...
    def __iter__(self) -> Iterator[Element]: ...


MAX_DEPTH: Final = 200
"""Nested elements. libxml2 stops at 256 by itself (XML_MAX_ELEMENT_DEPTH 2048 in newer ones); metadata needs some 20."""

MAX_TREE_BYTES: Final = 8 << 20
"""Bytes of a document that `parse` builds a tree of (a tree takes about ten times as much memory). Larger ones are streamed."""

MAX_PROLOG_BYTES: Final = 1 << 20
"""Bytes before the first element: comments only, since a DOCTYPE is refused, but it can only be refused when it has been read."""

MAX_EXACT_BYTES: Final = 64 << 20
"""Bytes of a document that `exact` builds a tree of: an exchanged message with its attachments inside has a few dozen MB of text."""

MAX_EXACT_NODES: Final = 500_000
"""Elements, comments and instructions of such a document together (a node takes some 250 bytes): a book as an office document."""

LONGEST_TEXT: Final = 9 << 20
"""Bytes of a document below which libxml2's own bounds are kept."""

MAX_EXACT_ATTRIBUTES: Final = 1_000_000
"""Attributes of such a document, declarations of namespaces included."""

MAX_EXACT_MARKS: Final = 1_200_000
"""And marks of tags and attributes together ("<", "="): the tree of a document that is full of both would take 350 MB."""

MAX_EXACT_DEPTH: Final = 256
"""Nested elements of such a document, whatever libxml2 would read: looking for namespaces and ancestors takes steps in proportion."""

MAX_NAMESPACES: Final = 20_000
"""Declarations of namespaces; each is looked through for every name below it."""

ENCODING_ERRORS: Final = (31, 32)
"""XML_ERR_UNKNOWN_ENCODING and XML_ERR_UNSUPPORTED_ENCODING of libxml2."""

LIMIT_ERRORS: Final = (110, 114)
"""XML_ERR_NAME_TOO_LONG and XML_ERR_RESOURCE_LIMIT: it may be sound, and is not read."""

LONGEST_NAME: Final = 50_000
"""Bytes of a name beyond which libxml2 reads no further."""

READ: Final = 1 << 16
"""Bytes given to the parser at a time."""


_OPTIONS: Final[dict[str, Any]] = {
    "resolve_entities": False,
    "load_dtd": False,
    "no_network": True,
    "dtd_validation": False,
    "attribute_defaults": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}
"""Of every parser but that of `exact`."""

_PARSER: Final = etree.XMLParser(**_OPTIONS)


def local_name(element: Element) -> str:
    """The tag without its namespace."""
    return element.tag.rpartition("}")[2]


class _Feeder:
    """Pushes a stream through lxml's pull parser and refuses DOCTYPE, depth and size as soon as they are seen."""

    def __init__(
        self,
        stream: BinaryIO,
        wanted: tuple[str, ...],
        tags: Iterable[str] | None = None,
    ) -> None:
        self._stream = stream
        self._parser = etree.XMLPullParser(
            events=wanted,
            tag=tags,
            **_OPTIONS,
        )

    def __iter__(self) -> Iterator[tuple[str, Element]]:
        seen = 0
        first = True
        while chunk := self._stream.read(READ):
            self._push(chunk)
            for event, element in self._parser.read_events():
                if first:
                    first = False
                    _refuse_doctype(element)
                yield event, element
            seen += len(chunk)
            if first and seen > MAX_PROLOG_BYTES:
                raise NotWellFormed(phrase("xml-no-element", bytes=MAX_PROLOG_BYTES))
        self._push(None)
        for event, element in self._parser.read_events():
            if first:
                first = False
                _refuse_doctype(element)
            yield event, element

    def _push(self, chunk: bytes | None) -> None:
        """Feed a chunk, or the end. Only the parser's own complaints become `NotWellFormed`."""
        try:
            if chunk is None:
                _refuse_doctype(self._parser.close())  # again: no wanted element may have come
            else:
                self._parser.feed(chunk)
        except etree.XMLSyntaxError as error:
            raise NotWellFormed(complaint(error.code, str(error.msg or "no XML")), error.lineno or 0) from None
        except (ValueError, LookupError) as error:
            raise NotWellFormed(phrase("xml-none", why=str(error))) from None


def _refuse_doctype(element: Element) -> None:
    information = element.getroottree().docinfo
    if information.doctype or information.internalDTD is not None or information.externalDTD is not None:
        raise HasDoctype(phrase("xml-doctype"), element.sourceline or 0)


def events(stream: BinaryIO) -> Iterator[tuple[str, Element]]:
    """("start" | "end", element) of a document in order, in constant memory.

    At "start" only the tag and the attributes may be used; at "end" also the text. An element is emptied after its "end" was
    consumed, and taken out of its parent when its next sibling ends, so what is needed of it must be read then; of the
    children only the last is still there, empty, with its tail.

    Raises:
        NotWellFormed: the rest of the bytes is not well-formed XML, is nested deeper than `MAX_DEPTH`, or has a DOCTYPE.
        OSError, CouldNotRead: from ``stream``, as they are.
    """
    depth = 0
    for event, element in _Feeder(stream, ("start", "end")):
        if event == "start":
            depth += 1
            if depth > MAX_DEPTH:
                raise NotWellFormed(phrase("xml-deep", most=MAX_DEPTH), element.sourceline or 0)
            yield event, element
            continue
        depth -= 1
        yield event, element
        _drop(element)


def _drop(element: Element) -> None:
    """Free a finished element, and its siblings before it: only the open ancestors stay in memory."""
    element.clear(keep_tail=True)
    parent = element.getparent()
    if parent is None:
        return
    while (before := element.getprevious()) is not None:
        parent.remove(before)


def parse(stream: BinaryIO, *, max_bytes: int = MAX_TREE_BYTES) -> Element:
    """The root of a small document as a tree.

    Raises:
        NotWellFormed: as `events`, or longer than ``max_bytes``.
        OSError, CouldNotRead: from ``stream``, as they are.
    """
    depth = 0
    root: Element | None = None
    for event, element in _Feeder(_Limited(stream, max_bytes), ("start", "end")):  # type: ignore[arg-type]
        depth += 1 if event == "start" else -1
        if depth > MAX_DEPTH:
            raise NotWellFormed(phrase("xml-deep", most=MAX_DEPTH), element.sourceline or 0)
        root = element
    if root is None:
        raise NotWellFormed(phrase("xml-empty"))
    return root


def exact(data: bytes) -> Any:
    """The root (an lxml element) of a document as it stands, comments and processing instructions too: what a signature covers.

    Raises:
        NotLookedAt: it is beyond a bound (`TooLarge`), has a DOCTYPE (`HasDoctype`), or is written in an encoding in which what it holds
            cannot be told from its bytes (`UnknownEncoding`).
        NotWellFormed: it is no XML.
    """
    if len(data) > MAX_EXACT_BYTES:
        raise TooLarge(phrase("xml-long", most=MAX_EXACT_BYTES))
    _refuse_begin(data)
    wide = b"x\0m\0l\0n\0s" if b"\0" in data[:4] else b"xmlns"
    together = 0
    for mark, most in ((b"<", 2 * MAX_EXACT_NODES), (b"=", MAX_EXACT_ATTRIBUTES), (wide, MAX_NAMESPACES)):
        count = data.count(mark)
        if count > most:
            raise TooLarge(phrase("xml-too-often", mark=f"{mark.decode('ascii', 'replace')!r}", most=most))
        together += count if mark is not wide else 0
    if together > MAX_EXACT_MARKS:
        raise TooLarge(phrase("xml-too-often", mark="'<', '='", most=MAX_EXACT_MARKS))
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        dtd_validation=False,
        attribute_defaults=False,
        # Without it one text may have 10 MB and elements be nested 256 deep; with it 2048.
        huge_tree=len(data) > LONGEST_TEXT,
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        if error.code in ENCODING_ERRORS:
            raise UnknownEncoding(complaint(error.code, str(error.msg)), error.lineno or 0) from None
        if error.code in LIMIT_ERRORS:
            deep = "depth" in str(error.msg)
            reason = phrase("xml-deep", most=MAX_EXACT_DEPTH) if deep else phrase("xml-name-long", most=LONGEST_NAME)
            raise TooLarge(reason, error.lineno or 0) from None
        raise NotWellFormed(complaint(error.code, str(error.msg or "no XML")), error.lineno or 0) from None
    except (ValueError, LookupError) as error:
        raise NotWellFormed(phrase("xml-none", why=str(error))) from None
    _refuse_doctype(root)
    if len(data) > LONGEST_TEXT and _TOO_DEEP(root):
        raise TooLarge(phrase("xml-deep", most=MAX_EXACT_DEPTH))
    return root


def _refuse_begin(data: bytes) -> None:
    """Refuse before anything is parsed: what is bounded below is counted as it stands in the file."""
    encoding = encoding_of(data[:HEAD])
    if encoding is not None and encoding != PLAIN and not encoding.startswith(("utf-16", "utf-32")):
        raise UnknownEncoding(phrase("xml-encoding", name=encoding))
    if has_doctype(io.BytesIO(data)):
        raise HasDoctype(phrase("xml-doctype"), 1)


_TOO_DEEP = etree.XPath("boolean(/*" + "/*" * MAX_EXACT_DEPTH + ")")


def to_bytes(root: Element) -> bytes:
    """A parsed document, changed perhaps, as UTF-8 XML."""
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def subtrees(stream: BinaryIO, tags: Iterable[str]) -> Iterator[Element]:
    """Every element with one of ``tags`` ("{namespace}name", none inside another), whole; memory is that of the largest, or of `READ` bytes
    of a document. For documents that Kho made.

    Raises:
        NotWellFormed: as `events`.
    """
    tags = tuple(tags)
    head = stream.read(READ)
    after = stream.read(READ) if head else b""
    root = None if after else _small(head)
    if root is not None:
        yield from root.iter(*tags)
        return
    for _, element in _Feeder(_Begun(head + after, stream), ("end",), tags):  # type: ignore[arg-type]
        yield element
        _drop(element)


def _small(data: bytes) -> Any:
    """The root of a document that is there whole; None of one that is not well-formed."""
    try:
        root = etree.fromstring(data, _PARSER)
    except (etree.XMLSyntaxError, ValueError, LookupError):
        return None
    _refuse_doctype(root)
    return root


class _Begun:
    """What was read of a stream already, and the rest of it."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head, self._stream = head, stream

    def read(self, size: int) -> bytes:
        if not self._head:
            return self._stream.read(size)
        head, self._head = self._head[:size], self._head[size:]
        return head


class _Limited:
    """A reader that refuses to go on past a limit."""

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        self._stream = stream
        self._left = limit

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise NotWellFormed(phrase("xml-no-tree"))
        return data
