"""The parts of a file that are files: members of archives, parts of mails, attachments of PDF, contents of a CMS, base64 in XML."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, BinaryIO, cast

from lxml import etree  # type: ignore[import-untyped]

from formats.package.defects import Hostile
from formats.package.limits import LIMITS
from formats.package.names import shown_name, told_name
from formats.package.packed import Packed
from formats.package.zip_listing import ListedMembers
from formats.package.zip_members import BadZip
from formats.xml import MAX_EXACT_BYTES, NotLookedAt, NotWellFormed, exact
from signatures.asic.names import MIMETYPE
from signatures.ber import Malformed
from signatures.called import called
from signatures.chunks import Chunks
from signatures.cms import open_cms
from signatures.detect import by_root, covered_names, named_beside
from signatures.detect_zip import OFFICE
from signatures.evidence.xmlers import NAMESPACE as ERS
from signatures.held import held, pieces
from signatures.inside_marks import Holder, holders
from signatures.left_words import told
from signatures.letters import InLetters, in_letters
from signatures.mail import MailPart, mails_in
from signatures.odf import DOCUMENT, MACROS
from signatures.ooxml import signature_parts
from signatures.other_kinds import of_jar
from signatures.pdf import Pdf, Prefix
from signatures.report import Kind
from signatures.signed import Source
from signatures.streams import Guarded, Unopened
from signatures.tar_members import BadTar, TarMembers
from signatures.xmldsig.attributes import attributes
from signatures.xmldsig.c14n import Work
from signatures.xmldsig.document import path_of, text_of
from signatures.xmldsig.names import DS, ds

__all__ = ["PART", "PLAIN_PART", "XML_PART", "Left", "Opened", "Part", "Unopened", "parts_in", "spooled"]

PLAIN_PART, PART, XML_PART = 8, 32, 128
"""Steps of `Work` that finding a part takes that is plain, another, and telling what a part in XML is."""

SHORTEST = 32
"""Bytes that any signature has, or anything that holds one."""

LOOK = 4
"""Copying, and looking for marks in what is no XML, is faster by 2 ** LOOK."""

MOST_PART = 1 << 30
"""Bytes of a part that is looked at; long before that its account of work ends."""

IN_MEMORY = 1 << 20
"""Bytes of a part that are held in memory; a longer one lies in a file meanwhile."""

CHUNK = 1 << 16

MOST_MAIL = 64 << 20
"""Bytes of a mail that are taken apart in memory."""

_MACHINERY = (f"{{{DS}}}", "{http://uri.etsi.org/01903/", f"{{{ERS}}}")
"""How the names of what signatures and evidence records are made of begin: it is read where it stands, with all that is in it."""

_HOLDERS = (ds("Signature"), ds("Object"))
"""Those of them in which something else may stand."""

_CREDENTIALS = ("}Base64Signature", "}RFC3161TimeStampToken", "}asn1EvidenceRecord")
"""And how those end that are read among the credentials of a package."""

Opened = Callable[[], BinaryIO]


@dataclass(frozen=True)
class Part:
    """A file in a file. ``open`` raises `Unopened`, and so may reading what it opens. ``beside`` is what lies there that it may be a
    signature over, ``named`` what it may call by name; ``media`` the type that a mail says of it, ``left`` what else a mail has whose
    signature it is. ``doubtful``: readers do not agree on what it is, so that it is not unsigned where no signature is found."""

    name: str
    open: Opened
    beside: Callable[[], Iterable[tuple[str, Opened]]] = field(default=lambda: ())
    named: Callable[[str], Opened | None] = field(default=lambda _: None)
    media: str = ""
    left: tuple[str, ...] = ()
    doubtful: bool = False


@dataclass(frozen=True)
class Left:
    """Something that may be signed and cannot be looked at."""

    name: str


def parts_in(source: Source, kinds: Collection[Kind], work: Work) -> Iterator[Part | Left]:
    """Raises Refused: no more is looked at; OSError."""
    if Kind.CADES in kinds and (yield from _enclosed(source)):
        return
    with source.path.open("rb") as stream:
        found = holders(stream)
    for each in found:
        yield from _WAYS[each](source, kinds, work)


def spooled(stream: BinaryIO, work: Work) -> BinaryIO:
    """What can be read of ``stream``, which is then closed, as one that can be read from anywhere. Raises Refused; `Unopened`: it is longer
    than is looked at, or cannot be read."""
    if isinstance(stream, io.BytesIO):
        size = len(stream.getbuffer())
        if size > MOST_PART:
            raise Unopened
        work.look(size >> LOOK)
        return stream
    held = tempfile.SpooledTemporaryFile(IN_MEMORY, prefix="kho-inside-")  # noqa: SIM115
    try:
        size = 0
        with stream:
            while chunk := stream.read(CHUNK):
                size += len(chunk)
                if size > MOST_PART:
                    raise Unopened
                work.look(len(chunk) >> LOOK)
                held.write(chunk)
        held.seek(0)
    except BaseException:
        held.close()
        raise
    return cast(BinaryIO, held)


# -- zip ---------------------------------------------------------------------------------------------------------------------------


def _members(source: Source, kinds: Collection[Kind], work: Work) -> Iterator[Part | Left]:
    try:
        listed = ListedMembers(source.path)
    except BadZip:
        yield Left(told_name(source.name))
        return
    with listed as members:
        yield from _listed(members, source, kinds, work)


def _listed(members: ListedMembers, source: Source, kinds: Collection[Kind], work: Work) -> Iterator[Part | Left]:
    own = _machinery(source, kinds, work, [each.decode("utf-8", "replace") for each in members.names])
    for number, name in enumerate(members.names):
        shown = name.decode("utf-8", "replace")
        if own(shown) or (members.size(number) < SHORTEST and not called(shown)):
            continue
        find = partial(_found, members, work)
        yield Part(told_name(shown), partial(_opened, members, number), partial(_beside, find, name), partial(_named, find, name))
    if members.more:
        yield Left("…")


def _machinery(source: Source, kinds: Collection[Kind], work: Work, names: Sequence[str]) -> Callable[[str], bool]:
    """Which members are the signatures of a container, and told of with it."""
    if Kind.ASIC in kinds:
        return lambda name: name == MIMETYPE or name.upper().startswith("META-INF/")
    read = {*of_jar(names)} | ({DOCUMENT, MACROS} if Kind.ODF in kinds else set())
    if Kind.OOXML in kinds:
        # Those of a package that is not read are told with it.
        read |= signature_parts(source.path, work) or set(filter(OFFICE.match, names))
    return read.__contains__


def _opened(members: ListedMembers, number: int) -> BinaryIO:
    try:
        if members.size(number) > IN_MEMORY:
            return Guarded(members.opened(number), BadZip)
        return io.BytesIO(members.read(number))
    except BadZip as error:
        raise Unopened from error


def _found(members: ListedMembers, work: Work, name: bytes | None) -> Opened | None:
    number = None if name is None else members.number(name)
    return None if number is None else partial(_spooled_part, partial(_opened, members, number), work)


def _spooled_part(opened: Opened, work: Work) -> BinaryIO:
    work.part(PART)
    return spooled(opened(), work)


def _beside(find: Callable[[bytes], Opened | None], name: bytes) -> Iterator[tuple[str, Opened]]:
    for each in covered_names(name):
        if (found := find(each)) is not None:
            yield told_name(shown_name(each)), found


def _named(find: Callable[[bytes | None], Opened | None], name: bytes, wanted: str) -> Opened | None:
    return find(named_beside(name, wanted))


# -- tar, and files that were packed one by one ----------------------------------------------------------------------------------------


def _tarred(source: Source, kinds: Collection[Kind], work: Work) -> Iterator[Part | Left]:
    members = TarMembers(source.path, partial(work.part, PLAIN_PART))
    find = partial(_found_in_tar, members, work)
    try:
        for name, opened in members.each():
            work.part(PART)
            yield Part(told_name(shown_name(name)), opened, partial(_beside, find, name), partial(_named, find, name))
    except BadTar:
        yield Left(told_name(source.name))


def _found_in_tar(members: TarMembers, work: Work, name: bytes | None) -> Opened | None:
    found = None if name is None else members.find(name)
    return None if found is None else partial(_spooled_part, found, work)


def _unpacked(ending: str, kind: str, source: Source, kinds: Collection[Kind], work: Work) -> Iterator[Part | Left]:
    name = source.name.rpartition("/")[2]
    inner = name[: -len(ending)] if name.lower().endswith(ending) else name
    inner = inner + ".tar" if name.lower().endswith(".t" + ending[1:]) else inner

    def opened() -> BinaryIO:
        file = source.path.open("rb")
        packed = Packed(file, kind, source.path.stat().st_size, LIMITS, begun=partial(work.part, PLAIN_PART))
        return Guarded(packed, Hostile, file=file)

    yield Part(told_name(inner), opened)


# -- mail ------------------------------------------------------------------------------------------------------------------------------


def _mailed(source: Source, kinds: Collection[Kind], work: Work) -> Iterator[Part | Left]:
    with source.path.open("rb") as stream:
        data = stream.read(MOST_MAIL + 1)
    if len(data) > MOST_MAIL:
        yield Left(told_name(source.name))
        return
    for each in mails_in(data, work):
        name = told_name(each.name)
        if each.open is None:
            yield Left(name)
            continue
        left = tuple(map(told, each.left))
        yield Part(name, partial(_memory, each.open), partial(_over, each), media=each.media, left=left)


def _memory(opened: Callable[[], bytes]) -> BinaryIO:
    return io.BytesIO(opened())


def _over(part: MailPart) -> Iterator[tuple[str, Opened]]:
    return ((told_name(name), partial(_memory, form)) for name, form in part.over())


# -- PDF, CMS --------------------------------------------------------------------------------------------------------------------------


def _attached(source: Source, kinds: Collection[Kind], work: Work) -> Iterator[Part | Left]:
    with source.path.open("rb") as stream:
        # Where the document leads nowhere, that is no fault of the machine, as an error of the file itself would say.
        whole = io.BufferedReader(Prefix(stream, stream.seek(0, io.SEEK_END)))
        document = Pdf(whole)
        if not document.readable:  # it speaks of embedded files
            yield Left(told_name(source.name))
        for name, data in document.attachments(partial(work.part, PART)):
            yield Left(told_name(name)) if data is None else Part(told_name(name), partial(io.BytesIO, data))


def _enclosed(source: Source) -> Generator[Part | Left, None, bool]:
    """What a binary CMS encloses, which may be a signed file: its name is that of the CMS without the ending. Returns whether that is all:
    nothing stands behind the structure."""
    with source.path.open("rb") as stream, held(stream) as data:
        try:
            cms = open_cms(data)
        except Malformed:
            return False  # its reader has said so
        if not cms.pieces:
            return not cms.behind
        name = next(iter(covered_names(source.name.encode("utf-8", "replace"))), source.name.encode("utf-8", "replace"))

        def opened() -> BinaryIO:
            chunks = (bytes(piece) for start, end in cms.pieces or () for piece in pieces(data, start, end))
            return io.BufferedReader(Chunks(chunks))

        yield Part(told_name(shown_name(name.rpartition(b"/")[2])), opened)
        return not cms.behind


# -- XML -------------------------------------------------------------------------------------------------------------------------------


def _written(source: Source, kinds: Collection[Kind], work: Work) -> Iterator[Part | Left]:
    with source.path.open("rb") as stream:
        data = stream.read(MAX_EXACT_BYTES + 1)
    work.parse(data)
    try:
        root = exact(data)
    except NotLookedAt:
        yield Left(told_name(source.name))
    except NotWellFormed:
        return
    else:
        yield from _texts(root, _CREDENTIALS if by_root(root.tag) is not None else (), work)


def _texts(root: Any, aside: tuple[str, ...], work: Work) -> Iterator[Part]:
    """The texts of elements, and values of their attributes, that may be a file; not those of signatures, but for what they enclose."""
    open_: list[Iterator[Any]] = [iter((root,))]
    while open_:
        element = next(open_[-1], None)
        if element is None:
            open_.pop()
            continue
        text = element.text
        if not (len(element) or (text and len(text) > SHORTEST) or element.attrib):  # as most are where there are many
            continue
        if element.tag.endswith(aside) or (element.tag.startswith(_MACHINERY) and element.tag not in _HOLDERS):
            continue
        open_.append(element.iterchildren(etree.Element))
        texts = (
            (f"/@{etree.QName(name).localname}", value)
            for name, value in attributes(element, work.visit)
            if len(value) > SHORTEST
        )
        for place, text in (("", text_of(element)), *texts):
            if (found := in_letters(text)) is not None:
                yield _lettered(path_of(element) + place, found)


def _lettered(name: str, found: InLetters) -> Part:
    return Part(name, partial(io.BytesIO, found.data), doubtful=found.doubtful)


def _alone(source: Source, kinds: Collection[Kind], work: Work) -> Iterator[Part | Left]:
    """The file that a file is in base64."""
    with source.path.open("rb") as stream:
        data = stream.read(MOST_MAIL + 1)
    work.look(len(data))
    name = told_name(source.name)
    if len(data) > MOST_MAIL:
        yield Left(name)
    elif (found := in_letters(data.decode("utf-8-sig", "replace"))) is not None:
        yield _lettered(name, found)


_WAYS: dict[Holder, Callable[[Source, Collection[Kind], Work], Iterator[Part | Left]]] = {
    Holder.ZIP: _members,
    Holder.TAR: _tarred,
    Holder.GZIP: partial(_unpacked, ".gz", "gzip"),
    Holder.BZIP2: partial(_unpacked, ".bz2", "bzip2"),
    Holder.XZ: partial(_unpacked, ".xz", "xz"),
    Holder.LZMA: partial(_unpacked, ".lzma", "lzma"),
    Holder.CLOSED: lambda source, *_: iter((Left(told_name(source.name)),)),
    Holder.MAIL: _mailed,
    Holder.PDF: _attached,
    Holder.XML: _written,
    Holder.BASE64: _alone,
}
