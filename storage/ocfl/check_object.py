"""Judging one OCFL object: what lies in its root and version folders, its inventories, its content (OCFL 1.0 and 1.1 §3)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from fixity.errors import CouldNotRead
from policies.findings import Findings
from storage.ocfl.blocks import Report, shown
from storage.ocfl.check_content import Claims, ContentCheck, report_kind
from storage.ocfl.check_declaration import OBJECT, check_declaration
from storage.ocfl.check_inventory import InventoryFile, check_sidecar, expected_sidecar, load_inventory
from storage.ocfl.check_versions import History
from storage.ocfl.inventory import INVENTORY
from storage.ocfl.layout import REGISTERED
from storage.ocfl.numbering import Numbering
from storage.ocfl.reader import SPECS, InventoryReader
from storage.ocfl.readonly import FILE, FOLDER, LINK, Place

__all__ = ["ObjectCheck", "Verdict", "reporter"]

_VERSION_LIKE = re.compile(r"v[0-9]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a root check needs to know of an object: its id ("" when it could not be read) and the specification it declares."""

    object_id: str
    spec: str


def reporter(findings: Findings, prefix: str) -> Report:
    """Adds findings whose paths are relative to the folder ``prefix``."""

    def report(code: str, path: str = "", **args: str | int) -> None:
        findings.add(code, f"{prefix}/{path}" if prefix and path else prefix or path, **args)

    return report


class ObjectCheck:
    """One check of one object. ``spec`` judges by that version of the specification whatever the object declares."""

    def __init__(
        self,
        place: Place,
        report: Report,
        *,
        spec: str | None = None,
        content: bool = True,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self._place, self._report = place, report
        self._forced, self._hashing, self._progress = spec, content, progress
        self._declared = ""
        self._root: InventoryFile | None = None
        self._scanned: dict[str, list[tuple[str, str]]] = {}
        self._unread: set[str] = set()

    def check(self) -> Verdict:
        try:
            entries = self._place.scan("")
        except CouldNotRead as error:
            self._report("FIX-UNREADABLE", "", reason=error.reason)
            return Verdict("", "")
        self._declared, declarations = check_declaration(self._place, entries, OBJECT, self._report)
        files = {name for name, kind in entries if kind == FILE}
        self._load_root(files)
        reader = self._root.reader if self._root else None
        allowed = {INVENTORY} | declarations
        if self._root is not None:
            allowed |= check_sidecar(self._place, "", self._root, files, self._report)
        else:
            allowed |= {name for name in files if name.startswith(f"{INVENTORY}.")}
        self._check_entries(entries, allowed, reader)
        if reader is not None:
            self._check_versions(reader, {name for name, kind in entries if kind == FOLDER})
        return Verdict(reader.object_id if reader else "", self._declared)

    def _load_root(self, files: set[str]) -> None:
        if INVENTORY not in files:
            self._report("E063", "", value="")
            for name in files:
                if name.lower() == INVENTORY:
                    self._report("E034", name, value=shown(name))
            return
        self._root = load_inventory(self._place, "", self._report, self._forced or self._declared or SPECS[-1])
        reader = self._root.reader if self._root else None
        expected = self._forced or self._declared
        if reader is not None and reader.spec_stated and expected and reader.spec != expected:
            self._report("E038", INVENTORY, value=reader.spec)

    def _check_entries(self, entries: list[tuple[str, str]], allowed: set[str], reader: InventoryReader | None) -> None:
        versions = set(reader.numbering.names) if reader else set()
        for name, kind in entries:
            if kind == FILE:
                if name not in allowed:
                    self._report("E001", name, value=kind)
            elif kind == FOLDER:
                if name == "extensions":
                    self._check_extensions()
                elif name != "logs" and name not in versions:
                    self._report_strange_folder(name, reader)
            else:
                report_kind(kind, name, self._report, "E001")

    def _report_strange_folder(self, name: str, reader: InventoryReader | None) -> None:
        if not _VERSION_LIKE.fullmatch(name):
            self._report("E001", name, value="folder")
        elif reader is not None:
            self._report("E046", name, value="folder")

    def _check_extensions(self) -> None:
        for name, kind in self._entries("extensions"):
            path = f"extensions/{name}"
            if kind != FOLDER:
                self._report("E067", path, value=kind)
                if kind == LINK:
                    self._report("E090", path, value=kind)
            elif name not in REGISTERED:
                self._report("W013", path, value=shown(name))

    def _entries(self, folder: str) -> list[tuple[str, str]]:
        try:
            return self._place.scan(folder)
        except CouldNotRead as error:
            self._report("FIX-UNREADABLE", folder, reason=error.reason)
            self._unread.add(folder)
            return []

    def _check_versions(self, root: InventoryReader, folders: set[str]) -> None:
        claims = Claims(root.algorithm, root.blocks.contents, root.fixity)
        history = History(root, claims, self._report)
        self._check_sequence(root, folders)
        specs: list[str] = []
        present = [name for name in root.numbering.names if name in folders]
        for name in present:
            self._scanned[name] = self._entries(name)
            if name in self._unread:
                continue
            spec = self._check_version_inventory(root, name, history)
            if spec:
                if specs and spec < specs[-1]:
                    self._report("E103", f"{name}/{INVENTORY}", value=spec)
                specs.append(spec)
        content = ContentCheck(self._place, claims, self._report, hashing=self._hashing, progress=self._progress)
        for name in present:
            if name in self._unread:
                content.leave_out(name)
            else:
                self._check_version_folder(root, name, content)
        content.finish()

    def _check_sequence(self, root: InventoryReader, folders: set[str]) -> None:
        """The folders that are there, as far as the root inventory alone does not show it."""
        missing = [name for name in root.numbering.names if name not in folders]
        for name in missing:
            self._report("E046", name, value="")
        numbers = sorted(number for name in folders if (number := Numbering.number(name)) is not None)
        if missing and numbers:
            if numbers[0] != 1:
                self._report("E009", "", value=numbers[0])
            if numbers[-1] - numbers[0] != len(numbers) - 1:
                self._report("E010", "", value=numbers[-1])

    def _check_version_inventory(self, root: InventoryReader, name: str, history: History) -> str:
        """Judge a version's inventory; returns the specification it follows, "" when that is unknown."""
        files = {entry for entry, kind in self._scanned[name] if kind == FILE}
        if INVENTORY not in files:
            self._report("W010", name, value="")
            self._check_version_files(name, files, set())
            return ""
        if name == root.numbering.newest and (same := self._same_as_root(name)) is not None:
            found: InventoryFile | None = same
        else:
            found = self._load_version(root, name, history)
        allowed = {INVENTORY} | (check_sidecar(self._place, name, found, files, self._report) if found else set())
        if found is None or not expected_sidecar(found):
            allowed |= {entry for entry in files if entry.startswith(f"{INVENTORY}.")}
        self._check_version_files(name, files, allowed)
        return found.reader.spec if found and found.reader else ""

    def _same_as_root(self, name: str) -> InventoryFile | None:
        """The newest version's inventory, when its bytes are those of the root inventory, so that it needs no second look."""
        root = self._root
        assert root is not None
        path = f"{name}/{INVENTORY}"
        try:
            if root.data is not None:
                same = self._place.read(path, len(root.data) + 1) == root.data
            else:
                same = self._place.hash(path, ("sha512",)).digests["sha512"] == root.digest(self._place, "sha512")
        except CouldNotRead:
            return None  # loading it reports why
        return InventoryFile(path, root.reader, root.data, root.digests) if same else None

    def _load_version(self, root: InventoryReader, name: str, history: History) -> InventoryFile | None:
        path = f"{name}/{INVENTORY}"
        found = load_inventory(self._place, name, self._report, root.spec)
        if found is not None and name == root.numbering.newest:
            self._report("E064", path, value="")
        if found is not None and found.reader is not None:
            history.compare(found.reader, name, path)
            history.gather_claims(found.reader, name, path)
        return found

    def _check_version_files(self, name: str, files: set[str], allowed: set[str]) -> None:
        for entry in sorted(files - allowed):
            self._report("E015", f"{name}/{entry}", value="")

    def _check_version_folder(self, root: InventoryReader, name: str, content: ContentCheck) -> None:
        found = False
        for entry, kind in self._scanned[name]:
            path = f"{name}/{entry}"
            if kind == FOLDER and entry == root.content_directory:
                found = True
                if not content.walk(path):
                    self._report("W003", path, value="")
            elif kind == FOLDER:
                self._report("W002", path, value=shown(entry))
            elif kind != FILE:
                report_kind(kind, path, self._report, "E015")
        if not found and (named := root.blocks.prefixes.get(f"{name}/{root.content_directory}")):
            self._report("E016", name, value=shown(named))
