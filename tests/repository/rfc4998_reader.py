"""A second reader of evidence records (RFC 4998), which shares nothing with Kho: asn1crypto's types, hashlib, and `openssl ts -verify`.

It reads what `kho evidence export` writes: a record, the data objects below data/, and the roots of the authorities in anchors/.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from asn1crypto import algos, cms, core, tsp

__all__ = ["NotProved", "proved_since"]


class NotProved(Exception):
    """The record does not prove what it should; the text says where."""


class Attributes(core.SetOf):
    _child_spec = cms.CMSAttribute


class Values(core.SequenceOf):
    _child_spec = core.OctetString


class Tree(core.SequenceOf):
    _child_spec = Values


class ArchiveTimeStamp(core.Sequence):
    _fields: ClassVar = [
        ("digest_algorithm", algos.DigestAlgorithm, {"implicit": 0, "optional": True}),
        ("attributes", Attributes, {"implicit": 1, "optional": True}),
        ("reduced_hashtree", Tree, {"implicit": 2, "optional": True}),
        ("time_stamp", cms.ContentInfo),
    ]


class Chain(core.SequenceOf):
    _child_spec = ArchiveTimeStamp


class Chains(core.SequenceOf):
    _child_spec = Chain


class Algorithms(core.SequenceOf):
    _child_spec = algos.DigestAlgorithm


class CryptoInfos(core.SequenceOf):
    _child_spec = cms.CMSAttribute


class EncryptionInfo(core.Sequence):
    _fields: ClassVar = [("type", core.ObjectIdentifier), ("value", core.Any)]


class EvidenceRecord(core.Sequence):
    _fields: ClassVar = [
        ("version", core.Integer),
        ("digest_algorithms", Algorithms),
        ("crypto_infos", CryptoInfos, {"implicit": 0, "optional": True}),
        ("encryption_info", EncryptionInfo, {"implicit": 1, "optional": True}),
        ("sequence", Chains),
    ]


def proved_since(record: bytes, files: Iterable[Path], roots: Sequence[Path], scratch: Path, *, group: bool = False) -> datetime:
    """The time since which every file is proved to exist. ``group``: the first list of the record has nothing but these files.

    Raises:
        NotProved: with the place.
    """
    parsed = EvidenceRecord.load(record, strict=True)
    if parsed["version"].native != 1:
        raise NotProved("version")
    anchors = scratch / "anchors.pem"
    anchors.write_bytes(b"".join(each.read_bytes() for each in roots))
    contents = [file.read_bytes() for file in files]
    announced = {each["algorithm"].native for each in parsed["digest_algorithms"]}
    times: list[datetime] = []
    before = b""
    for number, chain in enumerate(parsed["sequence"], 1):
        name = _imprint(chain[0])["hash_algorithm"]["algorithm"].native
        if name not in announced:
            raise NotProved(f"chain {number}: {name} is not announced")
        for index, stamp in enumerate(chain, 1):
            place = f"chain {number}, stamp {index}"
            wanted = [_hash(name, each) for each in contents]
            if index > 1:
                wanted = [_hash(name, chain[index - 2]["time_stamp"].dump())]
            elif number > 1:
                earlier = _hash(name, _sequence(before))
                wanted = [_hash(name, each + earlier) for each in wanted]
            root = _root(stamp, name, wanted, place, group=group and index == number == 1)
            times.append(_stamped(stamp, name, root, anchors, scratch, place))
        before += chain.dump()
    if times != sorted(times):
        raise NotProved("the stamps are not in the order of time")
    return times[0]


def _hash(name: str, data: bytes) -> bytes:
    return hashlib.new(name, data).digest()


def _sequence(content: bytes) -> bytes:
    """The DER of a SEQUENCE around ``content``."""
    length = len(content)
    if length < 128:
        return bytes((0x30, length)) + content
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((0x30, 128 + len(size))) + size + content


def _info(stamp: ArchiveTimeStamp) -> tsp.TSTInfo:
    return stamp["time_stamp"]["content"]["encap_content_info"]["content"].parsed


def _imprint(stamp: ArchiveTimeStamp) -> tsp.MessageImprint:
    return _info(stamp)["message_imprint"]


def _root(stamp: ArchiveTimeStamp, name: str, wanted: Sequence[bytes], place: str, *, group: bool) -> bytes:
    declared = stamp["digest_algorithm"]
    if not isinstance(declared, core.Void) and declared["algorithm"].native != name:
        raise NotProved(f"{place}: another algorithm")
    tree = stamp["reduced_hashtree"]
    if isinstance(tree, core.Void):
        if len(wanted) != 1:
            raise NotProved(f"{place}: no tree for several objects")
        return wanted[0]
    lists = [[value.native for value in values] for values in tree]
    missing = [each for each in wanted if each not in lists[0]]
    if missing:
        raise NotProved(f"{place}: {len(missing)} objects are not in the first list")
    if group and set(lists[0]) != set(wanted):
        raise NotProved(f"{place}: others are in the first list")
    carried: list[bytes] = []
    for values in lists:
        values = sorted(values + carried)
        carried = [_hash(name, b"".join(values))] if len(values) > 1 else values
    return carried[0]


def _stamped(stamp: ArchiveTimeStamp, name: str, root: bytes, anchors: Path, scratch: Path, place: str) -> datetime:
    imprint, time = _imprint(stamp), _info(stamp)["gen_time"].native
    if imprint["hash_algorithm"]["algorithm"].native != name or imprint["hashed_message"].native != root:
        raise NotProved(f"{place}: the tree does not lead to what is stamped")
    token = scratch / "token.tst"
    token.write_bytes(stamp["time_stamp"].dump())
    command = ["openssl", "ts", "-verify", "-digest", root.hex(), "-in", str(token), "-token_in", "-CAfile", str(anchors)]
    done = subprocess.run([*command, "-attime", str(int(time.timestamp()) + 1)], capture_output=True, text=True, check=False)
    if done.returncode != 0 or "Verification: OK" not in done.stdout + done.stderr:
        raise NotProved(f"{place}: openssl says {done.stderr.strip()}")
    return time
