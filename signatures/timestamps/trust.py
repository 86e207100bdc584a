"""Whether a sound token is to be believed at a date: a certificate path to the operator's anchors, and no revocation known by then.

Every question names its date. Paths are built and validated as those of signers are (`signatures.chains`), as of that date and with
nothing fetched; how long the algorithms hold that the certificates are signed with is said by the dated policy, and by no library.
Revocation is looked for in what the token brings along and what was collected beside it.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from asn1crypto import pem  # type: ignore[import-untyped]

from policies.phrases import phrase
from policies.trust import Algorithms, End, earliest
from signatures.anchors import Anchor, Anchors, Purpose, anchors_at
from signatures.certificates import Certificate, certificates_of
from signatures.errors import AnchorsUnusable, AuthoritySettings
from signatures.heard import Heard
from signatures.odd_account import at_hand, one_account
from signatures.revocation import undisputed
from signatures.timestamps.token import CLOCKS_APART, Token

if TYPE_CHECKING:
    from signatures.chains import Chain, Chains

__all__ = ["Anchors", "Answer", "Believed", "Signed", "Trust", "as_pem", "load_anchors", "path_ends"]

_STAYS_VALID = frozenset({"unspecified", "affiliationChanged", "superseded", "cessationOfOperation"})
"""Reasons of revocation after which tokens made before it stay valid (RFC 3161 §4, item 1). With any other, or with none, all
tokens of that key are invalid."""

_MOST = 200
"""Certificates of one token among which paths are built; real ones bring three or four."""


class Believed(enum.Enum):
    YES = "trusted"
    NO = "not trusted"
    UNASKED = "not checked"  # nobody gave anchors to hold it against


class Signed(NamedTuple):
    """How a certificate is signed: whose it is, and scheme, hash and key size of its issuer's signature."""

    name: str
    scheme: str
    hash: str
    bits: int


@dataclass(frozen=True, slots=True)
class Answer:
    """``root`` is the subject of the anchor that the path ends at, ``root_key`` the SHA-256 of its public key (one root may have several
    certificates); ``ends`` the earliest end of validity on the path; ``path`` how the certificates below the anchor are signed.
    ``fallen``: it is not believed because of a revocation, or because somebody ended the trust in its anchor: what it could be believed for
    is over for good."""

    believed: Believed
    reason: str = ""
    root: str = ""
    ends: datetime | None = None
    root_key: bytes = b""
    fallen: bool = False
    path: tuple[Signed, ...] = ()

    def stands_on(self, algorithms: Algorithms) -> Iterator[End]:
        """All of the path that ends."""
        if self.ends is not None:
            yield End("certificate", self.root, self.ends)
        yield from path_ends(self.path, algorithms)


@functools.lru_cache(maxsize=256)
def path_ends(path: tuple[Signed, ...], algorithms: Algorithms) -> tuple[End, ...]:
    """When that ends which certificates are signed with; remembered, since thousands of records stand on one path."""
    return tuple(end for each in path for end in algorithms.certificate_ends(*each))


def load_anchors(name: str, places: Iterable[Path]) -> Anchors:
    """The anchors of the authority ``name``, from files or folders. Raises AuthoritySettings."""
    try:
        return anchors_at(places)
    except AnchorsUnusable as error:
        raise AuthoritySettings(name, f"{error.finding.path}: {error.finding.args['reason']}") from error


def as_pem(anchors: Anchors) -> bytes:
    """The certificates of which ``anchors`` say whether they are trusted, as PEM, one after another."""
    certificates = dict.fromkeys((*(each.certificate for each in anchors.anchors), *anchors.untrusted))
    return b"".join(pem.armor("CERTIFICATE", each.der) for each in certificates)


@dataclass
class Trust:
    """Answers for one set of anchors; answers are remembered, since a record of a million may stand on one token. ``collected``: the
    revocation data that they are held against besides what a token brings; without it, that which lies beside the anchors."""

    anchors: Anchors
    collected: Heard | None = None
    _chains: dict[tuple[bytes, ...], Chains] = field(default_factory=dict)
    """By the certificates that a token brings along: another token may bring what one lacks."""
    _answers: dict[tuple[object, ...], Answer] = field(default_factory=dict)
    _heard: dict[tuple[bytes, ...], Heard] = field(default_factory=dict)
    """By the lists and answers that a token brings: the same few stand beside thousands of records."""

    def of(self, token: Token, at: datetime, algorithms: Algorithms | None = None) -> Answer:
        """Whether ``token`` is believed at ``at``: when its successor was made, or when it is looked at. Of several paths the one that
        lasts longest, by ``algorithms`` where they are given."""
        if not self.anchors and not self.anchors.taken_back:
            return Answer(Believed.NO, phrase("trp-no-anchors"))
        if at < token.time - CLOCKS_APART:
            return Answer(Believed.NO, phrase("trp-later", time=token.time.isoformat(), at=at.isoformat()))
        digest = algorithms.digest if algorithms is not None else ""
        key = (token.certificate_der, token.certificates, token.revocations, token.time, at, digest)
        if key not in self._answers:
            self._answers[key] = self._best(token, max(at, token.time), algorithms)
        return self._answers[key]

    def _best(self, token: Token, at: datetime, algorithms: Algorithms | None) -> Answer:
        certificate = _certificate(token.certificate_der)
        if not certificate.not_before <= token.time.replace(microsecond=0) <= certificate.not_after:
            return Answer(Believed.NO, phrase("trp-outside"))
        chains = self._built(token)
        answers = [self._along(each, chains, token, at) for each in chains.of(certificate, Purpose.TIMESTAMP)]
        if chains.exhausted:
            return Answer(Believed.NO, phrase("trp-many"))
        if not answers and (back := self._taken_back(certificate, token)):
            return Answer(Believed.NO, phrase("trp-taken-back", anchor=_name(back)), fallen=True)
        if not answers:
            top = chains.missing_issuer(certificate)
            args = {"certificate": _name(top), "issuer": top.facts.issuer}
            return Answer(Believed.NO, phrase("trp-no-root" if top.self_issued else "trp-no-issuer", **args))

        def lasts(answer: Answer) -> tuple[bool, datetime]:
            first = earliest(answer.stands_on(algorithms)) if algorithms is not None else None
            until = first.when if first is not None else answer.ends
            return answer.believed is Believed.YES, until or datetime.max.replace(tzinfo=UTC)

        return max(answers, key=lasts)

    def _taken_back(self, certificate: Certificate, token: Token) -> Certificate | None:
        """What was taken back, and its path would end at."""
        from signatures.chains import Chains

        known = islice(certificates_of(token.certificates), _MOST)
        back = Chains(Anchors.of(self.anchors.taken_back_for(Purpose.TIMESTAMP), known=self.anchors.known), known)
        return next((each.anchor.certificate for each in back.of(certificate, Purpose.TIMESTAMP)), None)

    def _built(self, token: Token) -> Chains:
        from signatures.chains import Chains

        if token.certificates not in self._chains:
            with one_account() as account:
                self._chains[token.certificates] = Chains(self.anchors, islice(certificates_of(token.certificates), _MOST))
            self._chains[token.certificates].exhausted |= account.beyond
        return self._chains[token.certificates]

    def _news_of(self, token: Token) -> Heard:
        """What the token brings, on the account of the file in which it stands, and what was collected beside it, on its own."""
        if token.revocations not in self._heard:
            self._heard[token.revocations] = Heard.of(token.revocations, (), at_hand().of_news) + self._beside
        return self._heard[token.revocations]

    @cached_property
    def _beside(self) -> Heard:
        return Heard.of(self.anchors.revocations) if self.collected is None else self.collected

    def _along(self, chain: Chain, chains: Chains, token: Token, at: datetime) -> Answer:
        """What one path says."""
        anchor = chain.anchor
        if not self.anchors.vouches(anchor, Purpose.TIMESTAMP, at, said=token.time):
            return Answer(Believed.NO, _untrusted(anchor), fallen=anchor.dated)
        for each in chain.certificates:
            if not each.not_before <= at <= each.not_after:
                period = {"since": _day(each.not_before), "until": _day(each.not_after)}
                return Answer(Believed.NO, phrase("trp-ended", certificate=_name(each), **period))
        if problem := chains.problem(chain, at):
            return Answer(Believed.NO, phrase("trp-path", why=problem))
        path = tuple(reversed(chain.whole))
        news = self._news_of(token)
        revoked = _revoked(chain, chains, news, token.time, at)
        if revoked:
            return Answer(Believed.NO, revoked, fallen=True)
        if unread := _unread(chain, news):
            return Answer(Believed.NO, unread)
        signed = tuple(
            Signed(_name(each), *each.signed_with, issuer.head.key_bits) for each, issuer in reversed(list(chain.links()))
        )
        ends = min(anchor.until, *(each.not_after for each in path))
        return Answer(Believed.YES, "", path[0].facts.subject, ends, path[0].key_sha256, path=signed)


def _name(certificate: Certificate) -> str:
    return certificate.facts.common_name or certificate.facts.subject


def _untrusted(anchor: Anchor) -> str:
    """Why an anchor does not vouch: the trust in it may have ended before its certificate began."""
    period = {"since": _day(anchor.since), "until": _day(anchor.until)}
    return phrase("trp-never" if anchor.never else "trp-period", anchor=_name(anchor.certificate), **period)


def _day(moment: datetime) -> str:
    return moment.date().isoformat()


def _revoked(chain: Chain, chains: Chains, heard: Heard, made: datetime, at: datetime) -> str:
    """Why a certificate of the path counts as revoked at ``at``; "" when nothing says so. A revocation after ``at`` was not known then:
    what was stamped over before it stays proved, unless the CA says that the key was known to others even before (RFC 5280, 5.3.2)."""
    for certificate, issuer in chain.links():
        for each in undisputed(certificate, issuer, heard.crls, heard.ocsps, chains):
            since = each.begins
            if since is not None and since <= at and not (each.reason in _STAYS_VALID and made < since):
                return phrase("trp-revoked", certificate=certificate.facts.subject, since=_day(since))
    return ""


def _unread(chain: Chain, heard: Heard) -> str:
    """Of which certificate of the path nobody knows whether it was revoked, for what may say so cannot be read; "" where there is none."""
    found = next((who for who, _ in chain.links() if heard.unread.about(who, lambda _: True)[1]), None)
    return phrase("trp-unread", certificate=found.facts.subject) if found is not None else ""


_certificate = functools.lru_cache(maxsize=256)(Certificate)
