"""One valid OCFL object, to break in one place at a time."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from storage.memory import MemoryBackend

__all__ = ["OcflObject", "digest", "two_versions"]

_USER = {"name": "Nguyễn Văn A", "address": "mailto:a@example.org"}


def digest(data: bytes, algorithm: str = "sha512") -> str:
    return hashlib.new(algorithm, data).hexdigest()


class OcflObject:
    """An object as documents and bytes: change them, then `write`. Sidecars are made when writing, so they fit the changed
    inventories, except those that stand in ``files`` already."""

    def __init__(self, object_id: str = "urn:uuid:5f0c1b5e-0000-4000-8000-000000000001") -> None:
        self.object_id = object_id
        self.files: dict[str, bytes] = {"0=ocfl_object_1.1": b"ocfl_object_1.1\n"}
        self.folders: set[str] = set()
        self.inventories: dict[str, Any] = {}
        self.without_sidecar: set[str] = set()

    @property
    def root(self) -> Any:
        """The root inventory (the head version's inventory is the same document)."""
        return self.inventories[""]

    def change(self, folder: str, **members: Any) -> None:
        """Set or (with None) remove members of the inventory in ``folder``."""
        for key, value in members.items():
            if value is None:
                self.inventories[folder].pop(key, None)
            else:
                self.inventories[folder][key] = value

    def bytes_of(self, folder: str) -> bytes:
        document = self.inventories[folder]
        return document if isinstance(document, bytes) else json.dumps(document, ensure_ascii=False, indent=1).encode()

    def all_files(self) -> Iterator[tuple[str, bytes]]:
        for folder, document in self.inventories.items():
            data = self.bytes_of(folder)
            start = f"{folder}/" if folder else ""
            yield f"{start}inventory.json", data
            algorithm = document.get("digestAlgorithm") if isinstance(document, dict) else "sha512"
            sidecar = f"{start}inventory.json.{algorithm}"
            known = isinstance(algorithm, str) and algorithm in hashlib.algorithms_available
            if folder not in self.without_sidecar and known and sidecar not in self.files:
                yield sidecar, f"{digest(data, algorithm)} inventory.json\n".encode()
        yield from self.files.items()

    def write(self, top: Path) -> Path:
        for path, data in self.all_files():
            (top / path).parent.mkdir(parents=True, exist_ok=True)
            (top / path).write_bytes(data)
        for folder in self.folders:
            (top / folder).mkdir(parents=True, exist_ok=True)
        return top

    def put(self, backend: MemoryBackend, prefix: str) -> None:
        for path, data in self.all_files():
            backend.put(f"{prefix}/{path}" if prefix else path, io.BytesIO(data))


def two_versions(object_id: str = "urn:uuid:5f0c1b5e-0000-4000-8000-000000000001") -> OcflObject:
    """Two versions: the second keeps one file, renames one, adds one; sha256 fixity for everything. Valid, without warnings."""
    built = OcflObject(object_id)
    contents = {"v1/content/a.txt": b"a", "v1/content/b/đất.txt": "đất đai".encode(), "v2/content/c.txt": b"c" * 5000}
    built.files.update(contents)
    a, b, c = (digest(data) for data in contents.values())
    states = [{a: ["a.txt"], b: ["b/đất.txt"]}, {a: ["a.txt"], b: ["b/renamed.txt", "b/twice.txt"], c: ["c.txt"]}]
    for number in (1, 2):
        paths = list(contents)[: number + 1]
        document = {
            "id": object_id,
            "type": "https://ocfl.io/1.1/spec/#inventory",
            "digestAlgorithm": "sha512",
            "head": f"v{number}",
            "manifest": {digest(contents[path]): [path] for path in paths},
            "versions": {
                f"v{n}": {"created": f"2026-01-0{n}T00:00:00Z", "message": f"version {n}", "user": dict(_USER), "state": state}
                for n, state in enumerate(states[:number], start=1)
            },
            "fixity": {"sha256": {digest(contents[path], "sha256"): [path] for path in paths}},
        }
        built.inventories[f"v{number}"] = json.loads(json.dumps(document))
    built.inventories[""] = built.inventories["v2"]
    return built
