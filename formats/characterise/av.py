"""Sound and moving pictures: streams, duration, bit rates, by ffprobe."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from formats.characterise.properties import Properties
from formats.validate.programs import call

__all__ = ["characterise_av"]


def characterise_av(path: Path) -> Properties:
    """{} when ffprobe is not installed. Raises ValueError when it can make nothing of the file."""
    if shutil.which("ffprobe") is None:
        return {}
    options = ["-v", "error", "-protocol_whitelist", "file", "-of", "json", "-show_format", "-show_streams"]
    answer = call(["ffprobe", *options, f"file:{path}"])
    if answer.status:
        raise ValueError(answer.err.strip() or f"ffprobe ended with status {answer.status}")
    said = json.loads(answer.out)
    streams: list[Mapping[str, Any]] = said.get("streams", [])
    found: Properties = {"streams": len(streams), "container": str(said.get("format", {}).get("format_name", ""))}
    _number(found, "duration_seconds", said.get("format", {}).get("duration"), 1)
    _number(found, "bit_rate_kbps", said.get("format", {}).get("bit_rate"), 1000)
    for kind in ("video", "audio"):
        first = next((stream for stream in streams if stream.get("codec_type") == kind), None)
        if first is not None:
            found[f"{kind}_codec"] = str(first.get("codec_name", ""))
            _number(found, f"{kind}_bit_rate_kbps", first.get("bit_rate"), 1000)
            (_video if kind == "video" else _audio)(found, first)
    return found


def _video(found: Properties, stream: Mapping[str, Any]) -> None:
    found |= {"width": int(stream.get("width", 0)), "height": int(stream.get("height", 0))}
    found["pixel_format"] = str(stream.get("pix_fmt", ""))
    rate, _, base = str(stream.get("avg_frame_rate", "")).partition("/")
    if rate.isdigit() and base.isdigit() and int(base):
        found["frames_per_second"] = int(rate) / int(base)
    _number(found, "frames", stream.get("nb_frames"), 1)


def _audio(found: Properties, stream: Mapping[str, Any]) -> None:
    _number(found, "sample_rate", stream.get("sample_rate"), 1)
    _number(found, "bits_per_sample", stream.get("bits_per_sample") or stream.get("bits_per_raw_sample"), 1)
    found["channels"] = int(stream.get("channels", 0))


def _number(found: Properties, name: str, text: Any, unit: int) -> None:
    """Set a number that ffprobe gives as text; what it does not say is not set."""
    try:
        value = float(text) / unit
    except (TypeError, ValueError):
        return
    if value:
        found[name] = int(value) if value == int(value) else value
