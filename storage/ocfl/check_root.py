"""Judging a storage root: its declaration, its layout, what lies between the objects, and how the objects stand to each other
(OCFL 1.0 and 1.1 §4). The objects themselves are judged by whoever calls, with the verdicts brought back here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from fixity.errors import CouldNotRead
from storage.ocfl.blocks import Report, shown
from storage.ocfl.check_declaration import OBJECT, ROOT, check_declaration
from storage.ocfl.check_object import Verdict
from storage.ocfl.inventory import INVENTORY
from storage.ocfl.layout import LAYOUT_FILE, REGISTERED, REGISTERED_LAYOUTS, Placing, mapping
from storage.ocfl.numbering import Numbering
from storage.ocfl.readonly import FILE, FOLDER, LINK, Place

__all__ = ["RootCheck", "is_object"]

_LAYOUT_LIMIT = 1 << 20
"""Bytes of ocfl_layout.json and config.json that are read; good ones have a few hundred."""


def is_object(entries: list[tuple[str, str]]) -> bool:
    """Whether a folder is, or was before it was damaged, an OCFL object: it has an object declaration, or an inventory with a
    digest file or a version directory."""
    files = {name for name, kind in entries if kind == FILE}
    if any(name.startswith(f"0={OBJECT.value}") for name in files):
        return True
    return INVENTORY in files and any(
        name.startswith(f"{INVENTORY}.") if kind == FILE else Numbering.names_version(name) for name, kind in entries
    )


class RootCheck:
    """One check of one storage root: `begin`, then `objects`, `judged` for each, then `finish`."""

    def __init__(self, place: Place, report: Report) -> None:
        self._place, self._report = place, report
        self._spec = ""
        self._placing: Placing | None = None
        self._seen: dict[bytes, str] = {}
        self._depths: set[bool] = set()
        self._unread = 0

    def begin(self) -> None:
        """Judge what stands directly in the root."""
        entries = self._entries("")
        self._spec, _names = check_declaration(self._place, entries, ROOT, self._report)
        kinds = dict(entries)
        if kinds.get(LAYOUT_FILE) == FILE:
            self._check_layout()
        if kinds.get("extensions") == FOLDER:
            self._check_extensions()
        for name, kind in entries:
            if kind not in (FILE, FOLDER):
                self._report("E090", name, value=kind)

    def _entries(self, folder: str) -> list[tuple[str, str]]:
        try:
            return self._place.scan(folder)
        except CouldNotRead as error:
            self._report("FIX-UNREADABLE", folder, reason=error.reason)
            self._unread += 1
            return [("", FILE)]  # unknown, and so neither empty nor an object

    def _json(self, path: str) -> Any:
        """Raises ValueError when the bytes are no JSON in UTF-8, CouldNotRead."""
        try:
            return json.loads(self._place.read(path, _LAYOUT_LIMIT).decode("utf-8"))
        except RecursionError as error:
            raise ValueError("too deep") from error

    def _check_layout(self) -> None:
        try:
            layout = self._json(LAYOUT_FILE)
            extension = layout["extension"]
            if not isinstance(extension, str) or not isinstance(layout["description"], str):
                raise TypeError(extension)
        except CouldNotRead as error:
            self._report("FIX-UNREADABLE", LAYOUT_FILE, reason=error.reason)
        except (ValueError, TypeError, KeyError) as error:
            self._report("E070", LAYOUT_FILE, value=shown(str(error)))
        else:
            if extension not in REGISTERED_LAYOUTS:
                self._report("E071", LAYOUT_FILE, value=shown(extension))
            self._placing = self._read_placing(extension)

    def _read_placing(self, extension: str) -> Placing | None:
        path = f"extensions/{extension}/config.json"
        if extension not in REGISTERED_LAYOUTS:
            return None
        config: Any = {}
        try:
            if any(name == "config.json" for name, _kind in self._place.scan(f"extensions/{extension}")):
                config = self._json(path)
            if not isinstance(config, dict):
                raise ValueError("not a JSON object")
            return mapping(extension, config)
        except CouldNotRead:
            return mapping(extension, config) if extension != "0006-flat-omit-prefix-storage-layout" else None
        except ValueError as error:
            self._report("OCFL-LAYOUT-CONFIG", path, reason=shown(str(error)))
            return None

    def _check_extensions(self) -> None:
        for name, kind in self._entries("extensions"):
            path = f"extensions/{name}"
            if kind != FOLDER and name:
                self._report("E086" if self._spec == "1.0" else "E112", path, value=kind)
                if kind == LINK:
                    self._report("E090", path, value=kind)
            elif name and name not in REGISTERED:
                self._report("W016", path, value=shown(name))

    def objects(self) -> Iterator[str]:
        """The paths of all objects, in order; what lies between them is judged on the way."""
        for name, kind in self._entries(""):
            if kind == FOLDER and name != "extensions":
                found, unread = False, self._unread
                for path in self._below(name):
                    found = True
                    self._depths.add("/" in path)
                    yield path
                if not found and unread == self._unread:  # what could not be looked into may hold one
                    self._report("E088", name, value="")

    def _below(self, top: str) -> Iterator[str]:
        waiting = [top]
        while waiting:
            folder = waiting.pop()
            entries = self._entries(folder)
            if is_object(entries):
                yield folder
                continue
            if not entries:
                self._report("E073", folder, value="")
            self._check_between(folder, entries)
            waiting.extend(f"{folder}/{name}" for name, kind in reversed(entries) if kind == FOLDER)

    def _check_between(self, folder: str, entries: list[tuple[str, str]]) -> None:
        """A folder on the way to objects holds folders only (E072, E084), and the way ends at an object (E085)."""
        for name, kind in entries:
            if kind == FOLDER or not name:
                continue
            if kind == FILE:
                self._report("E072", f"{folder}/{name}", value=kind)
                self._report("E084", f"{folder}/{name}", value=kind)
            else:
                self._report("E090", f"{folder}/{name}", value=kind)
        if not any(kind == FOLDER or not name for name, kind in entries):
            self._report("E085", folder, value="")

    def judged(self, path: str, verdict: Verdict) -> None:
        """Take in the verdict on the object at ``path``."""
        if self._spec and verdict.spec > self._spec:
            self._report("E081", path, value=verdict.spec)
        if not verdict.object_id:
            return
        key = hashlib.blake2b(verdict.object_id.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        first = self._seen.setdefault(key, path)
        if first != path:
            self._report("E037", path, value=shown(verdict.object_id))
            self._report("E083", path, value=first)
        if self._placing is not None:
            expected = self._placing(verdict.object_id)
            if expected is not None and expected != path:
                self._report("W014", path, value=shown(expected))

    def finish(self) -> None:
        """What can only be said when all objects are known."""
        if len(self._depths) > 1:
            self._report("W015", "", value="")
