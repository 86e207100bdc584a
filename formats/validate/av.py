"""Sound and moving pictures: decoded to nothing by ffmpeg; FLAC by its own tool; Matroska with FFV1 by MediaConch besides."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path

from lxml import etree  # type: ignore[import-untyped]

from formats.validate.programs import call, version_of
from formats.validate.validation import Defect, Validation, Why, could_not, defective, sound
from policies.findings import Puid
from policies.phrases import phrase

__all__ = ["FfmpegDecoder", "FlacTest", "MediaConch"]

ADDRESS = re.compile(r" @ 0x[0-9a-f]+")
"""Where in memory a decoder was: two runs must say the same words."""

NAMESPACE = "https://mediaarea.net/mediaconch"


class FfmpegDecoder:
    """Every stream is decoded; whatever ffmpeg says at the level of errors is a defect."""

    name = "ffmpeg"

    @cached_property
    def version(self) -> str:
        return version_of(["ffmpeg", "-version"], r"ffmpeg version (\S+)")

    def validate(self, path: Path, puid: Puid) -> Validation:
        check = f"{self.name} {self.version}"
        if not self.version:
            return could_not(Why.TOOL_MISSING, phrase("program-not-installed", name="ffmpeg"), missing=self.name)
        # file: so that a name is never taken for a protocol; crccheck: what the file says of its own sums is looked at
        options = [
            "-nostdin",
            "-v",
            "error",
            "-xerror",
            "-err_detect",
            "crccheck+bitstream+buffer",
            "-protocol_whitelist",
            "file",
        ]
        answer = call(["ffmpeg", *options, "-i", f"file:{path}", "-map", "0:v?", "-map", "0:a?", "-f", "null", "-"])
        if answer.status < 0:
            return could_not(Why.TOOL_DIED, phrase("validator-died", name="ffmpeg", signal=-answer.status), check=check)
        words = [ADDRESS.sub("", line).strip().replace(str(path), path.name) for line in answer.err.splitlines() if line.strip()]
        if answer.status and not words:
            words = [phrase("validator-ended", name="ffmpeg", status=answer.status)]
        return defective(check, [Defect("decode", line) for line in words])


class FlacTest:
    """``flac -t``: decodes, and compares with the MD5 of the sound that the file carries."""

    name = "flac"

    @cached_property
    def version(self) -> str:
        return version_of(["flac", "--version"], r"flac (\S+)")

    def validate(self, path: Path, puid: Puid) -> Validation:
        check = f"{self.name} {self.version}"
        if not self.version:
            return could_not(Why.TOOL_MISSING, phrase("program-not-installed", name="flac"), missing=self.name)
        answer = call(["flac", "--test", "--silent", "--warnings-as-errors", path])
        if answer.status < 0:
            return could_not(Why.TOOL_DIED, phrase("validator-died", name="flac", signal=-answer.status), check=check)
        if answer.status == 0:
            return sound(check)
        words = [line.strip() for line in answer.err.splitlines() if line.strip()]
        said = [line.rpartition(": ")[2] or line for line in words]
        ended = phrase("validator-ended", name="flac", status=answer.status)
        return defective(check, [Defect("decode", line) for line in said or [ended]])


class MediaConch:
    """Conformance of Matroska, FFV1 and PCM to their specifications (MediaArea)."""

    name = "MediaConch"

    @cached_property
    def version(self) -> str:
        return version_of(["mediaconch", "--version"], r"[Vv]?(\d+\.\d+[.\d]*)")

    def validate(self, path: Path, puid: Puid) -> Validation:
        check = f"{self.name} {self.version}"
        if not self.version:
            return could_not(Why.TOOL_MISSING, phrase("program-not-installed", name="MediaConch"), missing=self.name)
        answer = call(["mediaconch", "-mc", "-fx", path])
        try:
            checks = list(etree.fromstring(answer.out.encode()).iterfind(f".//{{{NAMESPACE}}}check"))
        except etree.XMLSyntaxError:
            return could_not(Why.TOOL_DIED, phrase("validator-no-report", name="MediaConch", status=answer.status), check=check)
        if not checks:
            return could_not(Why.TOOL_DIED, phrase("validator-no-check", name="MediaConch"), check=check)
        failed = [each for each in checks if int(each.get("fail_count") or 0)]
        return defective(
            check,
            [Defect(each.get("icid") or "", phrase("tests-failed", count=int(each.get("fail_count") or 0))) for each in failed],
        )
