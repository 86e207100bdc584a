"""Labels on tape: 80 characters each, after ISO 1001 (ANSI X3.27), with user labels for what their fields are too short for.

The normative table of the fields is in docs/on-disk.md. All is ASCII; hexadecimal digits are upper case, numbers have leading zeros.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from policies.phrases import phrase

__all__ = [
    "LABEL",
    "BadLabel",
    "FileLabel",
    "Trailer",
    "file_of",
    "header_labels",
    "trailer_labels",
    "trailer_of",
    "void_trailer",
    "volume_id",
    "volume_label",
    "volume_of",
]

LABEL = 80
"""Bytes of a label; each is a block of its own."""

FORMAT = "KHO1"
"""The version of this format on tape; stands in every UHL1."""

SYSTEM = "KHO"
_BARCODE = re.compile(r"[A-Z0-9]{6}(?:[A-Z][A-Z0-9])?")


class BadLabel(ValueError):
    """What was read is not the label that must be here. The message says why."""


@dataclass(frozen=True, slots=True)
class FileLabel:
    """One tape file of a volume, as its labels say.

    ``sequence`` counts from 1 on the volume; ``number`` counts bundles of the whole tier, over all volumes: in its order they are
    unpacked. ``kind`` is "V" (about the volume), "B" (a bundle). The identifiers are UUIDs in 32 hexadecimal digits.
    """

    volume: str
    volume_uuid: str
    tier_uuid: str
    sequence: int
    number: int
    kind: str
    uuid: str
    block: int
    created: datetime


@dataclass(frozen=True, slots=True)
class Trailer:
    """How a tape file ended: ``complete``, or given up (then size and digest say nothing)."""

    uuid: str
    blocks: int
    size: int
    sha256: bytes
    complete: bool = True


def volume_id(barcode: str) -> str:
    """The six characters that name a volume in its labels: a barcode without the two that tell the kind of medium (LTO: "L8").

    Raises ValueError for a barcode that is no such thing.
    """
    if not _BARCODE.fullmatch(barcode):
        raise ValueError(phrase("tape-barcode", barcode=f"{barcode!r}"))
    return barcode[:6]


def volume_label(volume: str, owner: str) -> bytes:
    """VOL1. ``owner`` is for people."""
    name = "".join(each if each.isascii() and each.isalnum() else "-" for each in owner.upper())[:14]
    return _label(f"VOL1{volume:6} {'':13}{SYSTEM:13}{name:14}{'':28}4")


def volume_of(data: bytes) -> str:
    """The volume's id, from VOL1 of any system. Raises BadLabel."""
    return _text(data, "VOL1")[4:10].strip()


def header_labels(file: FileLabel) -> list[bytes]:
    """HDR1 HDR2 UHL1 UHL2."""
    return [
        _label("HDR1" + _common(file, 0)),
        _label("HDR2F" + "0" * 10 + " " * 35 + "00" + " " * 28),
        _label(f"UHL1{FORMAT}{file.sequence:010}{file.block:08}{file.uuid.upper():32}{file.kind:1}{file.created:%Y%m%d%H%M%S}"),
        _label(f"UHL2{file.volume_uuid.upper():32}{file.tier_uuid.upper():32}{file.number:012}"),
    ]


def trailer_labels(file: FileLabel, trailer: Trailer) -> list[bytes]:
    """EOF1 EOF2 UTL1 UTL2."""
    status = "C" if trailer.complete else "V"
    return [
        _label("EOF1" + _common(file, trailer.blocks % 1_000_000)),
        _label("EOF2F" + "0" * 10 + " " * 35 + "00" + " " * 28),
        _label(f"UTL1{status}{trailer.size:018}{trailer.blocks:012}{file.uuid.upper():32}"),
        _label(f"UTL2{trailer.sha256.hex().upper():64}"),
    ]


def void_trailer(volume: str, sequence: int, now: datetime) -> list[bytes]:
    """The trailer of what was begun and given up: from now on it is a tape file like any other, and says that it holds nothing."""
    nobody = FileLabel(volume, "0" * 32, "0" * 32, sequence, 0, "-", "0" * 32, 0, now)
    return trailer_labels(nobody, Trailer("0" * 32, 0, 0, bytes(32), complete=False))


def _common(file: FileLabel, blocks: int) -> str:
    """HDR1 and EOF1 from their fifth character on. Dates are cyyddd with "0" for this century."""
    day = f"0{file.created:%y%j}"
    name = file.uuid.upper()[:17]
    return f"{name:17}{file.volume:6}0001{file.sequence % 10_000:04}000100{day} 00000 {blocks:06}{SYSTEM:13}       "


def file_of(labels: Sequence[bytes]) -> FileLabel:
    """The tape file that HDR1 HDR2 UHL1 UHL2 announce. Raises BadLabel."""
    if len(labels) < 4:
        raise BadLabel(phrase("tape-four-labels", count=len(labels)))
    first, user, ids = _text(labels[0], "HDR1"), _text(labels[2], "UHL1"), _text(labels[3], "UHL2")
    _text(labels[1], "HDR2")
    if user[4:8] != FORMAT:
        raise BadLabel(phrase("tape-uhl1-format", found=f"{user[4:8]!r}", known=FORMAT))
    try:
        return FileLabel(
            volume=first[21:27].strip(),
            volume_uuid=ids[4:36].lower(),
            tier_uuid=ids[36:68].lower(),
            sequence=int(user[8:18]),
            number=int(ids[68:80]),
            kind=user[58:59],
            uuid=user[26:58].lower(),
            block=int(user[18:26]),
            created=datetime.strptime(user[59:73], "%Y%m%d%H%M%S").replace(tzinfo=UTC),
        )
    except ValueError as error:
        raise BadLabel(phrase("tape-uhl-field", why=str(error))) from None


def trailer_of(labels: Sequence[bytes]) -> Trailer:
    """What EOF1 EOF2 UTL1 UTL2 say: the last four, where what a killed writer began was given up behind it. Raises BadLabel."""
    if len(labels) < 4:
        raise BadLabel(phrase("tape-four-labels", count=len(labels)))
    labels = labels[-4:]
    for label, name in zip(labels, ("EOF1", "EOF2"), strict=False):
        _text(label, name)
    user, digest = _text(labels[2], "UTL1"), _text(labels[3], "UTL2")
    try:
        return Trailer(
            user[35:67].lower(), int(user[23:35]), int(user[5:23]), bytes.fromhex(digest[4:68]), complete=user[4:5] == "C"
        )
    except ValueError as error:
        raise BadLabel(phrase("tape-utl-field", why=str(error))) from None


def _label(text: str) -> bytes:
    data = text.ljust(LABEL).encode("ascii")
    assert len(data) == LABEL, text
    return data


def _text(data: bytes, name: str) -> str:
    if len(data) != LABEL:
        raise BadLabel(phrase("tape-label-size", bytes=len(data), label=name))
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        raise BadLabel(phrase("tape-label-no-text", label=name)) from None
    if text[:4] != name:
        raise BadLabel(phrase("tape-label-other", found=f"{text[:4]!r}", label=name))
    return text
