"""Places of tiers: the ``[[tiers]]`` of kho.toml, each of a kind that says which keys it has (docs/policy.md)."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from policies.document import Section
from policies.findings import KhoError

__all__ = ["FOLDERS", "SettingsError", "TapePlace", "TierPlace", "read_tiers"]

FOLDERS = ("spool", "refused", "quarantine", "log")
"""Folders of an archive's home that nothing else may lie in."""

_TIER_NAME = re.compile(r"[^\W_][\w.-]{0,62}")
"""A tier's name is a word in catalog, policy and reports, and a folder name. "default" is a section of policy.toml."""

_DEVICE = re.compile(r"/dev/\S+|iscsi://[^/\s]+/\S+/[0-9]+")


class SettingsError(KhoError):
    """kho.toml, the environment or the home folder cannot be used: its code says why, its text names the key and the line."""


@dataclass(frozen=True, slots=True)
class TapePlace:
    """What a tape tier has beside its folder: addresses of changer and drives, from how many bytes on a bundle is closed, and the largest
    file it takes (0: no limit known)."""

    changer: str
    drives: tuple[str, ...]
    bundle: int
    largest_file: int = 0


@dataclass(frozen=True, slots=True)
class TierPlace:
    """Where one tier is. ``kind`` is "local" (a folder) or "tape" (cartridges; ``path`` is the folder of their register). ``uuid`` is that
    of its marker, so that no other volume is taken for it; "" where kho.toml does not say (whatever tier of this name is there is
    then believed)."""

    name: str
    kind: str
    path: Path
    uuid: str = ""
    tape: TapePlace | None = None


def read_tiers(home: Path, root: Section) -> tuple[TierPlace, ...]:
    """The tiers that kho.toml names. Raises SettingsError."""
    tiers: list[TierPlace] = []
    for section in root.sections("tiers"):
        name, kind = section.text("name"), section.text("kind", "local")
        if not _TIER_NAME.fullmatch(name) or name == "default":
            raise section.bad("name", f'"{name}" is no name: letters, digits, "-", "." and "_", beginning with a letter or digit')
        if kind not in _KINDS:
            raise section.bad("kind", f'"{kind}" is none of {", ".join(_KINDS)}')
        tiers.append(_KINDS[kind](home, TierPlace(name, kind, Path(), _uuid(section)), section))
        section.done()
    if not tiers:
        raise root.fail("MISSING", "tiers")
    check_tiers(home, tiers)
    return tuple(tiers)


def _local(home: Path, place: TierPlace, section: Section) -> TierPlace:
    return replace(place, path=Path(os.path.abspath(home / section.text("path"))))


def _tape(home: Path, place: TierPlace, section: Section) -> TierPlace:
    changer, drives = section.text("changer"), section.texts("drives")
    for key, address in (("changer", changer), *(("drives", each) for each in drives)):
        if not _DEVICE.fullmatch(address):
            raise section.bad(key, f'"{address}" is no address of a SCSI device: /dev/sgN or iscsi://HOST:PORT/TARGET/LUN')
    if not drives:
        raise section.bad("drives", "at least one drive is needed")
    tape = TapePlace(changer, drives, section.size("bundle", 2 << 30), section.size("largest_file", 0))
    return replace(place, path=Path(os.path.abspath(home / section.text("path", f"tape/{place.name}"))), tape=tape)


_KINDS: Mapping[str, Callable[[Path, TierPlace, Section], TierPlace]] = {"local": _local, "tape": _tape}
"""What reads the keys of each kind."""


def _uuid(section: Section) -> str:
    word = section.text("uuid", "")
    try:
        return str(uuid.UUID(word)) if word else ""
    except ValueError:
        raise section.bad("uuid", f'"{word}" is no UUID; it stands in the kho-tier.json of the tier') from None


def check_tiers(home: Path, tiers: Sequence[TierPlace]) -> None:
    """No two tiers may share a folder, or lie in one another or in the home's own folders: two copies must be two.

    Raises:
        SettingsError: (SET-TIERS) they do, or two have the same name.
    """
    taken = {str(home / folder): folder for folder in FOLDERS}
    places = {os.path.realpath(place): name for place, name in taken.items()}
    names: set[str] = set()
    for tier in tiers:
        real = os.path.realpath(tier.path)
        clash = next((name for place, name in places.items() if _nested(real, place)), None)
        if tier.name.casefold() in names:
            clash = tier.name
        if clash is not None or real == os.path.realpath(home):
            reason = f"it must not share a folder or a name with {clash or 'the home folder'}"
            raise SettingsError("SET-TIERS", str(home / "kho.toml"), tier=tier.name, place=str(tier.path), reason=reason)
        places[real] = tier.name
        names.add(tier.name.casefold())


def _nested(one: str, other: str) -> bool:
    return os.path.commonpath([one, other]) in (one, other)
