"""Evidence records that are files of their own: of RFC 4998 and RFC 6283, bare, as base64 or in the wrapper of TR-ESOR.

What such a record covers is looked for by its digests among the files that came along, then by its name.
"""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, BinaryIO

from formats.xml import MAX_EXACT_BYTES, NotLookedAt, NotWellFormed, exact
from formats.xml_prolog import is_xml, prolog_of
from policies.findings import Finding
from policies.phrases import phrase
from signatures.ber import Beyond, Malformed
from signatures.certificates import Certificate
from signatures.collected import Collected
from signatures.detect import by_root
from signatures.embedded import read_embedded
from signatures.errors import InvalidRecord, InvalidToken
from signatures.evidence import DataObject, EvidenceReport, data_object, read_record
from signatures.report import Coverage, Integrity, Kind, Role
from signatures.signed import EmbeddedRecord, SignedFile, Source
from signatures.timestamps import read_token
from signatures.unread import unread
from signatures.xaip_credentials import Handed, wrapped_record
from signatures.xaip_verifier import in_any_version, opened_package

__all__ = ["EvidenceVerifier", "handed_in", "handed_over"]

MOST_LOOKED_UP = 20_000
"""Hash values of a record that are looked up among the files; a group of 10,000 is the most that Kho makes itself."""

MOST_TOLD = 1000
"""Covered files that are named."""

Opened = Callable[[], BinaryIO]


def handed_over(data: bytes) -> Handed:
    """The record in a file, whatever it is wrapped in. Raises InvalidRecord; NotLookedAt: it is in XML of a sort that is not read."""
    if is_xml(data):
        try:
            root: Any = exact(data)
            return wrapped_record(root) or Handed(data)
        except NotLookedAt:
            raise
        except NotWellFormed as error:
            raise InvalidRecord("record", error.reason, error.line) from error
    text = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:2] == b"MI":
        try:
            return Handed(base64.b64decode(b"".join(text.split()), validate=True))
        except (binascii.Error, ValueError) as error:
            raise InvalidRecord("record", phrase("evf-base64", why=str(error)), 0) from error
    return Handed(data)


def handed_in(opened: Opened) -> Handed:
    """The record in a file, of which no more is read than any record may have. Raises as `handed_over`; OSError."""
    with opened() as stream:
        return handed_over(stream.read(MAX_EXACT_BYTES + 1))


class EvidenceVerifier:
    """`signatures.signed.Verifier` for records that are files."""

    kinds = frozenset({Kind.EVIDENCE})

    def __init__(self, known: Sequence[Certificate] = ()) -> None:
        del known  # tokens bring their certificates along

    def read(self, source: Source) -> SignedFile:
        with source.path.open("rb") as stream:
            data = stream.read(MAX_EXACT_BYTES + 1)
        try:
            if not _begins_as_record(data):
                raise Beyond(phrase("evf-root"))
            record = handed_over(data)
        except NotLookedAt as error:
            return _unread(Beyond(error.reason), data)
        except Beyond as error:
            return _unread(error, data)
        except InvalidRecord as error:
            return _unread(Beyond(error.reason) if error.beyond else error.reason, data)
        collected = Collected()
        collected.record(_held_against(record, source))
        return collected.file()


def _begins_as_record(data: bytes) -> bool:
    """Whether it is told by what it begins with, and not only by what stands in it: XML of another kind, and what is damaged so that it
    cannot be told, may hold a record of which nothing is known. Raises as `exact`, for a document that cannot be read."""
    if not is_xml(data):
        return data.removeprefix(b"\xef\xbb\xbf").lstrip()[:2] == b"MI" or data[:1] == b"\x30"
    try:
        return by_root(exact(data).tag) is not None
    except NotLookedAt:
        raise
    except NotWellFormed:
        return by_root(prolog_of(io.BytesIO(data)).root) is not None


def _unread(why: Malformed | str, data: bytes) -> SignedFile:
    return SignedFile((replace(unread(why, Kind.EVIDENCE, role=Role.EVIDENCE), value=data[:64]),))


def _held_against(record: Handed, source: Source) -> EmbeddedRecord:
    """The record over the files it names by their digests; else over those beside it by name, or what they hold."""
    found = dict(_by_digest(record.encoded, source))
    if found:
        return _over(record, [data_object(name, opened) for name, opened in found.items()], "")
    first: EmbeddedRecord | None = None
    for name, opened in source.beside():
        tried = _over(record, [data_object(name, opened)], name)
        if tried.object.integrity is not Integrity.INTACT and (package := opened_package(opened)) is not None:
            tried = in_any_version(package, record, source, name)
        if tried.object.integrity is Integrity.INTACT:
            return tried
        first = first or tried
    return first or _over(record, [], "")


def _over(record: Handed, objects: Sequence[DataObject], name: str) -> EmbeddedRecord:
    names = tuple(each.name for each in objects)
    covers = [each.digests["sha256"] for each in objects]
    coverage = Coverage("beside" if names else "part", name=name or ", ".join(names[:3]), files=names[:MOST_TOLD])
    found = read_embedded(record.encoded, objects, covers=covers, coverage=coverage)
    others = _first_list(found.report) - len(objects)
    if name or found.object.failure is not None or others <= 0:
        return found
    told = Finding("EVD-OTHERS", "", {"others": others})
    return replace(found, object=replace(found.object, notes=(*found.object.notes, told)))


def _first_list(report: EvidenceReport) -> int:
    """How many values the first list of a record has."""
    groups = report.record.chains[0].stamps[0].groups if report.record is not None else None
    return len(set(groups[0])) if groups else 1


def _by_digest(encoded: bytes, source: Source) -> Iterator[tuple[str, Opened]]:
    try:
        record = read_record(encoded)
    except InvalidRecord:
        return
    stamp = record.chains[0].stamps[0]
    try:
        values = stamp.groups[0] if stamp.groups else (read_token(stamp.token).imprint,)
    except InvalidToken:
        return
    for hash_name in dict.fromkeys((stamp.declared, *record.hashes)):
        yield from source.holding(hash_name, frozenset(values[:MOST_LOOKED_UP]))
