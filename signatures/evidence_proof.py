"""From an evidence record to a proof of existence: the bridge between `signatures.evidence` and past validation.

A record that is whole, and whose authorities are believed as of the date that is asked about, proves its objects since its first stamp.
Anything less proves nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from policies.findings import Finding
from policies.trust import Algorithms
from signatures.anchors import Anchors, Purpose
from signatures.certificates import Certificate
from signatures.evidence import DataObject, trusted, verify_record
from signatures.heard import Heard
from signatures.poe import Proof
from signatures.timestamps import Believed, Trust

__all__ = ["Proven", "proof_from", "stamp_trust"]


@dataclass(frozen=True)
class Proven:
    """``proof`` over the objects in ``covered`` (names); None with the reasons in ``findings``."""

    proof: Proof | None
    covered: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


def stamp_trust(anchors: Anchors, heard: Heard | None = None, *, known: Iterable[Certificate] = ()) -> Trust:
    """Whom evidence is held against: the anchors that may vouch for time-stamps, each in its period, by the revocation data that was
    ``heard`` (without it: what lies beside the anchors), and with certificates that are ``known`` besides."""
    stampers = tuple(each for each in anchors.anchors if Purpose.TIMESTAMP in each.purposes)
    more = tuple(dict.fromkeys((*anchors.known, *known)))
    return Trust(replace(anchors, anchors=stampers, known=more), heard)


def proof_from(record: bytes, objects: Sequence[DataObject], *, trust: Trust, algorithms: Algorithms, at: datetime) -> Proven:
    """What ``record`` proves of ``objects`` as of ``at``: all of them, or nothing.

    A record that was renewed after ``at`` is judged as of its newest stamp: that something existed in 2026 does not become less true for
    whoever asks about 2035 by having been proven again in 2039.
    """
    whole = verify_record(record, objects)
    if not whole.valid:
        return Proven(None, findings=tuple(whole.findings))
    newest = max(each.token.time for each in whole.stamps)
    report = trusted(whole, max(at, newest), trust, algorithms)
    if not report.valid or report.proved is None or report.trust is not Believed.YES:
        return Proven(None, findings=tuple(report.findings))
    return Proven(Proof(report.proved, "evidence"), tuple(report.covered))
