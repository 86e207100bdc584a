"""Identification beside deposits: of any folder, without an archive; by newer signatures; and again, of what is held.

The signatures in use are data: a newer PRONOM (a signature file of Siegfried's) is put into the home and holds for every process that
opens the archive from then on. Each answer records the signatures that gave it, so nothing that was said earlier changes its meaning.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from formats.identify import Identification, IdentifierUnavailable, SiegfriedIdentifier
from policies.phrases import os_phrase, phrase
from repository.access.reading import NoGoodCopy, Reading, Unverified
from repository.archive import Archive
from repository.errors import RepositoryError
from repository.model import AipFile
from repository.progress import Progress

__all__ = ["Again", "Signatures", "SignaturesRefused", "again", "files_below", "in_use", "update"]

BATCH_FILES, BATCH_BYTES = 256, 256 << 20
"""Files, and bytes, that lie in the temporary folder at once while they are identified again."""

CONTENT = re.compile(r"representations/[^/]+/data/")
"""What is identified again: metadata is Kho's own, and known."""

EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,16}\Z")


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


@dataclass(frozen=True, slots=True)
class Again:
    """A file whose format is now said to be another. ``failed`` says why it could not be looked at; then ``now`` is ""."""

    aip_id: str
    path: str
    before: str
    now: str
    basis: str = ""
    failed: str = ""


def files_below(paths: Iterable[Path]) -> Iterator[Path]:
    """The regular files of ``paths``, folders gone through, links not followed, in the order of their names."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for folder, folders, names in os.walk(path):
            folders.sort()
            for name in sorted(names):
                file = Path(folder, name)
                if file.is_file() and not file.is_symlink():
                    yield file


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
        reason = "it is no signature file of Siegfried's (made by roy; the XML files of PRONOM must be built into one first)"
        raise SignaturesRefused(str(given), reason) from error
    except SignaturesRefused:
        new.unlink(missing_ok=True)
        raise
    with new.open("rb") as stream:
        os.fsync(stream.fileno())
    os.rename(new, target)
    words = {"kho": 1, "version": now.version, "sha256": now.sha256, "since": archive.clock.now().isoformat()}
    target.with_suffix(".json").write_text(json.dumps(words) + "\n", encoding="utf-8")
    return before, now


def again(archive: Archive, aip_ids: Iterable[str], progress: Progress) -> Iterator[Again]:
    """Identify the content of the newest versions again, by the signatures in use, and give what is now said otherwise.

    Nothing is written. Files are read from a tier, verified, into a temporary folder of the spool, some at a time.
    """
    reading = Reading(archive)
    progress.start("identify", None, "files")
    with tempfile.TemporaryDirectory(prefix="again-", dir=archive.settings.spool) as folder:
        for aip_id in aip_ids:
            batch: list[tuple[AipFile, Path]] = []
            for file in archive.catalog.holdings.files(aip_id):
                if not CONTENT.match(file.path) or not file.size:
                    continue
                try:
                    batch.append((file, _fetched(reading, aip_id, file, Path(folder), len(batch))))
                except (NoGoodCopy, Unverified) as error:
                    yield Again(aip_id, file.path, file.puid, "", failed=str(error))
                if len(batch) >= BATCH_FILES or sum(each.size for each, _ in batch) >= BATCH_BYTES:
                    yield from _compared(archive, aip_id, batch, progress)
                    batch.clear()
            yield from _compared(archive, aip_id, batch, progress)
    progress.finish()


def _fetched(reading: Reading, aip_id: str, file: AipFile, folder: Path, number: int) -> Path:
    """A verified copy with its extension. Raises NoGoodCopy, Unverified."""
    extension = EXTENSION.search(file.original_name or file.path)
    target = folder / f"{number}{extension[0] if extension else ''}"
    with target.open("wb") as out:
        for chunk in reading.open(aip_id, file).chunks():
            out.write(chunk)
    return target


def _compared(archive: Archive, aip_id: str, batch: list[tuple[AipFile, Path]], progress: Progress) -> Iterator[Again]:
    found: dict[Path, Identification] = dict(archive.identifier.identify(path for _, path in batch))
    for file, path in batch:
        answer = found[path]
        path.unlink()
        progress.advance(1)
        if answer.basis.value == "failed":
            yield Again(aip_id, file.path, file.puid, "", failed=answer.reason)
        elif answer.puid != file.puid:
            yield Again(aip_id, file.path, file.puid, answer.puid, answer.basis.value)
