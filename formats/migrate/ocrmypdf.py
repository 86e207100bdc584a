"""OCRmyPDF with Tesseract: scanned pages to a PDF/A-2b of two layers, the picture and, invisible below it, the text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from formats.migrate.migrator import LIMITS, Failed, Made, placed, run_tool
from formats.sandbox import SandboxLimits
from formats.tools import version_of

__all__ = ["OcrMyPdf"]

UNKNOWN_DPI: Final = "300"
"""For pictures that do not say how finely they were scanned: what the Vietnamese rule asks of maps, and most scanners are set to."""


class OcrMyPdf:
    """`ocrmypdf -l vie`. Pictures keep their pixels; text that a PDF has already is left as it is."""

    name = "ocrmypdf"
    recipes: Mapping[str, str] = MappingProxyType({"pdfa-2b-ocr": ".pdf"})

    def version(self) -> str | None:
        return version_of("ocrmypdf") if version_of("tesseract") else None

    def migrate(self, source: Path, recipe: str, work: Path, *, limits: SandboxLimits = LIMITS) -> Made | Failed:
        result = work / f"result{self.recipes[recipe]}"
        link = placed(source, work)
        command = ["ocrmypdf", "-q", "-l", "vie", "--output-type", "pdfa-2", "--pdfa-image-compression", "lossless"]
        command += ["--optimize", "0", "--jobs", "1", "--tesseract-timeout", "180"]
        if link.suffix == ".pdf":
            command.append("--skip-text")
        else:
            command += ["--image-dpi", UNKNOWN_DPI]
        command += [str(link), str(result)]
        return run_tool(
            command,
            tool=self.name,
            version=self.version(),
            source=link,
            result=result,
            work=work,
            limits=limits,
            encrypted=(b"encrypted", b"password"),
        )
