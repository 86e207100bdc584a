"""What is kept beside a signed original in its AIP: one report a signed file, and the validation data of all of them.

```
metadata/other/signatures/reports/<sha256 of the signed file>.v<N>.json    the report that version N brought, with what it was judged by
metadata/other/signatures/reports/<sha256 of the signed file>.v<N>.xml     the same as ETSI TS 119 102-2
metadata/other/signatures/data/<sha256>.{cer,crl,ocsp}                     certificates, CRLs, OCSP responses as received
```
Normative: docs/on-disk.md.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from policies.findings import Finding
from repository.aip.enclosures import VERSION
from repository.errors import AipUnreadable

if TYPE_CHECKING:
    from signatures.judgement import Context
    from signatures.report import SignatureReport

__all__ = ["DATA", "REPORTS", "FileReport", "parse_report"]

FOLDER = "metadata/other/signatures"
REPORTS = f"{FOLDER}/reports"
DATA = f"{FOLDER}/data"
FORMAT = 1


@dataclass(frozen=True)
class FileReport:
    """The signatures of one file. ``path`` is its logical path (or where it lies), ``data`` the names of what was kept for it,
    ``missing`` what could not be collected."""

    path: str
    sha256: str
    signatures: Sequence[SignatureReport]
    at: datetime
    anchors: str = ""
    algorithms: str = ""
    trusted: bool = True
    """Whether there was anybody to hold the signatures against."""
    data: tuple[str, ...] = ()
    missing: tuple[Finding, ...] = field(default=())

    @classmethod
    def of(
        cls,
        path: str,
        sha256: str,
        signatures: Sequence[SignatureReport],
        context: Context,
        *,
        data: Sequence[str] = (),
        missing: Sequence[Finding] = (),
    ) -> FileReport:
        algorithms = context.algorithms
        return cls(
            path,
            sha256,
            signatures,
            context.at,
            context.anchors.digest if context.anchors else "",
            f"{algorithms.version} {algorithms.digest}",
            bool(context.anchors),
            tuple(data),
            tuple(dict.fromkeys(missing)),
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "sha256": self.sha256,
            "at": self.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "anchors": self.anchors,
            "algorithms": self.algorithms,
            "data": list(self.data),
            "missing": [{"code": f.code, "path": f.path, "args": dict(f.args)} for f in self.missing],
            "signatures": [each.as_json() for each in self.signatures],
        }

    def files(self) -> list[tuple[str, bytes]]:
        """(logical path, content) of the report's own files."""
        from signatures.etsi_report import etsi_report

        body = json.dumps({"kho": FORMAT, "kind": "signatures", **self.as_json()}, ensure_ascii=False, indent=1)
        place = f"{REPORTS}/{self.sha256}.v{VERSION}"
        found = [(f"{place}.json", body.encode() + b"\n")]
        if self.signatures:
            found.append((f"{place}.xml", etsi_report(self.signatures)))
        return found


def parse_report(data: bytes, path: str) -> dict[str, Any]:
    """A stored report. Raises `AipUnreadable`: it is none of a format that this Kho knows."""
    try:
        found: dict[str, Any] = json.loads(data)
        if found["kho"] != FORMAT or found["kind"] != "signatures":
            raise ValueError("another format")
        _ = (found["path"], found["sha256"], found["signatures"])
    except (ValueError, KeyError, TypeError) as error:
        raise AipUnreadable(path, str(error)) from error
    return found
