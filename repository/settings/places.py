"""Places of tiers: the ``[[tiers]]`` of kho.toml, each of a kind that says which keys it has (docs/policy.md)."""

from __future__ import annotations

import json
import os
import re
import urllib.parse
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from policies.document import Section
from policies.findings import KhoError
from policies.phrases import phrase
from policies.promise import Place
from storage.s3.place import S3Place, check_prefix, parse_url

__all__ = ["FOLDERS", "SettingsError", "TapePlace", "TierPlace", "read_tiers", "s3_text"]

FOLDERS = ("spool", "refused", "quarantine", "log")
"""Folders of an archive's home that nothing else may lie in."""

_TIER_NAME = re.compile(r"[^\W_][\w.-]{0,62}")
"""A tier's name is a word in catalog, policy and reports, and a folder name. "default" is a section of policy.toml."""

_DEVICE = re.compile(r"/dev/\S+|iscsi://[^/\s]+/\S+/[0-9]+")


class SettingsError(KhoError):
    """kho.toml, the environment or the home folder cannot be used: its code says why, its text names the key and the line."""


@dataclass(frozen=True, slots=True)
class TapePlace:
    """What a tape tier has beside its folder: addresses of changer and drives, from how many bytes on a bundle is closed, the largest
    file it takes (0: no limit known), and for how many seconds a group waits for more."""

    changer: str
    drives: tuple[str, ...]
    bundle: int
    largest_file: int = 0
    gather: float = 0.0


@dataclass(frozen=True, slots=True)
class TierPlace:
    """Where one tier is. ``kind`` is "local" (a folder), "tape" (cartridges; ``path`` is the folder of their register) or "s3" (a
    bucket; ``path`` is then the archive's home, where nothing of it lies). ``uuid`` is that of its marker, so that no other volume
    is taken for it; "" where kho.toml does not say (whatever tier of this name is there is then believed).
    ``place``: its site and its kind of medium."""

    name: str
    kind: str
    path: Path
    uuid: str = ""
    tape: TapePlace | None = None
    s3: S3Place | None = None
    place: Place = Place()  # noqa: RUF009 - it is frozen
    in_service: date | None = None  # since when its media are in use; None: not said

    @property
    def shown(self) -> str:
        """The place in words: a path, or a URL."""
        return self.s3.url if self.s3 else str(self.path)


def read_tiers(home: Path, root: Section) -> tuple[TierPlace, ...]:
    """The tiers that kho.toml names. Raises SettingsError."""
    tiers: list[TierPlace] = []
    for section in root.sections("tiers"):
        name, kind = section.text("name"), section.text("kind", "local")
        if not _TIER_NAME.fullmatch(name) or name == "default":
            raise section.bad("name", phrase("set-name", given=name))
        if kind not in _KINDS:
            raise section.bad("kind", phrase("set-none-of", given=kind, known=", ".join(_KINDS)))
        place = Place(section.text("site", "").strip(), section.text("medium", _MEDIA[kind]).strip() or _MEDIA[kind])
        tiers.append(
            _KINDS[kind](home, TierPlace(name, kind, Path(), _uuid(section), place=place, in_service=_since(section)), section)
        )
        section.done()
    if not tiers:
        raise root.fail("MISSING", "tiers")
    check_tiers(home, tiers)
    return tuple(tiers)


def _since(section: Section) -> date | None:
    return section.parsed("in_service", None, _date) if "in_service" in section else None


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(phrase("set-date", given=text)) from None


def _local(home: Path, place: TierPlace, section: Section) -> TierPlace:
    return replace(place, path=Path(os.path.abspath(home / section.text("path"))))


def _tape(home: Path, place: TierPlace, section: Section) -> TierPlace:
    changer, drives = section.text("changer"), section.texts("drives")
    for key, address in (("changer", changer), *(("drives", each) for each in drives)):
        if not _DEVICE.fullmatch(address):
            raise section.bad(key, phrase("set-scsi", given=address))
    if not drives:
        raise section.bad("drives", phrase("set-one-drive"))
    tape = TapePlace(changer, drives, section.size("bundle", 2 << 30), section.size("largest_file", 0), _gather(section))
    path = Path(os.path.abspath(home / section.text("path", f"tape/{place.name}")))
    return replace(place, path=path, tape=tape, place=replace(place.place, online=False))


def _gather(section: Section) -> float:
    return section.duration("gather", timedelta()).total_seconds() if "gather" in section else 0.0


def _s3(home: Path, place: TierPlace, section: Section) -> TierPlace:
    try:
        bucket, _ = parse_url(f"s3://{section.text('bucket')}")
    except ValueError as problem:
        raise section.bad("bucket", str(problem)) from problem
    s3 = S3Place(
        bucket,
        section.parsed("prefix", "", check_prefix),
        endpoint=section.text("endpoint", "").rstrip("/"),
        region=section.text("region", "us-east-1"),
        profile=section.text("profile", ""),
        storage_class=section.text("storage_class", ""),
        worm=section.boolean("worm", True),
    )
    if s3.endpoint and not _ENDPOINT.fullmatch(s3.endpoint):
        raise section.bad("endpoint", phrase("set-endpoint", given=s3.endpoint))
    return replace(place, path=home, s3=s3, place=replace(place.place, online=not s3.cold))


def s3_text(name: str, url: str) -> str:
    """The lines of kho.toml for a tier that ``kho init --tier NAME=s3://BUCKET/FOLDER?endpoint=…&profile=…`` names.

    Raises SettingsError for a URL that cannot be understood.
    """
    place, _, query = url.partition("?")
    try:
        bucket, prefix = parse_url(place)
        options = dict(urllib.parse.parse_qsl(query, strict_parsing=True)) if query else {}
        if strange := sorted(options.keys() - S3_OPTIONS):
            raise ValueError(f"it has no option {strange[0]}; there are {', '.join(sorted(S3_OPTIONS))}")
        worm = {"yes": True, "true": True, "no": False, "false": False}[options.pop("worm", "yes").lower()]
    except (ValueError, KeyError) as problem:
        raise SettingsError("SET-TIER-URL", url, tier=name, reason=str(problem)) from problem
    lines = {"name": name, "kind": "s3", "bucket": bucket, **({"prefix": prefix} if prefix else {}), **options}
    text = "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in lines.items())
    return f"\n[[tiers]]\n{text}worm = {'true' if worm else 'false'}\n"


S3_OPTIONS = frozenset({"endpoint", "region", "profile", "storage_class", "worm"})
"""What may stand behind the "?" of an S3 tier's URL, as keys of kho.toml."""

_ENDPOINT = re.compile(r"https?://[^/\s@]+")
"""Without a user or password: kho.toml holds no secrets."""

_KINDS: Mapping[str, Callable[[Path, TierPlace, Section], TierPlace]] = {"local": _local, "tape": _tape, "s3": _s3}
"""What reads the keys of each kind."""

_MEDIA: Mapping[str, str] = {"local": "disk", "tape": "tape", "s3": "object"}
"""The kind of medium of each kind of tier, where kho.toml says nothing else."""


def _uuid(section: Section) -> str:
    word = section.text("uuid", "")
    try:
        return str(uuid.UUID(word)) if word else ""
    except ValueError:
        raise section.bad("uuid", phrase("set-uuid", given=word)) from None


def check_tiers(home: Path, tiers: Sequence[TierPlace]) -> None:
    """No two tiers may share a folder, or lie in one another or in the home's own folders: two copies must be two.

    Raises:
        SettingsError: (SET-TIERS) they do, or two have the same name.
    """
    taken = {str(home / folder): folder for folder in FOLDERS}
    places = {os.path.realpath(place): name for place, name in taken.items()}
    names: set[str] = set()
    for tier in tiers:
        real = f"s3 {tier.s3.endpoint} {tier.s3.bucket}/{tier.s3.prefix}" if tier.s3 else os.path.realpath(tier.path)
        clash = next((name for place, name in places.items() if _nested(real, place)), None)
        if tier.name.casefold() in names:
            clash = tier.name
        if clash is not None or real == os.path.realpath(home):
            reason = phrase("tier-clash", other=clash) if clash is not None else phrase("tier-clash-home")
            raise SettingsError("SET-TIERS", str(home / "kho.toml"), tier=tier.name, place=tier.shown, reason=reason)
        places[real] = tier.name
        names.add(tier.name.casefold())


def _nested(one: str, other: str) -> bool:
    return any(inner == outer or inner.startswith(outer.rstrip("/") + "/") for inner, outer in ((one, other), (other, one)))
