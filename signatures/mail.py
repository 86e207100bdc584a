"""The parts of a mail (RFC 5322, RFC 2045 and 2046): attachments, and what S/MIME signed as it was signed (RFC 8551, 3.5.3; RFC 1847).

Only taken apart, never judged. A mail is gone through once, however many multiparts are in one another; parts are places in it, and
decoded when they are opened.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice

from signatures.called import SIGNATURES, SIGNED
from signatures.left_words import AROUND_PARTS
from signatures.mail_head import HEAD, Fields, fields_of, head_of
from signatures.transfer import UU_BEGIN, decoded, uuencoded
from signatures.xmldsig.c14n import Work

__all__ = ["MailPart", "mails_in"]

DEEPEST = 20
"""Multiparts in one another; forwarded mails have five."""

ENTITY = 32
"""Steps that telling a part of a mail takes (`Work.part`)."""

LOOK = 4
"""Going through a mail is faster than going through XML by 2 ** LOOK."""

MOST_LINE = 1000
"""Bytes of a line with a boundary, which has 70 at most (RFC 2046, 5.1.1)."""

MOST_LEFT = 10
"""Parts of a mail that are named as unsigned."""

ENVELOPED = ("application/pkcs7-mime", "application/x-pkcs7-mime")
FORWARDED = ("message/rfc822", "message/global")
PLAIN = ("", "7bit", "8bit", "binary")

_BLANK = re.compile(rb"\r?\n\r?\n")
_FIRST_BLANK = re.compile(rb"\r?\n")
_NEXT = re.compile(rb"\n(?=From (?=[^\r\n]{0,300}?\d\d:\d\d)[^\r\n]{0,400}+\r?\n[!-9;-~]{1,100}+:)")
"""Where the next mail of a mail box begins; in a mail such a line is written otherwise (RFC 4155)."""

_USUAL = re.compile(rb"\s*This is an? [\w /-]{0,60}message[^\r\n]{0,60}\s*")
"""What programs write in front of the first part, for readers that know no parts: it says nothing."""


@dataclass(frozen=True)
class MailPart:
    """A part that holds no others. ``name`` as its sender calls it, else its place and type. ``open`` is None where what it holds was not
    looked at; ``media`` the type that its sender says, or that of what it should be. ``over``: what it may be a signature over, with the
    forms that may have been signed; ``left`` names what else the mail has, where it is the signature of a mail."""

    name: str
    open: Callable[[], bytes] | None
    media: str = ""
    over: Callable[[], Iterator[tuple[str, Callable[[], bytes]]]] = field(default=lambda: iter(()))
    left: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class _Entity:
    """``start`` of its header, ``body``, and ``end``; ``first`` and ``after`` are the places of its leaves among all."""

    place: str
    start: int
    default: str = ""
    body: int = 0
    end: int = 0
    fields: Fields = field(default_factory=Fields)
    parts: list[_Entity] = field(default_factory=list)
    unknown: bool = False
    ended: bool = False
    """The line was found that ends its parts."""
    shown: bool = False
    """There is text around its parts."""
    first: int = 0
    after: int = 0

    @property
    def media(self) -> str:
        return self.fields.media or self.default

    @property
    def name(self) -> str:
        place = self.place or ("" if self.parts else "1")
        return self.fields.name or f"{place} {self.media}".strip() or "1"


def mails_in(data: bytes, work: Work) -> Iterator[MailPart]:
    """The parts of a mail, or of each in a mail box. Raises Refused: no more is looked at."""
    starts = [0]
    if data.startswith(b"From "):
        work.look(len(data) >> LOOK)
        starts += [each.end() for each in _NEXT.finditer(data)]
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], len(data)], strict=True), 1):
        work.look(end - start >> LOOK)
        yield from _parts(data, _Taken(data, start, end, f"{number}" if len(starts) > 1 else "", work).root, work)


class _Taken:
    """A mail as a tree of entities. ``root`` is the mail."""

    def __init__(self, data: bytes, start: int, end: int, place: str, work: Work) -> None:
        self._data, self._end, self._work = data, end, work
        self._lines: dict[bytes, tuple[int, bool]] = {}
        """The lines with a boundary that may come next: which of the chain each belongs to, and whether it ends it."""
        before = head_of(data[start : start + HEAD])
        self.root = _Entity(place, start + (before[0] if before else 0))
        self._chain = [self.root]
        self._between = -1
        """Where a text began that is outside the parts of the last of the chain."""
        at = self._begun(self.root)
        while (line := self._next(at, end)) is not None:
            at = self._turned(*line)
        self._closed(0, end)

    def _next(self, at: int, end: int) -> tuple[int, int, int, bool] | None:
        """The next line with a boundary: where what stands before it ends, where the line does, whose it is, and whether the last."""
        data = self._data
        at = data.find(b"\n--", at, end)
        while at >= 0 and self._lines:
            stop = data.find(b"\n", at + 1, min(at + MOST_LINE, end))
            stop = stop if stop >= 0 else min(at + MOST_LINE, end)
            found = self._lines.get(data[at + 1 : stop].rstrip(b" \t\r"))
            if found is not None:
                return at - (data[at - 1 : at] == b"\r"), stop, *found
            at = data.find(b"\n--", at + 1, end)
        return None

    def _turned(self, end: int, stop: int, index: int, last: bool) -> int:
        self._closed(index + 1, end)
        whole = self._chain[index]
        if last:
            self._between = min(stop + 1, self._end)
            whole.ended = True
            self._lined()
            return stop
        part = _Entity(f"{whole.place}.{len(whole.parts) + 1}".lstrip("."), min(stop + 1, self._end))
        part.default = FORWARDED[0] if whole.media == "multipart/digest" else ""
        whole.parts.append(part)
        self._chain.append(part)
        return self._begun(part)

    def _closed(self, index: int, end: int) -> None:
        """All of the chain from ``index`` on ends at ``end``."""
        if self._between >= 0:
            text = self._data[self._between : max(end, self._between)].strip()
            whole = self._chain[-1]
            whole.shown = whole.shown or bool(text and (whole.parts or not _USUAL.fullmatch(text)))
            self._between = -1
        for each in self._chain[index:]:
            each.end = max(each.body, end)
        if len(self._chain) > index > 0:
            del self._chain[index:]
            self._lined()

    def _lined(self) -> None:
        self._lines = {}
        for index, each in enumerate(self._chain):
            if each.fields.boundary and not (each.ended or each.unknown):
                line = b"--" + each.fields.boundary
                self._lines |= {line: (index, False), line + b"--": (index, True)}

    def _begun(self, entity: _Entity) -> int:
        """Read the header of an entity, and of those that begin with its body. Returns from where on lines are to be looked for."""
        while True:
            self._work.part(ENTITY)
            data, start = self._data, entity.start
            limit = min(self._end, start + HEAD)
            blank = _FIRST_BLANK.match(data, start, limit) or _BLANK.search(data, start, limit)
            line = self._next(max(0, start - 1), blank.end() if blank else limit)
            if line is not None or blank is None:
                entity.body = line[0] if line else limit
                entity.unknown = line is None and limit < self._end
                entity.fields = fields_of(data[start : entity.body])
                return max(0, start - 1) if line else entity.body
            entity.body = blank.end()
            entity.fields = fields_of(data[start : blank.start()])
            deep = len(self._chain) > DEEPEST
            if entity.media in FORWARDED and entity.fields.encoding in PLAIN:
                if deep:
                    entity.unknown = True
                    return entity.body - 1
                inner = _Entity(entity.place, entity.body)
                entity.parts.append(inner)
                self._chain.append(inner)
                entity = inner
                continue
            if entity.fields.boundary:
                entity.unknown = deep
                if not deep:
                    self._between = entity.body
                    self._lined()
            return entity.body - 1


@dataclass(frozen=True, slots=True)
class _Leaf:
    """``whole`` is the multipart/signed that it is the signature of; ``around``: the text around the parts of an entity, ``doubtful``: that
    it may be read otherwise, or was not; both are no part."""

    entity: _Entity
    whole: _Entity | None = None
    around: bool = False
    doubtful: bool = False

    @property
    def name(self) -> str:
        return f"{self.entity.name} {AROUND_PARTS}" if self.around else self.entity.name


def _parts(data: bytes, root: _Entity, work: Work) -> Iterator[MailPart]:
    leaves: list[_Leaf] = []
    _walked(root, None, leaves)
    for leaf in leaves:
        entity, fields = leaf.entity, leaf.entity.fields
        if leaf.around:
            continue
        if leaf.doubtful:
            yield MailPart(entity.name, None)
            continue
        opened, media = partial(_decoded, data, entity), entity.media
        if leaf.whole is not None:
            first, _ = pair = leaf.whole.parts[:2]
            media = media if media in SIGNATURES else SIGNED
            yield MailPart(entity.name, opened, media, partial(_forms, data, first, work), _left(leaves, pair))
        else:
            left = _left(leaves, [entity]) if media in ENVELOPED and fields.name.lower() in ("", "smime.p7m") else ()
            yield MailPart(entity.name, opened, media, left=left)
        if not entity.parts and fields.encoding in PLAIN:
            yield from (MailPart(name, partial(bytes, inner)) for name, inner in _written(data, entity))


def _walked(entity: _Entity, whole: _Entity | None, leaves: list[_Leaf]) -> None:
    entity.first = len(leaves)
    for number, part in enumerate(entity.parts, 1):
        _walked(part, entity if entity.media == SIGNED and number == 2 else whole, leaves)
    if entity.unknown or entity.fields.ambiguous:
        leaves.append(_Leaf(entity, doubtful=True))
    lacks = entity.media == SIGNED and len(entity.parts) < 2  # its signature is not where it should be
    if (lacks or not entity.parts) and not entity.unknown:
        leaves.append(_Leaf(entity, whole))
    if entity.shown:
        leaves.append(_Leaf(entity, around=True))
    entity.after = len(leaves)


def _left(leaves: Sequence[_Leaf], covered: Sequence[_Entity]) -> tuple[str, ...]:
    """What a mail has besides some entities that follow one another, and no signature is."""
    places = chain(range(covered[0].first), range(covered[-1].after, len(leaves)))
    names = list(islice((leaves[at].name for at in places if not (leaves[at].whole or leaves[at].doubtful)), MOST_LEFT + 1))
    return (*names[:MOST_LEFT], "…") if len(names) > MOST_LEFT else tuple(names)


def _decoded(data: bytes, entity: _Entity) -> bytes:
    return decoded(data[entity.body : entity.end], entity.fields.encoding)


def _written(data: bytes, entity: _Entity) -> Iterator[tuple[str, bytes]]:
    if UU_BEGIN.search(data, entity.body, entity.end):
        yield from uuencoded(data[entity.body : entity.end])


def _forms(data: bytes, signed: _Entity, work: Work) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """As it was signed, with the ends of lines that mails have, which a file system may have changed; then as it lies here."""
    work.look(signed.end - signed.start >> LOOK)
    here = data[signed.start : signed.end]
    canonical = here.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    yield signed.name, partial(bytes, canonical)
    if canonical != here:
        yield signed.name, partial(bytes, here)
