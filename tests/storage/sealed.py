"""Builds sealed versions the way ``aip`` does, by hand: so that a fault of the inventory writer cannot hide one of storage."""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from storage.tier import ContentPath, ObjectId, SealedFile, SealedVersion

OBJECT_ID = "urn:uuid:0b3c0d5e-7a44-4c57-9d36-000000000001"
CREATED = "2026-01-02T03:04:05Z"


class SealedObject:
    """One object that grows by versions; ``spool`` holds the bytes."""

    def __init__(self, spool: Path, object_id: str = OBJECT_ID, *, fixity: bool = True) -> None:
        self.object_id = ObjectId(object_id)
        self.spool = spool
        self.fixity = fixity
        self.versions: list[SealedVersion] = []
        self._manifest: dict[str, list[str]] = {}
        self._sha256: dict[str, list[str]] = {}
        self._states: dict[str, dict[str, object]] = {}
        spool.mkdir(parents=True, exist_ok=True)

    def branch(self, spool: Path) -> SealedObject:
        """The same object as it is now, to grow another way."""
        other = SealedObject(spool, self.object_id, fixity=self.fixity)
        other.versions = list(self.versions)
        other._manifest, other._sha256, other._states = copy.deepcopy((self._manifest, self._sha256, self._states))
        return other

    def version(self, files: Mapping[str, bytes], token: str = "w") -> SealedVersion:
        """Seal the next version whose state is exactly ``files``; only bytes that are not stored yet become content."""
        number = len(self.versions) + 1
        new: list[SealedFile] = []
        state: dict[str, list[str]] = {}
        for name, data in files.items():
            sha512 = hashlib.sha512(data)
            state.setdefault(sha512.hexdigest(), []).append(name)
            if sha512.hexdigest() in self._manifest:
                continue
            path = f"v{number}/content/{token}/{name}"
            source = self.spool / f"v{number}{token}-{len(new):06d}"
            source.write_bytes(data)
            sha256 = hashlib.sha256(data)
            self._manifest[sha512.hexdigest()] = [path]
            self._sha256.setdefault(sha256.hexdigest(), []).append(path)
            new.append(SealedFile(ContentPath(path), source, len(data), sha256.digest(), sha512.digest()))
        self._states[f"v{number}"] = {
            "created": CREATED,
            "message": "m",
            "state": state,
            "user": {"name": "n", "address": "mailto:n@example.org"},
        }
        inventory = self._inventory(number)
        path = self.spool / f"inventory-{number}{token}.json"
        path.write_bytes(inventory)
        built = self.versions[-1].inventory_sha512 if self.versions else None
        sealed = SealedVersion(self.object_id, number, path, hashlib.sha512(inventory).digest(), built, lambda: iter(new))
        self.versions.append(sealed)
        return sealed

    def _inventory(self, number: int) -> bytes:
        document: dict[str, object] = {
            "digestAlgorithm": "sha512",
            "head": f"v{number}",
            "id": self.object_id,
            "manifest": self._manifest,
            "type": "https://ocfl.io/1.1/spec/#inventory",
            "versions": self._states,
        }
        if self.fixity and self._sha256:
            document["fixity"] = {"sha256": self._sha256}
        return json.dumps(document, indent=1, sort_keys=True).encode()

    @property
    def expected(self) -> dict[int, bytes]:
        return {version.number: version.inventory_sha512 for version in self.versions}


def two_versions(spool: Path, object_id: str = OBJECT_ID) -> SealedObject:
    """A small object with everything that tends to go wrong: an empty file, a deep and a Vietnamese name, a second version."""
    sealed = SealedObject(spool, object_id)
    first = {
        "METS.xml": b"<mets/>",
        "data/báo cáo.txt": "Nội dung".encode(),
        "data/a/b/c/deep.bin": bytes(range(256)) * 300,
        "data/empty": b"",
    }
    sealed.version(first)
    sealed.version({**first, "data/new.txt": b"new in two", "METS.xml": b"<mets>2</mets>"}, token="x")
    return sealed


def files_below(top: str | os.PathLike[str]) -> Iterator[str]:
    """Relative paths of everything that is not a folder, and of empty folders with a '/' at the end."""
    for folder, folders, names in os.walk(top):
        relative = os.path.relpath(folder, top)
        prefix = "" if relative == "." else relative + "/"
        yield from (prefix + name for name in names)
        if not folders and not names and prefix:
            yield prefix
