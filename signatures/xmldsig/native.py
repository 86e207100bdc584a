"""Canonical XML, written by libxml2 where it can: a subtree, less some of its elements. It takes a tenth of what the walk of our own takes.

What is to be left out is marked with processing instructions, and cut out of what libxml2 writes: so the tree is never copied. They are
taken away again before anybody else sees it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lxml import etree  # type: ignore[import-untyped]

from formats.xml import NotWellFormed, exact
from policies.phrases import phrase
from signatures.xmldsig.attributes import in_scope
from signatures.xmldsig.c14n import BYTES, XML, Method, Nodes, Refused, Sink, Work, walked

__all__ = ["canonical", "joined"]

LEAST, HEAVY = 64, 1 << 14
"""Nodes below which libxml2 is not asked, unless there are so many characters in them: it takes 50 µs to begin."""

MOST_CUT = 100
"""Elements that are left out; a document has as many signatures."""

MOST_AGAIN = 800_000
"""Nodes of a part of which a second tree is made; they take some 100 MB."""

MOST_SCOPE = 32
"""Declarations in scope of one element in the inclusive form. Each is held against each, so with more of them the walk is faster."""

WIDE = 256
"""Attributes of one element that libxml2 puts in order; it holds each against each, so of more the walk is faster."""

_HAS_WIDE = etree.XPath(f"boolean(descendant-or-self::*[@*[{WIDE + 1}]])")
_COUNT = etree.XPath("count(descendant-or-self::node()) + count(descendant-or-self::*/@*)")

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9:/?#@!$&'()*+,;=._~-]*|")
"""Names of namespaces over which libxml2 does not complain."""


def canonical(nodes: Nodes, method: Method, work: Work, sink: Sink) -> None:
    """Hand the canonical form of ``nodes`` to ``sink``, in pieces. Raises `Refused`."""
    out = _cut(nodes)
    steps = None if out is None else _steps(nodes, method, work)
    if out is None or steps is None:
        for piece in walked(nodes, method, work):
            sink(piece)
        return
    work.visit(steps)
    write(nodes, method, work, sink, out)


def joined(nodes: Nodes, method: Method, work: Work) -> bytes:
    """The canonical form as one piece, for what is known to be small (a SignedInfo). Raises `Refused`."""
    found = bytearray()
    canonical(nodes, method, work, found.extend)
    return bytes(found)


def _cut(nodes: Nodes) -> list[Any] | None:
    """The topmost elements that are left out; None where the node set is not a subtree less some elements."""
    tops = {top for each in nodes.filters for top in each.tops}
    if len(tops) > MOST_CUT or any(each.operation != "subtract" for each in nodes.filters):
        return None
    if tops and not tops.isdisjoint((nodes.top, *nodes.top.iterancestors())):
        return None
    found = []
    for each in tops:
        above = list(each.iterancestors())
        if nodes.top in above and tops.isdisjoint(above):
            found.append(each)
    return found


def _steps(nodes: Nodes, method: Method, work: Work) -> int | None:
    """What libxml2 would take, in steps of `Work`; None where it cannot do it, or not faster. Raises `Refused`."""
    top = nodes.top
    count = int(_COUNT(top))
    if (count < LEAST and _length(top) < HEAVY) or method.prefixes:  # over a part, it takes listed prefixes for others
        return None
    if not nodes.whole and top.getparent() is None and (top.getprevious() is not None or top.getnext() is not None):
        return None  # it would write what stands around a root
    if not method.exclusive and _inherits(top, work):
        return None  # it does not know of what is inherited
    if not method.exclusive and not nodes.whole and count > MOST_AGAIN:
        return None
    scope = None if _HAS_WIDE(top) else _scope(top, work)
    if scope is None or (scope > MOST_SCOPE and not method.exclusive):
        return None
    if method.exclusive:  # declarations above a part are copied to it, each held against each
        return count // 16 + (scope * scope >> 9)
    return count * (100 + scope * scope) // 1600


def _inherits(top: Any, work: Work) -> bool:
    """Whether an attribute of XML itself stands above an element. Raises `Refused`."""
    for each in top.iterancestors():
        if len(each.attrib):
            work.visit(1 + (len(each.attrib) >> 4))
            if any(name.startswith(f"{{{XML}}}") for name in each.attrib):
                return True
    return False


def _length(top: Any) -> int:
    """The characters in a few nodes."""
    texts = (part for each in top.iter() for part in (each.text, each.tail, *each.values()))
    return sum(len(each) for each in texts if each)


def _scope(top: Any, work: Work) -> int | None:
    """The most declarations in scope of an element at or below ``top``; None where one of them is no absolute URI, over which the standard
    and libxml2 fail. Raises `Refused`."""
    above = in_scope(top.getparent(), work.visit)
    if not all(map(_ABSOLUTE.fullmatch, above.values())):
        return None
    now = most = len(above)
    for event, declared in etree.iterwalk(top, events=("start-ns", "end-ns")):
        now += 1 if event == "start-ns" else -1
        most = max(most, now)
        if event == "start-ns" and not _ABSOLUTE.fullmatch(declared[1] or ""):
            return None
    return most


def write(nodes: Nodes, method: Method, work: Work, sink: Sink, out: list[Any]) -> None:
    """Let libxml2 write. ``out`` are elements below the top, none inside another."""
    with _marked(out) as mark:
        pieces = _Pieces(sink, work, mark)
        try:
            comments = method.comments and nodes.comments
            _tree(nodes, method, work).write_c14n(pieces, exclusive=method.exclusive, with_comments=comments)
        except (etree.LxmlError, NotWellFormed) as error:
            raise Refused(phrase("dsig-native", why=str(error)[:80])) from error
    pieces.end()


def _tree(nodes: Nodes, method: Method, work: Work) -> Any:
    """What libxml2 is given. In the inclusive form it makes mistakes over a part of a tree, so that part is made a document."""
    if nodes.whole or nodes.top.getparent() is None:
        return nodes.top.getroottree()
    if method.exclusive:
        return etree.ElementTree(nodes.top)
    data = etree.tostring(nodes.top, with_tail=False, encoding="UTF-8")
    work.parse(data)
    return exact(data).getroottree()


@contextmanager
def _marked(out: list[Any]) -> Iterator[str]:
    """Marks before each element and at its end, by a name that no document can have foreseen."""
    mark = f"cut-{secrets.token_hex(16)}"
    placed = []
    try:
        for each in out:
            for place, name in ((each.addprevious, f"{mark}-a"), (each.append, f"{mark}-z")):
                placed.append(etree.PI(name))
                place(placed[-1])
        yield mark
    finally:
        for each in placed:
            parent = each.getparent()
            if parent is not None:
                parent.remove(each)


class _Pieces:
    """A file for lxml to write to. What stands between two marks goes no further."""

    def __init__(self, sink: Sink, work: Work, mark: str) -> None:
        self._sink, self._work = sink, work
        self._seeking = [f"<?{mark}-a?>".encode(), f"<?{mark}-z?>".encode(), b">"]
        """What comes next: the first mark, the second, the end of the end tag around it."""
        self._rest = b""

    def write(self, data: bytes) -> None:
        self._work.visit(1 + (len(data) >> BYTES))
        rest = self._rest + data
        while (at := rest.find(self._seeking[0])) >= 0:
            if self._outside:
                self._sink(rest[:at])
            rest = rest[at + len(self._seeking[0]) :]
            self._seeking.append(self._seeking.pop(0))
        kept = len(self._seeking[0]) - 1  # of a mark that may have begun
        done = max(0, len(rest) - kept)
        if self._outside:
            self._sink(rest[:done])
        self._rest = rest[done:]

    @property
    def _outside(self) -> bool:
        return self._seeking[0].endswith(b"-a?>")

    def end(self) -> None:
        self._sink(self._rest)
