"""Changes of sound input that keep its form, so that readers believe what it says: elements of DER and of XML, numbers and names of PDF."""

from __future__ import annotations

import copy
import random
import re
from functools import lru_cache
from typing import Any

from lxml import etree

from signatures.ber import OCTETS, Malformed, Part, element, parts
from signatures.der import encode
from tests.signatures.test_hostile import damaged

__all__ = ["der", "either", "pdf", "with_element", "xml"]

# -- DER -----------------------------------------------------------------------------------------------------------------------

MOST_ADDED = 200_000
"""Bytes that one change adds where it is made; what it is made in may stand there several hundred times by then."""

LARGEST = 4 << 20
"""Bytes of a structure that is still written."""

Node = list[Any]
"""[identifier, content or the nodes in it]"""

_CONTENTS = (
    b"",
    b"\0",
    b"\xff",
    b"\x80\x01",
    b"\xff" * 30,
    b"\x7f" * 2000,
    b"\0" * 20,
    b"\x09\xff",
    b"000101000000Z",
    b"20260230000000Z",
    b"99991231235959Z",
    b"00000101000000.5+1400",
    b"\xe9\xe8" * 20,
    b"x" * 20_000,
    b"\xd8\x00" * 9,
    b"http://[::1",
    b"\x30\x80" * 50,
)
"""Numbers below nothing and beyond every machine's, times that are none, characters that are none."""


@lru_cache(maxsize=64)
def _tree(data: bytes) -> Node:
    return _node(data, element(data))


def _node(data: bytes, each: Part) -> Node:
    identifier = data[each.start : each.start + 1]
    if each.constructed:
        return [identifier, [_node(data, one) for one in parts(data, each)]]
    content = data[each.body : each.body_end]
    if each.tag == OCTETS and content[:1] == b"\x30":  # extensions, and what else is DER in octets
        try:
            inner = element(content)
            if inner.end == len(content):
                return [identifier, [_node(content, inner)]]
        except Malformed:
            pass
    return [identifier, content]


def _encoded(node: Node) -> bytes:
    """``node`` in bytes; one without identifier is bytes already."""
    content = node[1] if isinstance(node[1], bytes) else b"".join(map(_encoded, node[1]))
    if not node[0]:
        return content
    return encode(node[0][0], content)


def _size(node: Node, known: dict[int, int]) -> int:
    """About how many bytes `_encoded` would write. A node that stands in several places is gone through once."""
    if id(node) not in known:
        content = node[1]
        known[id(node)] = 4 + (len(content) if isinstance(content, bytes) else sum(_size(each, known) for each in content))
    return known[id(node)]


def _nodes(node: Node) -> list[tuple[Node, int]]:
    """(parent, number) of each below ``node``."""
    found: list[tuple[Node, int]] = []
    open_ = [node]
    while open_:
        parent = open_.pop()
        if isinstance(parent[1], list):
            found += [(parent, number) for number in range(len(parent[1]))]
            open_ += parent[1]
    return found


def der(draw: random.Random, data: bytes) -> bytes:
    """A structure with some of its elements changed, doubled, moved or nested, and the lengths around them right."""
    try:
        root = copy.deepcopy(_tree(data))
    except (Malformed, IndexError):
        return damaged(draw, data)
    deep = [3, 40, 150]  # once in a structure: what is nested again and again is too deep for these functions
    for _ in range(draw.choice((1, 1, 2, 5))):
        every = _nodes(root)
        if not every:
            break
        parent, at = draw.choice(every)
        other, there = draw.choice(every)
        one = parent[1][at]
        match draw.randrange(9):
            case 0:
                del parent[1][at]
            case 1:
                parent[1][at:at] = [one] * min(draw.choice((1, 2, 300)), MOST_ADDED // len(_encoded(one)))
            case 2:
                parent[1][at] = copy.deepcopy(other[1][there])
            case 3:
                one[0] = bytes(
                    (draw.choice((1, 2, 3, 4, 5, 6, 10, 12, 19, 20, 22, 23, 24, 28, 30, 48, 49, 0x80, 0xA0, 0xA1, 0xA3)),)
                )
            case 4 | 5:
                one[1] = draw.choice(_CONTENTS)
            case 6:
                if isinstance(one[1], bytes):
                    one[1] = damaged(draw, one[1] or b"\0")
            case 7:
                for _ in range(draw.choice(deep)):
                    one = [b"\x30", [one]]
                deep = [1]
                parent[1][at] = one
            case _:
                if isinstance(parent[1], list):
                    draw.shuffle(parent[1])
        if _size(root, {}) > LARGEST:
            return damaged(draw, data)
    return _encoded(root)


def with_element(data: bytes, path: tuple[int, ...], made: bytes) -> bytes:
    """The structure with ``made`` in the place of the element at ``path``."""
    root = copy.deepcopy(_tree(data))
    at = root
    for number in path[:-1]:
        at = at[1][number]
    at[1][path[-1]] = [b"", made]
    return _encoded(root)


# -- XML -----------------------------------------------------------------------------------------------------------------------

WORDS = ["", "#body", "#sig-1", "#sig-1-signed", "#xpointer(/)", "../x", "cid:1", "x" * 5000, "http://a/b", "-1", "/edoc"]
NAMES = [
    "c=//////dc=" * 12 + "!",
    "CN=" + "," * 2000,
    'CN="' + '\\"' * 1000,
    "9" * 5000,
    "-9",
    "2.5.4.3=#" + "0" * 2000,
    "x" * 60_000,
]
"""What may be written as the name of somebody, or as a number."""


def xml(draw: random.Random, data: bytes) -> bytes:
    """A document with some of its elements doubled, moved, emptied, wrapped or renamed, or with attributes, declarations and levels that
    nobody needs; where it is none any more, damaged bytes."""
    try:
        root = etree.fromstring(data)
    except (etree.XMLSyntaxError, ValueError):
        return damaged(draw, data)
    every = [each for each in root.iter(etree.Element) if each is not root] or [etree.SubElement(root, "new")]
    algorithms = [each.get("Algorithm") for each in every if each.get("Algorithm")] or ["x"]
    for _ in range(draw.choice((1, 1, 2, 5))):
        _changed(draw, draw.choice(every), draw.choice(every), algorithms)
    changed = etree.tostring(root)
    return damaged(draw, changed) if draw.random() < 0.2 else changed


def _changed(draw: random.Random, one: Any, other: Any, algorithms: list[str]) -> None:
    match draw.randrange(12):
        case 0:
            one.addnext(copy.deepcopy(one))
        case 1:
            other.append(copy.deepcopy(one))
        case 2:
            one.clear()
        case 3:
            for name in one.attrib:
                one.set(name, draw.choice([*WORDS, *algorithms]))
        case 4:
            one.text = draw.choice([*WORDS, *NAMES, "A" * 200_000, "%%%"])
        case 5:
            one.set("Id", draw.choice(WORDS[1:]).removeprefix("#"))
        case 6:
            deep = one
            for _ in range(draw.choice((5, 150, 300))):
                deep = etree.SubElement(deep, one.tag)
        case 7:
            for number in range(draw.choice((3, 300, 3_000))):
                one.set(f"a{number}", "1")
        case 8:  # references, certificates, values: the same again
            for _ in range(min(draw.choice((5, 60, 400)), MOST_ADDED // len(etree.tostring(one)))):
                one.addnext(copy.deepcopy(one))
        case 9:
            inner = one
            for number in range(draw.choice((3, 60))):
                inner = etree.SubElement(inner, f"{{urn:{number}}}e", nsmap={f"p{each}": f"urn:{number}" for each in range(30)})
        case 10:
            for each in draw.choice((("Id", "ID", "id"), ("{http://www.w3.org/XML/1998/namespace}id",), ("URI", "Target"))):
                one.set(each, other.get("Id") or "x")
        case _:
            one.tag = other.tag


def either(draw: random.Random, data: bytes) -> bytes:
    """Elements or bytes, about as often."""
    return xml(draw, data) if data[:1] == b"<" and draw.random() < 0.5 else damaged(draw, data)


# -- PDF -----------------------------------------------------------------------------------------------------------------------

_NUMBER = re.compile(rb"(?<=[\s\[/(<])-?\d{1,10}(?=[\s\]/)>])")
_NAME = re.compile(rb"/[A-Za-z]{1,20}")


def pdf(draw: random.Random, data: bytes) -> bytes:
    """A document whose numbers (references, lengths, places) or names are others."""
    changed = data
    for _ in range(draw.choice((1, 1, 3, 9))):
        found = list((_NUMBER if draw.random() < 0.6 else _NAME).finditer(changed))
        if not found:
            return damaged(draw, changed)
        one = draw.choice(found)
        words = (
            b"0",
            b"-1",
            b"9" * 30,
            b"%d" % len(data),
            b"1 0 R",
            b"[" * 300,
            b"<<" * 300,
            b"/" + b"x" * 3000,
            draw.choice(found)[0],
        )
        changed = changed[: one.start()] + draw.choice(words) + changed[one.end() :]
    return changed
