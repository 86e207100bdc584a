"""Ghostscript: PDF to PDF/A-2b."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from formats.migrate.migrator import LIMITS, Failed, Made, placed, run_tool
from formats.sandbox import SandboxLimits
from formats.tools import version_of
from policies.phrases import phrase

__all__ = ["Ghostscript"]

PROFILES: Final = (
    Path("/usr/share/color/icc/ghostscript/srgb.icc"),
    Path("/usr/share/ghostscript/iccprofiles/srgb.icc"),
)
"""Where distributions keep Ghostscript's sRGB profile, the output intent of the result."""

_INTENT: Final = """%!
[ /Title () /DOCINFO pdfmark
[ /_objdef {{icc}} /type /stream /OBJ pdfmark
[ {{icc}} << /N 3 >> /PUT pdfmark
[ {{icc}} ({profile}) (r) file /PUT pdfmark
[ /_objdef {{intent}} /type /dict /OBJ pdfmark
[ {{intent}} << /Type /OutputIntent /S /GTS_PDFA1 /DestOutputProfile {{icc}} /OutputConditionIdentifier (sRGB) >> /PUT pdfmark
[ {{Catalog}} << /OutputIntents [ {{intent}} ] >> /PUT pdfmark
"""


class Ghostscript:
    """`gs -dPDFA=2`. It drops titles in other than Latin letters, so they are put back from the source afterwards."""

    name = "ghostscript"
    recipes: Mapping[str, str] = MappingProxyType({"pdfa-2b": ".pdf"})

    def version(self) -> str | None:
        return version_of("gs")

    def migrate(self, source: Path, recipe: str, work: Path, *, limits: SandboxLimits = LIMITS) -> Made | Failed:
        result = work / f"result{self.recipes[recipe]}"
        version = self.version()
        profile = next((path for path in PROFILES if path.exists()), None)
        if profile is None:
            return Failed(
                "MIG-NO-TOOL", self.name, version or "", "", phrase("program-not-installed", name="Ghostscript sRGB (srgb.icc)")
            )
        link = placed(source, work)
        intent = work / "intent.ps"
        intent.write_text(_INTENT.format(profile=profile).replace("[ /Title () /DOCINFO pdfmark\n", ""), encoding="ascii")
        raw = work / "raw.pdf"
        command = ["gs", "-q", "-dPDFA=2", "-dBATCH", "-dNOPAUSE", "-dSAFER", f"--permit-file-read={profile}"]
        command += ["-sColorConversionStrategy=RGB", "-sDEVICE=pdfwrite", "-dPDFACompatibilityPolicy=1"]
        command += ["-dAutoFilterColorImages=false", "-dAutoFilterGrayImages=false"]
        command += ["-dColorImageFilter=/FlateEncode", "-dGrayImageFilter=/FlateEncode", "-dPassThroughJPEGImages=true"]
        command += ["-dDownsampleColorImages=false", "-dDownsampleGrayImages=false", "-dDownsampleMonoImages=false"]
        command += [f"-sOutputFile={raw}", str(intent), str(link)]
        made = run_tool(
            command,
            tool=self.name,
            version=version,
            source=link,
            result=raw,
            work=work,
            limits=limits,
            also={str(raw): "{result}", str(profile): "{srgb.icc}"},
            encrypted=(b"password", b"Password"),
        )
        return made if isinstance(made, Failed) else self._titled(made, source, result, work, limits)

    def _titled(self, made: Made, source: Path, result: Path, work: Path, limits: SandboxLimits) -> Made | Failed:
        command = [sys.executable, "-m", "formats.migrate.titles", str(source), str(made.result), str(result)]
        done = run_tool(
            command, tool="pikepdf", version="-", source=source, result=result, work=work, limits=limits, encrypted=(b"password",)
        )
        if isinstance(done, Failed):
            return replace(done, tool=made.tool, version=made.version)
        return replace(
            made, result=result, seconds=made.seconds + done.seconds, notes=("document properties put back from the source",)
        )
