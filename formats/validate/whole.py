"""Whether a file of sound or pictures is as long as it says: decoders play what is there, and say nothing of what was cut off."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, Final

from formats.validate.validation import Defect, Validation, defective, merged
from formats.validate.validator import Validator
from policies.findings import Puid
from policies.phrases import phrase

__all__ = ["Whole", "checked_whole"]

NOT_SAID: Final = frozenset({0, 0xFFFFFFFF})
"""Sizes of a RIFF chunk by a writer that could not go back to its head."""

BOXES: Final = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"})
"""Types that a file of ISO/IEC 14496-12 or QuickTime begins with."""

ASF_HEADER: Final = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")

FIRST_OF_STREAM: Final = 2
LAST_OF_STREAM: Final = 4
"""Bits of an Ogg page's type (RFC 3533, 6)."""

ID3: Final = b"ID3"

MOST_NAMED: Final = 20
"""Defects that are looked for: more say nothing new."""


CHECK: Final = "kho containers 1"


class Whole:
    """A decoder, beside which RIFF chunks, boxes, ASF objects, Ogg pages and MPEG frames are seen to end where they say, within the file.
    What is in none of these is the decoder's alone to judge."""

    def __init__(self, decoder: Validator) -> None:
        self._decoder = decoder
        self.name = decoder.name

    @property
    def version(self) -> str:
        return self._decoder.version

    def validate(self, path: Path, puid: Puid) -> Validation:
        found, whole = self._decoder.validate(path, puid), checked_whole(path)
        return found if whole is None else merged([found, whole])


def checked_whole(path: Path) -> Validation | None:
    """What the container says of its own length; None of a file that is in none that is known here. Raises OSError."""
    defects: list[Defect] = []
    with path.open("rb") as stream:
        walk = _walk(stream.read(16))
        if walk is None:
            return None
        for rule, defect in walk(stream, path.stat().st_size):
            defects.append(Defect(rule, defect))
            if len(defects) >= MOST_NAMED:
                break
    return defective(CHECK, defects)


Walk = Callable[[BinaryIO, int], Iterator[tuple[str, str]]]


def _walk(head: bytes) -> Walk | None:
    if head[:4] == b"RIFF":
        return _riff
    if head[:4] == b"OggS":
        return _ogg
    if head[4:8] in BOXES:
        return _boxes
    if head == ASF_HEADER:
        return _asf
    if head[:3] == ID3 or (head[0:1] == b"\xff" and _frame_bytes(head[:4])):
        return _mpeg
    return None


def _riff(stream: BinaryIO, size: int) -> Iterator[tuple[str, str]]:
    """One chunk, or one and its continuations (AVIX, of films above a gibibyte)."""
    at = 0
    while at + 8 <= size:
        stream.seek(at)
        kind, said = struct.unpack("<4sI", stream.read(8))
        if kind != b"RIFF" or said in NOT_SAID:
            return
        if at + 8 + said > size:
            yield "RIFF", phrase("chunk-cut", at=at, said=said, there=size - at - 8)
        at += 8 + said + said % 2


def _boxes(stream: BinaryIO, size: int) -> Iterator[tuple[str, str]]:
    at = 0
    while at + 8 <= size:
        stream.seek(at)
        said, kind = struct.unpack(">I4s", stream.read(8))
        if said == 1 and at + 16 <= size:
            (said,) = struct.unpack(">Q", stream.read(8))
        if said == 0:  # to the end of the file
            return
        if said < 8 or at + said > size:
            name = kind.decode("latin-1") if kind.isalnum() else kind.hex()
            yield "ISO/IEC 14496-12, 4.2", phrase("box-cut", name=name, at=at, said=said, there=size - at)
            return
        at += said


def _asf(stream: BinaryIO, size: int) -> Iterator[tuple[str, str]]:
    at = 0
    while at + 24 <= size:
        stream.seek(at + 16)
        (said,) = struct.unpack("<Q", stream.read(8))
        if said < 24:  # a broadcast, whose writer did not know
            return
        if at + said > size:
            yield "ASF 2.1", phrase("object-cut", at=at, said=said, there=size - at)
        at += said


def _ogg(stream: BinaryIO, size: int) -> Iterator[tuple[str, str]]:
    """Every page whole and followed by the next of its stream, the last of each stream marked as such."""
    at = 0
    last: dict[int, tuple[int, int]] = {}
    while at < size:
        stream.seek(at)
        head = stream.read(27)
        if len(head) < 27 or head[:4] != b"OggS":
            yield "RFC 3533 6", phrase("ogg-no-page", at=at)
            return
        kind, (serial, number) = head[5], struct.unpack("<II", head[14:22])
        lengths = stream.read(head[26])
        at += 27 + head[26] + sum(lengths)
        if len(lengths) < head[26] or at > size:
            yield "RFC 3533 6", phrase("ogg-page-cut", page=number, stream=f"{serial:08x}")
        if serial in last and not kind & FIRST_OF_STREAM and number != last[serial][0] + 1:
            yield "RFC 3533 6", phrase("ogg-page-order", page=number, stream=f"{serial:08x}", before=last[serial][0])
        last[serial] = (number, kind)
    for serial, (number, kind) in last.items():
        if not kind & LAST_OF_STREAM:
            yield (
                "RFC 3533 6",
                phrase("ogg-no-end", page=number, stream=f"{serial:08x}"),
            )


# -- MPEG audio -------------------------------------------------------------------------------------------------------------------

_V1: Final = {
    1: (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    2: (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    3: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
_V2: Final = {1: (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256)}
_LOW: Final = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES: Final[Mapping[int, tuple[int, int, int]]] = MappingProxyType(
    {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
)
"""Bits of the version → samples a second (ISO/IEC 11172-3 2.4.2.3, 13818-3; version 2.5 is the industry's)."""


def _frame_bytes(head: bytes) -> int:
    """Bytes of the frame that this header begins; 0 when it is none, or does not say how long it is (free format)."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return 0
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    rate, sampling = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer == 4 or rate in (0, 15) or sampling == 3:
        return 0
    bits = (_V1[layer] if version == 3 else _V2.get(layer, _LOW))[rate - 1] * 1000
    hertz, padding = _RATES[version][sampling], head[2] >> 1 & 1
    if layer == 1:
        return (12 * bits // hertz + padding) * 4
    return (72 if layer == 3 and version != 3 else 144) * bits // hertz + padding


def _mpeg(stream: BinaryIO, size: int) -> Iterator[tuple[str, str]]:
    """The last frame is whole, and there are as many as the first one says (Xing, as nearly every encoder writes it)."""
    at = _after_tags(stream)
    said = -1
    frames = 0
    while at + 4 <= size:
        stream.seek(at)
        data = stream.read(4)
        length = _frame_bytes(data)
        if not length:
            break
        if not frames and said < 0:
            said = _frames_said(data + stream.read(length - 4))
            frames -= said >= 0  # the frame that says it has no sound, and is not counted
        frames += 1
        if at + length > size:
            yield "ISO/IEC 11172-3, 2.4.1", phrase("frame-cut", said=length, there=size - at)
        at += length
    if 0 <= frames < said - 1:  # some encoders count the frame that says it
        yield "Xing", phrase("frames-lack", said=said, there=frames)


def _after_tags(stream: BinaryIO) -> int:
    """Where the first frame begins: behind the ID3v2 tags, whose size has seven bits a byte."""
    at = 0
    while True:
        stream.seek(at)
        head = stream.read(10)
        if len(head) < 10 or head[:3] != ID3:
            return at
        at += (
            10
            + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
            + (head[5] & 0x10 and 10)
        )


def _frames_said(frame: bytes) -> int:
    """What the first frame says of the number of all others; -1 when it says nothing."""
    version, channels = frame[1] >> 3 & 3, frame[3] >> 6
    side = (17 if channels == 3 else 32) if version == 3 else (9 if channels == 3 else 17)
    tag = frame[4 + side : 4 + side + 12]
    if tag[:4] not in (b"Xing", b"Info") or len(tag) < 12 or not tag[7] & 1:
        return -1
    return int.from_bytes(tag[8:12], "big")
