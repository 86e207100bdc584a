"""Trust that ends: until when algorithms may be relied on, and when evidence is to be renewed because of it. Pure data, no clock.

Signature certificates live three years, those of time-stamp authorities five, algorithms some decades, records for ever. What keeps
the chain whole is renewing it *before* any of them ends.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from policies.document import Document, Section
from policies.findings import KhoError
from policies.phrases import phrase

__all__ = [
    "Algorithms",
    "AlgorithmsError",
    "End",
    "EvidencePolicy",
    "SignaturePolicy",
    "default_algorithms",
    "earliest",
    "parse_algorithms",
]

_NEVER_RELIED_ON = datetime(1970, 1, 1, tzinfo=UTC)
"""The end of what the policy does not know: an algorithm nobody vouches for proves nothing."""


class AlgorithmsError(KhoError):
    """A file of algorithm end dates cannot be used: its code says what is wrong, its text names the key and the line."""


@dataclass(frozen=True, slots=True)
class End:
    """Something that ends: ``what`` ("certificate", "hash", "signature"), its name, and when. ``when`` None is no known end."""

    what: str
    name: str
    when: datetime | None


@dataclass(frozen=True, slots=True)
class Algorithms:
    """One version of the dated algorithm policy. ``digest`` is the SHA-256 (hexadecimal) of its file."""

    version: int
    source: str
    issued: str
    digest: str
    hashes: Mapping[str, datetime | None] = field(hash=False)
    schemes: Mapping[str, tuple[tuple[int, datetime | None], ...]] = field(hash=False)

    def hash_end(self, name: str) -> End:
        """When a hash algorithm ends; one that is not known has ended."""
        return End("hash", name, self.hashes.get(name, _NEVER_RELIED_ON))

    def signature_end(self, scheme: str, bits: int) -> End:
        """When signatures of this scheme and size of key end; what is not known, and a key too small, has ended."""
        ends = [end for least, end in self.schemes.get(scheme, ()) if bits >= least]
        return End("signature", f"{scheme} {bits}", ends[-1] if ends else _NEVER_RELIED_ON)

    def certificate_ends(self, name: str, scheme: str, hash_name: str, bits: int) -> tuple[End, End]:
        """When what stands on the signature under the certificate of ``name`` ends: its scheme and its hash."""
        ends = (self.signature_end(scheme, bits), self.hash_end(hash_name))
        one, other = (replace(each, name=f"{each.name} ({name})") for each in ends)
        return one, other


@dataclass(frozen=True, slots=True)
class EvidencePolicy:
    """How evidence is made: a batch is closed ``every`` so often, or when it has ``largest`` leaves; it is renewed ``lead`` before
    the first thing it stands on ends; the plan looks ``horizon`` ahead. ``algorithms`` names a file of end dates in the home ("" is the
    one shipped); a group of more than ``group`` files is proved by a list of digests."""

    every: timedelta = timedelta(days=1)
    largest: int = 100_000
    lead: timedelta = timedelta(days=180)
    horizon: timedelta = timedelta(days=10 * 365)
    algorithms: str = ""
    group: int = 10_000


@dataclass(frozen=True, slots=True)
class SignaturePolicy:
    """``check``: signatures of received files are judged. ``collect``: certificates and revocation data are asked for over the network
    while they can be had; what did not come is asked for again after ``retry``."""

    check: bool = True
    collect: bool = True
    retry: timedelta = timedelta(days=1)


def earliest(ends: Iterable[End]) -> End | None:
    """The end that comes first; None when nothing has a known one."""
    known = [each for each in ends if each.when is not None]
    return min(known, key=lambda each: each.when or _NEVER_RELIED_ON, default=None)


@functools.cache
def default_algorithms() -> Algorithms:
    """The policy that is shipped (policies/algorithms.toml)."""
    return parse_algorithms(Path(__file__).with_name("algorithms.toml").read_bytes(), name="algorithms.toml")


def parse_algorithms(data: bytes, *, name: str) -> Algorithms:
    """Read a file of end dates. Raises AlgorithmsError."""
    root = Document(data, name, family="POL", error=AlgorithmsError).root
    hashes, signature = root.section("hash"), root.section("signature")
    found = Algorithms(
        version=root.integer("version", least=1, most=2**31 - 1),
        source=root.text("source"),
        issued=root.text("issued"),
        digest=hashlib.sha256(data).hexdigest(),
        hashes={each: _day(hashes, each, hashes.text(each)) for each in hashes.names()},
        schemes={each: _sizes(signature, each) for each in signature.names()},
    )
    root.done()
    return found


def _sizes(section: Section, scheme: str) -> tuple[tuple[int, datetime | None], ...]:
    rows: list[tuple[int, datetime | None]] = []
    for row in section.rows(scheme):
        if len(row) != 2 or type(row[0]) is not int or not isinstance(row[1], str):
            raise section.bad(scheme, phrase("tru-row"))
        rows.append((row[0], _day(section, scheme, row[1])))
    if [least for least, _ in rows] != sorted({least for least, _ in rows}):
        raise section.bad(scheme, phrase("tru-rising"))
    return tuple(rows)


def _day(section: Section, key: str, text: Any) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC) if text else None
    except ValueError:
        raise section.bad(key, phrase("tru-date", given=text)) from None
