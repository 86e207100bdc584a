"""What is known of one signature: the words of ETSI EN 319 102-1, and the facts that they rest on.

The same report for every format: PDF, CMS, and what later verifiers read. It decides nothing about a deposit; the codes do.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from policies.findings import Finding

__all__ = [
    "CertificateFacts",
    "Coverage",
    "Indication",
    "Integrity",
    "Kind",
    "Role",
    "SignatureReport",
    "StampFacts",
    "SubIndication",
    "Verdict",
]


class Kind(enum.StrEnum):
    """The family of formats that a signature belongs to."""

    PADES = "PAdES"
    CADES = "CAdES"
    XADES = "XAdES"
    OOXML = "OOXML"
    ODF = "ODF"
    TIMESTAMP = "RFC3161"
    EVIDENCE = "EvidenceRecord"
    XAIP = "XAIP"
    ASIC = "ASiC"
    OTHER = "other"
    """One that Kho does not judge (which one, the level of the report says), or of which only is known that there may be one."""


class Role(enum.StrEnum):
    """What a signed object is for: the key usage that its certificate needs follows from it."""

    SIGNATURE = "signature"
    COUNTERSIGNATURE = "counter-signature"
    TIMESTAMP = "time-stamp"
    EVIDENCE = "evidence"


class Integrity(enum.StrEnum):
    """Whether value and digests of a signature are right, whatever its certificate is worth. Unknown is never intact."""

    INTACT = "intact"
    BROKEN = "broken"
    UNKNOWN = "unknown"


class Indication(enum.StrEnum):
    """EN 319 102-1, 5.1.3, table 5."""

    TOTAL_PASSED = "TOTAL-PASSED"
    INDETERMINATE = "INDETERMINATE"
    TOTAL_FAILED = "TOTAL-FAILED"


class SubIndication(enum.StrEnum):
    """EN 319 102-1, 5.1.3, table 6, under their own names."""

    FORMAT_FAILURE = "FORMAT_FAILURE"
    HASH_FAILURE = "HASH_FAILURE"
    SIG_CRYPTO_FAILURE = "SIG_CRYPTO_FAILURE"
    REVOKED = "REVOKED"
    NOT_YET_VALID = "NOT_YET_VALID"
    SIG_CONSTRAINTS_FAILURE = "SIG_CONSTRAINTS_FAILURE"
    CHAIN_CONSTRAINTS_FAILURE = "CHAIN_CONSTRAINTS_FAILURE"
    CERTIFICATE_CHAIN_GENERAL_FAILURE = "CERTIFICATE_CHAIN_GENERAL_FAILURE"
    CRYPTO_CONSTRAINTS_FAILURE = "CRYPTO_CONSTRAINTS_FAILURE"
    CRYPTO_CONSTRAINTS_FAILURE_NO_POE = "CRYPTO_CONSTRAINTS_FAILURE_NO_POE"
    NO_SIGNING_CERTIFICATE_FOUND = "NO_SIGNING_CERTIFICATE_FOUND"
    NO_CERTIFICATE_CHAIN_FOUND = "NO_CERTIFICATE_CHAIN_FOUND"
    NO_CERTIFICATE_CHAIN_FOUND_NO_POE = "NO_CERTIFICATE_CHAIN_FOUND_NO_POE"
    REVOKED_NO_POE = "REVOKED_NO_POE"
    REVOKED_CA_NO_POE = "REVOKED_CA_NO_POE"
    OUT_OF_BOUNDS_NO_POE = "OUT_OF_BOUNDS_NO_POE"
    NO_POE = "NO_POE"
    TRY_LATER = "TRY_LATER"
    SIGNED_DATA_NOT_FOUND = "SIGNED_DATA_NOT_FOUND"
    GENERIC = "GENERIC"


_FAILED = frozenset(
    {
        SubIndication.FORMAT_FAILURE,
        SubIndication.HASH_FAILURE,
        SubIndication.SIG_CRYPTO_FAILURE,
        SubIndication.REVOKED,
        SubIndication.NOT_YET_VALID,
    }
)
"""The sub-indications of TOTAL-FAILED; every other one belongs to INDETERMINATE."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """An indication with its reason. ``sub`` is None exactly when it is TOTAL-PASSED; ``why`` is one registered finding."""

    sub: SubIndication | None = None
    why: Finding | None = None

    @property
    def indication(self) -> Indication:
        if self.sub is None:
            return Indication.TOTAL_PASSED
        return Indication.TOTAL_FAILED if self.sub in _FAILED else Indication.INDETERMINATE

    @property
    def passed(self) -> bool:
        return self.sub is None

    def __str__(self) -> str:
        return self.indication.value + (f"/{self.sub.value}" if self.sub else "")


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """A certificate as people ask for it. ``title`` is X.520 title (chức vụ); ``serial`` hexadecimal; ``sha256`` of the DER."""

    subject: str
    common_name: str
    title: str
    organisation: str
    issuer: str
    serial: str
    not_before: datetime
    not_after: datetime
    sha256: str

    def as_json(self) -> dict[str, Any]:
        return {name: _plain(getattr(self, name)) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which bytes of the file a signature covers. ``whole`` means: everything but its own value, to the end of the file.

    ``changes`` says what a PDF got after this signature: "none", "allowed" (time-stamps, validation data, fields that may be
    filled), "pages" (pages were added or taken away), "unexplained" or "unknown" (it could not be told).
    """

    scope: str
    """"file", "revision" (an earlier state of the same file), "part", "enclosed" (content inside the signature), "beside"."""
    covered: int = 0
    total: int = 0
    ranges: tuple[tuple[int, int], ...] = ()
    """(offset, length) of the covered bytes, for formats that name them."""
    changes: str = "none"
    name: str = ""
    """The file that a detached signature covers."""
    elements: tuple[str, ...] = ()
    """Paths of the covered elements, in XML."""
    files: tuple[str, ...] = ()
    """Names of the covered files or parts, where there may be several."""
    left: tuple[str, ...] = ()
    """What lies in the same file, or beside in the same container, and is not covered: the first of it."""

    @property
    def whole(self) -> bool:
        return self.scope in ("file", "enclosed", "beside")

    def as_json(self) -> dict[str, Any]:
        return {"whole": self.whole} | {
            "scope": self.scope,
            "covered": self.covered,
            "total": self.total,
            "ranges": [list(each) for each in self.ranges],
            "changes": self.changes,
            "name": self.name,
            "elements": list(self.elements),
            "files": list(self.files),
            "left": list(self.left),
        }


@dataclass(frozen=True, slots=True)
class StampFacts:
    """One time-stamp that speaks for a signature. ``kind``: "content", "signature", "references" (to validation data), "archive",
    "document"; in an evidence record "initial", "time-stamp renewal", "hash-tree renewal"."""

    kind: str
    time: datetime
    verdict: Verdict
    authority: CertificateFacts | None
    digest: str
    sha256: str

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "time": _plain(self.time),
            **_verdict_json(self.verdict),
            "authority": self.authority.as_json() if self.authority else None,
            "digest": self.digest,
            "sha256": self.sha256,
        }


@dataclass(frozen=True, slots=True)
class SignatureReport:
    """One signature, judged as of ``at``. Times are UTC and aware.

    ``claimed`` is what the signer said, without a zone where the signer gave none; ``proven`` the earliest time at which the signature is
    proven to have existed, and ``proven_by`` what proves it: "now" (it is here), "time-stamp", "evidence". ``missing`` lists what was not
    there to judge by.
    """

    kind: Kind
    role: Role
    name: str
    level: str
    verdict: Verdict
    integrity: Integrity
    at: datetime
    coverage: Coverage
    signer: CertificateFacts | None = None
    chain: tuple[CertificateFacts, ...] = ()
    anchor: CertificateFacts | None = None
    """The end of ``chain`` when it leads to somebody the operator trusts."""
    claimed: datetime | None = None
    proven: datetime | None = None
    proven_by: str = "now"
    reason: str = ""
    location: str = ""
    digest_algorithm: str = ""
    signature_algorithm: str = ""
    key_bits: int = 0
    stamps: tuple[StampFacts, ...] = ()
    missing: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()
    algorithms: str = ""
    """Name and version of the list of algorithm end dates that was applied."""
    value_sha256: str = field(default="", compare=True)
    """SHA-256 of the signature value: the name of this signature for evidence, and from one validation to the next."""

    def findings(self) -> Iterator[Finding]:
        """Why the verdict is what it is, what was missing, and what else to know."""
        if self.verdict.why is not None:
            yield self.verdict.why
        yield from (each for each in self.missing if each != self.verdict.why)
        yield from self.notes

    def as_json(self) -> dict[str, Any]:
        """Keys as in docs/cli.md, `signatures validate`."""
        return {
            "kind": self.kind.value,
            "role": self.role.value,
            "name": self.name,
            "level": self.level,
            **_verdict_json(self.verdict),
            "integrity": self.integrity.value,
            "at": _plain(self.at),
            "signer": self.signer.as_json() if self.signer else None,
            "chain": [each.as_json() for each in self.chain],
            "claimed": _plain(self.claimed),
            "proven": _plain(self.proven),
            "proven_by": self.proven_by,
            "reason": self.reason,
            "location": self.location,
            "digest_algorithm": self.digest_algorithm,
            "signature_algorithm": self.signature_algorithm,
            "key_bits": self.key_bits,
            "coverage": self.coverage.as_json(),
            "stamps": [each.as_json() for each in self.stamps],
            "missing": [_finding_json(each) for each in self.missing],
            "notes": [_finding_json(each) for each in self.notes],
            "algorithms": self.algorithms,
            "value_sha256": self.value_sha256,
        }


def _plain(value: Any) -> Any:
    if not isinstance(value, datetime):
        return value
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value.tzinfo else value.isoformat()


def _verdict_json(verdict: Verdict) -> dict[str, Any]:
    return {
        "indication": verdict.indication.value,
        "subindication": verdict.sub.value if verdict.sub else None,
        "why": _finding_json(verdict.why) if verdict.why else None,
    }


def _finding_json(finding: Finding) -> dict[str, Any]:
    return {"code": finding.code, "path": finding.path, "args": dict(finding.args)}
