"""Signed files inside a file: members of archives and containers, parts of mails, attachments, and what XML holds as base64 (attachments of
edXML, data of TR-ESOR packages).

A signature over a container says nothing of the signatures in its members: those are read as if the member lay there alone, and reported
under its name. How many, how deep and with how much work is bounded for the whole file; what is beyond is told.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from formats.package.names import told_name
from policies.findings import Finding
from signatures.ber import Beyond
from signatures.called import called
from signatures.detect import detected
from signatures.inside_marks import may_hold
from signatures.inside_parts import LOOK, PART, PLAIN_PART, XML_PART, Left, Part, Unopened, parts_in, spooled
from signatures.inside_plain import MOST_PLAIN, is_plain
from signatures.odd import ODD, not_understood
from signatures.report import Integrity, Kind, Role, SubIndication
from signatures.signed import SignedFile, SignedObject, Source
from signatures.structures import in_part
from signatures.unread import unread
from signatures.xmldsig.c14n import Refused, Work

__all__ = ["Inside", "noted", "signed_inside"]

MOST_DEPTH = 5
"""Files in one another that are looked at."""

FREE, FREE_PARTS = 16, 10
"""A file is looked into for nothing as far as its parts are ``FREE`` times as long as itself, and no more than one for every 2 **
FREE_PARTS of its bytes; beyond that it takes steps of `Work`."""

GLANCE = 2
"""What is plain is looked through faster by 2 ** GLANCE than other XML."""

HOLDER = 64 << 10
"""Bytes that could be looked through in the time that reading a part takes."""

HEAD = 64
"""Bytes in which XML shows what it is."""

READ = 9
"""To read the signatures of a part takes a step of `Work` for every 2 ** READ bytes."""

MOST_LEFT = 10
"""Parts that were not looked at and are named."""

SIGNED = 700
"""And at least so many."""

OF_MAIL = ("enclosed", "beside")
"""What the signature of a mail covers is so; what is signed in a part of it is signed as that part (`Coverage.scope`)."""

Read = Callable[[Source, "Inside"], SignedFile | None]


@dataclass
class Inside:
    """What may still be looked at inside one file. ``left`` names what was not."""

    work: Work = field(default_factory=Work)
    depth: int = 0
    left: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, source: Source) -> Inside:
        """For a file that is in no other. Raises OSError."""
        size = source.path.stat().st_size
        return cls(Work(free=FREE * size, parts=size >> FREE_PARTS))


def signed_inside(source: Source, kinds: Collection[Kind], inside: Inside, read: Read) -> Iterator[SignedFile]:
    """What is signed in the parts of ``source``, by ``read``, under the names of the parts. What is signed and was not read is unread;
    what was not looked at is added to ``inside.left``. Raises OSError."""
    try:
        for part in parts_in(source, kinds, inside.work):
            if isinstance(part, Left):
                inside.left.append(part.name)
                continue
            try:
                with part.open() as stream, spooled(stream, inside.work) as held:
                    if _is_plain(held, inside.work) and not (called(part.name, part.media) or part.doubtful):
                        continue
                    _account(held, inside.work)
                    found = next(detected(held), None)
                    nothing = not (found or may_hold(held) or called(part.name, part.media))
                    if part.doubtful if nothing else inside.depth >= MOST_DEPTH:
                        inside.left.append(part.name)
                    elif not nothing:
                        yield _read(part, held, found.kind if found else None, inside, read)
            except Unopened:
                inside.left.append(part.name)
            except ODD as error:
                not_understood(error)
                inside.left.append(part.name)
    except Refused:
        inside.left.append("…")
    except ODD as error:  # over what the file says of its parts
        not_understood(error)
        inside.left.append(told_name(source.name))


def _is_plain(held: BinaryIO, work: Work) -> bool:
    """Whether a part is told at a glance to be nothing that is signed, which is accounted for. Raises `Refused`."""
    size = held.seek(0, io.SEEK_END)
    held.seek(0)
    if size > MOST_PLAIN or not is_plain(held.read()):
        return False
    work.part(PLAIN_PART)
    work.look(size >> GLANCE)
    return True


def _account(held: BinaryIO, work: Work) -> None:
    """Account for looking at a part. Raises `Refused`."""
    held.seek(0)
    if held.read(HEAD).lstrip()[:1] == b"<":
        work.part(XML_PART)
        work.look(held.seek(0, io.SEEK_END))
    else:
        work.part(PART)


def _read(part: Part, held: BinaryIO, kind: Kind | None, inside: Inside, read: Read) -> SignedFile:
    """``kind`` is None where it only holds others: these are accounted for one by one."""
    deeper = Inside(inside.work, inside.depth + 1, inside.left)
    try:
        size = held.seek(0, io.SEEK_END)
        inside.work.look(HOLDER + (size >> LOOK))  # it is copied once more
        inside.work.visit(0 if kind is None else SIGNED + (size >> READ))
        with tempfile.TemporaryDirectory(prefix="kho-inside-") as folder:
            path = Path(folder) / "part"
            held.seek(0)
            with path.open("wb") as file:
                shutil.copyfileobj(held, file)
            found = (
                read(Source(path, part.name, part.beside, part.named, media=part.media, work=inside.work), deeper) or SignedFile()
            )
    except Refused as error:
        return SignedFile((unread(Beyond(error.reason), kind or Kind.XADES, part.name),))
    if part.doubtful and not found.objects:
        inside.left.append(part.name)
    own = (in_part(each, part.left) if part.left and each.coverage.scope in OF_MAIL else each for each in found.objects)
    named = (replace(each, name=f"{part.name}: {each.name}" if each.name else part.name) for each in own)
    return replace(found, objects=tuple(named))


def noted(file: SignedFile, inside: Inside) -> SignedFile:
    """The same, and that something in it was not looked at."""
    if not inside.left:
        return file
    note = Finding("SIG-INSIDE-LEFT", "", {"parts": ", ".join(inside.left[:MOST_LEFT])})
    if not file.objects:
        lost = SubIndication.GENERIC
        return SignedFile((SignedObject(Kind.OTHER, Role.SIGNATURE, inside.left[0], b"", Integrity.UNKNOWN, lost, note),))
    first = replace(file.objects[0], notes=(*file.objects[0].notes, note))
    return replace(file, objects=(first, *file.objects[1:]))
