"""Making bundles while they are written: the tar as a stream, each member hashed on its way, and where it lies noted for the register."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path

from policies.phrases import os_phrase, phrase
from storage.errors import SpoolDamaged
from storage.ocfl.layout import object_path
from storage.tape.bundles import Comment, Member, PartPlan, closing, header, members_of, padding, root_members
from storage.tape.drive import BLOCK
from storage.tape.register import Register
from storage.tape.rows import BundleRow
from storage.tape.streaming import Stream
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

    def judge(self, read: tuple[Member, hashlib._Hash]) -> None:
        """Hold the digest of what was written of a member against what was sealed."""
        member, hasher = read
        if hasher.digest() != (member.sha256 or member.sha512):
            self.damaged = self.damaged or SpoolDamaged(member.path, phrase("spool-bytes-differ"))


class Outgoing:
    """One bundle to be written. `content` may be asked for more than once: it then begins anew (the next cartridge)."""

    def __init__(self, register: Register, plans: Iterable[Plan], number: int, created: datetime) -> None:
        self._register = register
        self._noted = [_Noted(plan) for plan in plans]
        self._moment = int(created.timestamp())
        self.size = sum(noted.plan.size for noted in self._noted) + BLOCK
        self.largest = max((noted.plan.size for noted in self._noted), default=0)
        self.file = NewFile("B", number, uuid.uuid4().hex, created, self.content)

    def content(self, stream: Stream) -> None:
        """The tar, as whole blocks in the end. A source that is not what was sealed is noted, and its place filled with zeros."""
        for member in root_members():
            assert member.data is not None
            stream.put(header(member.path, member.size, self._moment) + member.data + bytes(padding(member.size)))
        for noted in self._noted:
            noted.offset, noted.damaged = stream.offset, None
            self._register.unstage(noted.key)
            waiting: list[tuple[int, str, int, bytes]] = []
            comment, place = str(noted.plan.comment), object_path(noted.plan.comment.object_id)
            for member in _members(noted.plan):
                waiting.append((stream.offset, member.path, member.size, member.sha512))
                if len(waiting) == STAGE_EVERY:
                    self._register.stage_files(noted.key, waiting)
                    waiting.clear()
                stream.put(header(f"{place}/{member.path}", member.size, self._moment, comment))
                _put(stream, noted, member)
                stream.put(bytes(padding(member.size)))
                comment = ""
            self._register.stage_files(noted.key, waiting)
            noted.length = stream.offset - noted.offset
        stream.put(closing(stream.offset, BLOCK))

    def enter(self, row: BundleRow) -> list[Comment]:
        """Enter the bundle, which was read back, with the parts whose bytes were right. Inside a transaction. Returns whose parts."""
        self._register.add_bundle(row)
        entered = []
        for noted in self._noted:
            if noted.damaged is None:
                comment = noted.plan.comment
                part = comment.row(row, noted.offset, noted.length)
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


def _put(stream: Stream, noted: _Noted, member: Member) -> None:
    """A member's bytes, always as many as its header says; whether they are those that were sealed is seen beside their being written."""
    hasher = hashlib.new("sha256" if member.sha256 else "sha512", usedforsecurity=False)
    end = stream.offset + member.size
    try:
        if member.source is None:
            stream.put(member.data or b"", hasher.update)
        else:
            _put_file(stream, member, member.source, hasher.update)
    except SpoolDamaged as error:
        noted.damaged = noted.damaged or error
        stream.zeros(end - stream.offset)
    else:
        stream.later(noted.judge, (member, hasher))


def _put_file(stream: Stream, member: Member, source: str | Path, also: Callable[[memoryview], object]) -> None:
    """Read into the very blocks that are written. Raises SpoolDamaged: it is not there, cannot be read, or is shorter than it was."""
    left = member.size
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise SpoolDamaged(member.path, os_phrase(error)) from error
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)
        while left:
            try:
                count = os.readv(descriptor, [stream.room(left)])
            except OSError as error:
                raise SpoolDamaged(member.path, os_phrase(error)) from error
            if not count:
                raise SpoolDamaged(member.path, phrase("spool-file-shorter", left=left))
            stream.filled(count, also)
            left -= count
    finally:
        os.close(descriptor)


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
