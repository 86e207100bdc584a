"""FFmpeg: films and sound to FFV1, FLAC and Matroska for keeping; to MP4 and MP3 for people to watch and hear."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from formats.migrate.migrator import LIMITS, Failed, Made, placed, run_tool
from formats.properties import CannotTell
from formats.properties.media import range_of, streams
from formats.sandbox import SandboxLimits
from formats.tools import version_of

__all__ = ["Ffmpeg"]

_RECIPES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "ffv1": (
            ".mkv",
            "-map 0:v -map 0:a? -vsync passthrough -c:v ffv1 -level 3 -g 1 -slicecrc 1 -slices 4 -threads 1 {range} -c:a flac {depth}",
        ),
        "flac": (".flac", "-map 0:a -c:a flac -compression_level 8 {depth}"),
        "wav": (".wav", "-map 0:a -c:a pcm_s16le"),
        "mp4": (
            ".mp4",
            "-map 0:v:0 -map 0:a? -vsync passthrough -c:v libx264 -preset medium -crf 20 -pix_fmt yuv420p"
            " -vf scale=trunc(iw/2)*2:trunc(ih/2)*2 -threads 1 -c:a aac -b:a 192k -movflags +faststart",
        ),
        "mp3": (".mp3", "-map 0:a:0 -c:a libmp3lame -b:a 192k"),
    }
)
"""Recipe → extension and options. One thread a run: campaigns run one file a core, and the result does not hang on the machine."""


class Ffmpeg:
    """`ffmpeg`. A source with a broken frame is refused, not mended."""

    name = "ffmpeg"
    recipes: Mapping[str, str] = MappingProxyType({recipe: extension for recipe, (extension, _) in _RECIPES.items()})

    def version(self) -> str | None:
        return version_of("ffmpeg", ("-version",))

    def migrate(self, source: Path, recipe: str, work: Path, *, limits: SandboxLimits = LIMITS) -> Made | Failed:
        extension, options = _RECIPES[recipe]
        result = work / f"result{extension}"
        link = placed(source, work)
        command = ["ffmpeg", "-v", "error", "-nostdin", "-xerror", "-i", str(link)]
        options = options.replace("{depth}", _depth(link, work)).replace("{range}", _range(link, work))
        command += [*options.split(), str(result)]
        return run_tool(command, tool=self.name, version=self.version(), source=link, result=result, work=work, limits=limits)


def _range(source: Path, work: Path) -> str:
    """Films of cameras take the full range of brightness, and say so by a kind of pixels of their own (yuvj420p), which FFV1 does not have:
    it would be scaled to the range of television, and back, with loss. Their numbers stay, and the range is said beside them."""
    try:
        seen = [each for each in streams(source, work) if each["codec_type"] == "video"]
    except CannotTell:
        return ""  # the tool itself will say what is wrong
    full = [number for number, each in enumerate(seen) if range_of(each) == "full range"]
    words = (f"-filter:v:{number} scale=in_range=full:out_range=full -color_range:v:{number} pc" for number in full)
    return " ".join(words)


def _depth(source: Path, work: Path) -> str:
    """FLAC of 24 bits where the decoder gives fractions (AAC, MP3, Vorbis): 16 would lose what can be heard; else as many as there are."""
    try:
        forms = [each.get("sample_fmt", "") for each in streams(source, work) if each["codec_type"] == "audio"]
    except CannotTell:
        return ""  # the tool itself will say what is wrong
    return "-sample_fmt s32" if any(form.startswith(("flt", "dbl")) for form in forms) else ""
