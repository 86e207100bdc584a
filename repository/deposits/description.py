"""Description: what is given beside a package, and what its descriptive files say, flattened into fields."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from fixity.digests import hash_file
from formats.describe import KINDS, flatten, kind_of, trouble
from formats.package.names import shown_name
from formats.package.source import Package
from formats.package.spool import Spool
from policies.findings import Findings, Weight
from repository.errors import SourceMissing

__all__ = ["Extras", "check_readable", "described", "fingerprint"]


@dataclass(frozen=True, slots=True)
class Extras:
    """What is given beside a package: a title, and one file of descriptive metadata."""

    title: str = ""
    metadata: Path | None = None

    @classmethod
    def of(cls, title: str, metadata: str) -> Extras:
        return cls(title, Path(metadata) if metadata else None)

    def kept(self, spool: Spool) -> Extras:
        """The same, with the file beside the spool; or what was kept there, when nothing is given now (a deposit that an officer
        releases, or that is resumed, is what it was when it came).

        Raises:
            SourceMissing: the metadata file cannot be read.
        """
        folder = spool.folder / "beside"
        if self.metadata is None and not self.title:
            title = (spool.meta("title") or b"").decode()
            return Extras(title, next(folder.iterdir(), None) if folder.exists() else None)
        spool.set_meta("title", self.title.encode())
        if self.metadata is None:
            return self
        try:
            folder.mkdir(exist_ok=True)
            return Extras(self.title, Path(shutil.copyfile(self.metadata, folder / self.metadata.name)))
        except OSError as error:
            raise SourceMissing(str(self.metadata)) from error


def fingerprint(spool: Spool, received: Findings, metadata: Path | None = None) -> str:
    """What was deposited, as SHA-256 (hexadecimal): names and bytes of the package, the metadata file beside it, and what of the
    package could not be taken in. A truncated archive is not the whole one whose beginning it holds."""
    doubts = sorted({f"{finding.code}\0{finding.path}" for finding in received if finding.weight is Weight.ERROR})
    if metadata is None and not doubts:
        return spool.fingerprint()
    digest = hashlib.sha256(f"kho deposit 1\n{spool.fingerprint()}\n".encode())
    if metadata is not None:
        digest.update(hash_file(metadata, ["sha256"])[1]["sha256"].value)
    for doubt in doubts:
        digest.update(hashlib.sha256(doubt.encode("utf-8", "surrogateescape")).digest())
    return digest.hexdigest()


def described(spool: Spool, package: Package, extra: Extras) -> tuple[dict[str, tuple[str, ...]], str]:
    """(fields by name, title): from the file given beside the package, its descriptive files, and what it says of itself.

    The title is the first that a description gives, "" when none does: a description speaks of the record, a package of itself.
    """
    fields: dict[str, tuple[str, ...]] = {}
    for _, kind, opened in _descriptions(spool, package, extra):
        with opened() as stream:
            _merge(fields, flatten(kind, stream))
    title = next(iter(fields.get("title", ())), "")
    _merge(fields, package.fields)
    return fields, title


def check_readable(spool: Spool, package: Package, extra: Extras, findings: Findings) -> None:
    """Tell of every description that cannot be read to its end. One inside the package that is neither of a kind that has a mapping
    nor XML by its name was never meant to be read."""
    for name, kind, opened in _descriptions(spool, package, extra):
        if kind in KINDS or (extra.metadata is not None and name == extra.metadata.name) or name.lower().endswith(".xml"):
            with opened() as stream:
                reason = trouble(kind, stream)
            if reason:
                findings.add("DEP-DESCRIPTION-UNREADABLE", name, reason=reason)


def _descriptions(spool: Spool, package: Package, extra: Extras) -> Iterator[tuple[str, str, Callable[[], BinaryIO]]]:
    """(name as shown, kind, what opens it) of every description: the file given beside the package, then those inside."""
    if extra.metadata is not None:
        beside: Path = extra.metadata
        with beside.open("rb") as stream:
            kind = kind_of(beside.name, stream)
        yield beside.name, kind, lambda: beside.open("rb")
    places = dict(package.descriptive)
    for spooled in spool.spooled(order="stored") if places else ():
        if spooled.stored in places:
            yield shown_name(spooled.item.name), places[spooled.stored], partial(spool.open, spooled.item.name)


def _merge(fields: dict[str, tuple[str, ...]], more: Mapping[str, tuple[str, ...]]) -> None:
    for name, values in more.items():
        have = fields.get(name, ())
        fields[name] = have + tuple(value for value in values if value not in have)
