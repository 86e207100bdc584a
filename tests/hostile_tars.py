"""Tars that somebody wrote to keep a reader busy, or to break it: each is told to be damaged, or to have too much in front of a member."""

from __future__ import annotations

import random
import tarfile

__all__ = ["HOSTILE", "changed", "header", "padded", "pax"]


def header(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size, entry.type = size, kind
    return entry.tobuf(tarfile.USTAR_FORMAT)


def padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % tarfile.BLOCKSIZE)


def pax(body: bytes, kind: bytes = tarfile.XHDTYPE) -> bytes:
    return header("p", len(body), kind) + padded(body)


def record(text: bytes) -> bytes:
    length = len(text) + 2
    while len(b"%d %s\n" % (length, text)) != length:
        length = len(b"%d %s\n" % (length, text))
    return b"%d %s\n" % (length, text)


FILE = header("a.txt", 5) + padded(b"hello")
END = b"\0" * 1024
LONG_NAME = header("x", 5, tarfile.GNUTYPE_LONGNAME) + padded(b"abcd\0")

HOSTILE = {
    "names in one another": LONG_NAME * 3000 + FILE + END,
    "headers in one another": pax(record(b"path=x")) * 3000 + FILE + END,
    "headers for all in one another": pax(record(b"path=x"), tarfile.XGLTYPE) * 3000 + FILE + END,
    "many keys for all": b"".join(pax(record(b"k%d=x" % n), tarfile.XGLTYPE) + FILE for n in range(3000)) + END,
    "much for all": pax(record(b"comment=" + b"x" * 100_000), tarfile.XGLTYPE) + FILE * 2000 + END,
    "digits": pax(b"1" * 400_000) + FILE + END,
    "digits in a value": pax(record(b"comment=" + b"1" * 400_000)) + FILE + END,
    "records without a key": pax(b"3 \n" * 100_000) + FILE + END,
    "no length": pax(b"0 path=x") + FILE + END,
    "a length that is too long": pax(b"9999999999 path=x\n") + FILE + END,
    "a size beyond every file": pax(record(b"size=" + b"9" * 30)) + FILE + END,
    "a size below nothing": pax(record(b"size=-512")) + FILE + END,
    "a size that is none": pax(record(b"size=") + record(b"GNU.sparse.size=x")) + FILE + END,
    "many pieces": pax(record(b"GNU.sparse.map=" + b",".join([b"0,0"] * 100_000))) + FILE + END,
    "pieces that go back": pax(record(b"GNU.sparse.map=5,5,0,5")) + FILE + END,
    "pieces below nothing": pax(record(b"GNU.sparse.map=5,-5,0,5")) + FILE + END,
    "pieces without end": pax(record(b"GNU.sparse.major=1") + record(b"GNU.sparse.minor=0")) + FILE + END,
}


def changed(draw: random.Random, data: bytes) -> bytes:
    """``data`` with bytes of its headers changed, and their sums right, so that what they say is believed."""
    tar = bytearray(data)
    blocks = [at for at in range(0, len(tar), tarfile.BLOCKSIZE) if tar[at + 257 : at + 262] == b"ustar"] or [0]
    for _ in range(draw.choice((1, 1, 2, 4))):
        at = draw.choice(blocks)
        field, length = draw.choice(FIELDS)
        value = draw.choice(
            (draw.randbytes(length), b"%0*o" % (length - 1, draw.getrandbits(20)), b"\xff" * length, b"\x80" + b"\x7f" * length)
        )
        tar[at + field : at + field + length] = value[:length].ljust(length, b"\0")
        if draw.random() < 0.5:
            tar[at + 156] = draw.choice(b"0LKxgXS1257Z")
        if draw.random() < 0.5 and at + 1024 <= len(tar):
            words = draw.choice(WORDS)
            tar[at + 512 : at + 512 + len(words)] = words
        total = sum(tar[at : at + 148]) + sum(tar[at + 156 : at + 512]) + 8 * 32
        tar[at + 148 : at + 156] = b"%06o\0 " % total
    return bytes(tar)


FIELDS = ((0, 100), (100, 8), (124, 12), (124, 12), (136, 12), (157, 100), (345, 155), (386, 24), (482, 1))
"""Name, mode, size, time, link, prefix; of a sparse file its pieces, and whether there are more."""

WORDS = (
    record(b"size=99999999999999999999"),
    record(b"size=-1") + record(b"path=\xff\xfe"),
    record(b"mtime=1e999") + record(b"GNU.sparse.map=1,2,3"),
    record(b"GNU.sparse.major=1") + record(b"GNU.sparse.minor=0") + record(b"GNU.sparse.realsize=999999999999"),
    record(b"GNU.sparse.size=5") + record(b"GNU.sparse.offset=3") + record(b"GNU.sparse.numbytes=9"),
    b"9" * 120,
    b"5 =x\n",
    b"\0" * 20,
)
