"""One valid E-ARK package, for tests to break in one place."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from formats.mets import (
    MetadataFile,
    MetsAgent,
    MetsFile,
    MetsHeader,
    RepresentationRef,
    write_representation_mets,
    write_root_mets,
)

WHEN = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
REP = "representations/rep1"

DC = '<?xml version="1.0"?><dc xmlns="http://purl.org/dc/elements/1.1/"><title>Hồ sơ đất</title></dc>'.encode()

FILES: dict[str, bytes] = {
    "metadata/descriptive/dc.xml": DC,
    "metadata/preservation/premis1.xml": b"<premis/>",
    "documentation/read me.txt": b"line one\nline two\n",
    "schemas/dc.xsd": b"<schema/>",
    f"{REP}/data/Quyết định 01%.pdf": b"%PDF-1.7 one",
    f"{REP}/data/b/two.txt": b"two\n",
    f"{REP}/metadata/preservation/premis2.xml": b"<premis/>",
}


class Package:
    """Files and METS below a folder. ``seal`` writes the METS files for the files as they are; call it again after changing some."""

    def __init__(self, folder: Path, **header: str) -> None:
        self.folder = folder
        self.header = header
        for name, data in FILES.items():
            self.write(name, data)
        self.seal()

    def write(self, name: str, data: bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def file(self, name: str, base: str = "") -> MetsFile:
        data = (self.folder / base / name).read_bytes()
        return MetsFile(name, len(data), hashlib.sha256(data).digest(), "text/plain", WHEN)

    def seal(self) -> None:
        agent = MetsAgent("CREATOR", "ORGANIZATION", "Sở Tài nguyên", notes=(("IDENTIFICATIONCODE", "H49"),))
        facts = {"package_type": "SIP", "profile": "https://earksip.dilcis.eu/profile/E-ARK-SIP-v2-2-0.xml", "label": "Hồ sơ"}
        inner = MetsHeader("rep1", WHEN, "tool", "1", **(facts | self.header))
        with open(self.folder / REP / "METS.xml", "wb") as out:
            names = sorted(str(p.relative_to(self.folder / REP)) for p in (self.folder / REP / "data").rglob("*") if p.is_file())
            write_representation_mets(
                out,
                inner,
                name="rep1",
                files=[self.file(name, REP) for name in names],
                descriptive=(),
                preservation=[MetadataFile(self.file("metadata/preservation/premis2.xml", REP), "PREMIS", "3.0")],
            )
        with open(self.folder / "METS.xml", "wb") as out:
            write_root_mets(
                out,
                MetsHeader(self.folder.name, WHEN, "tool", "1", agents=(agent,), **(facts | self.header)),
                descriptive=[MetadataFile(self.file("metadata/descriptive/dc.xml"), "DC")],
                preservation=[MetadataFile(self.file("metadata/preservation/premis1.xml"), "PREMIS", "3.0")],
                documentation=[self.file("documentation/read me.txt")],
                schemas=[self.file("schemas/dc.xsd")],
                representations=[RepresentationRef("rep1", self.file(f"{REP}/METS.xml"))],
            )

    def edit(self, change: Callable[[str], str], mets: str = "METS.xml") -> None:
        """Change the text of a METS file; it must change."""
        path = self.folder / mets
        before = path.read_text("utf-8")
        after = change(before)
        assert after != before
        path.write_text(after, "utf-8")

    def replace(self, pattern: str, new: str, mets: str = "METS.xml", count: int = 1) -> None:
        self.edit(lambda text: re.sub(pattern, new, text, count=count, flags=re.DOTALL), mets)
