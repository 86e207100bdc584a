"""PDF as far as signatures need it, over pyHanko's reader: signature dictionaries, the document's validation data, what changed.

Whatever pyHanko makes of a damaged or hostile file is caught here: it is asked for facts, and it may have none.
"""

from __future__ import annotations

import io
import logging
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, BinaryIO

from pyhanko.pdf_utils.generic import ArrayObject, DictionaryObject, NullObject, parse_pdf_date
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import (
    CatalogModificationRule,
    DocInfoRule,
    DSSCompareRule,
    FormUpdatingRule,
    GenericFieldModificationRule,
    MetadataUpdateRule,
    ModificationLevel,
    ObjectStreamRule,
    SigFieldCreationRule,
    SigFieldModificationRule,
    StandardDiffPolicy,
    SuspiciousModification,
    XrefStreamRule,
)

from policies.phrases import phrase
from signatures.cms import MOST_BYTES
from signatures.pdf_remainder import Remainder

__all__ = ["Field", "Pdf", "Prefix"]

logging.getLogger("pyhanko").setLevel(logging.CRITICAL)  # what it would say of a file stands in the report

BAD = (
    PdfError,
    ArithmeticError,  # numbers that are none: decimal.InvalidOperation
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    RuntimeError,  # and RecursionError, NotImplementedError
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What pyHanko raises over files that are not what they should be (found by fuzzing)."""

MOST_FIELDS = 10_000
MOST_KIDS = 200_000
"""Members of the form that are looked at, however often the same list is named."""
DEEPEST = 50
"""Fields and pages within one another."""


class Prefix(io.RawIOBase):
    """The first ``end`` bytes of a file as a file: what a document was when it was signed is a prefix of what it is."""

    def __init__(self, stream: BinaryIO, end: int) -> None:
        self._stream = stream
        self._end = end
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        at = offset + (0, self._at, self._end)[whence]
        if at < 0:  # a place that the document names: no fault of the machine, which is what OSError would say
            raise ValueError(phrase("pdf-place", at=at))
        self._at = at
        return at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        if self._at >= self._end:
            return 0
        self._stream.seek(self._at)
        data = self._stream.read(min(len(buffer), self._end - self._at))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


@dataclass(frozen=True)
class Field:
    """A filled signature field; without ``byte_range`` and ``contents`` where its value cannot be read. ``reference`` is the object that
    its value is, None when it is a part of another."""

    name: str
    reference: Any
    byte_range: tuple[int, ...] = ()
    contents: bytes = b""
    subfilter: str = ""
    reason: str = ""
    location: str = ""
    time: datetime | None = None

    @property
    def number(self) -> tuple[int, int] | None:
        """Number and generation of ``reference``."""
        return None if self.reference is None else (self.reference.idnum, self.reference.generation)


class Pdf:
    """A document, or an earlier state of it; ``readable`` is False when no structure could be made out."""

    def __init__(self, stream: BinaryIO) -> None:
        self._reader: Any = None
        try:
            self._reader = PdfFileReader(stream, strict=False)
            if self._reader.encrypted:
                self._reader.decrypt(b"")  # most encrypted records open without a password
            _ = self._reader.root
        except BAD:
            self._reader = None
        self._remainder = Remainder(self._reader)

    @property
    def readable(self) -> bool:
        return self._reader is not None

    def fields(self) -> list[Field]:
        """Filled signature fields, in the order of the form."""
        try:
            listed = self._reader.root["/AcroForm"]["/Fields"] if self.readable else ()
        except BAD:
            return []
        walked = _signature_fields(listed, "", "", set(), iter(range(MOST_KIDS)))
        filled = (_field(name, holder) for name, holder in walked)
        return list(islice((each for each in filled if each is not None), MOST_FIELDS))

    def usage_rights(self) -> tuple[int, ...]:
        """The byte range of a usage-rights signature (ISO 32000-1, 12.8.2.3): a reader's licence, and no signature of the document."""
        try:
            found = self._reader.root["/Perms"]["/UR3"]["/ByteRange"] if self.readable else ()
            return tuple(int(each) for each in found)
        except BAD:
            return ()

    def pages(self) -> int | None:
        """The number of pages, counted; None when it cannot be told."""
        try:
            return sum(1 for _ in _leaves(self._reader.root["/Pages"]))
        except BAD:
            return None

    def security_store(self) -> Iterator[tuple[str, bytes]]:
        """("certificate" | "crl" | "ocsp", DER) in the document's DSS and its VRI (EN 319 142-1, 5.4.2)."""
        try:
            store = self._reader.root["/DSS"] if self.readable else {}
        except BAD:
            return
        taken = 0
        for kind, der in _streams(store):
            taken += len(der)
            if taken > MOST_BYTES:
                return
            yield kind, der

    def attachments(self, account: Callable[[], object]) -> Iterator[tuple[str, bytes | None]]:
        """(name, content) of every attached file of every revision: the content is None where it cannot be had. ``account`` is called
        for each object that is looked at."""
        names: dict[Any, str] = {}
        streams: dict[Any, Any] = {}
        for reference in self._references() if self.readable else ():
            account()
            try:
                found = self._reader.get_object(reference)
                if not isinstance(found, DictionaryObject):
                    continue
                if "/EF" in found:
                    named = str(found.get("/UF", found.get("/F", "")))
                    names |= {getattr(each, "reference", None): named for each in dict.values(found["/EF"])}
                if found.get("/Type") == "/EmbeddedFile":
                    streams[reference] = found
            except BAD:
                continue
        for reference, stream in streams.items():
            try:
                data = bytes(stream.data)
            except BAD:
                data = None
            yield names.get(reference) or f"{reference.idnum} {reference.generation}", data

    def _references(self) -> list[Any]:
        try:
            xrefs = self._reader.xrefs
            every = (each for revision in range(xrefs.total_revisions) for each in xrefs.explicit_refs_in_revision(revision))
            return sorted(dict.fromkeys(every), key=lambda each: (each.idnum, each.generation))
        except BAD:
            return []

    def accounts_for(self, end: int) -> bool:
        """Whether all that lies behind ``end`` belongs to a revision of the document."""
        try:
            return not self._remainder.behind(end)
        except BAD:
            return False

    def changes_since(self, field: Field) -> str:
        """What the document got after the revision that brought ``field``'s value: see `Coverage.changes`."""
        try:
            revision = self._reader.xrefs.get_introducing_revision(field.reference)
            result = POLICY.review_file(self._reader, revision)
        except SuspiciousModification:
            return "unexplained"
        except BAD:
            return "unknown"
        if isinstance(result, SuspiciousModification):
            return "unexplained"
        return "none" if result.modification_level is ModificationLevel.NONE else "allowed"


class _Store(DSSCompareRule):
    """The validation data of a document may be replaced: it is no content, and none of it is believed unseen."""

    def apply(self, old: Any, new: Any) -> Any:
        try:
            yield from super().apply(old, new)
        except SuspiciousModification:
            if "/DSS" not in old.root or "/DSS" not in new.root:
                raise
            yield from _references(new)


def _references(new: Any) -> Iterator[Any]:
    from pyhanko.sign.diff_analysis import ReferenceUpdate

    for reference in new.collect_dependencies(new.root.raw_get("/DSS"), since_revision=new.revision):
        yield ReferenceUpdate(reference)


def _policy() -> StandardDiffPolicy:
    catalogue, metadata, creation = CatalogModificationRule, MetadataUpdateRule, SigFieldCreationRule
    kept = [DocInfoRule(), XrefStreamRule(), ObjectStreamRule(), _Store(), metadata()]  # type: ignore[no-untyped-call]
    rules = [catalogue(), *(each.as_qualified(ModificationLevel.LTA_UPDATES) for each in kept)]  # type: ignore[no-untyped-call]
    fields = [creation(), SigFieldModificationRule(), GenericFieldModificationRule()]  # type: ignore[no-untyped-call]
    return StandardDiffPolicy(global_rules=rules, form_rule=FormUpdatingRule(field_rules=fields))


POLICY = _policy()
"""pyHanko's own rules, but for the document security store (`_Store`)."""


def _signature_fields(
    listed: Any, above: str, kind: str, seen: set[Any], left: Iterator[int], depth: int = 0
) -> Iterator[tuple[str, Any]]:
    """(name, dictionary) of the signature fields with a value; ``above`` and ``kind`` are what they inherit. One that cannot be read hides
    none of the others; what is beyond ``left`` is told by its marks."""
    for kid, _ in zip(_each(listed) if depth < DEEPEST else (), left, strict=False):
        try:
            reference = getattr(kid, "reference", None)
            if reference is not None and reference in seen:
                continue
            seen.add(reference)
            field = kid.get_object()
            name = ".".join(filter(None, (above, str(field.get("/T", "")))))
            mine = str(field.get("/FT", kind))
            filled = mine == "/Sig" and "/V" in field
            below = field.get("/Kids", ())
        except BAD:
            continue
        if filled:
            yield name, field
        yield from _signature_fields(below, name, mine, seen, left, depth + 1)


def _each(listed: Any) -> Iterator[Any]:
    """The members of an array, as references where they are; of anything else, none."""
    if isinstance(listed, ArrayObject):
        yield from list.__iter__(listed)


def _field(name: str, holder: Any) -> Field | None:
    """The field with its value, as far as it can be read; None where that is null, which is to have none (ISO 32000-1, 7.3.9)."""
    raw = holder.raw_get("/V")
    reference = getattr(raw, "reference", None)
    try:
        value = holder["/V"]
        if isinstance(value, NullObject):
            return None
        return Field(
            name=name,
            reference=reference or value.container_ref,
            byte_range=tuple(int(each) for each in value["/ByteRange"]) if "/ByteRange" in value else (),
            contents=_octets(value.raw_get("/Contents", decrypt=_raw_access())),
            subfilter=str(value.get("/SubFilter", "")),
            reason=str(value.get("/Reason", "")),
            location=str(value.get("/Location", "")),
            time=_time(value),
        )
    except BAD:
        return Field(name, reference)


def _time(value: Any) -> datetime | None:
    """/M: the time of signing as the signer says, in PDF's own form (ISO 32000-1, 7.9.4); without a zone where none is given."""
    try:
        found = parse_pdf_date(str(value["/M"]), strict=False)
        return found if found.tzinfo is None else found.astimezone(UTC)
    except BAD:
        return None


def _raw_access() -> Any:
    from pyhanko.pdf_utils.generic import EncryptedObjAccess

    return EncryptedObjAccess.RAW  # the value of a signature is the one string that is never encrypted


def _octets(value: Any) -> bytes:
    found = getattr(value, "original_bytes", value)
    return bytes(found)


def _leaves(node: Any, depth: int = 0) -> Iterator[Any]:
    if depth > DEEPEST:
        raise ValueError(phrase("pdf-pages"))
    for kid in node["/Kids"]:
        kid = kid.get_object()
        if "/Kids" in kid:
            yield from _leaves(kid, depth + 1)
        else:
            yield kid


NAMES = {"/Certs": "certificate", "/Cert": "certificate", "/CRLs": "crl", "/CRL": "crl", "/OCSPs": "ocsp", "/OCSP": "ocsp"}


def _streams(store: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    seen: set[Any] = set()
    try:
        places = [store, *(store["/VRI"].values() if "/VRI" in store else ())]
    except BAD:
        places = [store]
    for place in places:
        for key, kind in NAMES.items():
            try:
                place = place.get_object() if hasattr(place, "get_object") else place
                listed = list(place[key]) if key in place else []
            except BAD:
                continue
            for reference in listed:
                try:
                    mark = getattr(reference, "reference", reference)
                    if mark in seen:
                        continue
                    seen.add(mark)
                    yield kind, bytes(reference.get_object().data)
                except BAD:
                    continue
