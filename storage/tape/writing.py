"""Making bundles while they are written: the tar as a stream, each member hashed on its way, and where it lies noted for the register."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

from policies.phrases import phrase
from storage.errors import SpoolDamaged
from storage.ocfl.layout import object_path
from storage.tape.bundles import Comment, Member, PartPlan, closing, header, members_of, padding, pieces, root_members
from storage.tape.drive import BLOCK
from storage.tape.register import Register
from storage.tape.rows import BundleRow, PartRow
from storage.tape.volumes import NewFile

__all__ = ["MendPlan", "Outgoing", "bundled"]

STAGE_EVERY = 1_000
"""Members noted at a time."""

_keys = count(1)


@dataclass(frozen=True, slots=True)
class MendPlan:
    """Single files of an object that are written again, to count instead of their earlier copies."""

    comment: Comment
    members: tuple[Member, ...]
    size: int


Plan = PartPlan | MendPlan


@dataclass(slots=True)
class _Noted:
    """One part on its way: where it lies, and what was wrong with its bytes (None: nothing)."""

    plan: Plan
    key: int = field(default_factory=lambda: next(_keys))
    offset: int = 0
    length: int = 0
    damaged: SpoolDamaged | None = None


class Outgoing:
    """One bundle to be written. `content` may be asked for more than once: it then begins anew (the next cartridge)."""

    def __init__(self, register: Register, plans: Iterable[Plan], number: int, created: datetime) -> None:
        self._register = register
        self._noted = [_Noted(plan) for plan in plans]
        self._moment = int(created.timestamp())
        self.size = sum(noted.plan.size for noted in self._noted) + BLOCK
        self.file = NewFile("B", number, uuid.uuid4().hex, created, self.content)

    def content(self) -> Iterator[bytes]:
        """The tar, as whole blocks in the end. A source that is not what was sealed is noted, and its place filled with zeros."""
        offset = 0
        with ThreadPoolExecutor(1, "sha512") as pool:
            for member in root_members():
                assert member.data is not None
                yield (head := header(member.path, member.size, self._moment))
                yield member.data + bytes(padding(member.size))
                offset += len(head) + member.size + padding(member.size)
            for noted in self._noted:
                noted.offset, noted.damaged = offset, None
                self._register.unstage(noted.key)
                waiting: list[tuple[int, str, int, bytes]] = []
                comment, place = str(noted.plan.comment), object_path(noted.plan.comment.object_id)
                for member in _members(noted.plan):
                    waiting.append((offset, member.path, member.size, member.sha512))
                    if len(waiting) == STAGE_EVERY:
                        self._register.stage_files(noted.key, waiting)
                        waiting.clear()
                    yield (head := header(f"{place}/{member.path}", member.size, self._moment, comment))
                    yield from self._bytes(noted, member, pool)
                    if padding(member.size):
                        yield bytes(padding(member.size))
                    offset += len(head) + member.size + padding(member.size)
                    comment = ""
                self._register.stage_files(noted.key, waiting)
                noted.length = offset - noted.offset
        yield closing(offset, BLOCK)

    def _bytes(self, noted: _Noted, member: Member, pool: ThreadPoolExecutor) -> Iterator[bytes]:
        """A member's bytes, hashed beside their being written; always as many as its header says."""
        hasher = hashlib.new("sha256" if member.sha256 else "sha512", usedforsecurity=False)
        left, hashing = member.size, None
        try:
            for piece in pieces(member):
                left -= len(piece)
                if hashing is not None:
                    hashing.result()  # one piece behind at most, so that memory stays bounded
                hashing = pool.submit(hasher.update, piece)
                yield piece
            if hashing is not None:
                hashing.result()
            if hasher.digest() != (member.sha256 or member.sha512):
                raise SpoolDamaged(member.path, phrase("spool-bytes-differ"))
        except SpoolDamaged as error:
            noted.damaged = error
            while left:
                yield bytes(min(left, BLOCK))
                left -= min(left, BLOCK)

    def enter(self, row: BundleRow) -> list[Comment]:
        """Enter the bundle, which was read back, with the parts whose bytes were right. Inside a transaction. Returns whose parts."""
        self._register.add_bundle(row)
        entered = []
        for noted in self._noted:
            if noted.damaged is None:
                comment = noted.plan.comment
                part = PartRow(
                    0,
                    row.volume,
                    row.sequence,
                    noted.offset,
                    noted.length,
                    comment.object_id,
                    comment.version,
                    comment.part,
                    comment.parts,
                    comment.run,
                    bytes.fromhex(comment.inventory),
                    comment.kind,
                    whole=False,
                )
                self._register.enter_staged(noted.key, self._register.add_part(part))
                entered.append(comment)
        for object_id in {comment.object_id for comment in entered}:
            self._register.settle(object_id)
        return entered

    def damages(self) -> Iterator[tuple[Comment, SpoolDamaged]]:
        """Parts that could not be written because their source was not what was sealed."""
        for noted in self._noted:
            if noted.damaged is not None:
                yield noted.plan.comment, noted.damaged

    def comments(self) -> list[Comment]:
        """Whose parts these are."""
        return [noted.plan.comment for noted in self._noted]

    def close(self) -> None:
        """Forget what was noted."""
        for noted in self._noted:
            self._register.unstage(noted.key)


def _members(plan: Plan) -> Iterator[Member]:
    return iter(plan.members) if isinstance(plan, MendPlan) else members_of(plan)


def bundled(plans: Iterable[Plan], size: int) -> Iterator[list[Plan]]:
    """Parts put together until a bundle has at least ``size`` bytes."""
    together: list[Plan] = []
    total = 0
    for plan in plans:
        together.append(plan)
        total += plan.size
        if total >= size:
            yield together
            together, total = [], 0
    if together:
        yield together
