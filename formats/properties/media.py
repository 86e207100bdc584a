"""Sound and moving pictures: hashes of what comes out of the decoder, frame by frame, and how far two films are apart."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

from formats.properties.facts import CannotTell, ask
from formats.sandbox import left

__all__ = ["duration", "fractional", "frame_hashes", "psnr", "streams"]

_COMMON: Final = ["-v", "error", "-nostdin", "-xerror"]


def streams(path: Path, work: Path) -> list[dict[str, Any]]:
    """What ffprobe says of each stream. Raises CannotTell."""
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_streams", "-show_format", "-count_packets", str(path)]
    try:
        told: dict[str, Any] = json.loads(ask(command, work))
    except ValueError as error:
        raise CannotTell("ffprobe does not answer in JSON") from error
    found: list[dict[str, Any]] = told.get("streams", [])
    for each in found:
        each.setdefault("duration", told.get("format", {}).get("duration"))
    return [each for each in found if each.get("codec_type") in ("audio", "video")]


def duration(path: Path, work: Path) -> float:
    """Seconds of the longest stream. Raises CannotTell."""
    found = [float(each["duration"]) for each in streams(path, work) if each.get("duration") not in (None, "N/A")]
    if not found:
        raise CannotTell("ffprobe does not say how long it is")
    return max(found)


def fractional(path: Path, work: Path) -> bool:
    """Whether the sound was compressed with loss and comes out of the decoder as fractions: then 24 bits are all there is to it.

    Samples that were kept as fractions (PCM of 32 bits) are another thing: each of their bits counts. Raises CannotTell.
    """
    sound = [each for each in streams(path, work) if each["codec_type"] == "audio"]
    return any(
        each.get("sample_fmt", "").startswith("flt") and not each.get("codec_name", "").startswith("pcm_") for each in sound
    )


def frame_hashes(path: Path, kind: str, work: Path, *, bits: int = 32) -> list[str]:
    """MD5 of every decoded frame ("v") or of the samples ("a"), in order, with size and kind of pixels or samples. Raises CannotTell.

    Samples are hashed as one, at ``bits``: containers cut them into packets of their own sizes.
    """
    form = ["-f", "framemd5"] if kind == "v" else ["-f", "md5"]
    extra = ["-vsync", "passthrough"] if kind == "v" else ["-c:a", f"pcm_s{bits}le"]
    count = sum(each["codec_type"] == {"v": "video", "a": "audio"}[kind] for each in streams(path, work))
    found: list[str] = []
    for number in range(count):
        command = ["ffmpeg", *_COMMON, "-i", str(path), "-map", f"0:{kind}:{number}", *extra, *form, "-"]
        said = ask(command, work).decode("ascii", "replace")
        found += _hashes(said, number, kind)
    return found


def _hashes(said: str, number: int, kind: str) -> list[str]:
    if kind == "a":
        return [f"{number}:{said.strip()}"]
    shape = [line for line in said.splitlines() if line.startswith("#dimensions")]
    frames = [line.rsplit(",", 1)[-1].strip() for line in said.splitlines() if line and not line.startswith("#")]
    return [f"{number}:{shape[0] if shape else ''}", *frames]


def psnr(one: Path, two: Path, work: Path) -> tuple[float, float, int]:
    """(average, worst frame, frames) of the first film against the second, in dB; equal pictures are infinitely alike.

    Raises:
        CannotTell: one of them cannot be decoded, or they have another size.
    """
    stats = work / "psnr.log"
    scale = "[1:v:0][0:v:0]scale2ref=flags=bicubic[b][a];[a][b]psnr=stats_file=psnr.log:shortest=0:repeatlast=0"
    ask(["ffmpeg", *_COMMON, "-i", str(one), "-i", str(two), "-lavfi", scale, "-f", "null", "-"], work)
    if not left(stats, work):
        raise CannotTell("ffmpeg measured nothing")
    try:
        values = [float(value) for value in re.findall(r"psnr_avg:(\S+)", stats.read_text(encoding="ascii"))]
    except (OSError, ValueError) as error:
        raise CannotTell("ffmpeg measured nothing") from error
    if not values:
        raise CannotTell("there are no frames")
    mean = sum(10 ** (-value / 10) for value in values) / len(values)
    from math import inf, log10

    return (inf if mean == 0 else -10 * log10(mean)), min(values), len(values)
