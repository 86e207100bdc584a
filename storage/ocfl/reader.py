"""Reading one inventory against every rule that can be judged from its text alone (OCFL 1.0 and 1.1, §3.5)."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from policies.phrases import phrase
from storage.ocfl.blocks import DIGEST_BYTES, SIZE, Blocks, Report, State, shown
from storage.ocfl.documents import Members
from storage.ocfl.numbering import Numbering

__all__ = ["SPECS", "InventoryReader", "ReadVersion", "is_uri"]

SPECS = ("1.0", "1.1")
"""Published versions of the specification, oldest first."""

CONTENT_ALGORITHMS = ("sha512", "sha256")
_TYPE = re.compile(r"https://ocfl\.io/(\d+\.\d+)/spec/#inventory")
_KEYS = ("id", "type", "digestAlgorithm", "head")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+")
_INSTANT = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[Zz]|[+-](\d\d):(\d\d))", re.ASCII)


def is_uri(text: str) -> bool:
    """Whether ``text`` has the form of an absolute URI (RFC 3986 §3; letters outside ASCII have to be percent-encoded)."""
    return _URI.fullmatch(text) is not None


def is_instant(text: str) -> bool:
    """Whether ``text`` is an Internet date/time (RFC 3339 §5.6): seconds and a time zone are required; leap seconds exist."""
    found = _INSTANT.fullmatch(text)
    if found is None:
        return False
    *instant, zone_hour, zone_minute = found.groups("0")
    year, month, day, hour, minute, second = map(int, instant)
    try:
        datetime.datetime(max(year, 4), month, day, hour, minute, min(second, 59))  # year 0 is allowed, and was a leap year
    except ValueError:
        return False
    return second <= 60 and int(zone_hour) <= 23 and int(zone_minute) <= 59


@dataclass(slots=True)
class ReadVersion:
    """One version as its block says. ``metadata`` holds created, message and user as they stand."""

    name: str
    created: str = ""
    message: str | None = None
    user_name: str | None = None
    user_address: str | None = None
    metadata: tuple[Any, Any, Any] = (None, None, None)
    state: State | None = None


class InventoryReader:
    """Reads one document; afterwards the attributes hold what could be understood, and everything wrong was reported.

    ``default_spec`` is the version of the specification to judge by when the document does not say; ``where`` is the path under
    which findings are reported.
    """

    def __init__(self, report: Report, where: str, default_spec: str = SPECS[-1]) -> None:
        self.blocks = Blocks(report, where)
        self.say = self.blocks.say
        self.spec = default_spec
        self.spec_stated = False
        self.object_id = ""
        self.algorithm = ""
        self.head = ""
        self.content_directory = "content"
        self.content_directory_set = False
        self.versions: dict[str, ReadVersion] = {}
        self.numbering = Numbering()
        self.fixity: dict[str, dict[str, bytes]] = {}
        self._seen: set[str] = set()
        self._wrong_objects: set[str] = set()

    def read(self, document: Any) -> bool:
        """False when the document is no JSON object, so that nothing could be read. Raises what its stream raises."""
        if not isinstance(document, dict | Members):
            self.blocks.no_json(phrase("json-no-object"))
            return False
        for key, value in document.items():
            if key in self._seen:
                self.blocks.no_json(phrase("json-key-twice", name=shown(key)))
            self._seen.add(key)
            member = self._MEMBERS.get(key)
            if member is None:
                self.say("E102", key)
            else:
                member(self, value)
        self._finish()
        return True

    def _read_id(self, value: Any) -> None:
        if not isinstance(value, str) or not value:
            self.say("E037", value)
            return
        self.object_id = value
        if not is_uri(value):
            self.say("W005", value)

    def _read_type(self, value: Any) -> None:
        found = _TYPE.fullmatch(value) if isinstance(value, str) else None
        if found is None or found[1] not in SPECS:
            self.say("E038", value)
            return
        self.spec, self.spec_stated = found[1], True

    def _read_algorithm(self, value: Any) -> None:
        if value not in CONTENT_ALGORITHMS:
            self.say("E025", value)
        if isinstance(value, str):
            self.algorithm = value
        if value == "sha256":
            self.say("W004", value)

    def _read_head(self, value: Any) -> None:
        if isinstance(value, str) and value:
            self.head = value
        else:
            self.say("E040", value)

    def _read_content_directory(self, value: Any) -> None:
        self.content_directory_set = True
        if not isinstance(value, str) or "/" in value:
            self.say("E017", value)
        elif value in (".", ".."):
            self.say("E018", value)
        elif not value:
            self.say("E108", value)
        else:
            self.content_directory = value

    def _read_manifest(self, value: Any) -> None:
        if isinstance(value, dict | Members):
            self.blocks.read_manifest(value.items())
        else:
            self._wrong_objects.add("manifest")

    def _read_versions(self, value: Any) -> None:
        if not isinstance(value, dict | Members):
            self.say("E044", value)
            self.say("E045", value)
            self._wrong_objects.add("versions")
            return
        for name, block in value.items():
            if name in self.versions:
                self.blocks.no_json(phrase("json-key-twice", name=shown(name)))
            self.versions[name] = self._read_version(name, block)

    def _read_version(self, name: str, block: Any) -> ReadVersion:
        version = ReadVersion(name)
        if not isinstance(block, dict | Members):
            self.say("E047", name)
            return version
        seen: dict[str, Any] = {}
        for key, value in block.items():
            if key in seen:
                self.blocks.no_json(phrase("json-key-twice", name=shown(key)))
            seen[key] = value
            if key == "state":
                self._read_state(version, value)
            elif key == "user":
                seen[key] = self._read_user(version, value)
            elif key not in ("created", "message"):
                self.say("E102", key)
        version.metadata = (seen.get("created"), seen.get("message"), seen.get("user"))
        self._check_version(version, seen)
        return version

    def _read_state(self, version: ReadVersion, value: Any) -> None:
        if isinstance(value, dict | Members):
            version.state = self.blocks.read_state(value.items())
        else:
            self.say("E050", value)

    def _read_user(self, version: ReadVersion, value: Any) -> Any:
        if not isinstance(value, dict | Members):
            self.say("E054", version.name)
            return None
        user = dict(value.items())
        name, address = user.get("name"), user.get("address")
        if isinstance(name, str) and name:
            version.user_name = name
        else:
            self.say("E054", version.name)
        if "address" not in user:
            self.say("W008", version.name)
        elif not isinstance(address, str):
            self.say("E054", version.name)
        else:
            version.user_address = address
            if not is_uri(address):
                self.say("W009", address)
        for key in user.keys() - {"name", "address"}:
            self.say("E102", key)
        return name, address

    def _check_version(self, version: ReadVersion, seen: dict[str, Any]) -> None:
        for key in ("created", "state"):
            if key not in seen:
                self.say("E048", f"{version.name}: {key}")
        created, message = seen.get("created"), seen.get("message")
        if isinstance(created, str) and is_instant(created):
            version.created = created
        elif "created" in seen:
            self.say("E049", created)
        if isinstance(message, str):
            version.message = message
        elif "message" in seen:
            self.say("E094", version.name)
        for key in ("message", "user"):
            if key not in seen:
                self.say("W007", f"{version.name}: {key}")

    def _read_fixity(self, value: Any) -> None:
        if not isinstance(value, dict | Members):
            self._wrong_objects.add("fixity")
            return
        for algorithm, block in value.items():
            if algorithm not in DIGEST_BYTES and algorithm != SIZE:
                self.say("E056", algorithm)
            elif not isinstance(block, dict | Members):
                self.say("E057", algorithm)
            elif algorithm in self.fixity:
                self.say("E097", algorithm)
            else:
                self.fixity[algorithm] = self.blocks.read_fixity(algorithm, block.items())

    _MEMBERS: ClassVar[Mapping[str, Callable[[InventoryReader, Any], None]]] = {
        "id": _read_id,
        "type": _read_type,
        "digestAlgorithm": _read_algorithm,
        "head": _read_head,
        "contentDirectory": _read_content_directory,
        "manifest": _read_manifest,
        "versions": _read_versions,
        "fixity": _read_fixity,
    }

    def _finish(self) -> None:
        """What can only be judged when everything was read: JSON members come in any order."""
        self._check_presence()
        if "versions" not in self._wrong_objects and "versions" in self._seen:
            self.numbering = Numbering.of(self.versions, self.say, self.spec)
            self._check_head()
        if "manifest" in self._seen and "manifest" not in self._wrong_objects:
            self._check_digest_form()
            self._check_prefixes()
            self._check_use()
            self._check_fixity_paths()

    def _check_presence(self) -> None:
        for key in _KEYS:
            if key not in self._seen:
                self.say("E036", key)
        if "manifest" not in self._seen:
            self.say("E041", "manifest")
        if "versions" not in self._seen:
            self.say("E041", "versions")
            self.say("E043", "versions")
        if "manifest" in self._wrong_objects:
            self.say("E041" if self.spec == "1.0" else "E106", "manifest")
        if "fixity" in self._wrong_objects:
            self.say("E056" if self.spec == "1.0" else "E111", "fixity")

    def _check_head(self) -> None:
        if self.head and self.head != self.numbering.newest:
            self.say("E040", self.head)

    def _check_digest_form(self) -> None:
        for key in self.blocks.malformed.values():
            self.say("E025", key)
        if self.algorithm in CONTENT_ALGORITHMS:
            for length, key in self.blocks.lengths.items():
                if length != DIGEST_BYTES[self.algorithm]:
                    self.say("E025", key)

    def _check_prefixes(self) -> None:
        for prefix, path in self.blocks.prefixes.items():
            version, _, folder = prefix.partition("/")
            if version not in self.versions:
                self.say("E042", path)
                if self.numbering.names_version(version):
                    self.say("E014", path)
            elif folder != self.content_directory:
                self.say("E042", path)

    def _check_use(self) -> None:
        unused = set(self.blocks.manifest)
        for state in self._states():
            self.blocks.check_state(state)
            unused.difference_update(state.files.values(), state.others)
        if self.spec != "1.0" and all(version.state is not None for version in self.versions.values()):
            for digest in unused:
                self.say("E107", self.blocks.spelled.get(digest) or digest.hex())

    def _states(self) -> Iterable[State]:
        return (version.state for version in self.versions.values() if version.state is not None)

    def _check_fixity_paths(self) -> None:
        contents = self.blocks.contents
        for block in self.fixity.values():
            for path in block:
                if path not in contents:
                    self.say("E057", path)
