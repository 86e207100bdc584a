"""OpenJPEG: pictures to JPEG 2000, without loss."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from formats.migrate.migrator import LIMITS, Failed, Made, placed, run_tool
from formats.sandbox import SandboxLimits
from formats.tools import version_of

__all__ = ["OpenJpeg"]


class OpenJpeg:
    """`opj_compress -r 1`: every pixel comes back. One picture a file; resolution and colour profiles of TIFF are not carried over."""

    name = "openjpeg"
    recipes: Mapping[str, str] = MappingProxyType({"jp2": ".jp2"})

    def version(self) -> str | None:
        return version_of("opj_compress", ("-h",))

    def migrate(self, source: Path, recipe: str, work: Path, *, limits: SandboxLimits = LIMITS) -> Made | Failed:
        result = work / f"result{self.recipes[recipe]}"
        link = placed(source, work)
        command = ["opj_compress", "-i", str(link), "-o", str(result), "-r", "1"]
        return run_tool(command, tool=self.name, version=self.version(), source=link, result=result, work=work, limits=limits)
