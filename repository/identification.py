"""Identification beside deposits: of any folder, without an archive; and by newer signatures (again, of what is held:
`repository.versions.reidentification`).

The signatures in use are data: a newer PRONOM (a signature file of Siegfried's) is put into the home and holds for every process that
opens the archive from then on. Each answer records the signatures that gave it, so nothing that was said earlier changes its meaning.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from formats.identify import IdentifierUnavailable, SiegfriedIdentifier
from policies.phrases import os_phrase, phrase
from repository.archive import Archive
from repository.errors import RepositoryError

__all__ = ["Signatures", "SignaturesRefused", "files_below", "in_use", "update"]


class SignaturesRefused(RepositoryError):
    """A signature file cannot be used, or is older than the one in use."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__("IDENT-SIGNATURES", path, reason=reason)


@dataclass(frozen=True, slots=True)
class Signatures:
    """A release of PRONOM as it is used: its ``version``, and the SHA-256 of the file ("" for the one that came with Kho)."""

    version: str
    sha256: str = ""

    @property
    def release(self) -> tuple[int, int]:
        """(number of PRONOM, date of the container signatures); zeros where the version does not say."""
        pronom, container = re.search(r"V(\d+)", self.version), re.search(r"container (\d+)", self.version)
        return (int(pronom[1]) if pronom else 0, int(container[1]) if container else 0)


def files_below(paths: Iterable[Path]) -> Iterator[Path]:
    """The files of ``paths``, folders gone through, links not followed, in the order of their names. What is no regular file is among them,
    and so is a folder that cannot be listed: whoever looks at it says that it could not."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        closed: list[OSError] = []
        for folder, folders, names in os.walk(path, onerror=closed.append):
            yield from (Path(os.fsdecode(error.filename)) for error in closed)
            closed.clear()
            folders.sort()
            for name in sorted(names):
                file = Path(folder, name)
                if not file.is_symlink():
                    yield file
        yield from (Path(os.fsdecode(error.filename)) for error in closed)


def in_use(archive: Archive) -> Signatures:
    """The signatures that identify now. Raises IdentifierUnavailable."""
    file = archive.settings.format_signatures
    with SiegfriedIdentifier(workers=1, signature=file if file.exists() else None) as identifier:
        version = identifier.signatures()
    return Signatures(version, hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else "")


def update(archive: Archive, given: Path, *, older: bool = False) -> tuple[Signatures, Signatures]:
    """Use the signature file ``given`` from now on: (signatures before, signatures now). The file is copied; ``older`` allows an
    older release than the one in use.

    Raises:
        SignaturesRefused: it cannot be read or loaded, or is older.
    """
    before = in_use(archive)
    target = archive.settings.format_signatures
    try:
        target.parent.mkdir(exist_ok=True)
        new = target.with_name("pronom.new.sig")
        shutil.copyfile(given, new)
    except OSError as error:
        raise SignaturesRefused(str(given), os_phrase(error)) from error
    try:
        with SiegfriedIdentifier(workers=1, signature=new) as identifier:
            now = Signatures(identifier.signatures(), hashlib.sha256(new.read_bytes()).hexdigest())
        if now.release == (0, 0):
            raise SignaturesRefused(str(given), phrase("pronom-release", found=now.version[:80]))
        if now.release < before.release and not older:
            raise SignaturesRefused(str(given), phrase("pronom-older", found=now.version, used=before.version))
    except IdentifierUnavailable as error:
        new.unlink(missing_ok=True)
        raise SignaturesRefused(str(given), phrase("pronom-no-file")) from error
    except SignaturesRefused:
        new.unlink(missing_ok=True)
        raise
    with new.open("rb") as stream:
        os.fsync(stream.fileno())
    os.rename(new, target)
    words = {"kho": 1, "version": now.version, "sha256": now.sha256, "since": archive.clock.now().isoformat()}
    target.with_suffix(".json").write_text(json.dumps(words) + "\n", encoding="utf-8")
    return before, now
