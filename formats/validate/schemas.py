"""XML schemas (XSD 1.0) that came along: which one speaks of a document, and whether the document is as it says.

Only files of one folder are read, by their names: whatever address a schema or a document gives, nothing is fetched. Runs in the confined
worker: schemas are strangers' files, too, and a content model can be made to keep a compiler busy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from formats.validate.validation import LONGEST_WORDS, Defect, Validation, Validity, defective
from policies.findings import Puid
from policies.phrases import phrase

__all__ = ["Schemas", "no_schema"]

XSD: Final = "{http://www.w3.org/2001/XMLSchema}schema"
XSI: Final = "{http://www.w3.org/2001/XMLSchema-instance}"

_OPTIONS: Final[Mapping[str, Any]] = {"load_dtd": False, "no_network": True, "resolve_entities": False}


@dataclass(frozen=True, slots=True)
class _Usable:
    """``schema`` is lxml's; None where it cannot be used, and ``reason`` says why."""

    schema: Any
    reason: str = ""


class Schemas:
    """The schemas of one ``folder``; a validator that is made anew for each deposit."""

    name = "schema"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._namespaces: dict[str, list[str]] = {}
        self._usable: dict[str, _Usable] = {}
        for path in sorted(folder.iterdir()):
            namespace = _target(path)
            if namespace is not None:
                self._namespaces.setdefault(namespace, []).append(path.name)

    @property
    def version(self) -> str:
        from lxml import etree  # type: ignore[import-untyped]

        return f"XSD 1.0, libxml2 {'.'.join(map(str, etree.LIBXML_VERSION))}"

    def compile_all(self) -> dict[str, str]:
        """Name → why it cannot be used ("" for one that can): all of them, for whoever wants to know how long that takes."""
        names = [name for names in self._namespaces.values() for name in names]
        return {name: self._compiled(name).reason for name in names}

    def validate(self, path: Path, puid: Puid) -> Validation:
        """Whether a well-formed document is as its schema says; VALID without a ``schema`` where none speaks of it."""
        from lxml import etree

        name = self._speaking_of(path)
        if not name:
            return no_schema(phrase("schema-none"))
        usable = self._compiled(name)
        if usable.schema is None:
            return no_schema(phrase("schema-unusable", schema=name, reason=usable.reason))
        defects: list[Defect] = []
        try:
            with path.open("rb") as stream:
                parsed = etree.iterparse(stream, events=("end",), schema=usable.schema, huge_tree=True, **_OPTIONS)
                for _, element in parsed:
                    element.clear()
                    while (parent := element.getparent()) is not None and element.getprevious() is not None:
                        del parent[0]
        except etree.XMLSyntaxError as error:  # its own log has what was wrong with documents before this one, too
            defects = [Defect("schema", str(each.message)) for each in parsed.error_log] or [Defect("schema", str(error.msg))]
        return replace(defective(f"schema {name} ({self.version})", defects), schema=name)

    def _speaking_of(self, path: Path) -> str:
        """The schema for the namespace of the root; of several that whose name the document itself gives, else the first."""
        from lxml import etree

        with path.open("rb") as stream:
            root = next((element for _, element in etree.iterparse(stream, events=("start",), huge_tree=True, **_OPTIONS)), None)
        if root is None:
            return ""
        namespace = etree.QName(root).namespace or ""
        names = self._namespaces.get(namespace, [])
        given = f"{root.get(f'{XSI}schemaLocation', '')} {root.get(f'{XSI}noNamespaceSchemaLocation', '')}"
        named = [name for name in names if name in {word.rpartition("/")[2] for word in given.split()}]
        if not namespace:  # anybody's: only what it asks for itself
            return named[0] if named else ""
        return (named or names or [""])[0]

    def _compiled(self, name: str) -> _Usable:
        if name not in self._usable:
            self._usable[name] = self._compile(name)
        return self._usable[name]

    def _compile(self, name: str) -> _Usable:
        from lxml import etree

        parser = etree.XMLParser(**_OPTIONS)
        there = {path.name: path for path in self._folder.iterdir()}
        missing: list[str] = []

        class Local(etree.Resolver):  # type: ignore[misc]
            def resolve(self, url: str, public_id: str, context: Any) -> Any:
                wanted = (url or "").rpartition("/")[2]
                if wanted in there:
                    return self.resolve_filename(str(there[wanted]), context)
                missing.append(wanted)
                return self.resolve_string("", context)

        parser.resolvers.add(Local())
        try:
            return _Usable(etree.XMLSchema(etree.parse(str(there[name]), parser)))
        except etree.LxmlError as error:
            lacking = f"without {', '.join(dict.fromkeys(missing))}: " if missing else ""
            return _Usable(None, f"{lacking}{error}"[:LONGEST_WORDS])


def no_schema(reason: str) -> Validation:
    """A document was held against none, which is nothing against it."""
    return Validation(Validity.VALID, reason=reason, schema="")


def _target(path: Path) -> str | None:
    """The namespace that a schema speaks of ("" for none); None when the file is no schema."""
    from lxml import etree

    try:
        with path.open("rb") as stream:
            for _, element in etree.iterparse(stream, events=("start",), **_OPTIONS):
                return str(element.get("targetNamespace", "")) if element.tag == XSD else None
    except etree.XMLSyntaxError:
        return None
    return None
