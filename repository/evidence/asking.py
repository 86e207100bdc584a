"""Asking authorities in one round: whose tokens are of use, and whether one answers at all before content is read for it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from policies.phrases import phrase
from policies.trust import Algorithms, earliest
from repository.archive import Archive
from repository.evidence.roots import keep_roots
from signatures.errors import NotStamped
from signatures.evidence import ends_of
from signatures.timestamps import Answer, Authority, Token, stamp
from signatures.timestamps.authority import Lasting, Stamped
from signatures.timestamps.collect import news_of

__all__ = ["Asking"]


@dataclass
class Asking:
    """One round of requests. ``now`` is the time as of which the round decides what is due; a token is judged at the time at which it is
    asked for, for what is stamped may have been read for hours. ``granted`` counts the tokens that were given, though some be of no use.

    A new generation over content asks for all of a batch to be read, for hours; and an authority that is silent, or whose certificate would
    end too soon, would have it read for nothing, again at every round. So it is asked first, for a stamp over nothing, once in a round."""

    archive: Archive
    algorithms: Algorithms
    now: datetime
    granted: int = 0
    _tried: dict[tuple[str, datetime | None, tuple[str, ...]], NotStamped | None] = field(default_factory=dict)

    _OVER: ClassVar[bytes] = b"Does anybody stamp?"

    def stamp(self, asked: Sequence[Authority], hash_name: str, root: bytes, outlast: datetime | None = None) -> Stamped:
        """Have ``root`` stamped by the first of ``asked`` whose token is of use: it lasts until ``outlast`` at least, or (None) has not
        ended already. Raises NotStamped."""
        got = self._granted(asked, hash_name, root, outlast)
        keep_roots(self.archive, {got.authority.name})
        return got

    def before_reading(self, asked: Sequence[Authority], hash_name: str, outlast: datetime | None = None) -> Callable[[], None]:
        """To be called before much is read: raises NotStamped when nobody of ``asked`` would stamp now what is to be read."""
        key = hash_name, outlast, tuple(each.name for each in asked)

        def try_once() -> None:
            if key not in self._tried:
                self._tried[key] = None
                try:
                    self._granted(asked, hash_name, hashlib.new(hash_name, self._OVER).digest(), outlast)
                except NotStamped as error:
                    self._tried[key] = error
            if (failed := self._tried[key]) is not None:
                raise failed

        return try_once

    def _granted(self, asked: Sequence[Authority], hash_name: str, root: bytes, outlast: datetime | None) -> Stamped:
        now = self.archive.clock.now()
        return stamp(asked, hash_name, root, now=now, lasting=self._lasting(hash_name, now, outlast), news=news_of)

    def _lasting(self, hash_name: str, now: datetime, outlast: datetime | None) -> Lasting:
        def judged(token: Token, answer: Answer) -> str:
            self.granted += 1
            first = earliest(ends_of(token, hash_name, self.algorithms, answer))
            if first is None or first.when is None or (first.when > now if outlast is None else first.when >= outlast):
                return ""
            if outlast is None:
                return phrase("tsp-stands-on-ended", name=first.name)
            return phrase("tsp-no-longer", until=first.when.date().isoformat(), name=first.name)

        return judged
