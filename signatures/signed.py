"""What a format's reader finds, before anybody judges it: signed objects, time-stamps, and the validation data they bring along.

A verifier reads; `signatures.judgement` judges, the same way for every format.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Protocol

from policies.findings import Finding
from signatures.certificates import Certificate
from signatures.evidence import EvidenceReport
from signatures.poe import digest_of
from signatures.report import Coverage, Integrity, Kind, Role, SubIndication
from signatures.xmldsig.c14n import Work

__all__ = ["WEAK", "EmbeddedRecord", "Identity", "SignedFile", "SignedObject", "Source", "Stamp", "Verifier"]


@dataclass(frozen=True)
class Source:
    """A file to look at. ``beside`` opens the content that a detached signature may cover: (name, open) pairs, likeliest first; ``named``
    what a signature calls by name, which lies in the same folder (None: it does not); ``holding`` the files that came along and have one
    of some digests, as far as digests in that algorithm are known."""

    path: Path
    name: str
    beside: Callable[[], Iterable[tuple[str, Callable[[], BinaryIO]]]] = field(default=lambda: ())
    named: Callable[[str], Callable[[], BinaryIO] | None] = field(default=lambda _: None)
    holding: Callable[[str, Collection[bytes]], Iterable[tuple[str, Callable[[], BinaryIO]]]] = field(default=lambda _, __: ())
    media: str = ""
    """The type that the mail says of it in which it is a part."""
    work: Work | None = None
    """What may still be done for the file that this one is a part of; None where it is a part of none."""


WEAK = Finding("SIG-WEAK", "", {"algorithm": "SHA-1"})
"""What is noted of whatever stands on SHA-1. Whether it still holds, the dated list of algorithms says."""

Identity = tuple[bytes, Certificate | None]


@dataclass(frozen=True)
class SignedObject:
    """One signature or time-stamp token, with its arithmetic done: ``integrity`` and, unless intact, ``failure`` and ``why``.

    ``value`` are the octets of the signature. ``certificates`` are those that came along; ``certificate`` the signer's, when it is
    among them and is the one that the signed attributes name.
    """

    kind: Kind
    role: Role
    name: str
    value: bytes
    integrity: Integrity
    failure: SubIndication | None = None
    why: Finding | None = None
    certificate: Certificate | None = None
    certificates: tuple[Certificate, ...] = ()
    digest_algorithm: str = ""
    signature_algorithm: str = ""
    scheme: str = ""
    claimed: datetime | None = None
    level: str = ""
    reason: str = ""
    location: str = ""
    coverage: Coverage = field(default_factory=lambda: Coverage("part"))
    notes: tuple[Finding, ...] = ()
    unless: Callable[[Collection[Identity]], Finding | None] = field(default=lambda _: None, compare=False, repr=False)
    """What is to be said of it where, of the other signatures in the file, only those of these identities are trusted."""

    @property
    def identity(self) -> Identity:
        """Which signature it is: another signer's key can be made to fit the same value."""
        return self.value, self.certificate


@dataclass(frozen=True)
class Stamp:
    """A time-stamp token. ``covers`` are the digests (`signatures.poe`) of what is proven by it: signature values, certificates,
    validation data, earlier tokens. ``listed`` are more of them, of which only a digest was stamped: (hash name, digests as in
    ``covers``). ``kind`` as in `StampFacts`; ``of`` the value of the one signature it belongs to, if any."""

    kind: str
    token: SignedObject
    time: datetime
    sha256: bytes
    covers: frozenset[bytes] = frozenset()
    of: bytes = b""
    listed: tuple[tuple[str, frozenset[bytes]], ...] = ()

    @property
    def every(self) -> frozenset[bytes]:
        """All that is proven, as long as the hashes hold by which it is listed."""
        return self.covers.union(*(digests for _, digests in self.listed))


@dataclass(frozen=True)
class EmbeddedRecord:
    """An evidence record that came along: ``encoded``, and what was found of it (``report``, without trust). ``object`` is how it is
    reported, and among the file's; ``covers`` are digests (`signatures.poe`) of what it proves."""

    object: SignedObject
    encoded: bytes
    report: EvidenceReport
    covers: frozenset[bytes] = frozenset()

    @property
    def newest(self) -> datetime | None:
        """The time of its newest stamp; None when it has none that can be read."""
        return max((each.token.time for each in self.report.stamps), default=None)


@dataclass(frozen=True)
class SignedFile:
    """All that a verifier found in one file. ``crls`` and ``ocsps`` are DER."""

    objects: tuple[SignedObject, ...] = ()
    stamps: tuple[Stamp, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()
    records: tuple[EmbeddedRecord, ...] = ()
    beyond: tuple[Finding, ...] = ()
    """What of it was not looked at, so that nothing in it passes."""

    @classmethod
    def together(cls, files: Sequence[SignedFile]) -> SignedFile:
        """What several families found in one file, which several programs take for theirs."""
        if len(files) == 1:
            return files[0]
        return cls(*(tuple(chain.from_iterable(getattr(file, each.name) for file in files)) for each in fields(cls)))

    def digests(self) -> Iterator[bytes]:
        """The digests (`signatures.poe`) of everything in the file: what a proof over the file proves."""
        for each in self.objects:  # with certificates that may be the signer's, some of which are only known, and not in the file
            yield digest_of(each.value)
        for stamp in self.stamps:
            yield stamp.sha256
            yield digest_of(stamp.token.value)
            yield from (certificate.sha256 for certificate in stamp.token.certificates)
        yield from (certificate.sha256 for certificate in self.certificates)
        yield from (digest_of(each) for each in (*self.crls, *self.ocsps))


class Verifier(Protocol):
    """Reads the signatures of one family of formats. One method, so that a new format is one class.

    Raises nothing for bad content: what cannot be understood is a `SignedObject` with FORMAT_FAILURE. OSError and CouldNotRead come
    through: then nothing is known of the file.
    """

    kinds: frozenset[Kind]

    def read(self, source: Source) -> SignedFile:
        """Everything signed in ``source``, in the file's own order, with no judgement of certificates."""
        ...
