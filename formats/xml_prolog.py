"""How an XML file begins: in which encoding, what stands before its root element, and what that is.

All in one pass and constant memory, however much somebody put before the root; nothing is expanded and nothing fetched.
"""

from __future__ import annotations

import codecs
import functools
import io
import re
from dataclasses import dataclass
from typing import BinaryIO, Final

from lxml import etree  # type: ignore[import-untyped]

from formats.xml_errors import UnknownEncoding
from policies.phrases import phrase

__all__ = ["DOCTYPE", "HEAD", "PLAIN", "Prolog", "as_ascii", "encoding_of", "has_doctype", "is_xml", "prolog_of", "text_of"]

HEAD: Final = 4096
"""Bytes in which the declaration of a document ends, in every document that is read."""

READ: Final = 1 << 16
MOST_READ: Final = 12 << 20
"""Bytes, from the DOCTYPE or the root on, in which the root's start tag must end to be told."""

BLANKS: Final = b" \t\r\n"
DOCTYPE: Final = b"<!DOCTYPE"

PLAIN: Final = "ascii"
"""The encoding of what is written so that every ASCII letter is that byte: UTF-8, and all the like of Latin-1 and Shift_JIS."""

_MARKS = (
    (b"\xff\xfe\0\0", "utf-32"),  # before UTF-16, which begins alike
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_BEGINS = (
    *_MARKS,
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
    (b"\x4c\x6f\xa7\x94\x93", "cp037"),  # EBCDIC: its letters, and what namespaces are made of, are the same in all its pages
    (b"\x0e\xfe\xff<", ""),  # SCSU, UTF-1 and UTF-EBCDIC by their marks: nobody here reads them
    (b"\xf7\x64\x4c<", ""),
    (b"\xdd\x73\x66\x73\x4c", ""),
)
"""How XML begins that does not begin with its first character in ASCII (XML 1.0, appendix F), and its encoding."""

_ANY_BEGIN = tuple(start for start, _ in _BEGINS)
"""As nearly no file begins: asked for all at once."""

_SHIFTED = (b"+~\x1b\x0e\x0f\x84", ("utf-7", "iso2022_jp_ext", "iso2022_kr", "hz", "gb18030"))
"""First bytes of what may be "<" in an encoding that only somebody who is told of it reads, and those encodings."""

_DECLARATION = re.compile(rb"<\?xml\s(?P<said>.*?)\?>", re.DOTALL)
_ENCODING = re.compile(rb"\bencoding\s*=\s*[\"']\s*([^\"'\s]*)")

_WHOLE = re.compile(rb"(?>(?:[ \t\r\n]++|(?><\?.*?\?>)|(?><!--.*?-->))*)", re.DOTALL)
"""Blanks, instructions and comments that end where they are looked at: there may be millions."""

_PROBE = b"Az/:<+AFM-~{VV~}\x1b(B\x1b$B\x0e!!\x0f\\x53&="
"""Means itself wherever every ASCII letter is that byte and changes nothing for those after it."""

_AS_LATIN = re.compile(
    r"(tcvn|viscii|vps|vni|x?-?mac|x?-?sjis|iso-?8859|windows|x-user-defined|utf-?(16|32|8)|ucs-?[24]|unicode$|iso-?10646)",
    re.IGNORECASE,
)
"""Names of such encodings, besides those that Python knows; and of what is declared, wrongly, where the bytes say otherwise."""


def encoding_of(head: bytes) -> str | None:
    """The encoding of the XML whose first bytes are ``head`` (`HEAD` of them): `PLAIN` or a codec; None: this is no XML. Raises
    `UnknownEncoding`."""
    for start, codec in _BEGINS if head.startswith(_ANY_BEGIN) else ():
        if head.startswith(start):
            if not codec:
                raise UnknownEncoding(phrase("xml-encoding", name=start[:3].hex(" ")))
            return codec
    marked = head.startswith(codecs.BOM_UTF8)
    text = head.removeprefix(codecs.BOM_UTF8).lstrip(BLANKS)
    if not text:
        return PLAIN if head else None
    if not text.startswith(b"<"):
        return _shifted(head)
    if marked or not re.match(rb"<\?xml\s", text):
        return PLAIN
    declaration = _DECLARATION.match(text)
    if declaration is None and len(head) >= HEAD:
        raise UnknownEncoding(phrase("xml-encoding", name="?"))
    said = _ENCODING.search(declaration["said"]) if declaration else None
    return _named(said[1].decode("ascii", "replace")) if said else PLAIN


@functools.lru_cache(maxsize=256)
def _named(name: str) -> str:
    if _AS_LATIN.match(name):
        return PLAIN
    try:
        codec = codecs.lookup(name).name
        read, declared = _PROBE.decode(codec, "replace"), b"<?xml".decode(codec, "replace")
    except (LookupError, ValueError):  # also of what is no encoding of text
        raise UnknownEncoding(phrase("xml-encoding", name=name[:80])) from None
    # Where the declaration itself could not be read in what it declares, the bytes are right.
    return PLAIN if read == _PROBE.decode("ascii") or declared != "<?xml" else codec


def _shifted(head: bytes) -> str | None:
    begins, codecs_ = _SHIFTED
    if head[0] not in begins:
        return None
    for codec in codecs_:
        try:
            text = codecs.getincrementaldecoder(codec)().decode(head[:256])
        except UnicodeDecodeError:
            continue
        if text.lstrip("\ufeff \t\r\n").startswith("<"):
            return codec
    return None


def as_ascii(stream: BinaryIO) -> BinaryIO | None:
    """The XML in ``stream``, from its start, without its mark and so that ASCII in it is written as ASCII; None: it is none. Raises
    `UnknownEncoding`, here and where it is read."""
    stream.seek(0)
    head = stream.read(HEAD)
    encoding = encoding_of(head)
    if encoding is None:
        return None
    return _decoded(stream, head, encoding)


def text_of(stream: BinaryIO, head: bytes) -> BinaryIO:
    """The text in ``stream``, which begins with ``head``, from its start, as in `as_ascii`: its mark tells its encoding, if it has one."""
    return _decoded(stream, head, next((codec for mark, codec in _MARKS if head.startswith(mark)), PLAIN))


def _decoded(stream: BinaryIO, head: bytes, encoding: str) -> BinaryIO:
    stream.seek(len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0)
    return stream if encoding == PLAIN else io.BufferedReader(_Decoded(stream, encoding))


class _Decoded(io.RawIOBase):
    """A text in another encoding, as UTF-8. Its declaration still says the old one, and is not to be believed."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        super().__init__()
        self._stream, self._encoding = stream, encoding
        # Where letters have places of their own nothing hides in what is damaged; where they have not, anything may.
        errors = "replace" if encoding.startswith("utf-") and encoding != "utf-7" else "strict"
        self._decoder = codecs.getincrementaldecoder(encoding)(errors)
        self._left = b""
        self._begun = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._left:
            chunk = self._stream.read(READ)
            try:
                text = self._decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError:
                raise UnknownEncoding(phrase("xml-encoding", name=self._encoding)) from None
            self._left = (text if self._begun else text.removeprefix("\ufeff")).encode("utf-8", "replace")
            self._begun = self._begun or bool(text)
            if not chunk and not self._left:
                return 0
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


@dataclass(frozen=True, slots=True)
class Prolog:
    """``root`` is the name of the root element ("{namespace}name"), "" where it could not be told. ``entities`` are what its DOCTYPE
    defines, as it would be read in their place."""

    root: str = ""
    doctype: bool = False
    entities: tuple[str, ...] = ()


def prolog_of(stream: BinaryIO) -> Prolog:
    """What stands before the root of the XML in ``stream``, and the root. Raises `UnknownEncoding`; OSError and CouldNotRead as they
    are."""
    text = as_ascii(stream)
    if text is None:
        return Prolog()
    declaration, rest = _skip(text)
    doctype = rest.startswith(DOCTYPE)
    decoded = isinstance(text, io.BufferedReader) and isinstance(text.raw, _Decoded)
    parser = etree.XMLPullParser(
        events=("start",),
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=not doctype,  # entities in the root's attributes are expanded: libxml2 must bound that
        remove_comments=True,
        remove_pis=True,
        encoding="utf-8" if decoded else None,
    )
    fed = 0
    try:
        parser.feed(declaration)
        while rest and fed <= MOST_READ:
            parser.feed(rest)
            for _, element in parser.read_events():
                return Prolog(str(element.tag), doctype=doctype, entities=tuple(_entities(element)))
            fed += len(rest)
            rest = text.read(READ)
    except (etree.XMLSyntaxError, ValueError, LookupError):
        return Prolog(doctype=doctype)
    return Prolog(doctype=doctype)


def is_xml(data: bytes) -> bool:
    """Whether ``data`` begins as XML does, in any encoding."""
    try:
        return encoding_of(data[:HEAD]) is not None
    except UnknownEncoding:
        return True


def has_doctype(stream: BinaryIO) -> bool:
    """Whether the XML in ``stream`` has a DOCTYPE, without reading what it says. Raises as `prolog_of`."""
    text = as_ascii(stream)
    return text is not None and _skip(text)[1].startswith(DOCTYPE)


def _entities(root: object) -> list[str]:
    dtd = root.getroottree().docinfo.internalDTD  # type: ignore[attr-defined]
    return [each.content for each in dtd.iterentities() if each.content] if dtd is not None else []


def _skip(stream: BinaryIO) -> tuple[bytes, bytes]:
    """(XML declaration, the begin of what follows comments, instructions and blanks)."""
    window, declaration, first = stream.read(READ), b"", True
    while True:
        window = (window if first else _WHOLE.sub(b"", window, count=1)).lstrip(BLANKS)
        while len(window) < len(DOCTYPE) and (chunk := stream.read(READ)):
            window = (window + chunk).lstrip(BLANKS)
        opened, end = next(
            ((each, end) for each, end in ((b"<?", b"?>"), (b"<!--", b"-->")) if window.startswith(each)), (b"", b"")
        )
        if not end:
            return declaration, window
        if first and (found := _DECLARATION.match(window)):
            declaration = found[0]
        first = False
        window = window[len(opened) :]
        while (at := window.find(end)) < 0:
            chunk = stream.read(READ)
            if not chunk:
                return declaration, b""
            window = window[1 - len(end) :] + chunk
        window = window[at + len(end) :]
