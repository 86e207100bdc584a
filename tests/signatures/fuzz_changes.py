"""Changes of sound files that keep their form, so that readers believe what they say: headers of zips and tars, streams of packed files,
fields of mails, headers of JWS, sectors of compound files. Where a change leaves no form, damaged bytes.
"""

from __future__ import annotations

import base64
import bz2
import gzip
import json
import lzma
import random
import struct
from collections.abc import Callable
from functools import partial

from tests import hostile_tars, packed
from tests.signatures import asic_builder, office_signing
from tests.signatures.fuzz_elements import either
from tests.signatures.test_hostile import damaged

__all__ = ["compound", "container", "jws", "mail", "packed_file", "tar", "unpacked", "zip_headers", "zipped"]

# -- zip -----------------------------------------------------------------------------------------------------------------------


def zipped(draw: random.Random, data: bytes, pack: Callable[[dict[str, bytes]], bytes] = packed.zipped) -> bytes:
    """A package with one of its parts changed, dropped, doubled or added; or with changed headers."""
    if draw.random() < 0.3:
        return zip_headers(draw, data)
    members = office_signing.unzipped(data)
    name = draw.choice(list(members))
    match draw.randrange(4):
        case 0:
            del members[name]
        case 1:
            members[draw.choice([*members, "evil.xml", "word/evil.bin", "META-INF/signature9.p7s"])] = members[name]
        case _:
            members[name] = either(draw, members[name] or b"x")
    return pack(members)


def container(draw: random.Random, data: bytes) -> bytes:
    kind = draw.choice((asic_builder.EXTENDED, asic_builder.SIMPLE, ""))

    def pack(members: dict[str, bytes]) -> bytes:
        return asic_builder.zipped({name: each for name, each in members.items() if name != "mimetype"}, kind=kind)

    return zipped(draw, data, pack)


_ZIP = (
    (b"PK\1\2", ((4, 2), (8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2), (34, 2), (42, 4))),
    (b"PK\3\4", ((4, 2), (6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2))),
    (b"PK\5\6", ((4, 2), (6, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2))),
)
"""How headers begin (APPNOTE 4.3.7, 4.3.12, 4.3.16), and where in them which field stands: method, sizes, lengths, places."""


def zip_headers(draw: random.Random, data: bytes) -> bytes:
    """A zip with fields of its headers changed; or damaged bytes."""
    if draw.random() < 0.3:
        return damaged(draw, data)
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 4))):
        mark, fields = draw.choice(_ZIP)
        places = [at for at in range(len(data)) if data.startswith(mark, at)] if len(data) < 200_000 else []
        if places:
            at, (field, length) = draw.choice(places), draw.choice(fields)
            value = draw.choice((0, 1, 9, 12, 99, 0xFFFF, 0xFFFFFFFF, 0x7FFFFFFF, len(data), draw.randrange(70_000)))
            changed[at + field : at + field + length] = (value & ((1 << 8 * length) - 1)).to_bytes(length, "little")
    return bytes(changed)


# -- tar, and what is packed as one ----------------------------------------------------------------------------------------------

_PACK: tuple[tuple[bytes, Callable[[bytes], bytes], Callable[[bytes], bytes]], ...] = (
    (b"\x1f\x8b", gzip.decompress, partial(gzip.compress, compresslevel=1)),
    (b"BZh", bz2.decompress, partial(bz2.compress, compresslevel=1)),
    (b"\xfd7z", lzma.decompress, partial(lzma.compress, preset=0)),
    (b"\x5d\0\0", lzma.decompress, partial(lzma.compress, format=lzma.FORMAT_ALONE, preset=0)),
)


def unpacked(data: bytes) -> tuple[bytes, Callable[[bytes], bytes]]:
    """What was packed, and what packs it so again; the same where nothing was."""
    for begin, unpack, pack in _PACK:
        if data.startswith(begin):
            return unpack(data), pack
    return data, bytes


def tar(draw: random.Random, data: bytes) -> bytes:
    """A tar, also where it is packed, with changed headers whose sums are right."""
    inner, pack = unpacked(data)
    changed = hostile_tars.changed(draw, inner)
    if draw.random() < 0.05:
        changed = draw.choice([*hostile_tars.HOSTILE.values()])
    return pack(changed)


def packed_file(draw: random.Random, data: bytes) -> bytes:
    """A file that was packed as one stream, with more streams, packed again, cut, or with another header."""
    inner, pack = unpacked(data)
    match draw.randrange(9):
        case 0:
            return damaged(draw, data)
        case 1:
            return pack(b"") * draw.choice((1, 30, 3_000)) + data
        case 2:
            return data + draw.choice((pack(b""), b"\0" * 40, b"x", pack(inner)))
        case 3:
            again = data
            for _ in range(draw.choice((1, 3, 7))):
                again = draw.choice(_PACK)[2](again)
            return again
        case 4:
            return data[: draw.randrange(len(data))]
        case 5:
            return _other_header(draw, data)
        case 6:
            return pack(damaged(draw, inner))
        case 7:
            half = draw.randrange(len(inner))
            return pack(inner[:half]) + pack(b"") * draw.choice((0, 1, 500)) + pack(inner[half:])
        case _:
            return pack(inner + b"\0" * draw.choice((1 << 16, 1 << 20)))


def _other_header(draw: random.Random, data: bytes) -> bytes:
    """Flags and fields of gzip (RFC 1952, 2.3), the dictionary and the length of LZMA, the size of blocks of bzip2."""
    if data.startswith(b"\x1f\x8b"):
        extra = draw.randbytes(draw.choice((0, 4, 60_000)))
        fields = (struct.pack("<H", len(extra)) + extra, b"name" * draw.choice((1, 20_000)) + b"\0", b"words\0", b"\0\0")
        flags = draw.randrange(32)
        added = b"".join(each for bit, each in ((4, fields[0]), (8, fields[1]), (16, fields[2]), (2, fields[3])) if flags & bit)
        return data[:3] + bytes((flags,)) + data[4:10] + added + data[10:]
    if data.startswith(b"\x5d"):
        length = draw.choice((data[5:13], b"\xff" * 8, struct.pack("<Q", draw.getrandbits(36))))
        return data[:1] + draw.choice((data[1:5], b"\xff" * 4, b"\0\0\xff\xff")) + length + data[13:]
    return data[:3] + draw.randbytes(draw.choice((1, 3, 9))) + data[12:]


# -- mail ----------------------------------------------------------------------------------------------------------------------

_SETS = (
    b"utf-8",
    b"undefined",
    b"idna",
    b"punycode",
    b"rot13",
    b"hex",
    b"utf-7",
    b"\0",
    b"unicode_escape",
    b"x" * 300,
    b"",
    b"mbcs",
    b"tcvn",
)
_TOKENS = (
    b'"',
    b"\\",
    b'\\"',
    b"(",
    b")",
    b";",
    b"=",
    b"'",
    b"%",
    b"%ff",
    b"%zz",
    b"*",
    b"*0*",
    b"*1",
    b" ",
    b"\n ",
    b"\0",
    b"\xff",
    b"x",
    b"=?utf-8?b?%?=",
)


def _value(draw: random.Random) -> bytes:
    """What may stand behind the name of a field."""
    words = b"".join(draw.choice(_TOKENS) * draw.choice((1, 1, 2, 50)) for _ in range(draw.choice((1, 6, 40))))
    characters = draw.choice(_SETS)
    return draw.choice(
        (
            words,
            b'multipart/mixed; boundary="' + words,
            b"attachment; filename*=" + characters + b"'en'" + words,
            b"attachment; filename*0*=" + characters + b"''a%80; filename*1=" + words + b"; filename*1*=b",
            b"attachment; filename*" + b"9" * draw.choice((1, 400)) + b"=" + words,
            b"multipart/mixed; boundary*=" + characters + b"'en'" + words,
            b'application/pkcs7-mime; name="=?' + characters + b"?b?" + words + b'?="',
            b"(" * draw.choice((1, 3000)) + words,
            draw.choice(_TOKENS) * draw.choice((100, 4000, 60_000)),
        )
    )


_FIELDS = (b"Content-Type", b"Content-Disposition", b"Content-Transfer-Encoding", b"Subject", b"From", b"X-" + b"y" * 90)
_ENCODINGS = (
    b"base64",
    b"quoted-printable",
    b"x-uuencode",
    b"uuencode",
    b"8bit",
    b"binary",
    b"x-" + b"z" * 900,
    b"base64 (words)",
)


LARGEST_MAIL = 64 << 20
"""Bytes: what is built here is memory of the process that is measured, too."""


def mail(draw: random.Random, data: bytes) -> bytes:
    """A mail with fields of its headers, and of those of its parts, changed, doubled, folded, or taken away."""
    lines = data.split(b"\n")
    for _ in range(draw.choice((1, 1, 2, 6))):
        heads = [at for at, line in enumerate(lines) if line[:8].lower() == b"content-"] or [0]
        at = draw.choice(heads)
        match draw.randrange(7):
            case 0 | 1:
                lines[at] = lines[at].split(b":")[0] + b": " + _value(draw)
            case 2:
                lines[at:at] = [draw.choice(_FIELDS) + b": " + _value(draw)] * draw.choice((1, 2, 300))
            case 3:
                lines[at] = b"Content-Transfer-Encoding: " + draw.choice(_ENCODINGS)
            case 4:
                lines[at : at + 1] = [
                    b"Content-Type: " + draw.choice((b"message/rfc822", b"multipart/digest; boundary=a", b"multipart/signed"))
                ]
            case 5:
                end = draw.randrange(len(lines))
                lines[at:at] = lines[min(at, end) : max(at, end)]
            case _:
                lines[at] = lines[at] + b";" + _value(draw)
        if sum(map(len, lines)) > LARGEST_MAIL:
            return data
    return b"\n".join(lines)


# -- JWS, compound files ---------------------------------------------------------------------------------------------------------


def jws(draw: random.Random, data: bytes) -> bytes:
    """A JWS whose header, or whose parts, say more than any should."""
    if data[:1] in b"{[":
        return (
            data.replace(b'":"', draw.choice((b'":' + b"[" * 2000 + b'"', b'": \n"', b'":"' + b"A" * 5000)))
            if draw.random() < 0.5
            else damaged(draw, data)
        )
    header = draw.choice(
        (
            b"[" * draw.choice((5, 1400, 60_000)),
            b'{"alg":' + b"[" * 3000,
            b'{"alg":"ES256","x5c":["' + b"A" * draw.choice((100, 3000, 100_000)) + b'"]}',
            b'{"alg":"ES256","iat":' + b"9" * draw.choice((5, 5000)) + b"}",
            b'{"alg":"ES256","exp":1e' + b"9" * 400 + b"}",
            json.dumps({"alg": "ES256", **{f"k{each}": each for each in range(draw.choice((1, 2000)))}}).encode(),
            b'{"alg":"\\ud800"}',
            b'{"alg":"ES256"}'.decode().encode(draw.choice(("utf-16", "utf-8-sig", "utf-32"))),
            damaged(draw, b'{"alg":"ES256","typ":"jose"}'),
        )
    )
    _, *rest = data.split(b".")
    made = b".".join((base64.urlsafe_b64encode(header).rstrip(b"="), *rest))
    return damaged(draw, made) if draw.random() < 0.3 else made


def compound(draw: random.Random, data: bytes) -> bytes:
    """A compound file of Microsoft's whose numbers lead elsewhere ([MS-CFB] 2.2, 2.3, 2.6)."""
    changed = bytearray(data)
    for _ in range(draw.choice((1, 2, 6))):
        at = draw.choice((draw.randrange(24, 96), draw.randrange(len(data) - 4))) & ~1
        value = draw.choice((0, 1, 9, 12, 20, 0xFFFE, 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFC, draw.randrange(len(data) >> 9 or 1)))
        changed[at : at + 4] = struct.pack("<I", value)
    return damaged(draw, bytes(changed)) if draw.random() < 0.2 else bytes(changed)
