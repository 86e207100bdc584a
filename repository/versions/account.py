"""The account of a campaign: what was planned, what became of each file, by which tools, how it was compared, and what was taken back.

It is made of what stays: the events of the campaign, and the PREMIS of the representations that it made, read from a copy that verifies.
So it can be asked for as long as the archive lasts, also from a catalog that was made again.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from formats.premis import Event, PremisFile, read_premis
from formats.properties import Compared, read_told
from policies.findings import Finding
from repository.aip.sealing import REPRESENTATION_PREMIS
from repository.aip.stored import open_verified
from repository.archive import SOFTWARE, Archive, software_version
from repository.errors import AipUnreadable
from repository.ledger.verifier import TIME
from repository.model import Aip, AipFile
from repository.versions.batches import deposit_of
from repository.versions.migration import COMPARED, source_path
from storage.errors import Unavailable
from storage.tier import ObjectId

__all__ = ["COLUMNS", "LISTED", "Document", "account", "rolled_back", "table_row"]

LISTED: Final = 10_000
"""Files of each outcome that an account names; all are counted, and ``each`` is given all."""

Document = dict[str, Any]

COLUMNS: Final = (
    *("outcome", "aip", "version", "time"),
    *(f"{side}_{name}" for side in ("source", "target") for name in ("path", "puid", "bytes", "sha256")),
    *("tool", "command", "checked", "compared", "lost", "signature_lost", "taken_back", "code", "reason"),
)
"""The columns of a table of files, one row a file."""


def account(
    archive: Archive, campaign: str, path: str, *, since: datetime | None, language: str, each: Callable[[Document], None]
) -> Document:
    """What a campaign on a ``path`` did (docs/cli.md, formats_campaign_report), reasons in a ``language``; ``each`` is given every file
    as it is come by.

    ``since`` is when it began, None where nobody knows: then all migrations that there ever were are gone through.
    """
    gathering = _Gathering(archive, campaign, path, language, each)
    for event in archive.catalog.events.of_type("deaccession", since=since):
        if event.detail.get("campaign") == campaign:
            gathering.taken_back(event)
    for event in archive.catalog.events.of_type("migration", since=since):
        if event.detail.get("campaign") == campaign:
            gathering.see(event)
    return {
        "generated": _moment(archive.clock.now()),
        "software": f"{SOFTWARE} {software_version()}",
        "policies": sorted(gathering.policies),
        "formats": [{"puid": puid, **counts} for puid, counts in sorted(gathering.formats.items())],
        "tools": [{"tool": tool, "files": files} for tool, files in sorted(gathering.tools.items())],
        "comparisons": [{"property": name, **figures} for name, figures in sorted(gathering.comparisons.items())],
        "signatures_lost": gathering.signatures_lost,
        "not_readable": gathering.not_readable,
        "file_count": gathering.outcomes.total(),
        "files": gathering.rows["refused"] + gathering.rows["migrated"],
        "rolled_back": gathering.backs,
    }


def rolled_back(archive: Archive) -> Mapping[str, int]:
    """Campaign → the AIPs of which it was taken back."""
    return Counter(str(event.detail.get("campaign", "")) for event in archive.catalog.events.of_type("deaccession"))


def table_row(row: Document) -> dict[str, str | int]:
    """A file as a row of a table, by `COLUMNS`."""
    flat = {name: value for name, value in row.items() if name in COLUMNS}
    for side in ("source", "target"):
        flat |= {f"{side}_{name}": value for name, value in (row[side] or {}).items()}
    flat["compared"] = "; ".join(_in_words(one) for one in row["compared"])
    return {**flat, **{name: ("yes" if row[name] else "") for name in ("signature_lost", "taken_back")}}


def _in_words(one: Document) -> str:
    return " ".join(filter(None, [one["property"], "=" if one["measure"] is None else f"{one['measure']:.6g}", one["limit"]]))


def _moment(time: datetime) -> str:
    return time.astimezone(UTC).strftime(TIME)


@dataclass
class _Gathering:
    """An account under way. Memory grows with the number of formats, tools and refused files (16 bytes each), not with that of all
    files."""

    archive: Archive
    campaign: str
    path: str
    language: str
    each: Callable[[Document], None]
    outcomes: Counter[str] = field(default_factory=Counter)
    rows: dict[str, list[Document]] = field(default_factory=lambda: {"refused": [], "migrated": []})
    formats: dict[str, Counter[str]] = field(default_factory=dict)
    tools: Counter[str] = field(default_factory=Counter)
    comparisons: dict[str, Document] = field(default_factory=dict)
    policies: set[str] = field(default_factory=set)
    signatures_lost: int = 0
    not_readable: int = 0
    backs: Document = field(default_factory=lambda: {"aips": 0, "first": "", "last": "", "asked_by": []})
    _refused: set[bytes] = field(default_factory=set)

    def taken_back(self, event: Event) -> None:
        time = _moment(event.time)
        self.backs["aips"] += 1
        self.backs["first"] = min(self.backs["first"] or time, time)
        self.backs["last"] = max(self.backs["last"], time)
        if event.asked_by and event.asked_by not in self.backs["asked_by"]:
            self.backs["asked_by"].append(event.asked_by)

    def see(self, event: Event) -> None:
        if event.outcome == "fail":
            if (row := self._refusal(event)) is not None:
                self._count(row)
            return
        self.policies.add(str(event.detail.get("formats", "")))
        for row in self._made(event):
            self._count(row)

    def _count(self, row: Document) -> None:
        outcome, source, target = row["outcome"], row["source"], row["target"]
        self.outcomes[outcome] += 1
        counts = self.formats.setdefault(source["puid"], Counter(migrated=0, refused=0, bytes_in=0, bytes_out=0))
        counts[outcome] += 1
        if target is not None:
            counts.update(bytes_in=source["bytes"], bytes_out=target["bytes"])
            self.tools[row["tool"]] += 1
        self.signatures_lost += row["signature_lost"]
        for one in row["compared"]:
            self._compared(one)
        if len(self.rows[outcome]) < LISTED:
            self.rows[outcome].append(row)
        self.each(row)

    def _compared(self, one: Document) -> None:
        figures = self.comparisons.setdefault(one["property"], {"files": 0, "limit": one["limit"], "worst": None})
        figures["files"] += 1
        if one["limit"] != figures["limit"]:  # the policy was changed meanwhile
            figures["limit"] = ", ".join(sorted({*figures["limit"].split(", "), one["limit"]}))
        if one["measure"] is not None:
            worse = max if one["limit"].startswith("<=") else min
            figures["worst"] = one["measure"] if figures["worst"] is None else worse(figures["worst"], one["measure"])

    def _refusal(self, event: Event) -> Document | None:
        """A file that was not migrated or not accepted; None for what was said before, or was done when its step was run again."""
        digest = str(event.detail.get("sha256", ""))
        note = self.archive.catalog.events.note(event.id)
        said = note[1] if note else {}
        path = str(said.get("path", ""))
        key = f"{event.aip_id}\0{path or digest}".encode("utf-8", "surrogatepass")
        short = hashlib.blake2b(key, digest_size=16).digest()
        aip = self.archive.catalog.holdings.find(event.aip_id)
        if short in self._refused or (aip is not None and self._done_later(aip, path, event.aip_version + 1)):
            return None
        self._refused.add(short)
        known = self.archive.catalog.holdings.file(event.aip_id, path, version=event.aip_version) if aip and path else None
        source = _file(known) if known else {"path": path, "puid": "", "bytes": 0, "sha256": digest}
        code = str(event.detail.get("error", ""))
        return self._row("refused", event, source, code=code, reason=_reason(code, path, said, self.language))

    def _done_later(self, aip: Aip, path: str, version: int) -> bool:
        if not any(each.number == version and each.deposit_id == deposit_of(self.campaign, aip.id) for each in aip.versions):
            return False
        return any(
            source_path(each.path, self.path) == path
            for name in self._representations(aip.id, version)
            for each in self._results(aip.id, version, name)
        )

    def _row(self, outcome: str, event: Event, source: Document, **more: Any) -> Document:
        row: Document = {"outcome": outcome, "aip": event.aip_id, "version": event.aip_version, "time": _moment(event.time)}
        row |= {"source": source, "target": None, "tool": "", "command": "", "checked": "", "compared": []}
        return {**row, "lost": "", "signature_lost": False, "taken_back": False, "code": "", "reason": "", **more}

    def _representations(self, aip_id: str, version: int) -> list[str]:
        names = self.archive.catalog.formats.representations(aip_id, version=version)
        return [name for name in names if name.endswith(f".{self.path}.v{version}")]

    def _results(self, aip_id: str, version: int, representation: str) -> Iterator[AipFile]:
        below = f"representations/{representation}/data/"
        return self.archive.catalog.holdings.files(aip_id, version=version, below=below)

    def _made(self, event: Event) -> Iterator[Document]:
        """The files that a version of an AIP brought."""
        aip_id, version = event.aip_id, event.aip_version
        if self.archive.catalog.holdings.find(aip_id) is None:
            return
        back = bool(self.backs["aips"]) and self._was_taken_back(aip_id)
        for name in self._representations(aip_id, version):
            told = self._told(aip_id, version, name)
            for result in self._results(aip_id, version, name):
                path = source_path(result.path, self.path)
                original = self.archive.catalog.holdings.file(aip_id, path, version=version)
                source = _file(original) if original else {"path": path, "puid": "", "bytes": 0, "sha256": ""}
                more = {"target": _file(result), "taken_back": back, **_facts(told.pop(result.path, None), event)}
                yield self._row("migrated", event, source, **more)

    def _was_taken_back(self, aip_id: str) -> bool:
        page = self.archive.catalog.events.list(aip_id=aip_id, type="deaccession", limit=LISTED)
        return any(event.detail.get("campaign") == self.campaign for event in page.items)

    def _told(self, aip_id: str, version: int, representation: str) -> dict[str, PremisFile]:
        """What the representation's PREMIS tells of its files, of which a batch makes some hundreds at most."""
        path = f"representations/{representation}/{REPRESENTATION_PREMIS}"
        known = self.archive.catalog.holdings.file(aip_id, path, version=version)
        try:
            if known is None:
                raise AipUnreadable(path, "")
            tiers = list(self.archive.tiers.values())
            stream, _ = open_verified(tiers, ObjectId(aip_id), known.content_path, bytes.fromhex(known.sha512))
        except (AipUnreadable, Unavailable):
            self.not_readable += 1
            return {}
        with stream:
            return {each.path: each for each in read_premis(stream) if isinstance(each, PremisFile)}


def _reason(code: str, path: str, said: Mapping[str, str], language: str) -> str:
    """Why a file was refused; "" where that was erased. Notes of old have it in English only."""
    if "args" not in said:
        return said.get("reason", "")
    return Finding(code, path, json.loads(said["args"])).text(language)


def _file(file: AipFile) -> Document:
    return {"path": file.path, "puid": file.puid, "bytes": file.size, "sha256": file.sha256}


def _facts(told: PremisFile | None, event: Event) -> Document:
    """How a file was made and compared: by its PREMIS; where that cannot be read, or says nothing (versions that were made before it
    did), what the event says of all files of the AIP."""
    said = dict(told.technical) if told else {}
    compared = [read_told(name.removeprefix(COMPARED), value) for name, value in said.items() if name.startswith(COMPARED)]
    detail = event.detail
    return {
        "tool": told.application if told else f"{detail.get('tool', '')} {detail.get('version', '')}".strip(),
        "command": said.get("migration command", str(detail.get("command", ""))),
        "checked": said.get("migration checked", str(detail.get("validated", ""))),
        "compared": [
            {"property": one.name, "measure": one.measure, "limit": one.limit, "counts": dict(one.facts)}
            for one in compared or [Compared(name, True) for name in str(detail.get("compared", "")).split()]
        ],
        "lost": ", ".join(f"{name} {count}" for one in compared for name, count in one.lost.items()),
        "signature_lost": said.get("signature lost") == "yes",
    }
