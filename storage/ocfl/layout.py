"""Storage root layouts: where an object lies under its root (``ocfl_layout.json`` and the extensions' ``config.json``).

Kho writes 0004-hashed-n-tuple-storage-layout with the extension's defaults. The other registered layouts that map an id by itself
are read, so that the place of an object in a foreign root can be judged; a layout that is not understood gives no place.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fixity.digests import ALGORITHMS, Hasher

__all__ = [
    "EXTENSION",
    "LAYOUT_FILE",
    "LAYOUT_FILES",
    "REGISTERED",
    "REGISTERED_LAYOUTS",
    "HashedNTuple",
    "mapping",
    "object_path",
]

LAYOUT_FILE = "ocfl_layout.json"
EXTENSION = "0004-hashed-n-tuple-storage-layout"

REGISTERED_LAYOUTS = frozenset(
    (
        "0002-flat-direct-storage-layout",
        "0003-hash-and-id-n-tuple-storage-layout",
        EXTENSION,
        "0006-flat-omit-prefix-storage-layout",
        "0007-n-tuple-omit-prefix-storage-layout",
        "0010-differential-n-tuple-omit-prefix-storage-layout",
        "0011-direct-clean-path-layout",
        "0012-hash-and-no-prefix-id-n-tuple-storage-layout",
    )
)
"""Extensions of https://ocfl.github.io/extensions/ that define a layout (as of 2026-11)."""

REGISTERED = REGISTERED_LAYOUTS | {
    "initial",
    "0000-example-extension",
    "0001-digest-algorithms",
    "0005-mutable-head",
    "0008-schema-registry",
    "0009-digest-algorithms",
}
"""All registered extension names."""

_ENCAPSULATION_LIMIT = 100
"""Characters of an encoded id as a folder name in layout 0003; beyond, it is cut and the digest added."""

_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@functools.lru_cache(maxsize=1024)
def _hex(algorithm: str, object_id: str) -> str:
    data = object_id.encode("utf-8", "surrogatepass")
    if algorithm == "sha256":  # our own layout's, of every object that is looked at
        return hashlib.sha256(data, usedforsecurity=False).hexdigest()
    hasher = Hasher((algorithm,))
    hasher.update(data)
    return hasher.digests()[algorithm].hex


@dataclass(frozen=True, slots=True)
class HashedNTuple:
    """Layout 0004: the id's digest in lower-case hexadecimal, cut into ``count`` tuples of ``size``, then the whole digest.

    The defaults are the extension's. Raises ValueError when the parameters contradict each other.
    """

    algorithm: str = "sha256"
    size: int = 3
    count: int = 3
    short_root: bool = False

    def __post_init__(self) -> None:
        if not (0 <= self.size <= 32 and 0 <= self.count <= 32) or (self.size == 0) != (self.count == 0):
            raise ValueError("tupleSize and numberOfTuples have to be 0 to 32, and 0 only together")
        if self.algorithm not in ALGORITHMS:
            raise ValueError(f"unknown digest algorithm {self.algorithm}")
        length = len(_hex(self.algorithm, ""))
        if self.size * self.count > length or (self.short_root and self.size * self.count == length):
            raise ValueError("the tuples are longer than the digest")

    def path(self, object_id: str) -> str:
        """Where the object lies, relative to the storage root."""
        return _tuples(_hex(self.algorithm, object_id), self.size, self.count, self.short_root)

    def layout_json(self) -> bytes:
        """The bytes of ``ocfl_layout.json``."""
        text = "SHA-256 of the object id, hexadecimal, in tuples, then the whole digest"
        return _json({"extension": EXTENSION, "description": text})

    def config_json(self) -> bytes:
        """The bytes of ``extensions/<EXTENSION>/config.json``."""
        return _json(
            {
                "extensionName": EXTENSION,
                "digestAlgorithm": self.algorithm,
                "tupleSize": self.size,
                "numberOfTuples": self.count,
                "shortObjectRoot": self.short_root,
            }
        )


def _json(members: Mapping[str, Any]) -> bytes:
    return (json.dumps(members, indent=2, ensure_ascii=False) + "\n").encode()


def _tuples(digest: str, size: int, count: int, short: bool) -> str:
    parts = [digest[size * n : size * (n + 1)] for n in range(count)]
    return "/".join([*parts, digest[size * count :] if short else digest])


_KHO = HashedNTuple()

LAYOUT_FILES: Mapping[str, bytes] = {
    "0=ocfl_1.1": b"ocfl_1.1\n",
    LAYOUT_FILE: _KHO.layout_json(),
    f"extensions/{EXTENSION}/config.json": _KHO.config_json(),
}
"""The files of an empty storage root as Kho makes it, by path: declaration, layout, and the layout's parameters."""


def object_path(object_id: str) -> str:
    """Where Kho keeps an object, relative to the storage root ("abc/def/012/abcdef012…")."""
    return _KHO.path(object_id)


Placing = Callable[[str], str | None]


def mapping(extension: str, config: Mapping[str, Any]) -> Placing | None:
    """The rule "object id → path under the root" of a layout; None when Kho does not know how that layout maps.

    The rule gives None for ids that the layout cannot hold.

    Raises:
        ValueError: ``config`` is not what the extension asks for.
    """
    build = _BUILDERS.get(extension)
    try:
        return None if build is None else build(config)
    except (TypeError, AttributeError, KeyError) as error:
        raise ValueError(f"a parameter of {extension} has the wrong type: {error}") from None


def _hashed(config: Mapping[str, Any]) -> Placing:
    layout = _n_tuple(config, short=config.get("shortObjectRoot", False))
    return layout.path


def _n_tuple(config: Mapping[str, Any], *, short: bool = False) -> HashedNTuple:
    size, count = config.get("tupleSize", 3), config.get("numberOfTuples", 3)
    if type(size) is not int or type(count) is not int or type(short) is not bool:
        raise ValueError("tupleSize and numberOfTuples are numbers, shortObjectRoot is true or false")
    return HashedNTuple(config.get("digestAlgorithm", "sha256"), size, count, short)


def _flat(config: Mapping[str, Any]) -> Placing:
    return lambda object_id: object_id


def _hash_and_id(config: Mapping[str, Any]) -> Placing:
    layout = _n_tuple(config)

    def path(object_id: str) -> str:
        digest = _hex(layout.algorithm, object_id)
        folder = _encoded(object_id)
        if len(folder) > _ENCAPSULATION_LIMIT:
            folder = f"{folder[:_ENCAPSULATION_LIMIT]}-{digest}"
        parts = [digest[layout.size * n : layout.size * (n + 1)] for n in range(layout.count)]
        return "/".join([*parts, folder])

    return path


def _encoded(object_id: str) -> str:
    data = object_id.encode("utf-8", "surrogatepass")
    return "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02x}" for byte in data)


def _without_prefix(object_id: str, delimiter: str) -> str | None:
    cut = object_id.lower().rfind(delimiter.lower())
    rest = object_id if cut < 0 else object_id[cut + len(delimiter) :]
    return rest or None


def _delimiter(config: Mapping[str, Any], default: str | None) -> str:
    delimiter = config.get("delimiter", default)
    if not isinstance(delimiter, str) or not delimiter:
        raise ValueError("delimiter has to be a text of at least one character")
    return delimiter


def _omit_prefix(config: Mapping[str, Any]) -> Placing:
    delimiter = _delimiter(config, None)
    return lambda object_id: _without_prefix(object_id, delimiter)


def _n_tuple_omit_prefix(config: Mapping[str, Any]) -> Placing:
    delimiter = _delimiter(config, ":")
    size, count = config.get("tupleSize", 3), config.get("numberOfTuples", 3)
    padding, backwards = config.get("zeroPadding", "left"), config.get("reverseObjectRoot", False)
    if type(size) is not int or type(count) is not int or not (1 <= size <= 32 and 1 <= count <= 32):
        raise ValueError("tupleSize and numberOfTuples have to be 1 to 32")
    if padding not in ("left", "right") or type(backwards) is not bool:
        raise ValueError("zeroPadding is left or right, reverseObjectRoot is true or false")

    def path(object_id: str) -> str | None:
        rest = _without_prefix(object_id, delimiter)
        if rest is None or not rest.isascii():
            return None
        padded = rest.rjust(size * count, "0") if padding == "left" else rest.ljust(size * count, "0")
        padded = padded[::-1] if backwards else padded
        return "/".join([*(padded[size * n : size * (n + 1)] for n in range(count)), rest])

    return path


_BUILDERS: Mapping[str, Callable[[Mapping[str, Any]], Placing]] = {
    "0002-flat-direct-storage-layout": _flat,
    "0003-hash-and-id-n-tuple-storage-layout": _hash_and_id,
    EXTENSION: _hashed,
    "0006-flat-omit-prefix-storage-layout": _omit_prefix,
    "0007-n-tuple-omit-prefix-storage-layout": _n_tuple_omit_prefix,
}
