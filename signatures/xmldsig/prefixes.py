"""Prefixes in values, and what signs their meaning.

A name in a value (``xsi:type="cur:Money"``, a path in XPath) means what a declaration of a namespace makes of its prefix. The exclusive
canonical form writes a declaration only where an element or an attribute is called by it, or where its prefix is listed (Exclusive XML
Canonicalization 1.0, 1.3 and 3). So the meaning of such names may be signed by nobody: whoever changes the declaration, or puts another
one below it, changes no digest.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from lxml import etree  # type: ignore[import-untyped]

from signatures.xmldsig.attributes import attribute_prefix, attributes
from signatures.xmldsig.c14n import Work
from signatures.xmldsig.document import BATCH, text_of

__all__ = ["Listed", "unsigned_declarations"]

Listed = frozenset[str] | None
"""Prefixes that exclusive forms write wherever they are declared ("" is the default namespace); None: all of them, it is inclusive."""

PARTS = 8
"""What is done here is reckoned in parts of a step of `Work`, half a microsecond each, and handed on in hundreds of steps."""

FEW, LOOKED, LONG = 16, 9, 1 << 7
"""Prefixes that are looked for in a text one by one, at a part for every 2 ** LOOKED characters of a LONG one; more, by cutting it at
each colon."""

_SCHEMA = "{http://www.w3.org/2001/XMLSchema}"
_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_IN_SCHEMAS = frozenset({"type", "base", "ref", "refer", "itemType", "memberTypes", "substitutionGroup"})
"""Attributes of a schema that hold names (XML Schema 1.0, part 1)."""

_COMPATIBILITY = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_PREFIXES = frozenset(
    {
        *(_COMPATIBILITY + each for each in ("Ignorable", "MustUnderstand")),
        *("Requires", "PrefixList", "exclude-result-prefixes", "extension-element-prefixes"),
    }
)
"""Attributes that hold prefixes without a colon (ECMA-376-3; canonical forms; XSLT 1.0, 7.1.1). In any other a word is a word."""

_NAME = re.compile(
    "[-.0-9A-Z_a-z\u00b7\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u037d\u037f-\u1fff\u200c\u200d\u203f\u2040\u2070-\u218f\u2c00-\u2fef\u3001-\ud7ff"
    "\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff]*"
)
"""What names are made of (XML 1.0, 2.3), colons aside."""
_CUT = re.compile(_NAME.pattern + ":")
_NOTHING: frozenset[str] = frozenset()
_NO_BEGIN = "-.0123456789\u00b7"


def unsigned_declarations(
    top: Any, listed: frozenset[str], work: Work, *, out: Collection[Any] = (), nested: Mapping[Any, Listed] | None = None
) -> Iterator[Any]:
    """Elements with declarations that names in values at or below ``top`` need, and that no canonical form of it writes. What stands
    outside of ``top`` may be among them, for it is in scope there.

    ``listed`` are the prefixes that the form lists, ``out`` the elements that are not in it, ``nested`` those that are signed by
    themselves, too. Raises `Refused`.
    """
    parent = top.getparent()
    above = {prefix or "": uri for prefix, uri in parent.nsmap.items()} if parent is not None else {}
    work.visit(1 + len(above) // PARTS)
    # Without a prefix all are called by what is the default namespace there.
    if any(above) or _declares(top, out):
        yield from _Walk(top, listed, work, out, nested or {}).found(above)


def _declares(top: Any, out: Collection[Any]) -> bool:
    """Whether prefixes are declared at or below ``top``, outside of ``out``."""
    found = _declared(top)
    for each in out:
        if not any(found.values()):
            return False
        above = list(each.iterancestors())
        if top in above and not any(one in out for one in above):
            found.subtract(_declared(each))
    return any(found.values())


def _declared(top: Any) -> Counter[str]:
    return Counter(prefix for _, (prefix, _) in etree.iterwalk(top, events=("start-ns",)) if prefix)


_Place = tuple[str, Any]
"""A namespace, and the element that declares a prefix for it; None: one above the top."""


@dataclass(slots=True)
class _Scope:
    """Prefixes that are declared in an element, and in what is in it; ``open`` of them in the element itself."""

    places: dict[str, _Place]
    open: int = 0
    marks: tuple[str, ...] | None = None
    """What is looked for in texts; None: there are too many prefixes for that."""

    def __post_init__(self) -> None:
        if len(self.places) <= FEW:
            self.marks = (*(f"{each}:" for each in self.places if each),)


class _Walk:
    def __init__(self, top: Any, listed: frozenset[str], work: Work, out: Collection[Any], nested: Mapping[Any, Listed]) -> None:
        self._top, self._listed, self._work, self._out, self._nested = top, listed, work, out, nested
        self._owed = 0
        self._scopes: list[_Scope] = []
        self._names: dict[str, set[str]] = {}
        """Namespace → the prefixes that were declared for it so far."""
        self._written: dict[tuple[str, Any], str | None] = {}
        """A prefix and an element → for which namespace the form wrote it last, there or above; None: it did not."""
        self._joined: set[Any] = set()

    def found(self, above: dict[str, str]) -> Iterator[Any]:
        scopes, told = self._scopes, set()
        scopes.append(_Scope({prefix: (uri, None) for prefix, uri in above.items()}))
        for prefix, uri in above.items():
            self._names.setdefault(uri, set()).add(prefix)
        for element, prefix in self._uses():
            uri, place = scopes[-1].places.get(prefix, ("", element))
            if self._last_written(element, prefix) == uri or self._is_listed(element, prefix):
                continue
            place = self._above(prefix, uri) if place is None else place
            if place not in told:
                told.add(place)
                yield place

    def _uses(self) -> Iterator[tuple[Any, str]]:
        """Elements and the prefixes in their values, while the scope of the element is the last one."""
        scopes, declared, nested, out = self._scopes, {}, self._nested, self._out
        walk = etree.iterwalk(self._top, events=("start-ns", "start", "end-ns", "comment", "pi"))
        for number, (event, node) in enumerate(walk):
            if not number % BATCH:
                self._work.visit(BATCH // PARTS)
            if event == "start-ns":
                declared[node[0] or ""] = node[1] or ""
                continue
            if event == "end-ns":  # one for each that was declared
                scopes[-1].open -= 1
                if not scopes[-1].open:
                    scopes.pop()
                continue
            if (text := node.tail) and ":" in text and node is not self._top:
                if event != "start":
                    text = self._whole(node, text)
                if self._has_mark(text):
                    yield from [(node.getparent(), each) for each in self._before_colons(text)]
            if event != "start":
                continue
            if declared:
                self._open(node, declared)
                declared = {}
            if node in out or (node in nested and nested[node] is None):
                walk.skip_subtree()
                continue
            if pairs := attributes(node, self._work.visit):
                yield from [(node, each) for each in self._in_attributes(node, pairs)]
            if (text := node.text) and ":" in text and self._has_mark(text):
                yield from [(node, each) for each in self._before_colons(text)]

    def _open(self, element: Any, declared: dict[str, str]) -> None:
        places = self._scopes[-1].places | {prefix: (uri, element) for prefix, uri in declared.items()}
        self._scopes.append(_Scope(places, len(declared)))
        for prefix, uri in declared.items():
            self._names.setdefault(uri, set()).add(prefix)
        self._owe(len(places) // PARTS)

    def _owe(self, parts: int) -> None:
        self._owed += parts
        if self._owed >= 100 * PARTS:
            self._work.visit(self._owed // PARTS)
            self._owed = 0

    def _whole(self, node: Any, text: str) -> str:
        """The text around a comment or an instruction, which may stand within a name of ``text`` behind it."""
        holder = node.getparent()
        if not _CUT.match(text) or holder in self._joined:
            return text
        self._joined.add(holder)
        self._owe(len(holder))
        return text_of(holder)

    def _in_attributes(self, element: Any, pairs: list[tuple[str, str]]) -> Iterator[str]:
        for name, value in pairs:
            if ":" in value and self._has_mark(value):
                yield from self._before_colons(value)
            if name in _PREFIXES:
                yield from self._in_scope("" if each == "#default" else each for each in value.split())
            elif name == _TYPE or (name in _IN_SCHEMAS and element.tag.startswith(_SCHEMA)):
                yield from _without(value)
                if name == _TYPE and value.rpartition(":")[2] == "QName":
                    yield from _without(text_of(element))

    def _in_scope(self, names: Iterable[str]) -> Iterator[str]:
        places = self._scopes[-1].places
        return (each for each in names if each in places)

    def _has_mark(self, text: str) -> bool:
        """Whether a text may have a prefix in scope before a colon."""
        marks = self._scopes[-1].marks
        if marks is None:
            return True
        if len(text) > LONG:
            self._owe(len(marks) * len(text) >> LOOKED)
        return any(each in text for each in marks)

    def _before_colons(self, text: str) -> Iterator[str]:
        """Prefixes in scope that stand before colons."""
        scope = self._scopes[-1]
        places = scope.places
        sought = {each for each in scope.marks or () if each in text}
        before = 0
        while (at := text.find(":", before)) >= 0:
            self._owe(2)
            match = _NAME.match(text[before:at][::-1])
            name = text[at - (match.end() if match else 0) : at].lstrip(_NO_BEGIN)
            before = at + 1
            if name in places:
                yield name
                sought.discard(f"{name}:")
                if scope.marks is not None and not sought:
                    return

    def _is_listed(self, element: Any, prefix: str) -> bool:
        """Whether a form of something that ``element`` is in lists a prefix."""
        if prefix in self._listed:
            return True
        for number, each in enumerate(chain((element,), element.iterancestors()) if self._nested else ()):
            self._owe(number % 2)
            if prefix in (self._nested.get(each) or ()):
                return True
            if each is self._top:
                break
        return False

    def _last_written(self, element: Any, prefix: str) -> str | None:
        """For which namespace the form wrote a prefix last, at ``element`` or above; None: it did not."""
        if (found := self._called(element, prefix)) is not None:
            return found
        found = None if prefix else ""
        unknown = []
        while element is not self._top:
            element = element.getparent()
            if (prefix, element) in self._written:
                found = self._written[prefix, element]
                break
            unknown.append(element)
            if (called := self._called(element, prefix)) is not None:
                found = called
                break
        self._written.update(((prefix, each), found) for each in unknown)
        self._owe(2 + len(unknown))
        return found

    def _called(self, element: Any, prefix: str) -> str | None:
        """The namespace of an element, or of an attribute of it, that is called by a prefix."""
        if (element.prefix or "") == prefix:
            return _namespace(element.tag)
        names = element.keys() if prefix and element.attrib else []
        self._owe(len(names) // 2)
        for name in names:
            uri = _namespace(name)
            if prefix in self._names.get(uri, ()):
                self._owe(len(names))
                if len(self._names[uri] - {""}) == 1 or attribute_prefix(element, name) == prefix:
                    return uri
        return None

    def _above(self, prefix: str, uri: str) -> Any:
        """The element above the top that declares a prefix."""
        found = self._top.getparent()
        while (parent := found.getparent()) is not None:
            spaces = parent.nsmap
            self._owe(2 + len(spaces))
            if spaces.get(prefix or None) != uri:
                break
            found = parent
        return found


def _namespace(name: str) -> str:
    return name[1:].partition("}")[0] if name[:1] == "{" else ""


def _without(value: str) -> Iterator[str]:
    """The default prefix, if one of the names in a value has none."""
    return iter(("",) if any(":" not in each for each in value.split()) else ())
