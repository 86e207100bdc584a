"""Conformance declarations (NAMASTE files) of objects and storage roots: OCFL 1.1 §3.2 and §4.2."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fixity.errors import CouldNotRead
from storage.ocfl.blocks import Report, shown
from storage.ocfl.reader import SPECS
from storage.ocfl.readonly import FILE, Place

__all__ = ["OBJECT", "ROOT", "Declaration", "check_declaration"]

_NAMASTE = re.compile(r"([^=/]*)=(.*)", re.DOTALL)
_LONGEST = 1024
"""Bytes of a declaration that are read; a good one has under 20."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """The codes of one kind of declaration. ``value`` is the start of dvalue; ``missing`` and ``form`` are reported when none is
    there, ``several`` when there is more than one, ``name``, ``tag`` and ``dvalue`` for the three parts of the file name."""

    value: str
    missing: tuple[str, ...]
    several: tuple[str, ...]
    name: str
    tag: str
    dvalue: str
    content: str

    def looks_like(self, name: str) -> bool:
        """Whether a file name was meant as a declaration of this kind."""
        found = _NAMASTE.fullmatch(name) if "=" in name else None
        return bool(found and (found[1] == "0" or found[2].startswith(self.value))) or name.startswith(self.value)


OBJECT = Declaration("ocfl_object_", ("E003",), ("E003",), "E004", "E005", "E006", "E007")
ROOT = Declaration("ocfl_", ("E069", "E076"), ("E076", "E069"), "E077", "E078", "E079", "E080")


def check_declaration(place: Place, entries: list[tuple[str, str]], rules: Declaration, report: Report) -> tuple[str, set[str]]:
    """(The version of the specification that is declared, "" when none is; names of the files that are good declarations)."""
    good: dict[str, str] = {}
    for name, kind in entries:
        if kind != FILE or not rules.looks_like(name):
            continue
        version = name.removeprefix(f"0={rules.value}")
        if version in SPECS and name != version:
            good[version] = name
        elif rules is OBJECT or name.startswith("0="):  # other files may lie in a storage root
            _report_name(name, rules, report)
    for code in rules.missing if not good else rules.several if len(good) > 1 else ():
        report(code, "", value=shown(", ".join(sorted(good.values()))) or "-")
    for name in good.values():
        _check_content(place, name, rules, report)
    return max(good, default=""), set(good.values())


def _report_name(name: str, rules: Declaration, report: Report) -> None:
    found = _NAMASTE.fullmatch(name)
    if found is None:
        report(rules.name, name, value=shown(name))
    elif found[1] != "0":
        report(rules.tag, name, value=shown(name))
    else:
        report(rules.dvalue, name, value=shown(name))


def _check_content(place: Place, name: str, rules: Declaration, report: Report) -> None:
    try:
        data = place.read(name, _LONGEST)
    except CouldNotRead as error:
        report("FIX-UNREADABLE", name, reason=error.reason)
        return
    if data != name.removeprefix("0=").encode() + b"\n":
        report(rules.content, name, value=shown(data.decode("utf-8", "replace")))
