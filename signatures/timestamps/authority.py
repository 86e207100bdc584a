"""Time-stamp authorities: the seam, one over HTTP, and several in order of preference with fail-over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from policies.phrases import phrase
from signatures.errors import FetchFailed, InvalidToken, NotStamped
from signatures.fetch import Fetcher
from signatures.timestamps.request import Request, accept
from signatures.timestamps.token import Token
from signatures.timestamps.trust import Anchors, Answer, Believed, Trust

__all__ = ["Authority", "HttpAuthority", "Stamped", "TimestampAuthority", "stamp"]

PATIENCE = 300.0
"""Seconds that an authority may take. Public ones have been seen to queue requests for minutes; nobody waits for a stamp."""

_QUERY = "application/timestamp-query"


class TimestampAuthority(Protocol):
    """Answers time-stamp requests."""

    def answer(self, request: bytes) -> bytes:
        """The TimeStampResp (DER) to a TimeStampReq (DER). Raises FetchFailed when there is none to be had."""
        ...


@dataclass(frozen=True, slots=True)
class HttpAuthority:
    """An authority at an address (RFC 3161 §3.4)."""

    url: str
    fetcher: Fetcher = field(default_factory=lambda: Fetcher(patience=PATIENCE, largest=4 << 20))

    def answer(self, request: bytes) -> bytes:
        return self.fetcher.post(self.url, request, _QUERY)


@dataclass(frozen=True)
class Authority:
    """An authority as the archive knows it: its name, how it is asked, the anchors its certificates must lead to, and the policy
    that is asked for. ``evidence`` is False for a demo authority, whose tokens prove nothing."""

    name: str
    client: TimestampAuthority
    anchors: Anchors
    policy: str = ""
    evidence: bool = True
    trees: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stamped:
    """A token that was accepted, from whom, and who failed before."""

    token: Token
    authority: Authority
    failures: tuple[str, ...] = ()


Lasting = Callable[[Token, Answer], str]
"""Says why a token that could be accepted is of no use ("" when it is): it would end as early as the one it renews."""


News = Callable[[Token, Authority], Iterable[bytes]]
"""What can be had now of the revocation of a token's certificates (lists, OCSP answers)."""


def stamp(
    authorities: Sequence[Authority],
    hash_name: str,
    imprint: bytes,
    *,
    now: datetime,
    lasting: Lasting | None = None,
    news: News | None = None,
) -> Stamped:
    """Have ``imprint`` stamped by the first of ``authorities`` that gives a token which can be accepted. ``now`` is the time at this
    call: tokens must be of about the time at which they were asked for.

    A token counts only if it is sound, answers this very request, and its certificate leads to an anchor of that authority and is not
    known to be revoked, by what lies among the anchors or by ``news``. What an authority did wrong is told in ``failures``.

    Raises:
        NotStamped: none did; the reason names each with what went wrong.
    """
    failures, begun = list[str](), time.monotonic()

    def time_is() -> datetime:
        """Others may have kept us waiting for minutes before this one is asked."""
        return now + timedelta(seconds=time.monotonic() - begun)

    for authority in authorities:
        request = Request.of(hash_name, imprint, policy=authority.policy)
        try:
            sent = time_is()
            response = authority.client.answer(request.encoded)
            token = accept(response, request, sent=sent, received=time_is())
            anchors = authority.anchors if news is None else authority.anchors.with_revocations(news(token, authority))
            trust = Trust(anchors).of(token, max(time_is(), token.time))
            if trust.believed is not Believed.YES:
                raise InvalidToken(trust.reason)
            if lasting is not None and (reason := lasting(token, trust)):
                raise InvalidToken(reason)
        except (FetchFailed, InvalidToken) as error:
            failures.append(f"{authority.name}: {error.finding.args.get('reason', error)}")
            continue
        return Stamped(token, authority, tuple(failures))
    raise NotStamped("; ".join(failures) or phrase("no-authority-known"))
