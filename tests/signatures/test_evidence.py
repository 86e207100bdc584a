"""Evidence records: what is built is proved, what is changed is noticed, and the place is named."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.trust import default_algorithms
from repository.views.evidence import evidence as view
from signatures import der
from signatures.errors import InvalidRecord
from signatures.evidence import EvidenceReport, Tree, climb, read_record, verify_record, write_record, write_stamp
from signatures.timestamps import Believed, Trust, read_token
from tests.signatures.authorities import NOW, VirtualClock, authority
from tests.signatures.evidence_builder import grow, made, objects_of, rebuild, renew, stamped

PLAIN = {"a": b"leaf 0 object 0", "b": b"leaf 0 object 1", "c": b"leaf 0 object 2"}


def group_named(leaf: int, size: int = 3) -> dict[str, bytes]:
    return {f"{leaf}/{number}": data for number, data in enumerate(made(leaf + 1, size)[leaf])}


def group(leaf: int, size: int = 3) -> Callable[[str], list[bytes]]:
    objects = made(leaf + 1, size)[leaf]
    return lambda name: [hashlib.new(name, each).digest() for each in objects]


def found(report: EvidenceReport) -> list[tuple[str, str]]:
    return [(each.code, each.path) for each in report.findings if each.weight.name == "ERROR"]


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("count", [1, 2, 3, 7, 16, 33])
@pytest.mark.parametrize("hash_name", ["sha256", "sha512"])
def test_every_leaf_of_every_tree_is_proved(hash_name: str, count: int, size: int) -> None:
    lineage = grow(made(count, size), authority(), hash_name)
    for leaf in range(count):
        report = verify_record(lineage.record(leaf, group(leaf, size)), objects_of(group_named(leaf, size)))
        assert found(report) == []
        assert report.valid
        assert report.proved == NOW
        other = objects_of({"other": b"another object"})
        assert not verify_record(lineage.record(leaf, group(leaf, size)), other).valid


@given(st.integers(1, 70), st.data())
@settings(max_examples=60, deadline=None)
def test_reduced_trees_lead_to_the_root(count: int, data: st.DataObject) -> None:
    leaves = [hashlib.sha256(bytes([each])).digest() for each in range(count)]
    tree = Tree("sha256", leaves)
    leaf = data.draw(st.integers(0, count - 1))
    reduced = tree.reduced(leaf)
    if reduced is None:
        assert tree.root == leaves[leaf]
    else:
        assert leaves[leaf] in reduced[0]
        assert climb("sha256", reduced) == tree.root


def test_one_object_of_a_group_is_proved_alone_and_a_missing_one_harms_nobody() -> None:
    lineage = grow(made(4), authority())
    record = lineage.record(0, group(0))
    for name, data in PLAIN.items():
        assert verify_record(record, objects_of({name: data})).valid
    whole = verify_record(record, objects_of(PLAIN), whole_group=True)
    assert whole.valid
    part = verify_record(record, objects_of({"a": PLAIN["a"]}), whole_group=True)
    assert found(part) == [("EVD-GROUP", "chain[1]/archiveTimeStamp[1]/reducedHashtree[1]")]


def renewed_twice() -> tuple[bytes, VirtualClock]:
    """A record with a time-stamp renewal and a hash-tree renewal, by three authorities; about 4.5 kB."""
    clock = VirtualClock()
    groups = made(3)
    lineage = grow(groups, authority("one", clock=clock))
    clock.pass_days(900)
    renew([lineage, grow(made(2), authority("beside", clock=clock))], authority("two", "p384", clock=clock, hash_name="sha384"))
    clock.pass_days(900)
    rebuild(lineage, groups, authority("three", clock=clock), "sha512")
    clock.pass_days(900)
    renew([lineage], authority("four", "rsa-2048", clock=clock))
    return lineage.record(0, group(0)), clock


def test_renewals_are_told_apart_and_keep_the_first_time() -> None:
    record, _ = renewed_twice()
    report = verify_record(record, objects_of(PLAIN))
    assert found(report) == []
    assert [each.kind for each in report.stamps] == ["initial", "time-stamp renewal", "hash-tree renewal", "time-stamp renewal"]
    assert report.proved == NOW
    assert not report.quirks


def test_a_changed_object_is_named_after_a_hash_tree_renewal() -> None:
    record, _ = renewed_twice()
    report = verify_record(record, objects_of({**PLAIN, "b": b"changed"}))
    assert {each.path for each in report.findings if each.code == "EVD-NOT-COVERED"} == {
        "chain[1]/archiveTimeStamp[1]/reducedHashtree[1]",
        "chain[2]/archiveTimeStamp[1]/reducedHashtree[1]",
    }
    assert report.missing == ["b"]
    assert report.covered == ["a", "c"]


def parts(record: bytes) -> list[list[bytes]]:
    """The encoded ArchiveTimeStamps, chain by chain."""
    sequence = der.children(record, der.whole(record))[-1]
    chains = der.children(record, sequence)
    return [[record[each.start : each.end] for each in der.children(record, chain)] for chain in chains]


DEFECTS: dict[str, tuple[Callable[[list[list[bytes]]], Any], str, str]] = {
    "the first stamp is left out": (lambda c: c[0].pop(0), "EVD-NOT-COVERED", "chain[1]/archiveTimeStamp[1]/reducedHashtree[1]"),
    "the renewal is left out": (lambda c: c[0].pop(1), "EVD-NOT-COVERED", "chain[2]/archiveTimeStamp[1]/reducedHashtree[1]"),
    "the first chain is left out": (lambda c: c.pop(0), "EVD-NOT-COVERED", "chain[1]/archiveTimeStamp[1]/reducedHashtree[1]"),
    "the renewal stands twice": (
        lambda c: c[0].append(c[0][1]),
        "EVD-RENEWAL",
        "chain[1]/archiveTimeStamp[3]/reducedHashtree[1]",
    ),
    "a stamp is copied into the next chain": (lambda c: c[1].append(c[0][1]), "EVD-TIME-ORDER", "chain[2]/archiveTimeStamp[3]"),
    "the chains change places": (lambda c: c.reverse(), "EVD-TIME-ORDER", "chain[2]/archiveTimeStamp[1]"),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_a_record_put_together_wrongly_is_refused_at_the_place(name: str) -> None:
    record, _ = renewed_twice()
    chains = parts(record)
    spoil, code, place = DEFECTS[name]
    spoil(chains)
    report = verify_record(write_record(["sha256", "sha512"], chains), objects_of(PLAIN))
    assert (code, place) in found(report)
    assert not report.valid


def test_an_algorithm_that_is_not_announced_and_one_not_of_the_chain() -> None:
    record, _ = renewed_twice()
    report = verify_record(write_record(["sha256"], parts(record)), objects_of(PLAIN))
    assert found(report) == [("EVD-ALGORITHM-UNLISTED", "chain[2]/archiveTimeStamp[1]")]
    mixed = [[*parts(record)[0], *parts(record)[1]]]
    assert ("EVD-ALGORITHM", "chain[1]/archiveTimeStamp[3]") in found(
        verify_record(write_record(["sha256", "sha512"], mixed), objects_of(PLAIN))
    )


def test_hash_values_of_another_length_are_refused() -> None:
    long = hashlib.sha256(b"x").digest() + hashlib.sha256(b"y").digest()
    imprint = hashlib.sha256(b"x" * 3).digest()
    token = stamped(authority(), "sha256", imprint)
    tree = der.encode(0xA2, der.sequence(der.encode(der.OCTET_STRING, long), der.encode(der.OCTET_STRING, imprint)))
    stamp = der.sequence(tree, token)
    report = verify_record(write_record(["sha256"], [[stamp]]), objects_of({"x": b"xxx"}))
    assert ("EVD-HASH-LENGTH", "chain[1]/archiveTimeStamp[1]/reducedHashtree") in found(report)


def test_sorted_hash_tree_renewal_is_read_as_a_quirk() -> None:
    clock, data = VirtualClock(), b"object"
    first = write_stamp("sha256", None, stamped(authority("x", clock=clock), "sha256", hashlib.sha256(data).digest()))
    earlier = hashlib.sha512(der.sequence(der.sequence(first))).digest()
    own = hashlib.sha512(data).digest()
    for both, quirk in ((own + earlier, False), (b"".join(sorted((own, earlier))), True)):
        token = stamped(authority("y", clock=clock), "sha512", hashlib.sha512(both).digest())
        record = write_record(["sha256", "sha512"], [[first], [write_stamp("sha512", None, token)]])
        report = verify_record(record, objects_of({"o": data}))
        assert report.valid
        assert bool(report.quirks) is (quirk and own > earlier)


def test_what_stands_beside_the_proof_is_read_and_named() -> None:
    record, _ = renewed_twice()
    attribute = der.sequence(der.write_oid("1.2.3"), der.set_of([der.write_integer(1)]))
    with_infos = write_record(["sha256", "sha512"], parts(record), [attribute])
    report = verify_record(with_infos, objects_of(PLAIN))
    assert report.valid
    assert report.record is not None
    assert report.record.crypto_infos == 1
    body = der.children(record, der.whole(record))
    pieces = [record[each.start : each.end] for each in body]
    encrypted = der.sequence(*pieces[:2], der.encode(0xA1, der.write_oid("1.2.3"), der.write_integer(1)), *pieces[2:])
    report = verify_record(encrypted, objects_of(PLAIN))
    assert report.valid  # of the bytes that were given
    assert "EVD-ENCRYPTED" in {each.code for each in report.findings}


def test_no_objects_prove_nothing() -> None:
    record, _ = renewed_twice()
    assert found(verify_record(record, [])) == [("EVD-NO-DATA", "")]


# -- trust ------------------------------------------------------------------------------------------------------------------


def test_each_stamp_is_judged_when_its_successor_was_made() -> None:
    clock = VirtualClock()
    one, two = authority("one", clock=clock, years=4), authority("two", clock=clock, begins=NOW, years=8)
    lineage = grow(made(3), one)
    clock.pass_days(800)
    unrenewed = lineage.record(0, group(0))
    renew([lineage], two)
    record = lineage.record(0, group(0))
    trust = Trust(one.anchors + two.anchors)

    def at(days: float, data: bytes = record, held: Trust = trust) -> EvidenceReport:
        return verify_record(data, objects_of(PLAIN), at=NOW + timedelta(days=days), trust=held, algorithms=default_algorithms())

    assert at(900).valid
    assert at(900).trust is Believed.YES
    assert at(2500).valid  # long after the first certificate ended
    assert found(at(2500, unrenewed)) == [("EVD-NOT-TRUSTED", "chain[1]/archiveTimeStamp[1]")]
    assert found(at(3500)) == [("EVD-NOT-TRUSTED", "chain[1]/archiveTimeStamp[2]")]
    assert found(at(900, held=Trust(one.anchors))) == [("EVD-NOT-TRUSTED", "chain[1]/archiveTimeStamp[2]")]
    assert found(at(700)) == [("EVD-NOT-TRUSTED", "chain[1]/archiveTimeStamp[2]")]  # asked about a time before the renewal


def test_rsa_pkcs1v15_carries_until_2029_and_no_longer() -> None:
    clock = VirtualClock()
    old = authority("rsa", "rsa-2048", clock=clock)
    lineage = grow(made(2), old)
    record = lineage.record(0, group(0))
    trust = Trust(old.anchors)

    def codes(days: float) -> list[str]:
        report = verify_record(
            record, objects_of(PLAIN), at=NOW + timedelta(days=days), trust=trust, algorithms=default_algorithms()
        )
        return [each for each, _ in found(report)]

    assert codes(760) == []  # 2028-12-25
    assert codes(770) == ["EVD-ALGORITHM-ENDED"]


# -- bytes ------------------------------------------------------------------------------------------------------------------


def shown(record: bytes) -> str | None:
    """The JSON of a valid record; None when it is not valid."""
    report = verify_record(record, _OBJECTS, read=_remembering)
    return json.dumps(view(report)) if report.valid else None


_OBJECTS = objects_of(PLAIN)
_remembering = functools.lru_cache(read_token)
"""A flip spoils one token at a time; the others need not be read again."""


@functools.cache
def _record() -> bytes:
    return renewed_twice()[0]


FLIPS = (0x01, 0x80, 0xFF)


def test_every_flipped_byte_is_noticed() -> None:
    """Each byte of a record of 4–5 kB, one at a time: none survives in records that Kho writes (no field is unprotected)."""
    record = _record()
    assert 4_000 < len(record) < 5_000
    sound = shown(record)
    assert sound is not None
    survivors = {}
    for offset in range(len(record)):
        damaged = bytearray(record)
        damaged[offset] ^= FLIPS[offset % 3]
        said = shown(bytes(damaged))
        if said is not None:
            survivors[offset] = said == sound
    assert survivors == {}


@pytest.mark.proof
def test_every_flipped_byte_in_every_way_is_noticed() -> None:
    record = _record()
    for offset in range(len(record)):
        for flip in (1, 2, 4, 8, 16, 32, 64, 128, 255):
            damaged = bytearray(record)
            damaged[offset] ^= flip
            assert shown(bytes(damaged)) is None, (offset, flip)


@given(st.binary(max_size=64), st.data())
@settings(max_examples=200, deadline=None)
def test_no_bytes_crash_the_reader(noise: bytes, data: st.DataObject) -> None:
    record = _record()
    at = data.draw(st.integers(0, len(record)))
    length = data.draw(st.integers(0, 30))
    for each in (noise, b"0\x80" + noise, record[:at] + noise + record[at + length :]):
        with contextlib.suppress(InvalidRecord):
            read_record(each)
        verify_record(each, objects_of(PLAIN))
