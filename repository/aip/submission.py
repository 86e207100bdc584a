"""The submission record: what was deposited, name by name, kept inside the AIP as ``metadata/other/kho-submission.jsonl``.

One JSON object a line. The first line (``"record": "deposit"``) says who deposited what and how Kho understood it; every further
line is one item as received (``"record": "item"``), under its own name, with where it is stored, so that ``kho export --as
submission`` gives back exactly what came in and ``kho catalog rebuild`` needs nothing but the tier. Names that are not UTF-8 stand
as ``name_hex``. The format is normative: docs/on-disk.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from formats.package.source import Kind
from repository.errors import AipUnreadable

__all__ = ["SUBMISSION_PATH", "DepositRecord", "ItemRecord", "read_submission", "write_submission"]

SUBMISSION_PATH = "metadata/other/kho-submission.jsonl"
FORMAT = 1
"""Version of the record; a reader refuses one it does not know rather than misread it."""


@dataclass(frozen=True, slots=True)
class DepositRecord:
    """The first line. ``label`` is the name of the package: its top folder's, else the archive's; ``handed_in_as`` that of the folder
    or file that was handed in, when it is another; ``top`` the one folder that an archive was wrapped in (as bytes, "" when none),
    ``top_modified`` that folder's time."""

    deposit_id: str
    key: str
    fingerprint: str
    producer: str
    title: str
    package: str
    identifier: str
    label: str
    top: bytes
    received: str
    actor: str
    source: str
    scanned: str
    container: str = ""
    file_count: int = 0
    byte_count: int = 0
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    finding_counts: Mapping[str, int] = field(default_factory=dict)
    findings: tuple[Mapping[str, Any], ...] = ()
    waived_by: str = ""
    top_modified: int | None = None
    handed_in_as: str = ""

    @property
    def name(self) -> str:
        """The name of what was handed in."""
        return self.handed_in_as or self.label


@dataclass(frozen=True, slots=True)
class ItemRecord:
    """One item as received. ``stored`` holds the logical paths under which its bytes stand in the AIP (several for metadata that is
    content too; none for folders). ``inside`` is what lies in it where it is an archive that was looked into (the text of a
    `formats.enclosed.Enclosed`)."""

    name: bytes
    kind: Kind
    stored: tuple[str, ...] = ()
    size: int = 0
    sha256: str = ""
    modified: int | None = None
    puid: str = ""
    format_name: str = ""
    inside: str = ""


def _put_name(row: dict[str, Any], key: str, name: bytes) -> None:
    try:
        row[key] = name.decode("utf-8")
    except UnicodeDecodeError:
        row[key + "_hex"] = name.hex()


def _take_name(row: Mapping[str, Any], key: str) -> bytes:
    if key in row:
        return str(row[key]).encode("utf-8")
    return bytes.fromhex(row[key + "_hex"])


def write_submission(out: BinaryIO, deposit: DepositRecord, items: Iterable[ItemRecord]) -> None:
    """Write the record, streaming."""
    head: dict[str, Any] = {"kho": FORMAT, "record": "deposit"}
    for name in DepositRecord.__slots__:
        if name != "top":
            value = getattr(deposit, name)
            head[name] = {k: list(v) for k, v in value.items()} if name == "fields" else value
    _put_name(head, "top", deposit.top)
    # What is not UTF-8 in the place it came from (a lone surrogate, PEP 383) becomes JSON's own escape for it.
    out.write(json.dumps(head, ensure_ascii=False, default=list).encode("utf-8", "backslashreplace") + b"\n")
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    for item in items:
        row: dict[str, Any] = {}
        _put_name(row, "name", item.name)
        if item.kind is Kind.FOLDER:
            row["kind"] = "folder"
        else:
            row |= {"stored": item.stored, "size": item.size, "sha256": item.sha256}
        if item.modified is not None:
            row["modified"] = item.modified
        if item.puid:
            row["puid"] = item.puid
        if item.format_name:
            row["format"] = item.format_name
        if item.inside:
            row["inside"] = json.loads(item.inside)
        out.write(encode(row).encode() + b"\n")


def read_submission(stream: BinaryIO) -> tuple[DepositRecord, Iterator[ItemRecord]]:
    """(the deposit, its items, streaming).

    Raises:
        AipUnreadable: not a submission record of a format this Kho knows (also while iterating).
    """
    try:
        head = json.loads(stream.readline())
        if head.pop("kho") != FORMAT or head.pop("record") != "deposit":
            raise ValueError("another format")
        fields = {k: tuple(v) for k, v in head.pop("fields").items()}
        top = _take_name(head, "top")
        head.pop("top", None), head.pop("top_hex", None)
        deposit = DepositRecord(**(head | {"fields": fields, "top": top, "findings": tuple(head.get("findings", ()))}))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AipUnreadable(SUBMISSION_PATH, str(error)) from error
    return deposit, _items(stream)


def _items(stream: BinaryIO) -> Iterator[ItemRecord]:
    for line in stream:
        try:
            row = json.loads(line.decode("utf-8"))  # else it looks for the encoding, line by line
            yield ItemRecord(
                name=_take_name(row, "name"),
                kind=Kind(row.get("kind", "file")),
                stored=tuple(row.get("stored", ())),
                size=row.get("size", 0),
                sha256=row.get("sha256", ""),
                modified=row.get("modified"),
                puid=row.get("puid", ""),
                format_name=row.get("format", ""),
                inside=json.dumps(row["inside"], ensure_ascii=False, separators=(",", ":")) if "inside" in row else "",
            )
        except (ValueError, KeyError, TypeError) as error:
            raise AipUnreadable(SUBMISSION_PATH, str(error)) from error
