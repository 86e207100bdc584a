"""Proofs of existence: since when is it proven that an object was there (EN 319 102-1, 5.6.2.3).

An object is known by its SHA-256: a certificate, CRL, OCSP response or token by that of its DER, a signature by that of its value.
Time-stamps inside a file give proofs, and so do evidence records over the file or over what was collected beside it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

__all__ = ["Proof", "Proofs", "digest_of", "skewed"]


_SKEW = timedelta(minutes=5)
"""Clocks of responders and authorities may run ahead of ours by so much: what they made a moment from now is there all the same."""

_LAST = datetime(9999, 1, 1, tzinfo=UTC)


def skewed(moment: datetime) -> datetime:
    """``moment`` on a clock that runs ahead of ours, as far as the calendar goes."""
    return moment + _SKEW if moment < _LAST else moment


def digest_of(data: bytes) -> bytes:
    """The name of an object in `Proofs`."""
    return hashlib.sha256(data).digest()


@dataclass(frozen=True, slots=True)
class Proof:
    """``by`` is "now" (the object is here), "time-stamp" or "evidence"."""

    time: datetime
    by: str = "now"


@dataclass
class Proofs:
    """The earliest proof of each object. Of an object never heard of it is only known that it is here ``now``."""

    now: datetime
    _known: dict[bytes, Proof] = field(default_factory=dict)
    changes: int = 0
    """Grows whenever an object is proven anew: what was concluded before may be more by now."""

    def add(self, objects: Iterable[bytes], proof: Proof) -> None:
        """Each of ``objects`` (digests) existed at ``proof.time``. Proofs from after ``now`` are not known yet, and passed over."""
        if proof.time > skewed(self.now):
            return
        for digest in objects:
            known = self._known.get(digest)
            if known is None or proof.time < known.time:
                self._known[digest] = proof
                self.changes += 1

    def add_listed(self, objects: Iterable[bytes], proof: Proof, end: datetime | None) -> None:
        """The same of objects of which only a digest was there, in an algorithm that holds until ``end`` (None: no end is known). Since
        then another object of that digest may have been made, so each must be proven before it in some other way."""
        self.add([each for each in objects if end is None or self.of(each).time < end], proof)

    def of(self, digest: bytes) -> Proof:
        """The earliest proof of one object."""
        return self._known.get(digest) or Proof(self.now)
