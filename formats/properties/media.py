"""Sound and moving pictures: hashes of what comes out of the decoder, frame by frame, and how far two films are apart."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from formats.properties.facts import CannotTell, Which, ask, which
from formats.sandbox import left
from policies.phrases import phrase

__all__ = [
    "Decoded",
    "Pictures",
    "decoded",
    "decoded_starts",
    "duration",
    "fractional",
    "probed",
    "psnr",
    "range_of",
    "starts",
    "streams",
    "tags",
]

REMEMBERED: Final = 8
"""Answers that are remembered: those about the files that are under way, a pair a core. Hashes of a film of two hours take some 20 MB."""

_COMMON: Final = ["-v", "error", "-nostdin", "-xerror"]


def streams(path: Path, work: Path) -> list[dict[str, Any]]:
    """What ffprobe says of each stream of pictures or sound. Raises CannotTell."""
    return [each for each in probed(path, work)["streams"] if each.get("codec_type") in ("audio", "video")]


def probed(path: Path, work: Path) -> dict[str, Any]:
    """What ffprobe says of the file: "streams" (of any kind) and "format". All of it is read for that; the last answers are remembered.
    Raises CannotTell."""
    return _probed(path, work, which(path))


@functools.lru_cache(maxsize=REMEMBERED)
def _probed(path: Path, work: Path, _: Which) -> dict[str, Any]:
    command = [
        "ffprobe",
        "-v",
        "error",
        "-of",
        "json",
        "-show_streams",
        "-show_format",
        "-show_chapters",
        "-count_packets",
        str(path),
    ]
    try:
        told: dict[str, Any] = json.loads(ask(command, work))
    except ValueError as error:
        raise CannotTell(phrase("ffmpeg-said-nothing")) from error
    told.setdefault("streams", [])
    return told


def duration(path: Path, work: Path) -> float:
    """Seconds from the beginning of the first stream to the end of the last; where a stream does not say its own (Matroska), as the file
    says. Raises CannotTell."""
    whole = probed(path, work).get("format", {})
    spans = [_span(each) or _span(whole) for each in streams(path, work)] or [_span(whole)]
    known = [each for each in spans if each is not None]
    if not known:
        raise CannotTell(phrase("film-length-not-said"))
    return max(end for _, end in known) - min(begin for begin, _ in known)


def _span(told: dict[str, Any]) -> tuple[float, float] | None:
    """(begin, end) of a stream or file, in seconds; None where it does not say how long it is."""
    try:
        begin = float(told.get("start_time", 0))
    except ValueError:  # "N/A"
        begin = 0.0
    try:
        return begin, begin + float(told["duration"])
    except (KeyError, ValueError):
        return None


def fractional(path: Path, work: Path) -> bool:
    """Whether the sound was compressed with loss and comes out of the decoder as fractions: then 24 bits are all there is to it.

    Samples that were kept as fractions (PCM of 32 bits) are another thing: each of their bits counts. Raises CannotTell.
    """
    sound = [each for each in streams(path, work) if each["codec_type"] == "audio"]
    return any(
        each.get("sample_fmt", "").startswith("flt") and not each.get("codec_name", "").startswith("pcm_") for each in sound
    )


@dataclass(frozen=True, slots=True)
class Pictures:
    """One stream of pictures as it comes out of the decoder: how they are to be shown, the MD5 of each, and when it is shown (ms).

    ``told`` is what the file says of its colours and fields (name → value), where it says anything: a player shows other colours, or
    combs, where that is lost."""

    shape: str
    hashes: tuple[str, ...]
    times: tuple[float, ...]
    told: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Decoded:
    """All that comes out of the decoders of a file. ``sound`` has one text a stream: rate, channels and the MD5 of all samples (containers
    cut them into packets of their own sizes)."""

    pictures: tuple[Pictures, ...]
    sound: tuple[str, ...]


def decoded(path: Path, work: Path, *, bits: int = 32) -> Decoded:
    """Decode a file once; samples are hashed at ``bits``. The last answers are remembered. Raises CannotTell."""
    return _decoded(path, work, bits, which(path))


@functools.lru_cache(maxsize=REMEMBERED)
def _decoded(path: Path, work: Path, bits: int, name: Which) -> Decoded:
    found = streams(path, work)
    seen, heard = ([each for each in found if each["codec_type"] == kind] for kind in ("video", "audio"))
    if not found:
        return Decoded((), ())
    stem = f"decoded-{name[0]}"
    command = ["ffmpeg", *_COMMON, "-y", "-i", str(path)]
    for number in range(len(seen)):
        command += ["-map", f"0:v:{number}", "-vsync", "passthrough", "-f", "framemd5", f"{stem}-v{number}"]
    for number in range(len(heard)):
        command += ["-map", f"0:a:{number}", "-c:a", f"pcm_s{bits}le", "-f", "md5", f"{stem}-a{number}"]
    ask(command, work)
    made = [*(f"{stem}-v{n}" for n in range(len(seen))), *(f"{stem}-a{n}" for n in range(len(heard)))]
    if not all(left(work / name, work) for name in made):
        raise CannotTell(phrase("ffmpeg-said-nothing"))
    try:
        pictures = [_pictures((work / f"{stem}-v{n}").read_text("ascii"), each) for n, each in enumerate(seen)]
        sound = [f"{_rate(each)} {(work / f'{stem}-a{n}').read_text('ascii').strip()}" for n, each in enumerate(heard)]
    except (OSError, ValueError) as error:
        raise CannotTell(phrase("ffmpeg-said-nothing")) from error
    return Decoded(tuple(pictures), tuple(sound))


def _rate(stream: dict[str, Any]) -> str:
    return f"{stream.get('sample_rate')} Hz, {stream.get('channels')} channels,"


def _pictures(said: str, stream: dict[str, Any]) -> Pictures:
    head = dict(re.findall(r"^#(tb|dimensions|sar) \d+: (\S+)", said, re.MULTILINE))
    over, _, under = head.get("tb", "").partition("/")
    rows = [line.split(",") for line in said.splitlines() if line and not line.startswith("#")]
    unit = 1_000 * int(over) / int(under)
    sar = head.get("sar", "0/1")
    shape = f"{head.get('dimensions', '')}, pixels {'1/1' if sar == '0/1' else sar}, {range_of(stream)}"
    return Pictures(shape, tuple(row[-1].strip() for row in rows), tuple(int(row[2]) * unit for row in rows), _told(stream))


def _told(stream: dict[str, Any]) -> dict[str, str]:
    """What a stream says of its colours; and that its pictures are made of two fields (containers differ in how they name the order of
    these, and their numbers in the stream are unchanged)."""
    found = {name: str(stream[name]) for name in COLOURS if stream.get(name, "unknown") not in ("unknown", "reserved")}
    return {**found, **({"field_order": "interlaced"} if stream.get("field_order") in FIELDS else {})}


COLOURS: Final = ("color_space", "color_transfer", "color_primaries")
"""By which numbers become colours (ISO/IEC 23091-2), as ffprobe names it."""

FIELDS: Final = frozenset({"tt", "bb", "tb", "bt"})
"""ffprobe's words for pictures of two fields: which is coded first, which is shown first."""


def range_of(stream: dict[str, Any]) -> str:
    """Whether brightness takes the full range of its values, as cameras write it, or that of television."""
    full = stream.get("color_range") == "pc" or str(stream.get("pix_fmt", "")).startswith("yuvj")
    return "full range" if full else "limited range"


def tags(path: Path, work: Path) -> dict[str, str]:
    """What is said of a file and its streams in words, but for what containers say of themselves. Raises CannotTell."""
    told = probed(path, work)
    found: dict[str, str] = {}
    for number, each in enumerate([told.get("format", {}), *told["streams"]]):
        for name, value in each.get("tags", {}).items():
            if (
                name.lower() not in OF_CONTAINERS
                and str(value) != UNDETERMINED
                and not name.upper().startswith("_STATISTICS")
                and str(value).strip()
            ):
                found[f"{number} {name.lower()}"] = str(value).strip()
    return found


UNDETERMINED: Final = "und"
"""The language (ISO 639-2) of what nobody gave one."""

OF_CONTAINERS: Final = frozenset(
    {
        "encoder",
        "major_brand",
        "minor_version",
        "compatible_brands",
        "handler_name",
        "vendor_id",
        "duration",
        "bps",
        "number_of_frames",
    }
    | {"number_of_bytes", "creation_time", "time_reference"}
)
"""Tags that say how a file was put together. (The time of creation is that of the file, too: the original keeps it.)"""


def starts(path: Path, work: Path) -> list[float]:
    """Seconds from the first picture (else the first sound) to the beginning of each stream. Raises CannotTell."""
    times = [float(each.get("start_time") or 0) if each.get("start_time") != "N/A" else 0.0 for each in streams(path, work)]
    kinds = [each["codec_type"] for each in streams(path, work)]
    first = times[kinds.index("video")] if "video" in kinds else min(times, default=0.0)
    return [time - first for time in times]


def decoded_starts(path: Path, work: Path) -> list[float]:
    """As `starts`, by what comes out of the decoders first: some containers count what a coder put before the sound, and the decoder drops
    (Windows Media). Raises CannotTell."""
    found = streams(path, work)
    times = [_first_time(path, work, int(each["index"])) for each in found]
    kinds = [each["codec_type"] for each in found]
    first = times[kinds.index("video")] if "video" in kinds else min(times, default=0.0)
    return [time - first for time in times]


def _first_time(path: Path, work: Path, stream: int) -> float:
    command = ["ffprobe", "-v", "error", "-of", "json", "-select_streams", str(stream), "-read_intervals", f"%+#{FIRST_PACKETS}"]
    try:
        told = json.loads(ask([*command, "-show_entries", "frame=best_effort_timestamp_time", str(path)], work))
        return min(float(each["best_effort_timestamp_time"]) for each in told["frames"] if "best_effort_timestamp_time" in each)
    except ValueError as error:
        raise CannotTell(phrase("ffmpeg-said-nothing")) from error


FIRST_PACKETS: Final = 16
"""Packets of a stream that are decoded to learn when its first picture or sample is."""


def psnr(one: Path, two: Path, work: Path) -> tuple[float, float, int]:
    """(average, worst frame, frames) of the first film against the second, in dB; equal pictures are infinitely alike.

    Raises:
        CannotTell: one of them cannot be decoded, or they have another size.
    """
    stats = work / "psnr.log"
    clock = "settb=1/1000,setpts=N*40"  # frame by frame, whatever the clocks of the files say
    scale = f"[0:v:0]{clock}[x];[1:v:0]{clock}[y];[y][x]scale2ref=flags=bicubic[b][a]"
    scale += ";[a][b]psnr=stats_file=psnr.log:shortest=0:repeatlast=0"
    ask(["ffmpeg", *_COMMON, "-i", str(one), "-i", str(two), "-lavfi", scale, "-f", "null", "-"], work)
    if not left(stats, work):
        raise CannotTell(phrase("ffmpeg-said-nothing"))
    try:
        values = [float(value) for value in re.findall(r"psnr_avg:(\S+)", stats.read_text(encoding="ascii"))]
    except (OSError, ValueError) as error:
        raise CannotTell(phrase("ffmpeg-said-nothing")) from error
    if not values:
        raise CannotTell(phrase("ffmpeg-said-nothing"))
    mean = sum(10 ** (-value / 10) for value in values) / len(values)
    from math import inf, log10

    return (inf if mean == 0 else -10 * log10(mean)), min(values), len(values)
