"""The XML schemas that a deposit's documents are held against: the archive's own, and those that came along."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from formats.package.names import shown_name
from formats.package.spool import Spool
from policies.findings import Findings
from policies.phrases import phrase
from repository.aip.sealing import SPOOLED
from repository.archive import Archive

__all__ = ["schemas_of"]

ENDINGS: Final = (b".xsd", b".XSD")

MOST: Final = 200
"""Schemas of a deposit: METS, PREMIS, EAD and what they take along are a dozen."""

LARGEST: Final = 2 << 20
"""Bytes of one (EAD3 has 0.3 MiB)."""

LONGEST_NAME: Final = 200

_FOLDER: Final = "schemas"


@contextmanager
def schemas_of(archive: Archive, spool: Spool, findings: Findings) -> Iterator[Path | None]:
    """A folder with the schemas for the time of an inspection; None where nothing is validated, or there are none that can be used. The
    archive's own go before those of the same name that came along; what is left out of the latter is a finding."""
    if not archive.policy.inspection.validate:
        yield None
        return
    folder = spool.folder / _FOLDER
    shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed
    folder.mkdir()
    try:
        own = Path(archive.settings.schemas) if archive.settings.schemas else None
        for path in sorted(own.glob("*.xsd")) if own is not None else ():
            (folder / path.name).symlink_to(path.absolute())
        _brought(spool, folder, findings)
        reason = archive.inspectors.usable(folder) if any(folder.iterdir()) else ""
        if reason:
            findings.add("VAL-SCHEMA-UNUSABLE", reason=reason)
        yield None if reason or not any(folder.iterdir()) else folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _brought(spool: Spool, folder: Path, findings: Findings) -> None:
    """Lay those that came along into the folder, by their last names: the first of each."""
    taken: dict[str, bytes] = {}
    rows = spool.database.execute(
        "SELECT name, file, size, sha256 FROM item WHERE file <> '' AND substr(name, -4) IN (?, ?) ORDER BY name", ENDINGS
    )
    for name, file, size, sha256 in rows.fetchall():
        shown = shown_name(name.rpartition(b"/")[2])
        if len(taken) >= MOST or size > LARGEST or len(shown.encode()) > LONGEST_NAME:
            findings.add("VAL-SCHEMA-LEFT", shown_name(name), reason=phrase("schema-bounds", most=MOST, size=LARGEST))
        elif shown in taken or (folder / shown).exists():
            if taken.get(shown) != sha256:
                findings.add("VAL-SCHEMA-LEFT", shown_name(name), reason=phrase("schema-twice"))
        else:
            taken[shown] = sha256
            (folder / shown).symlink_to((spool.folder / SPOOLED / file).absolute())
