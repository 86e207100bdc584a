"""Canonical XML: the bytes that stand for a part of a document when it is signed (C14N 1.0 and 1.1, and the exclusive form).

Own code over lxml's tree, because lxml has no node sets, and forgets the xml: attributes that a part inherits. One walk, no copies, output
as a stream; what is simple and large is left to libxml2 (`signatures.xmldsig.native`). A bound on all of it is the caller's (`Work`).
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Self

from lxml import etree  # type: ignore[import-untyped]

from policies.phrases import phrase
from signatures.xmldsig.attributes import attribute_prefix, attributes, in_scope

__all__ = ["BYTES", "C14N", "METHODS", "MOST_VISITS", "XML", "Filter", "Method", "Nodes", "Refused", "Sink", "Work", "walked"]

XML = "http://www.w3.org/XML/1998/namespace"
C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"

MOST_VISITS = 250_000
"""Steps for all that is done for one file, at some 4 µs each: a second, whatever the file asks for. A step is one event of the walk below;
what libxml2 and hashlib do is reckoned in these steps too. A message of 20 MB, signed and stamped for the archive, takes most of them."""

SMALL, LARGER = 150_000, 3
"""A small document may ask for no more than so many, and one for every 2 ** LARGER of its bytes: it could not need more. What is packed
may be large though its file is small."""

BYTES = 10
"""What is parsed, written or hashed by libraries counts as a step for every 2 ** BYTES bytes."""

LOOKED = 7
"""XML that is looked through for marks of signatures counts as a step for every 2 ** LOOKED bytes."""

MARKS = 3
"""And what libxml2 parses as one for every 2 ** MARKS marks ("<")."""

STEP = 6
"""Text counts as a step of `Work` for every 2 ** STEP characters."""

MOST_STEPS = 10_000
"""Steps after which the account is looked at, though nothing was handed on yet."""

FLUSH = 1 << 14
"""Pieces of text that are joined before they are handed on."""


class Refused(Exception):
    """What a signature asks for is not done: it is not in the closed list, or beyond a bound. ``reason`` is for people."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


Sink = Callable[[bytes], object]
"""What takes the pieces of a canonical form, the update of a hash most often."""


@dataclass
class Work:
    """How much may still be done for one file, and for all that is inside it; and which digests are known from doing it."""

    left: int = MOST_VISITS
    free: int = 0
    parts: int = 0
    """Bytes that may be looked through, and parts that may be found, before that takes steps."""
    lacking: set[tuple[Hashable, str]] = field(default_factory=set)
    """Canonical forms of what was read again, each with what it lacks that is there: "comments", "namespaces"."""
    _digests: dict[tuple[str, Hashable], bytes] = field(default_factory=dict)
    _contents: set[tuple[str, bytes]] = field(default_factory=set)
    _opened: Counter[Hashable] = field(default_factory=Counter)

    @classmethod
    def of(cls, size: int) -> Self:
        """For a document of ``size`` bytes that is in no other file."""
        return cls(min(MOST_VISITS, SMALL + (size >> LARGER)))

    def visit(self, count: int = 1) -> None:
        """Take ``count`` steps. Raises `Refused`: there are no more."""
        self.left -= count
        if self.left < 0:
            raise Refused(phrase("dsig-steps"))

    def look(self, size: int) -> None:
        """Account for looking through as much as ``size`` bytes of XML. Raises `Refused`."""
        over, self.free = max(0, size - self.free), max(0, self.free - size)
        self.visit(over >> LOOKED)

    def part(self, steps: int) -> None:
        """Account for finding a part, which takes as many ``steps``. Raises `Refused`."""
        self.parts -= 1
        self.visit(steps if self.parts < 0 else 0)

    def digest(self, algorithm: str, made: Callable[[Sink], object], *, known: Hashable = None, file: bool = False) -> bytes:
        """The digest of what ``made`` makes; once only where it is ``known`` as the same again. A ``file`` may be read once for nothing,
        however long it is: which file it is tells its content, for a name can be written in many ways. Raises `Refused`."""
        if known is not None and (algorithm, known) in self._digests:
            return self._digests[algorithm, known]
        hasher, size = hashlib.new(algorithm), 0

        def take(piece: bytes) -> None:
            nonlocal size
            size += len(piece)
            hasher.update(piece)

        made(take)
        found = hasher.digest()
        if known is not None:
            self._digests[algorithm, known] = found
        if file and (algorithm, found) in self._contents:
            self.visit(size >> BYTES)
        elif file:
            self._contents.add((algorithm, found))
        return found

    def opened(self, file: Hashable) -> int:
        """How often a file was opened, this time included. Raises `Refused`: nothing more is done."""
        self.visit(1)
        self._opened[file] += 1
        return self._opened[file]

    def parse(self, data: bytes) -> None:
        """Account for parsing a document that a file holds. Raises `Refused`."""
        self.visit((data.count(b"<") >> MARKS) + (len(data) >> BYTES))


@dataclass(frozen=True)
class Method:
    """A canonicalisation. ``prefixes`` are those treated inclusively by the exclusive form ("" is the default namespace)."""

    exclusive: bool = False
    comments: bool = False
    v11: bool = False
    prefixes: frozenset[str] = frozenset()


METHODS = {
    C14N: Method(),
    C14N + "#WithComments": Method(comments=True),
    "http://www.w3.org/2006/12/xml-c14n11": Method(v11=True),
    "http://www.w3.org/2006/12/xml-c14n11#WithComments": Method(v11=True, comments=True),
    "http://www.w3.org/2001/10/xml-exc-c14n#": Method(exclusive=True),
    "http://www.w3.org/2001/10/xml-exc-c14n#WithComments": Method(exclusive=True, comments=True),
}


@dataclass(frozen=True)
class Filter:
    """A step of XPath Filter 2.0: ``operation`` "subtract", "intersect" or "union" with the subtrees below ``tops``."""

    operation: str
    tops: frozenset[Any]


@dataclass(frozen=True)
class Nodes:
    """A node set: the subtree below ``top`` (``whole``: the document with what stands around its root), less what filters take away."""

    top: Any
    whole: bool = False
    comments: bool = False
    filters: tuple[Filter, ...] = ()

    def filtered(self, operation: str, tops: frozenset[Any]) -> Nodes:
        return replace(self, filters=(*self.filters, Filter(operation, tops)))


def walked(nodes: Nodes, method: Method, work: Work) -> Iterator[bytes]:
    """The canonical form of ``nodes``, in pieces. Raises `Refused`."""
    yield from _Writer(nodes, method, work).pieces()


@dataclass(frozen=True, slots=True)
class _Level:
    """What holds below an element on the path: is it written, what is declared and what was written of it, and the xml: attributes that
    the next written one inherits. Elements that change nothing share the level of their parent."""

    out: bool
    scope: dict[str, str]
    rendered: dict[str, str]
    inherited: dict[str, str]


class _Writer:
    def __init__(self, nodes: Nodes, method: Method, work: Work) -> None:
        self._nodes, self._method, self._work = nodes, method, work
        self._comments = method.comments and nodes.comments
        above = list(nodes.top.iterancestors()) if nodes.filters else []
        self._inside = [sum(node in each.tops for node in above) for each in nodes.filters]
        self._parts: list[str] = []
        self._steps = 0

    def pieces(self) -> Iterator[bytes]:
        top = self._nodes.top
        if self._nodes.whole:
            for node in reversed(list(top.itersiblings(preceding=True))):
                self._around(node, before=True)
        yield from self._walk(top)
        if self._nodes.whole:
            for node in top.itersiblings():
                self._around(node, before=False)
        yield self._flushed()

    def _flushed(self) -> bytes:
        self._work.visit(self._steps)
        self._steps = 0
        data = "".join(self._parts).encode()
        self._parts.clear()
        return data

    def _around(self, node: Any, *, before: bool) -> None:
        self._steps += 1
        text = self._other(node) if self._member() else ""
        if text:
            self._parts.append(f"{text}\n" if before else f"\n{text}")

    def _member(self) -> bool:
        """Whether nodes are in the set at this place of the walk (XPath Filter 2.0, 3.4)."""
        found = True
        for inside, each in zip(self._inside, self._nodes.filters, strict=True):
            if each.operation == "subtract":
                found = found and not inside
            elif each.operation == "intersect":
                found = found and bool(inside)
            else:
                found = found or bool(inside)
        return found

    def _other(self, node: Any) -> str:
        if node.tag is etree.Comment:
            return f"<!--{_line_ends(node.text)}-->" if self._comments else ""
        if node.tag is etree.PI:
            return f"<?{node.target} {_line_ends(node.text)}?>" if node.text else f"<?{node.target}?>"
        raise Refused(phrase("dsig-entity"))

    def _walk(self, top: Any) -> Iterator[bytes]:
        parts, filters = self._parts, self._nodes.filters
        step = 1 + len(filters) // 4
        levels, names = [self._above(top)], [""]
        declared: dict[str, str] = {}
        for event, node in etree.iterwalk(top, events=("start-ns", "start", "end", "comment", "pi")):
            if event == "start-ns":
                declared[node[0] or ""] = node[1] or ""
                continue
            self._steps += step
            if event == "start":
                for number, each in enumerate(filters):
                    self._inside[number] += node in each.tops
                name, level = self._opened(node, levels[-1], declared)
                if declared:
                    declared = {}
                levels.append(level)
                names.append(name)
                if level.out and (text := node.text):
                    self._write(text)
                continue
            if event == "end":
                name = names.pop()
                if levels.pop().out:
                    parts.append(f"</{name}>")
                for number, each in enumerate(filters):
                    self._inside[number] -= node in each.tops
            elif levels[-1].out:
                parts.append(self._other(node))
            if levels[-1].out and node is not top and (text := node.tail):
                self._write(text)
            if len(parts) > FLUSH:
                yield self._flushed()

    def _write(self, text: str) -> None:
        self._steps += len(text) >> STEP
        self._parts.append(_text(text))

    def _above(self, top: Any) -> _Level:
        """What ``top`` inherits from its ancestors, none of which is in the set."""
        scope = {prefix or "": uri for prefix, uri in in_scope(top.getparent(), self._work.visit).items()}
        inherited: dict[str, str] = {}
        for each in reversed([*top.iterancestors()]):
            self._steps += 1
            inherited = self._passed_on(each, inherited)
        return _Level(False, scope, {}, inherited)

    def _passed_on(self, element: Any, inherited: dict[str, str]) -> dict[str, str]:
        """The xml: attributes below an element that is not written (C14N 1.0, 2.4; 1.1, 2.4)."""
        found = [] if self._method.exclusive else attributes(element, self._work.visit)
        own = {name: value for name, value in found if name.startswith(_XML_ATTRIBUTE)}
        if own and self._method.v11:
            own.pop(_XML_ATTRIBUTE + "id", None)
            if _BASE in own and _BASE in inherited:
                raise Refused(phrase("dsig-base"))
        return inherited | own if own else inherited

    def _opened(self, element: Any, above: _Level, declared: dict[str, str]) -> tuple[str, _Level]:
        """Write a start tag. Returns the name and what holds below."""
        scope = above.scope
        if declared:
            scope = scope | declared
            self._steps += len(scope) >> STEP
        if self._nodes.filters and not self._member():
            return "", _Level(False, scope, above.rendered, self._passed_on(element, above.inherited))
        prefix = element.prefix or ""
        name = f"{prefix}:{_local(element.tag)}" if prefix else _local(element.tag)
        named, used = self._attributes(element, above, scope)
        used.add(prefix)
        namespaces = self._namespaces(above, scope, used, fresh=bool(declared))
        text = f"<{name}"
        for key, uri in sorted(namespaces.items()):
            text += f' xmlns:{key}="{_value(uri)}"' if key else f' xmlns="{_value(uri)}"'
        for shown, value in named:
            text += f' {shown}="{_value(value)}"'
        # A long name of a namespace, written anew at every element, makes terabytes of a megabyte.
        self._steps += len(text) >> STEP
        if self._steps > MOST_STEPS:
            self._work.visit(self._steps)
            self._steps = 0
        self._parts.append(text + ">")
        if not (namespaces or declared or above.inherited) and above.out:
            return name, above
        return name, _Level(True, scope, above.rendered | namespaces if namespaces else above.rendered, {})

    def _attributes(self, element: Any, above: _Level, scope: dict[str, str]) -> tuple[list[tuple[str, str]], set[str]]:
        """(attributes as written, in their order; the prefixes that they use)."""
        found = attributes(element, self._work.visit)
        if above.inherited and not above.out:
            if self._method.v11 and _BASE in element.attrib and _BASE in above.inherited:
                raise Refused(phrase("dsig-base"))
            found = list((above.inherited | dict(found)).items())
        if len(found) < 2 and not any(key[0] == "{" for key, _ in found):
            return found, set()
        named = [(_attribute_order(key), *self._named(element, key, scope), value) for key, value in found]
        named.sort()
        return [(shown, value) for _, _, shown, value in named], {prefix for _, prefix, _, _ in named if prefix}

    def _namespaces(self, above: _Level, scope: dict[str, str], used: set[str], *, fresh: bool) -> dict[str, str]:
        """The declarations to write: all that are in scope, or (exclusive form) those in use, when they are not written above already."""
        rendered = above.rendered
        if self._method.exclusive:
            listed = self._method.prefixes
            prefixes = used | (listed & scope.keys()) if listed else used
            self._steps += (len(listed) + len(scope) + 8 * len(prefixes)) >> STEP if listed else 0
            wanted = {each: scope.get(each, "") for each in prefixes}
        elif above.out and not fresh:
            return {}  # the parent wrote all of them
        else:
            wanted = {"": ""} | scope
            self._steps += len(wanted) // 8
        return {
            prefix: uri
            for prefix, uri in wanted.items()
            if prefix != "xml" and rendered.get(prefix, None if prefix else "") != uri
        }

    def _named(self, element: Any, key: str, scope: dict[str, str]) -> tuple[str, str]:
        """(prefix, name as written) of an attribute. lxml keeps the namespace only."""
        if key[0] != "{":
            return "", key
        uri, _, local = key[1:].partition("}")
        if uri == XML:
            return "xml", f"xml:{local}"
        self._steps += len(scope) >> STEP
        prefixes = [prefix for prefix, each in scope.items() if prefix and each == uri]
        self._work.visit(0 if len(prefixes) == 1 else len(element.attrib) >> 4)
        prefix = prefixes[0] if len(prefixes) == 1 else attribute_prefix(element, key)
        return prefix, f"{prefix}:{local}"


_XML_ATTRIBUTE = f"{{{XML}}}"
_BASE = _XML_ATTRIBUTE + "base"


@functools.lru_cache(maxsize=4096)
def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _attribute_order(key: str) -> tuple[str, str]:
    """Namespace first (none before all others), then local name, by code point."""
    if key[0] != "{":
        return "", key
    uri, _, local = key[1:].partition("}")
    return uri, local


_IN_TEXT = re.compile("[&<>\r]")
_IN_VALUE = re.compile('[&<"\t\n\r]')
_REFERENCES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#x9;", "\n": "&#xA;", "\r": "&#xD;"}


def _text(text: str) -> str:
    return _IN_TEXT.sub(_reference, text) if _IN_TEXT.search(text) else text


def _value(text: str) -> str:
    return _IN_VALUE.sub(_reference, text) if _IN_VALUE.search(text) else text


def _reference(match: re.Match[str]) -> str:
    return _REFERENCES[match[0]]


def _line_ends(text: str | None) -> str:
    return (text or "").replace("\r", "&#xD;")
