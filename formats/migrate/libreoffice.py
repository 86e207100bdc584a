"""LibreOffice: office documents and web pages to PDF/A-2b, and to the formats of OpenDocument."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from formats.migrate.migrator import LIMITS, Failed, Made, placed, run_tool
from formats.ole2 import stream_names
from formats.sandbox import SandboxLimits
from formats.tools import program, version_of
from policies.phrases import phrase

__all__ = ["LibreOffice"]

_MODULES: Final = {
    "writer": frozenset(
        {".doc", ".docx", ".docm", ".dotx", ".odt", ".ott", ".fodt", ".rtf", ".txt", ".htm", ".html", ".xhtml", ".wps"}
    ),
    "calc": frozenset({".xls", ".xlsx", ".xlsm", ".ods", ".ots", ".fods", ".csv"}),
    "impress": frozenset({".ppt", ".pptx", ".pptm", ".ppsx", ".pps", ".odp", ".otp", ".fodp"}),
    "draw": frozenset({".odg", ".vsd", ".vsdx", ".cdr"}),
}

RESTART: Final = 81
"""The status by which a first start, which only made the profile, asks for a second (EXITHELPER_NORMAL_RESTART)."""

SOCKET: Final = {"OSL_SOCKET_PATH": "."}
"""It will not start without a folder for a socket, and /tmp is not to be written. Its current folder, because a socket's path has
108 characters at most, and folders of deposits have longer ones."""

PDFA: Final = {
    "SelectPdfVersion": {"type": "long", "value": "2"},
    "UseTaggedPDF": {"type": "boolean", "value": "true"},
    "ExportBookmarks": {"type": "boolean", "value": "true"},
    "ReduceImageResolution": {"type": "boolean", "value": "false"},
    "UseLosslessCompression": {"type": "boolean", "value": "true"},
}
"""PDF/A-2b, tagged, with bookmarks, pictures as they are."""


class LibreOffice:
    """`soffice --convert-to`, each run with a profile of its own: two runs with one profile are one process, and one of them fails."""

    name = "libreoffice"
    recipes: Mapping[str, str] = MappingProxyType({"pdfa-2b": ".pdf", "odt": ".odt", "ods": ".ods", "odp": ".odp"})

    def version(self) -> str | None:
        return version_of(_binary())  # the script around it forks, and says the same

    def migrate(self, source: Path, recipe: str, work: Path, *, limits: SandboxLimits = LIMITS) -> Made | Failed:
        extension = self.recipes[recipe]
        if _encrypted(source):
            return Failed("MIG-ENCRYPTED", self.name, self.version() or "", "", phrase("document-locked"))
        link = placed(source, work)
        out = work / "out"
        out.mkdir()
        command = [_binary(), "--headless", "--norestore", "--nolockcheck", f"-env:UserInstallation=file://{work}/profile"]
        if link.suffix in (".htm", ".html", ".xhtml"):
            command += ["--writer", "--infilter=HTML (StarWriter)"]
        elif link.suffix == ".txt":
            command += ["--writer", "--infilter=Text (encoded):UTF8,LF,,,"]
        # --outdir must follow --convert-to
        command += ["--convert-to", _filter(recipe, link.suffix), "--outdir", str(out), str(link)]
        result = out / f"{link.stem}{extension}"
        return run_tool(
            command,
            tool=self.name,
            version=self.version(),
            source=link,
            result=result,
            work=work,
            limits=limits,
            encrypted=(b"password",),
            environment=SOCKET,
            again=RESTART,
        )


def _binary() -> str:
    """The program itself: the script around it insists on a socket in /tmp."""
    script = program("soffice")
    return str(Path(script).resolve().with_name("soffice.bin")) if script else "soffice"


def _filter(recipe: str, extension: str) -> str:
    if recipe != "pdfa-2b":
        return recipe
    module = next((name for name, extensions in _MODULES.items() if extension in extensions), "writer")
    return f"pdf:{module}_pdf_Export:{json.dumps(PDFA, separators=(',', ':'))}"


def _encrypted(source: Path) -> bool:
    """Whether a password is asked for: LibreOffice only says that it "could not load" such a document.

    OOXML is wrapped in an OLE2 file (MS-OFFCRYPTO, 2.3.4) then; of ODF, the manifest names the algorithm.
    """
    try:
        if "EncryptedPackage" in stream_names(source):
            return True
        with source.open("rb") as stream:
            head = stream.read(2)
        if head == b"PK":
            with zipfile.ZipFile(source) as file:
                return b"encryption-data" in file.read("META-INF/manifest.xml")
    except (OSError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile, NotImplementedError):
        return False
    return False
