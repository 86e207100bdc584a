"""The rules of CSIP 2.2.0 for the structural map (CSIP80 to CSIP119), and its agreement with the file groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from formats.hrefs import decode_href
from formats.mets_reader import Attributes, Division, Pointer, StructMap
from formats.package.seen import Seen

__all__ = ["Add", "Structure"]

MAX_GROUPS: Final = 10_000
"""File groups remembered; packages have a few for each representation."""

_RULES: Final = {
    # label: (division missing, its ID, pointer missing, pointer to nowhere, twice)
    "Documentation": ("CSIP93", "CSIP94", "CSIP96", "CSIP116", "CSIP93-TWICE"),
    "Schemas": ("CSIP97", "CSIP98", "CSIP100", "CSIP118", "CSIP97-TWICE"),
    "Representations": ("CSIP101", "CSIP102", "CSIP104", "CSIP119", "CSIP101-TWICE"),
}


class Add(Protocol):
    def __call__(self, code: str, **args: str | int) -> None: ...


class Structure:
    """Takes the structural map of one document part by part. Only the map with LABEL="CSIP" is bound by rules."""

    def __init__(self, add: Add, ids: Seen, package: bool) -> None:
        self._add = add
        self._ids = ids
        self._package = package
        self._groups: dict[str, tuple[str, str]] = {}  # id → (kind, USE)
        self._maps = 0
        self._csip_maps = 0
        self._in_csip = False
        self._mains = 0
        self._labels: dict[str, int] = {}
        self._label = ""
        self._pointed: set[str] = set()
        self._to_files: set[str] = set()  # kinds of divisions that point at files one by one
        self._misplaced: set[str] = set()

    # --- from the file section ---

    def group(self, kind: str, use: str, identifier: str) -> None:
        if len(self._groups) < MAX_GROUPS:
            self._groups[identifier] = (kind, use)

    def located(self, uses: Sequence[str], href: str) -> None:
        """CSIP64: USE is the path of the folder. Said once for each group."""
        use = uses[0] if uses else ""
        first = use.split("/", 1)[0].lower()
        if first not in ("documentation", "schemas", "representations") or use in self._misplaced or not self._package:
            return
        path = decode_href(href).replace("\\", "/").removeprefix("./").lower()
        inside = path.startswith((f"{use.lower().rstrip('/')}/", f"{first}/" if first != "representations" else "\0"))
        nested = first != "representations" and f"/{first}/" in path  # a representation's own documentation or schemas
        if not inside and not nested and len(self._misplaced) < MAX_GROUPS:
            self._misplaced.add(use)
            self._add("CSIP64-FOLDER", value=use, href=href)

    # --- from the map ---

    def map(self, part: StructMap, identifier: str) -> None:
        self._maps += 1
        label = part.attributes.get("LABEL", "")
        self._in_csip = label.lower() in ("csip", "csip structmap")
        if not self._in_csip:
            return
        if label != "CSIP":
            self._add("CSIP82", value=label)
        self._csip_maps += 1
        if part.attributes.get("TYPE") != "PHYSICAL":
            self._add("CSIP81", value=part.attributes.get("TYPE", ""))
        if not identifier:
            self._add("CSIP83")

    def division(self, part: Division) -> None:
        if not self._in_csip or part.depth > 2:
            return
        attributes = part.attributes
        if part.depth == 1:
            self._mains += 1
            if not attributes.get("ID"):
                self._add("CSIP85")
            return
        label = attributes.get("LABEL", "")
        self._label = label
        self._labels[label] = self._labels.get(label, 0) + 1 if len(self._labels) < MAX_GROUPS else 1
        if not attributes.get("ID"):
            self._add(_RULES[label][1] if label in _RULES else "CSIP89" if label == "Metadata" else "CSIP106", value=label)
        for code, name in (("CSIP91", "ADMID"), ("CSIP92", "DMDID")):
            for identifier in attributes.get(name, "").split():
                if identifier not in self._ids:
                    self._add(code, value=identifier)

    def pointer(self, part: Pointer) -> None:
        if part.kind == "mptr":
            self._mets_pointer(part.attributes)
            return
        if not self._in_csip:
            return
        target = part.attributes.get("FILEID", "")
        kind = self._label.split("/", 1)[0]
        if target in self._groups:
            self._pointed.add(target)
        elif target and target in self._ids:
            self._to_files.add(kind if kind in _RULES else "")
        else:
            self._add(_RULES[kind][3] if kind in _RULES else "CSIP-FPTR", value=target)

    def _mets_pointer(self, attributes: Attributes) -> None:
        if not self._in_csip:
            return
        for code, good in (
            ("CSIP110", bool(attributes.get("xlink:href"))),
            ("CSIP111", attributes.get("xlink:type") == "simple"),
            ("CSIP112", attributes.get("LOCTYPE") == "URL"),
        ):
            if not good:
                self._add(code, value=self._label)
        title = attributes.get("xlink:title", "")
        if title in self._groups:
            self._pointed.add(title)
        else:
            self._add("CSIP108", value=title)
        if not self._label.startswith("Representations"):
            self._add("CSIP107", value=self._label)

    # --- the end ---

    def end(self) -> None:
        if self._csip_maps != 1:
            self._add("CSIP80", count=self._csip_maps)
        if not self._csip_maps:
            return
        if self._mains != self._csip_maps:
            self._add("CSIP84", count=self._mains)
        if (count := self._labels.get("Metadata", 0)) != 1:
            self._add("CSIP88", count=count)
        for kind, (missing, _, unpointed, _, twice) in _RULES.items():
            groups = [each for each, (of, _) in self._groups.items() if of == kind]
            divisions = sum(number for label, number in self._labels.items() if label.split("/", 1)[0] == kind)
            if self._labels.get(kind, 0) > 1:
                self._add(twice, count=self._labels[kind])
            if groups and not divisions:
                self._add(missing)
            elif kind not in self._to_files and any(group not in self._pointed for group in groups):
                self._add(unpointed)
