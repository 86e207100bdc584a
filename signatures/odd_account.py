"""The account of odd certificates of one file: to write one anew (`signatures.mended`) takes several times as long as to read it, so of all
that stand in a file, its parts included, no more is written anew than so many bytes. Beyond that a certificate is not read, and it is told.

It goes along with the reading of a file, and not through the hands of each reader: whoever forgot to hand it on would read for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from policies.findings import Finding
from signatures.ber import Malformed, guard

__all__ = ["ELEMENT", "MOST_ODD", "MOST_ODD_NEWS", "OddAccount", "at_hand", "one_account"]

MOST_ODD = 1 << 18
"""Bytes of odd certificates of one file that are read, a hundred or two of them, each once."""

MOST_ODD_NEWS = 1 << 19
"""Bytes of odd lists and answers that are read, of one file, and as many of what lies beside it: a second or so."""

ELEMENT = 8
"""Bytes that an element counts for at least: certificates and lists have ten to an element, and who wants to keep a reader busy has two."""


@dataclass
class OddAccount:
    """``left`` are bytes. ``known`` are those that were read, by their bytes: what a file brings again costs nothing. None: it is no
    certificate, or beyond the account. ``brought`` are the SHA-256 of the certificates that answers brought along."""

    left: int = MOST_ODD
    beyond: bool = False
    known: dict[bytes, Any] = field(default_factory=dict)
    brought: set[bytes] = field(default_factory=set)

    @cached_property
    def of_news(self) -> OddAccount:
        """That of the lists and answers which its tokens bring."""
        return OddAccount(MOST_ODD_NEWS)

    def take(self, data: bytes) -> bool:
        """Whether ``data`` may be written anew, and is paid for."""
        cost = len(data)
        if cost <= self.left:
            with suppress(Malformed):
                cost = max(cost, ELEMENT * guard(data))
        if cost > self.left:
            self.beyond = True
            return False
        self.left -= cost
        return True

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is to be said of whatever was read on this account."""
        return (Finding("SIG-ODD-MANY", "", {"most": MOST_ODD >> 10}),) if self.beyond else ()


_account: ContextVar[OddAccount | None] = ContextVar("odd account", default=None)


@contextmanager
def one_account(left: int = MOST_ODD) -> Iterator[OddAccount]:
    """What is read inside is on one account: that of the file in which this one is a part, where there is one; else one with ``left``:
    for what the operator gave as much as it takes."""
    if (outer := _account.get()) is not None:
        yield outer
        return
    token = _account.set(found := OddAccount(left))
    try:
        yield found
    finally:
        _account.reset(token)


def at_hand() -> OddAccount:
    """The account of the file that is read; one of its own for what is in no file."""
    return _account.get() or OddAccount()
