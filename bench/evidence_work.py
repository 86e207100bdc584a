"""The work of the evidence rows, in a process of its own: ``python bench/evidence_work.py WORK N``.

Prints the seconds that count: keys, leaves and records are made before.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from repository.evidence.batch import Batch
from repository.evidence.leaves import DataObject as Member
from signatures.evidence import (
    DataObject,
    Generation,
    Lineage,
    Tree,
    renewal_of,
    renewal_tree,
    renewal_values,
    verify_record,
)
from signatures.timestamps import IssuingAuthority, Request, make_authority, read_token, token_of

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def authority() -> IssuingAuthority:
    key = ec.generate_private_key(ec.SECP256R1())
    return make_authority("Bench", key, clock=lambda: NOW, begins=NOW - timedelta(days=1), ends=NOW + timedelta(days=3650))


def stamped(known: IssuingAuthority, imprint: bytes) -> bytes:
    return token_of(known.answer(Request.of("sha256", imprint).encoded))


def leaves(count: int) -> list[bytes]:
    return [hashlib.sha256(each.to_bytes(8, "big")).digest() for each in range(count)]


def floor(count: int) -> Callable[[], object]:
    """A plain hash tree: no sorting, nothing kept but the level."""
    level = leaves(count)

    def climb() -> bytes:
        sha256, now = hashlib.sha256, level
        while len(now) > 1:
            now = [sha256(one + other).digest() for one, other in zip(now[::2], now[1::2], strict=True)]
        return now[0]

    return climb


def tree(count: int) -> Callable[[], object]:
    values = leaves(count)
    return lambda: Tree("sha256", values)


def renew(count: int) -> Callable[[], object]:
    """Time-stamp renewal of ``count`` records in batches of 10,000: one request."""
    known = authority()
    batches = [
        Lineage([Generation(Tree("sha256", leaves(2)), stamped(known, hashlib.sha256(bytes([n % 256, n // 256])).digest()))])
        for n in range(max(count // 10_000, 1))
    ]

    def once() -> None:
        values = [renewal_values("sha256", each.newest.last) for each in batches]
        over = renewal_tree("sha256", values)
        token = stamped(known, over.root)
        for index, each in enumerate(batches):
            each.newest.renewals.append(renewal_of(over, index, values[index], token))

    return once


def _records(count: int) -> list[tuple[bytes, list[DataObject]]]:
    known, found = authority(), []
    for each in range(count):
        group = [hashlib.sha256(f"{each} {one}".encode()).digest() for one in range(3)]
        values = [hashlib.sha256(b"".join(sorted(group))).digest(), *leaves(1 << 10)[1:]]
        whole = Tree("sha256", values)
        lineage = Lineage([Generation(whole, stamped(known, whole.root))])
        record = lineage.record(0, {"sha256": group}.__getitem__)
        found.append((record, [DataObject(str(one), {"sha256": digest}) for one, digest in enumerate(group)]))
    return found


def _verified(records: Sequence[tuple[bytes, list[DataObject]]]) -> None:
    for each in records:
        assert verify_record(*each).valid


def verify(count: int) -> Callable[[], object]:
    records = _records(count)
    return lambda: _verified(records)


def tokens(count: int) -> Callable[[], object]:
    known = authority()
    made = [stamped(known, hashlib.sha256(each.to_bytes(4, "big")).digest()) for each in range(count)]

    def read() -> None:
        for each in made:
            read_token(each)

    return read


def openssl(count: int) -> Callable[[], object]:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    known, folder = authority(), Path(os.environ.get("TMPDIR", "/tmp")) / f"kho-bench-{os.getpid()}"
    folder.mkdir()
    (folder / "root.pem").write_bytes(x509.load_der_x509_certificate(known.root).public_bytes(Encoding.PEM))
    digest = hashlib.sha256(b"x").digest()
    (folder / "token").write_bytes(stamped(known, digest))
    command = ["openssl", "ts", "-verify", "-digest", digest.hex(), "-in", str(folder / "token"), "-token_in"]
    command += ["-CAfile", str(folder / "root.pem"), "-attime", str(int(NOW.timestamp()) + 60)]
    return lambda: [subprocess.run(command, capture_output=True, check=True) for _ in range(count)]


def batch(count: int) -> Callable[[], object]:
    """Records of one batch: all stand on one token."""
    whole = Tree("sha256", leaves(count))
    lineage = Lineage([Generation(whole, stamped(authority(), whole.root))])
    records = [lineage.record(each, lambda name, each=each: [whole.levels[0][each]]) for each in range(count)]  # type: ignore[misc]
    objects = [[DataObject("x", {"sha256": each})] for each in whole.levels[0]]
    return lambda: _verified(list(zip(records, objects, strict=True)))


def export(count: int) -> Callable[[], object]:
    """Writing records of a batch of 100,000 leaves of three objects, renewed once; not what is read before or written after."""
    known, size = authority(), 100_000
    whole = Tree("sha256", leaves(size))
    lineage = Lineage([Generation(whole, stamped(known, whole.root))])
    over = renewal_tree("sha256", [renewal_values("sha256", lineage.newest.last)])
    lineage.newest.renewals.append(renewal_of(over, 0, over.levels[0], stamped(known, over.root)))
    group = [hashlib.sha256(f"{one}".encode()).digest() for one in range(3)]
    return lambda: [lineage.record(each * size // count, lambda name: group) for each in range(count)]


def _group(count: int) -> list[Member]:
    digests = (hashlib.sha512(each.to_bytes(8, "big")).digest() for each in range(count))
    return [Member(f"v1/content/representations/rep1/data/{at:06d}.bin", each[:32], each) for at, each in enumerate(digests)]


def leaf(count: int) -> Callable[[], object]:
    """The leaf of a group of files whose digests are known: every file a member of its own, none behind a list."""
    members, made = _group(count), Batch("bench", NOW, [])
    return lambda: made.add("urn:uuid:bench", 1, members, inventory_sha512=b"", largest_group=count)


def listed(count: int) -> Callable[[], object]:
    """The same with a list of digests that stands for them, as the shipped policy asks for above 10,000 files."""
    members, made = _group(count), Batch("bench", NOW, [])
    return lambda: made.add("urn:uuid:bench", 1, members, inventory_sha512=b"", largest_group=10_000)


def hashing(count: int) -> Callable[[], object]:
    """What of `leaf` is nothing but hashing: the digests of both trees, in one piece each."""
    members = _group(count)
    pieces = b"".join(each.sha256 for each in members), b"".join(each.sha512 for each in members)
    return lambda: (hashlib.sha256(pieces[0]).digest(), hashlib.sha512(pieces[1]).digest())


WORK = {each.__name__: each for each in (floor, tree, renew, verify, batch, tokens, openssl, export, leaf, listed, hashing)}


def main(arguments: list[str]) -> None:
    """What is told once and remembered, like the register of codes, is read by a first, small piece of the same work."""
    name, count = arguments[0], int(arguments[1])
    if name in ("verify", "batch", "tokens"):
        WORK[name](2)()
    work = WORK[name](count)
    begun = time.perf_counter()
    work()
    print(time.perf_counter() - begun)


if __name__ == "__main__":
    main(sys.argv[1:])
