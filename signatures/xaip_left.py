"""What of a TR-ESOR package no record protects: objects, and what stands in the package around those that are, down to comments.

Of a binary object its decoded content is hashed, of any other one its canonical form: the first leaves what is written on the element
around it, the second comments, and if it is exclusive what prefixes in values mean.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache
from itertools import chain
from typing import Any

from lxml import etree  # type: ignore[import-untyped]

from signatures.left_words import WORDS, told
from signatures.xaip_content import (
    REFERENCE,
    content_of,
    has_text,
    id_attribute,
    is_ours,
    is_section,
    local_name,
    only_child,
)
from signatures.xmldsig.c14n import Method, Work
from signatures.xmldsig.document import text_of
from signatures.xmldsig.names import ds
from signatures.xmldsig.prefixes import unsigned_declarations

__all__ = ["beside_inner", "unprotected"]

_KINDS = (etree.Comment, etree.ProcessingInstruction)
"""What no hash of an object need have. They are looked for by iteration, not by paths: libxml2 takes time with the square of the comments
that stand in text."""

_SCHEMA = "{http://www.w3.org/2001/XMLSchema-instance}"
"""Attributes that say where a schema is, or that nothing is there."""

_NAMES = {"packageID", "Id", "id", "XAIPVersion"}
"""Attributes of what holds others that are names for programs, as long as they are written so: no words that a reader would show."""


_OF_RECORD = ("AOID", "VersionID", "Id", "Version")
"""Attributes of a record in its credential: for what it was made, and in which form."""


def unprotected(root: Any, protected: Collection[Any], method: Method, work: Work) -> Iterator[str]:
    """What of a package is not protected, by its id or its name; evidence records aside, and what they are read by. ``protected`` are the
    elements that are, in the canonical form ``method``. A credential of which every single thing is protected is too. Raises `Refused`."""
    around = chain(root.itersiblings(*_KINDS, preceding=True), root.itersiblings(*_KINDS))
    yield from _said(root, local_name(root), around)
    ids = cache(lambda: frozenset(_ids(root)))
    for section in root.iterchildren("*"):
        if not is_section(section):
            yield local_name(section)
            continue
        yield from _said(section, local_name(section))
        met: set[str] = set()
        for each in section.iterchildren("*"):
            if each.tag in met and _is_said_once(each):  # of two, readers may take either
                yield local_name(each)
                continue
            met.add(each.tag)
            yield from _of_item(each, protected, method, work, ids)


def _is_said_once(element: Any) -> bool:
    """Whether it is what a header has once, and what is read and under no record."""
    return is_ours(element, "AOID") or element.tag == ds("CanonicalizationMethod")


def _said(element: Any, name: str, around: Iterable[Any] = ()) -> Iterator[str]:
    """What stands at an element that only holds others; ``around`` are comments and instructions around it."""
    words = ["attributes"] if _attributes(element, *_NAMES) else []
    words += ["text"] if has_text(element) else []
    words += ["comments"] if _is_any(chain(around, element.iterchildren(*_KINDS))) else []
    yield from (told(name + WORDS.get(each, f" ({each})")) for each in words)


def _is_any(nodes: Iterator[Any]) -> bool:
    return next(nodes, None) is not None


def _attributes(element: Any, *known: str) -> set[str]:
    return {each for each in element.attrib if not each.startswith(_SCHEMA)} - {each for each in known if _is_name(element, each)}


def _is_name(element: Any, attribute: str) -> bool:
    """Whether an attribute is one word, as names for programs are; an address was followed, whatever it is."""
    return attribute == "URI" or len(element.get(attribute, "").split()) < 2


def _of_item(
    element: Any, protected: Collection[Any], method: Method, work: Work, ids: Callable[[], frozenset[str]]
) -> Iterator[str]:
    """What is left of what stands in a section. ``ids`` are those of all that does."""
    held = id_attribute(element)
    name = (element.get(held) if held else None) or local_name(element)
    if element in protected:
        words = _beside_content(element, held, method, work)
    elif is_ours(element, "AOID"):
        words = _more_than(element, text=len(text_of(element).split()) == 1)
    elif element.tag == ds("CanonicalizationMethod"):
        words = _more_than(element, "Algorithm")
    elif held == "credentialID" and _is_record(element):
        words = ["attributes"] if _says_more(element, held, ids) else []
        words += ["comments"] if _is_any(element.iter(*_KINDS)) else []
    elif held == "credentialID" and _wholly(element, protected):
        words = (["attributes"] if _attributes(element, held) else []) + (["comments"] if _is_any(element.iter(*_KINDS)) else [])
    else:
        yield told(name)
        return
    yield from (told(name + WORDS.get(each, f" ({each})")) for each in words)


def _says_more(credential: Any, held: str, ids: Callable[[], frozenset[str]]) -> bool:
    """Whether the attributes of a credential that is a record say more than which it is and to what it belongs."""
    inner = only_child(credential)
    related = {*credential.get("relatedObjects", "").split()}
    if related and not related <= ids():
        return True
    said = _attributes(credential, held, "Id") - {"relatedObjects"}
    return bool(said or _attributes(inner, *_OF_RECORD) or _attributes(only_child(inner), *_OF_RECORD))


def _ids(root: Any) -> Iterator[str]:
    """The ids of all that stands in the sections of a package."""
    for section in root.iterchildren("*"):
        yield from (each.get(held, "").strip() for each in section.iterchildren("*") if (held := id_attribute(each)))


def _more_than(element: Any, *known: str, text: bool = False) -> list[str]:
    """What an element holds besides some attributes, and text where it may have that."""
    words = ["attributes"] if _attributes(element, *known) else []
    return words + (["content"] if len(element) or (not text and has_text(element)) else [])


def _beside_content(element: Any, held: str, method: Method, work: Work) -> list[str]:
    """What the hash of a protected object leaves of it."""
    content = content_of(element)
    inner = content.binary if content.binary is not None else content.reference
    if inner is None:
        words = ["comments"] if not method.comments and _is_any(element.iter(etree.Comment)) else []
        unsigned = unsigned_declarations(element, method.prefixes, work) if method.exclusive else iter(())
        return words + (["namespaces"] if _is_any(unsigned) else [])
    words = _said_around(element, inner, [inner], held, "URI" if inner.tag == REFERENCE else "Encoding")
    return words + (["comments"] if _is_any(element.iter(*_KINDS)) else [])


def beside_inner(element: Any, inner: Any) -> Iterator[str]:
    """What is left of an object of which ``inner``, an element in it, was hashed alone."""
    held, way = id_attribute(element), [inner.getparent()]
    name = element.get(held) if held else local_name(element)
    words = _said_around(element, inner, way, held)
    beside = (each.iter(*_KINDS) for each in element.iterchildren("*") if each is not inner and each not in way)
    words += ["comments"] if _is_any(chain(*(each.iterchildren(*_KINDS) for each in way), *beside)) else []
    yield from (told(name + WORDS.get(each, f" ({each})")) for each in words)


def _said_around(element: Any, inner: Any, way: list[Any], *known: str) -> list[str]:
    """What an object says around ``inner``. ``way`` begins with the lowest element whose attributes are left, and is led up to it."""
    while way[-1] is not element:
        way.append(way[-1].getparent())
    words = ["attributes"] if any(_attributes(each, *known, "Id") for each in way) else []
    beside = (each for each in element.iterchildren("*") if each is not inner and each not in way and not _is_check_sum(each))
    return words + [local_name(each) for each in beside]


def _is_check_sum(element: Any) -> bool:
    """Whether it is a checkSum and no more: it was held against the content, or is told."""
    inside = list(element.iterchildren("*"))
    if not is_ours(element, "checkSum") or has_text(element) or any(_attributes(each) for each in (element, *inside)):
        return False
    return sorted(map(local_name, inside)) == ["checkSum", "checkSumAlgorithm"] and not any(len(each) for each in inside)


def _is_record(credential: Any) -> bool:
    """Whether a credential is an evidence record and no more."""
    inside = only_child(credential)
    return inside is not None and is_ours(inside, "evidenceRecord") and only_child(inside) is not None


def _wholly(element: Any, protected: Collection[Any], depth: int = 3) -> bool:
    """Whether all that is in a credential, values in their lists, is in protected elements."""
    if has_text(element) or not depth:
        return False
    inside = list(element.iterchildren("*"))
    return bool(inside) and all(each in protected or _wholly(each, protected, depth - 1) for each in inside)
