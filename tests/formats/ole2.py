"""OLE2 files made by hand, as MS-CFB says: an office document under a password, as MS-OFFCRYPTO wraps it. The key is thrown away."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

__all__ = ["ole2", "ooxml_wrapped"]

SECTOR, SMALL, CUTOFF = 512, 64, 4096
END, FREE, TABLE, NONE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD, 0xFFFFFFFF


def _padded(data: bytes, size: int) -> bytes:
    return data + bytes(-len(data) % size)


def _entry(name: str, kind: int, *, right: int = NONE, child: int = NONE, start: int = 0, size: int = 0) -> bytes:
    text = (name + "\0").encode("utf-16-le")
    head = text.ljust(64, b"\0") + struct.pack("<HBBIII", len(text), kind, 1, NONE, right, child)
    return (head + bytes(36) + struct.pack("<IQ", start, size)).ljust(128, b"\0")


def ole2(streams: Mapping[str, bytes], *, before: int = 0) -> bytes:
    """A file of version 3 with these streams in its root, in the order of their names (MS-CFB, 2.6.4); short ones lie in the mini stream.
    ``before`` sectors of nothing stand before the directory, so that it lies far in."""
    names = sorted(streams, key=lambda name: (len(name), name.upper()))
    small = b"".join(_padded(streams[name], SMALL) for name in names if len(streams[name]) < CUTOFF)
    large = {name: _padded(streams[name], SECTOR) for name in names if len(streams[name]) >= CUTOFF}
    directory_sectors = -(-(len(names) + 1) // 4)
    data_sectors = before + directory_sectors + 1 + -(-len(small) // SECTOR) + sum(len(each) // SECTOR for each in large.values())
    tables = next(count for count in range(1, 110) if count * 128 >= data_sectors + count)
    chain: list[int] = [TABLE] * tables

    def allocate(count: int, *, free: bool = False) -> int:
        first = len(chain)
        chain.extend([FREE] * count if free else [*range(first + 1, first + count), END] if count else [])
        return first if count else END

    allocate(before, free=True)
    directory = allocate(directory_sectors)
    mini_table = allocate(1)
    mini = allocate(-(-len(small) // SECTOR))
    starts = {name: allocate(len(data) // SECTOR) for name, data in large.items()}
    links: list[int] = []
    for name in names:
        if name not in large:
            count, first = len(_padded(streams[name], SMALL)) // SMALL, len(links)
            starts[name] = first
            links += [*range(first + 1, first + count), END]
    rows = [_entry("Root Entry", 5, child=1, start=mini, size=len(small))]
    for number, name in enumerate(names, 1):
        right = number + 1 if number < len(names) else NONE
        rows.append(_entry(name, 2, right=right, start=starts[name], size=len(streams[name])))
    rows += [bytes(128)] * (directory_sectors * 4 - len(rows))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    header += struct.pack("<IIIIIIIII", 0, tables, directory, 0, CUTOFF, mini_table, 1, END, 0)
    header += struct.pack("<109I", *range(tables), *[FREE] * (109 - tables))
    table = struct.pack(f"<{len(chain)}I", *chain).ljust(tables * SECTOR, b"\xff")
    body = b"".join(rows) + struct.pack(f"<{len(links)}I", *links).ljust(SECTOR, b"\xff") + _padded(small, SECTOR)
    return header + table + bytes(before * SECTOR) + body + b"".join(large.values())


def ooxml_wrapped(package: bytes, password: str = "bí mật") -> bytes:
    """What an office program writes when an OOXML document is given a password (MS-OFFCRYPTO, 2.3.4.10, agile encryption)."""
    key, vector = hashlib.sha256(password.encode()).digest(), hashlib.md5(password.encode(), usedforsecurity=False).digest()
    cipher = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
    data = struct.pack("<Q", len(package)) + cipher.update(_padded(package, max(16, CUTOFF))) + cipher.finalize()
    words = (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><encryption xmlns="http://schemas.microsoft.com/office/2006/encryption"'
        ' xmlns:p="http://schemas.microsoft.com/office/2006/keyEncryptor/password"><keyData saltSize="16" blockSize="16" keyBits="256"'
        ' hashSize="64" cipherAlgorithm="AES" cipherChaining="ChainingModeCBC" hashAlgorithm="SHA512"'
        ' saltValue="AAAAAAAAAAAAAAAAAAAAAA=="/></encryption>'
    )
    info = struct.pack("<HHI", 4, 4, 0x40) + words.encode()
    return ole2({"EncryptionInfo": info, "EncryptedPackage": data})
