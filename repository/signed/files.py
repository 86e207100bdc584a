"""Validating one signed file anywhere, as of any date: what ``kho signatures validate FILE`` does. Needs no archive, changes nothing."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from policies.findings import Finding
from repository.errors import SourceMissing
from repository.signed.evidence import Records
from repository.signed.records import FileReport
from signatures.detect import covered_names, named_beside

if TYPE_CHECKING:
    from signatures.judgement import Context, ValidationData
    from signatures.poe import Proof

__all__ = ["Folder", "Surroundings", "data_from", "opened", "validate_file"]

CHUNK = 1 << 20

_NO_NAME = (errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL)
"""No file can be called so here."""


class Surroundings(Protocol):
    """Where the other files are that a signature or an evidence record speaks of."""

    def named(self, wanted: str) -> Callable[[], BinaryIO] | None:
        """By the name that a signature gives it; None: it is not there."""
        ...

    def holding(self, algorithm: str, digests: Collection[bytes]) -> Iterable[tuple[str, Callable[[], BinaryIO]]]:
        """By what they hold, as far as digests in that algorithm are known."""
        ...


def validate_file(
    path: Path,
    context: Context,
    *,
    name: str = "",
    content: Path | None = None,
    others: Surroundings | None = None,
    beside: Sequence[ValidationData] = (),
    existed: Proof | None = None,
) -> FileReport:
    """The signatures of ``path``, judged. ``content`` is what a detached signature covers, when it is not found by its name; ``others``
    are the files around it (otherwise: those of its folder, by name).

    Raises:
        SourceMissing: there is nothing to read.
        OSError: it cannot be read.
    """
    from signatures.judgement import judge
    from signatures.reading import read_signatures
    from signatures.signed import SignedFile, Source

    if not path.is_file():
        raise SourceMissing(str(path))
    around = others or Folder(path)
    source = Source(path, name or path.name, partial(_beside, path, content), around.named, around.holding)
    file = read_signatures(source, context.anchors.known) or SignedFile()
    reports = judge(file, context, existed=existed, beside=beside)
    return FileReport.of(name or str(path), _sha256(path), reports, context)


def _beside(path: Path, content: Path | None) -> Iterator[tuple[str, Callable[[], BinaryIO]]]:
    names = [content] if content else [path.parent / each.decode() for each in covered_names(path.name.encode())]
    for other in names:
        if other.is_file():
            yield other.name, partial(opened, other)


@dataclass(frozen=True)
class Folder:
    """The folder that a file lies in. Nothing is hashed for being there: files are known by their names only."""

    path: Path

    def named(self, wanted: str) -> Callable[[], BinaryIO] | None:
        folder = self.path.parent
        name = named_beside(self.path.name.encode("utf-8", "surrogateescape"), wanted)
        if not name:
            return None
        found = folder / name.decode("utf-8", "surrogateescape")
        try:
            inside = found.is_file() and found.resolve().is_relative_to(folder.resolve())
        except OSError as error:
            if error.errno not in _NO_NAME:
                raise
            inside = False
        return partial(opened, found) if inside else None

    def holding(self, algorithm: str, digests: Collection[bytes]) -> Iterable[tuple[str, Callable[[], BinaryIO]]]:
        return ()


def opened(path: Path) -> BinaryIO:
    """The file as a stream; a name for it, because every use wants one that is called later."""
    return path.open("rb")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def data_from(folder: Path, records: Records | None = None, *, unread: list[Finding] | None = None) -> list[ValidationData]:
    """Validation data from a folder (of an exported AIP, or of one's own): certificates, CRLs and OCSP responses, in DER or PEM, by the
    endings that such files usually have; each with the proof that ``records`` give of it. To ``unread`` goes what is called so and is none.

    Raises `SourceMissing`.
    """
    from signatures.anchors import CERTIFICATE_SUFFIXES, REVOCATION_SUFFIXES
    from signatures.evidence import object_of_bytes
    from signatures.validation_data import read_any

    if not folder.is_dir():
        raise SourceMissing(str(folder))
    found = []
    for each in sorted(folder.rglob("*")):
        if each.is_file() and each.suffix.lower() in CERTIFICATE_SUFFIXES | REVOCATION_SUFFIXES:
            content = each.read_bytes()
            data = read_any(content)
            if next(data.digests(), None) is None and unread is not None:
                unread.append(Finding("SIG-DATA-UNREAD", str(each)))
            proof = records.proof_of(object_of_bytes(each.name, content)) if records else None
            found.append(replace(data, existed=proof))
    return found
