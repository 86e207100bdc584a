"""The digest blocks of an inventory: manifest, state, and the fixity block of one algorithm (OCFL 1.1 §3.5.2-3.5.4).

Digests are kept as bytes, and one object a digest however many blocks name it, so that an inventory costs a fraction of its text.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from storage.ocfl.paths import CONTENT, LOGICAL, PathRules, conflicts, is_safe

__all__ = ["DIGEST_BYTES", "Blocks", "Report", "shown"]

DIGEST_BYTES = {
    "md5": 16,
    "sha1": 20,
    "sha256": 32,
    "sha512": 64,
    "blake2b-160": 20,
    "blake2b-256": 32,
    "blake2b-384": 48,
    "blake2b-512": 64,
    "sha512/256": 32,
}
"""Digest algorithms of OCFL 1.1 §3.4 and of extension 0009, with the length of their values."""

SIZE = "size"
"""The "algorithm" of extension 0009 whose value is the number of bytes, in decimal digits."""

SHOWN = 200
"""Characters of a wrong value that a finding repeats: values come from strangers and may be megabytes."""

_fromhex = bytes.fromhex
_DECIMAL = frozenset("0123456789")


class Report(Protocol):
    """Takes one finding; `policies.findings.Findings.add` is one."""

    def __call__(self, code: str, path: str = "", **args: str | int) -> None: ...


def shown(value: object) -> str:
    """A wrong value as it stands in a finding."""
    text = value if isinstance(value, str) else repr(value) if isinstance(value, int | float | bool) or value is None else ""
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def _plain(key: str) -> bytes:
    """The digest that ``key`` writes in lower case; b"" when it does not."""
    try:
        value = _fromhex(key)
    except ValueError:
        return b""
    return value if value.hex() == key else b""


class Blocks:
    """Collects the digest blocks of one inventory. ``where`` is the path under which findings are reported."""

    def __init__(self, report: Report, where: str) -> None:
        self._report, self._where = report, where
        self.manifest: dict[bytes, str | tuple[str, ...]] = {}
        self.contents: dict[str, bytes] = {}
        """Content path → digest: the manifest the other way round. Unsafe paths are not in it."""
        self.spelled: dict[bytes, str] = {}
        """Manifest digests that are not written in lower case, as written."""
        self.malformed: dict[bytes, str] = {}
        """Manifest keys that are not hexadecimal, with the bytes that stand for them (which equal no digest)."""
        self.lengths: dict[int, str] = {}
        """Lengths of the manifest's digests in bytes, with an example each: the algorithm may be named after the manifest."""
        self.prefixes: dict[str, str] = {}
        """The first two elements of content paths ("v1/content"), with an example each."""

    def say(self, code: str, value: object = "") -> None:
        self._report(code, self._where, value=shown(value))

    def no_json(self, reason: str) -> None:
        """Why the document is not the JSON that it has to be, as a phrase."""
        self._report("E033", self._where, reason=reason)

    def _digest(self, key: str, spelled: dict[bytes, str]) -> bytes:
        """The digest that ``key`` writes; when not in lower case, the spelling is noted."""
        value = _plain(key)
        if value:
            return value
        try:
            value = _fromhex(key)
        except ValueError:
            value = b""
        if not value or len(value) * 2 != len(key):  # fromhex skips blanks
            value = b"?" + key.encode("utf-8", "surrogatepass")
            self.malformed[value] = key
        spelled.setdefault(value, key)
        return value

    def _shared(self, digest: bytes) -> bytes:
        """The very object that the manifest holds for an equal digest, when the manifest was read before."""
        held = self.manifest.get(digest)
        same = self.contents.get(held if isinstance(held, str) else held[0]) if held else None
        return same if same == digest else digest

    def _shared_path(self, path: str) -> str:
        """The very object that the manifest holds for an equal content path, when the manifest was read before."""
        held = self.manifest.get(self.contents.get(path, b""))
        return held if isinstance(held, str) else path

    def read_manifest(self, pairs: Iterable[tuple[str, Any]]) -> None:
        manifest, contents, lengths = self.manifest, self.contents, self.lengths
        prefix = "/"  # no safe path begins so
        for key, listed in pairs:
            digest = _plain(key)
            if not digest:
                digest = self._digest(key, {})
                if digest not in manifest:
                    self.spelled[digest] = key
            if len(digest) not in lengths and digest not in self.malformed:
                lengths[len(digest)] = key
            paths = self._paths(listed, CONTENT, "E092", key)
            if digest in manifest:
                self.say("E096", key)
                held = manifest[digest]
                paths = list(dict.fromkeys([*((held,) if isinstance(held, str) else held), *paths]))
                for path in paths:
                    if contents.get(path) == digest:
                        del contents[path]
            for path in paths:
                if path in contents:
                    self.say("E101", path)
                contents[path] = digest
                if not path.startswith(prefix):
                    prefix = self._note_prefix(path) or prefix
            manifest[digest] = paths[0] if len(paths) == 1 else tuple(paths)
        for path in conflicts(contents):
            self.say("E101", path)

    def _paths(self, listed: Any, rules: PathRules, not_a_list: str, key: str) -> list[str]:
        """The safe ones of a list of paths; what is wrong with the others is reported."""
        if type(listed) is not list or not listed:
            self.say(not_a_list, key)
            return []
        for path in listed:
            if type(path) is not str or not is_safe(path):
                break
        else:
            return listed
        return [path for path in listed if self._path_is_good(path, rules, not_a_list, key)]

    def _path_is_good(self, path: Any, rules: PathRules, not_a_list: str, key: str) -> bool:
        if not isinstance(path, str):
            self.say(not_a_list, key)
            return False
        codes = list(rules.broken_by(path))
        for code in codes:
            self.say(code, path)
        return not codes

    def _note_prefix(self, path: str) -> str:
        """Note the first two elements of a content path; returns how all paths that share them begin, "" when it has none."""
        cut = path.find("/", path.find("/") + 1)
        if cut >= 0:
            self.prefixes.setdefault(path[:cut], path)
            return path[: cut + 1]
        self.say("E042", path)  # no room for a version, a content directory, and a file
        if "\\" in path:
            self.say("E035", path)
        return ""

    def read_state(self, pairs: Iterable[tuple[str, Any]]) -> State:
        """One version's state: logical path → digest."""
        state = State()
        files = state.files
        for key, listed in pairs:
            digest = self._shared(self._digest(key, state.spelled))
            kept = 0
            for path in self._paths(listed, LOGICAL, "E051", key):
                if path in files:
                    self.say("E095", path)
                else:
                    files[path] = digest
                    kept += 1
            if not kept:
                state.others.add(digest)
        for path in conflicts(files):
            self.say("E095", path)
        return state

    def check_state(self, state: State) -> None:
        """Every digest of a state is, letter for letter, one of the manifest (E050). Called when both were read."""
        manifest = self.manifest
        for digest in {each for each in state.files.values() if each not in manifest} | (state.others - manifest.keys()):
            self.say("E050", state.spelled.get(digest) or digest.hex())
        if not self.spelled and not state.spelled:
            return
        for digest in state.files.values():
            if digest in manifest and self.spelled.get(digest) != state.spelled.get(digest):
                self.say("E050", state.spelled.get(digest) or digest.hex())

    def read_fixity(self, algorithm: str, pairs: Iterable[tuple[str, Any]]) -> dict[str, bytes]:
        """One algorithm's block: content path → digest (for `size`: the decimal digits)."""
        found: dict[str, bytes] = {}
        seen: set[bytes] = set()
        for key, listed in pairs:
            digest = self._fixity_digest(algorithm, key)
            if digest is None:
                self.say("E057", key)
                continue
            if digest in seen:
                self.say("E097", key)
            seen.add(digest)
            for path in self._paths(listed, CONTENT, "E057", key):
                if found.setdefault(self._shared_path(path), digest) != digest:
                    self.say("E093", path)
        return found

    def _fixity_digest(self, algorithm: str, key: str) -> bytes | None:
        if algorithm == SIZE:
            return key.encode() if key and _DECIMAL.issuperset(key) else None
        try:
            digest = bytes.fromhex(key)
        except ValueError:
            return None
        return digest if len(digest) == DIGEST_BYTES[algorithm] and len(key) == 2 * len(digest) else None


class State:
    """The state of one version: its files (logical path → digest), digests that have no good path of their own (``others``), and
    those that are not written in lower case, as written (``spelled``)."""

    __slots__ = ("files", "others", "spelled")

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.others: set[bytes] = set()
        self.spelled: dict[bytes, str] = {}
