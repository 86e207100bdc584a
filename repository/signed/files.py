"""Validating one signed file anywhere, as of any date: what ``kho signatures validate FILE`` does. Needs no archive, changes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from repository.errors import SourceMissing
from repository.signed.evidence import Records
from repository.signed.records import FileReport
from signatures.detect import covered_names, named_beside

if TYPE_CHECKING:
    from signatures.judgement import Context, ValidationData
    from signatures.poe import Proof

__all__ = ["Named", "data_from", "opened", "validate_file"]

CHUNK = 1 << 20

Named = Callable[[str], Callable[[], BinaryIO] | None]
"""From the name that a signature gives a file to what opens it; None: it is not there."""


def validate_file(
    path: Path,
    context: Context,
    *,
    name: str = "",
    content: Path | None = None,
    named: Named | None = None,
    beside: Sequence[ValidationData] = (),
    existed: Proof | None = None,
) -> FileReport:
    """The signatures of ``path``, judged. ``content`` is what a detached signature covers, when it is not found by its name; ``named``
    finds what it calls by name (otherwise: in the folder of ``path``).

    Raises:
        SourceMissing: there is nothing to read.
        OSError: it cannot be read.
    """
    from signatures.judgement import judge
    from signatures.reading import read_signatures
    from signatures.signed import SignedFile, Source

    if not path.is_file():
        raise SourceMissing(str(path))
    source = Source(path, name or path.name, partial(_beside, path, content), named or partial(_named, path))
    file = read_signatures(source, context.anchors.known) or SignedFile()
    reports = judge(file, context, existed=existed, beside=beside)
    return FileReport.of(name or str(path), _sha256(path), reports, context)


def _beside(path: Path, content: Path | None) -> Iterator[tuple[str, Callable[[], BinaryIO]]]:
    names = [content] if content else [path.parent / each.decode() for each in covered_names(path.name.encode())]
    for other in names:
        if other.is_file():
            yield other.name, partial(opened, other)


def _named(path: Path, wanted: str) -> Callable[[], BinaryIO] | None:
    name = named_beside(path.name.encode("utf-8", "surrogateescape"), wanted)
    found = path.parent / name.decode("utf-8", "surrogateescape") if name else None
    if found is None or not found.is_file() or not found.resolve().is_relative_to(path.parent.resolve()):
        return None
    return partial(opened, found)


def opened(path: Path) -> BinaryIO:
    """The file as a stream; a name for it, because every use wants one that is called later."""
    return path.open("rb")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def data_from(folder: Path, records: Records | None = None) -> list[ValidationData]:
    """Validation data from a folder (of an exported AIP, or of one's own): certificates, CRLs and OCSP responses by their suffix; each
    with the proof that ``records`` give of it.

    Raises `SourceMissing`.
    """
    from signatures.evidence import object_of_bytes
    from signatures.validation_data import SUFFIXES, read_kept

    if not folder.is_dir():
        raise SourceMissing(str(folder))
    found = []
    for each in sorted(folder.rglob("*")):
        if each.is_file() and each.suffix in SUFFIXES.values():
            content = each.read_bytes()
            proof = records.proof_of(object_of_bytes(each.name, content)) if records else None
            found.append(replace(read_kept([(each.name, content)]), existed=proof))
    return found
