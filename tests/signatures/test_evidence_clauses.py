"""RFC 4998, clause by clause: what an evidence record must be, what it may be, and what it proves of which objects.

Records are put together by hand from DER; nothing that Kho writes records with is used but the encoding of one element.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from policies.phrases import phrase
from signatures import der
from signatures.evidence import DataObject, EvidenceReport, verify_record
from tests.signatures.authorities import NOW, VirtualClock, authority
from tests.signatures.evidence_builder import objects_of, stamped
from tests.signatures.token_builder import Token, attribute, numbered

SHA256, SHA512 = "2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.3"
OBJECT = b"a record"


def h(data: bytes, name: str = "sha256") -> bytes:
    return hashlib.new(name, data).digest()


def node(*values: bytes, name: str = "sha256") -> bytes:
    """§4.2: sorted in binary ascending order, concatenated, hashed."""
    return h(b"".join(sorted(values)), name)


def token(imprint: bytes, at: datetime = NOW, name: str = "sha256") -> bytes:
    return stamped(authority(clock=VirtualClock(at), years=60), name, imprint)


def ats(
    stamp: bytes, *lists: Iterable[bytes], declared: bytes = b"", attributes: bytes = b"", tree: bytes | None = None
) -> bytes:
    """An ArchiveTimeStamp. Without lists there is no reducedHashtree."""
    encoded = [der.sequence(*(der.encode(der.OCTET_STRING, value) for value in values)) for values in lists]
    reduced = tree if tree is not None else der.encode(0xA2, *encoded) if encoded else b""
    return der.sequence(declared, attributes, reduced, stamp)


def record(
    *chains: Sequence[bytes],
    version: bytes = b"\x02\x01\x01",
    hashes: Sequence[bytes] = (numbered(SHA256), numbered(SHA512)),
    beside: bytes = b"",
    after: bytes = b"",
) -> bytes:
    sequence = der.sequence(*(der.sequence(*chain) for chain in chains))
    return der.sequence(version, der.sequence(*hashes), beside, sequence, after)


def declared(oid: str, *, null: bool = False) -> bytes:
    return der.encode(0xA0, der.write_oid(oid), b"\x05\x00" if null else b"")


def verified(data: bytes, *objects: bytes, whole_group: bool = False) -> EvidenceReport:
    given = objects_of({f"{number}": each for number, each in enumerate(objects or (OBJECT,))})
    return verify_record(data, given, whole_group=whole_group)


def errors(report: EvidenceReport) -> list[tuple[str, str]]:
    return [(each.code, each.path) for each in report.findings if each.weight.name == "ERROR"]


SIBLING, UNCLE = h(b"sibling"), h(b"uncle")
ROOT = node(UNCLE, node(h(OBJECT), SIBLING))
ATTRIBUTE = attribute("1.2.3", b"\x02\x01\x01")
STAMP = token(ROOT)
TREE = ([h(OBJECT), SIBLING], [UNCLE])


# -- §3.1, §4.1: syntax ---------------------------------------------------------------------------------------------------

READ: dict[str, bytes] = {
    "§4.1: without a digestAlgorithm the token's is used": record([ats(STAMP, *TREE)]),
    "§4.1: digestAlgorithm as in the token": record([ats(STAMP, *TREE, declared=declared(SHA256))]),
    "RFC 5754 §2: digestAlgorithm with NULL": record([ats(STAMP, *TREE, declared=declared(SHA256, null=True))]),
    "§4.1: attributes": record([ats(STAMP, *TREE, attributes=der.encode(0xA1, ATTRIBUTE))]),
    "§4.1: attributes that are not sorted": record(
        [ats(STAMP, *TREE, attributes=der.encode(0xA1, attribute("1.2.4", b"\x05\x00"), ATTRIBUTE))]
    ),
    "§4.1: everything at once": record([ats(STAMP, *TREE, declared=declared(SHA256), attributes=der.encode(0xA1, ATTRIBUTE))]),
    "§3.1: the order of digestAlgorithms does not count": record(
        [ats(STAMP, *TREE)], hashes=(numbered(SHA512), numbered(SHA256))
    ),
    "§3.1: an algorithm is announced twice": record([ats(STAMP, *TREE)], hashes=(numbered(SHA256), numbered(SHA256))),
    "§3.1: cryptoInfos": record([ats(STAMP, *TREE)], beside=der.encode(0xA0, ATTRIBUTE, ATTRIBUTE)),
    "§3.1, §6: encryptionInfo": record([ats(STAMP, *TREE)], beside=der.encode(0xA1, der.write_oid("1.2.3"), b"\x05\x00")),
    "§3.1: both": record(
        [ats(STAMP, *TREE)], beside=der.encode(0xA0, ATTRIBUTE) + der.encode(0xA1, der.write_oid("1.2.3"), b"\x04\x01x")
    ),
}


@pytest.mark.parametrize("name", READ)
def test_what_the_syntax_allows_is_valid(name: str) -> None:
    report = verified(READ[name])
    assert errors(report) == []
    assert report.valid
    assert report.proved == NOW


def test_what_the_syntax_allows_and_means_something_is_told() -> None:
    codes = {name: {each.code for each in verified(data).findings} for name, data in READ.items()}
    assert "EVD-ENCRYPTED" in codes["§3.1, §6: encryptionInfo"]
    assert "EVD-QUIRK" in codes["§3.1: an algorithm is announced twice"]
    assert "EVD-QUIRK" not in codes["§4.1: everything at once"]


def overlong(data: bytes) -> bytes:
    """The same element with a length in more bytes than DER allows."""
    tlv = der.whole(data)
    return bytes((tlv.tag, 0x83)) + (tlv.end - tlv.body).to_bytes(3, "big") + data[tlv.body :]


UNREADABLE: dict[str, tuple[bytes, str]] = {
    "§3.1: version 0": (record([ats(STAMP, *TREE)], version=b"\x02\x01\x00"), "record"),
    "§3.1: a version before this": (record([ats(STAMP, *TREE)], version=b"\x02\x01\xff"), "record"),
    "§3.1: a version that is not known": (record([ats(STAMP, *TREE)], version=b"\x02\x01\x02"), "record"),
    "§3.1: a version written in two bytes": (record([ats(STAMP, *TREE)], version=b"\x02\x02\x00\x01"), "record"),
    "§3.1: no version": (record([ats(STAMP, *TREE)], version=b""), "record"),
    "§3.1: no digestAlgorithms": (record([ats(STAMP, *TREE)], hashes=()), "digestAlgorithms"),
    "§3.1: a digestAlgorithm that is none": (record([ats(STAMP, *TREE)], hashes=(numbered("1.2.3"),)), "digestAlgorithms"),
    "§3.1: parameters that mean nothing": (
        record([ats(STAMP, *TREE)], hashes=(der.sequence(der.write_oid(SHA256), b"\x02\x01\x01"),)),
        "digestAlgorithms",
    ),
    "§3.1: cryptoInfos that are empty (SIZE 1..MAX)": (record([ats(STAMP, *TREE)], beside=b"\xa0\x00"), "cryptoInfos"),
    "§3.1: cryptoInfos that are no attributes": (
        record([ats(STAMP, *TREE)], beside=der.encode(0xA0, der.sequence(der.write_oid("1.2.3")))),
        "cryptoInfos",
    ),
    "§6.1: encryptionInfo without a value": (
        record([ats(STAMP, *TREE)], beside=der.encode(0xA1, der.write_oid("1.2.3"))),
        "encryptionInfo",
    ),
    "§3.1: encryptionInfo before cryptoInfos": (
        record([ats(STAMP, *TREE)], beside=der.encode(0xA1, der.write_oid("1.2.3"), b"\x05\x00") + der.encode(0xA0, ATTRIBUTE)),
        "digestAlgorithms",
    ),
    "§3.1: a part more": (record([ats(STAMP, *TREE)], after=der.sequence()), "digestAlgorithms"),
    "§5.1: no chain": (record(), "archiveTimeStampSequence"),
    "§5.1: a chain without stamps": (record([]), "chain[1]"),
    "§5.1: the second chain without stamps": (record([ats(STAMP, *TREE)], []), "chain[2]"),
    "§4.1: a stamp without a time-stamp": (
        record([der.sequence(der.encode(0xA2, der.sequence(der.encode(der.OCTET_STRING, SIBLING))))]),
        "chain[1]/archiveTimeStamp[1]/timeStamp",
    ),
    "§4.1: attributes that are empty (SIZE 1..MAX)": (
        record([ats(STAMP, *TREE, attributes=b"\xa1\x00")]),
        "chain[1]/archiveTimeStamp[1]/attributes",
    ),
    "§4.1: attributes before the digestAlgorithm": (
        record([ats(STAMP, *TREE, declared=der.encode(0xA1, ATTRIBUTE), attributes=declared(SHA256))]),
        "chain[1]/archiveTimeStamp[1]",
    ),
    "§4.1: a digestAlgorithm that is none": (
        record([ats(STAMP, *TREE, declared=declared("1.2.3"))]),
        "chain[1]/archiveTimeStamp[1]/digestAlgorithm",
    ),
    "§4.1: a reducedHashtree without lists": (
        record([ats(STAMP, tree=b"\xa2\x00")]),
        "chain[1]/archiveTimeStamp[1]/reducedHashtree",
    ),
    "§4.1: a list without values": (record([ats(STAMP, [], [UNCLE])]), "chain[1]/archiveTimeStamp[1]/reducedHashtree"),
    "§4.1: a value that is no OCTET STRING": (
        record([ats(STAMP, tree=der.encode(0xA2, der.sequence(der.encode(der.BIT_STRING, SIBLING))))]),
        "chain[1]/archiveTimeStamp[1]/reducedHashtree",
    ),
    "§4.1: a value in pieces (BER)": (
        record([ats(STAMP, tree=der.encode(0xA2, der.sequence(der.encode(0x24, der.encode(der.OCTET_STRING, SIBLING)))))]),
        "chain[1]/archiveTimeStamp[1]/reducedHashtree",
    ),
    "§3: BER lengths around a chain": (
        der.sequence(b"\x02\x01\x01", der.sequence(numbered(SHA256)), der.sequence(overlong(der.sequence(ats(STAMP, *TREE))))),
        "archiveTimeStampSequence",
    ),
    "§3: BER lengths in a stamp": (record([overlong(ats(STAMP, *TREE))]), "chain[1]"),
    "§3: an indefinite length": (b"\x30\x80" + record([ats(STAMP, *TREE)])[4:] + b"\0\0", "record"),
    "§3: bytes after the record": (record([ats(STAMP, *TREE)]) + b"\0", "record"),
    "§3: bytes after the record that are a record": (record([ats(STAMP, *TREE)]) * 2, "record"),
    "§3: not all of it": (record([ats(STAMP, *TREE)])[:-1], "record"),
    "§3: nothing": (b"", "record"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_the_syntax_forbids_is_refused_at_its_place(name: str) -> None:
    data, place = UNREADABLE[name]
    report = verified(data)
    assert not report.valid
    code = "EVD-ALGORITHM-UNKNOWN" if name.endswith("a digestAlgorithm that is none") else "EVD-SYNTAX"
    assert [(each.code, each.path) for each in report.findings] == [(code, place)]


# -- §4.2, §4.3: hash trees -------------------------------------------------------------------------------------------------

GROUP = [b"document", b"its signature", b"its certificates"]
DIGESTS = [h(each) for each in GROUP]


@dataclass(frozen=True)
class Case:
    """A tree with its root; ``codes`` are the errors when it is verified over ``objects``."""

    lists: Sequence[Sequence[bytes]]
    root: bytes
    codes: Sequence[str] = ()
    objects: Sequence[bytes] = (OBJECT,)
    group: bool = False
    quirk: bool = False


TREES: dict[str, Case] = {
    "§4.2: no tree, the time-stamp is of the object": Case([], h(OBJECT)),
    "§4.2: a list of one": Case([[h(OBJECT)]], h(OBJECT)),
    "§4.2: a list of one and a sibling": Case([[h(OBJECT)], [SIBLING]], node(h(OBJECT), SIBLING)),
    "§4.2, figure 3: the object beside its sibling": Case([[h(OBJECT), SIBLING], [UNCLE]], ROOT),
    "§4.2: values in descending order": Case([sorted([h(OBJECT), SIBLING], reverse=True), [UNCLE]], ROOT),
    "§4.2: nodes with three children": Case(
        [[h(OBJECT), SIBLING, h(b"3")], [UNCLE, h(b"4")]], node(UNCLE, h(b"4"), node(h(OBJECT), SIBLING, h(b"3")))
    ),
    "§4.2: concatenated as they stand, not sorted": Case(
        [[max(h(OBJECT), SIBLING), min(h(OBJECT), SIBLING)]],
        h(max(h(OBJECT), SIBLING) + min(h(OBJECT), SIBLING)),
        ["EVD-IMPRINT"],
    ),
    "§4.2: a value that stands twice is taken twice": Case(
        [[h(OBJECT), h(OBJECT)], [UNCLE]], node(UNCLE, node(h(OBJECT), h(OBJECT)))
    ),
    "§4.2: a value that stands twice and was taken once": Case(
        [[h(OBJECT), h(OBJECT)], [UNCLE]], node(UNCLE, h(OBJECT)), ["EVD-IMPRINT"]
    ),
    "§4.3, step 3, to the letter: a list of one is hashed again": Case(
        [[h(OBJECT)], [SIBLING]], node(h(h(OBJECT)), SIBLING), quirk=True
    ),
    "a list that has the hash of the list before already": Case(
        [[h(OBJECT), SIBLING], [UNCLE, node(h(OBJECT), SIBLING)]], ROOT, quirk=True
    ),
    "§4.3, step 2: the object is not in the first list": Case([[SIBLING, UNCLE]], node(SIBLING, UNCLE), ["EVD-NOT-COVERED"]),
    "§4.3, step 2: the object is in the second list": Case(
        [[SIBLING, UNCLE], [h(OBJECT)]], node(h(OBJECT), node(SIBLING, UNCLE)), ["EVD-NOT-COVERED"]
    ),
    "§4.3, step 2: the object is in no tree": Case([], SIBLING, ["EVD-NOT-COVERED"]),
    "§4.3, step 4: another root": Case([[h(OBJECT), SIBLING]], SIBLING, ["EVD-IMPRINT"]),
    "§4.3, step 4: a list too few": Case([[h(OBJECT), SIBLING]], ROOT, ["EVD-IMPRINT"]),
    "§4.3, step 4: a list too many": Case([[h(OBJECT), SIBLING], [UNCLE], [UNCLE]], ROOT, ["EVD-IMPRINT"]),
    "§4.3, step 4: the lists in another order": Case([[h(OBJECT), UNCLE], [SIBLING]], ROOT, ["EVD-IMPRINT"]),
    "§4.1: a value of another length": Case([[h(OBJECT) + SIBLING]], node(h(OBJECT) + SIBLING), ["EVD-HASH-LENGTH"], [OBJECT]),
    "§4.1: a value of another length higher up": Case(
        [[h(OBJECT)], [SIBLING[:-1]]], node(h(OBJECT), SIBLING[:-1]), ["EVD-HASH-LENGTH"]
    ),
    "§4.3: a group": Case([DIGESTS, [UNCLE]], node(UNCLE, node(*DIGESTS)), (), GROUP, True),
    "§4.3: one document of a group": Case([DIGESTS, [UNCLE]], node(UNCLE, node(*DIGESTS)), (), GROUP[:1]),
    "§4.3: one document is not the group": Case([DIGESTS, [UNCLE]], node(UNCLE, node(*DIGESTS)), ["EVD-GROUP"], GROUP[:1], True),
    "§4.3: a document more than the group has": Case(
        [DIGESTS, [UNCLE]], node(UNCLE, node(*DIGESTS)), ["EVD-NOT-COVERED"], [*GROUP, b"another"], True
    ),
    "§4.3: a single object, and it alone in the list": Case([[h(OBJECT)], [UNCLE]], node(h(OBJECT), UNCLE), (), [OBJECT], True),
    "§4.3: a single object beside its sibling is no group": Case(
        [[h(OBJECT), SIBLING]], node(h(OBJECT), SIBLING), ["EVD-GROUP"], [OBJECT], True
    ),
    "§4.3: a single object without a tree is the group": Case([], h(OBJECT), (), [OBJECT], True),
}


@pytest.mark.parametrize("name", TREES)
def test_hash_trees(name: str) -> None:
    case = TREES[name]
    report = verified(record([ats(token(case.root), *case.lists)]), *case.objects, whole_group=case.group)
    assert [code for code, _ in errors(report)] == list(case.codes)
    assert report.valid is (not case.codes)
    assert bool(report.quirks) is case.quirk


def test_the_figures_of_clause_4_2() -> None:
    """Figure 1: four groups under one root, the second a group of three; figures 2 and 3: their reduced trees."""
    h1, h2, h3 = h(b"d1"), [h(b"d2a"), h(b"d2b"), h(b"d2c")], h(b"d3")
    h2abc = node(*h2)
    h12 = node(h1, h2abc)
    stamp = token(node(h12, h3))
    of_d1 = record([ats(stamp, [h1, h2abc], [h3])])
    of_d2 = record([ats(stamp, h2, [h1], [h3])])
    of_d3 = record([ats(stamp, [h3, h12])])
    assert verified(of_d1, b"d1").valid
    assert verified(of_d2, b"d2b", b"d2a", b"d2c", whole_group=True).valid
    assert verified(of_d3, b"d3").valid
    assert not verified(of_d2, b"d1").valid


# -- §4.1, §5.1: algorithms ---------------------------------------------------------------------------------------------------


def test_a_digest_algorithm_that_is_not_the_tokens() -> None:
    """§4.3, step 4: digestAlgorithm must correspond to that of the imprint."""
    report = verified(record([ats(STAMP, *TREE, declared=declared(SHA512))]))
    assert ("EVD-ALGORITHM", "chain[1]/archiveTimeStamp[1]") in errors(report)
    wide = node(h(OBJECT, "sha512"), h(b"sibling", "sha512"), name="sha512")
    report = verified(record([ats(token(h(wide)), [h(OBJECT, "sha512"), h(b"sibling", "sha512")], declared=declared(SHA512))]))
    assert not report.valid
    assert ("EVD-ALGORITHM", "chain[1]/archiveTimeStamp[1]") in errors(report)


def test_an_algorithm_that_is_not_announced() -> None:
    """§3.1: digestAlgorithms are all that were used."""
    report = verified(record([ats(STAMP, *TREE)], hashes=(numbered(SHA512),)))
    assert errors(report) == [("EVD-ALGORITHM-UNLISTED", "chain[1]/archiveTimeStamp[1]")]


def test_an_object_of_which_there_is_no_digest_in_that_algorithm() -> None:
    report = verify_record(record([ats(STAMP, *TREE)]), [DataObject("x", {"sha512": h(OBJECT, "sha512")})])
    assert errors(report) == [("EVD-NO-DIGEST", "chain[1]/archiveTimeStamp[1]/reducedHashtree[1]")]


# -- §5.2, §5.3: renewals ---------------------------------------------------------------------------------------------------

FIRST = ats(STAMP, *TREE)
LATER, LATEST = NOW + timedelta(days=400), NOW + timedelta(days=800)
RENEWED = ats(token(h(STAMP), LATER))


def rebuilt(*chains: Sequence[bytes], name: str = "sha512", swapped: bool = False, data: bytes = OBJECT) -> bytes:
    """§5.2, steps 3 and 4: h(i)' = H(h(i) + ha(i))."""
    ha = h(der.sequence(*(der.sequence(*chain) for chain in chains)), name)
    own = h(data, name)
    return h(ha + own if swapped else own + ha, name)


CHAINS: dict[str, tuple[Callable[[], bytes], Sequence[tuple[str, str]]]] = {
    "§5.2: a renewal without a tree": (lambda: record([FIRST, RENEWED]), ()),
    "§5.2: a renewal in a tree": (
        lambda: record([FIRST, ats(token(node(h(STAMP), UNCLE), LATER), [h(STAMP), UNCLE])]),
        (),
    ),
    "§5.2: a renewal among lists": (
        lambda: record([FIRST, ats(token(node(SIBLING, node(h(STAMP), UNCLE)), LATER), [UNCLE, h(STAMP)], [SIBLING])]),
        (),
    ),
    "§5.1: two at the same time": (lambda: record([FIRST, ats(token(h(STAMP)))]), ()),
    "§5.2: the content of timeStamp without its tag is not what is hashed": (
        lambda: record([FIRST, ats(token(h(STAMP[4:]), LATER))]),
        [("EVD-RENEWAL", "chain[1]/archiveTimeStamp[2]/timeStamp")],
    ),
    "§5.2: the whole ArchiveTimeStamp is not what is hashed": (
        lambda: record([FIRST, ats(token(h(FIRST), LATER))]),
        [("EVD-RENEWAL", "chain[1]/archiveTimeStamp[2]/timeStamp")],
    ),
    "§5.3, step 2: the stamp before stands in the second list": (
        lambda: record([FIRST, ats(token(node(h(STAMP), node(UNCLE, SIBLING)), LATER), [UNCLE, SIBLING], [h(STAMP)])]),
        [("EVD-RENEWAL", "chain[1]/archiveTimeStamp[2]/reducedHashtree[1]")],
    ),
    "§5.3, step 2: one in between is left out": (
        lambda: record([FIRST, ats(token(h(token(h(STAMP), LATER)), LATEST))]),
        [("EVD-RENEWAL", "chain[1]/archiveTimeStamp[2]/timeStamp")],
    ),
    "§5.1: earlier than the one before": (
        lambda: record([FIRST, ats(token(h(STAMP), NOW - timedelta(days=1)))]),
        [("EVD-TIME-ORDER", "chain[1]/archiveTimeStamp[2]")],
    ),
    "§5.1: another algorithm in the same chain": (
        lambda: record([FIRST, ats(token(h(STAMP, "sha512"), LATER, "sha512"))]),
        [("EVD-ALGORITHM", "chain[1]/archiveTimeStamp[2]")],
    ),
    "§5.2: a new chain": (
        lambda: record([FIRST, RENEWED], [ats(token(rebuilt([FIRST, RENEWED]), LATEST, "sha512"))]),
        (),
    ),
    "§5.2, step 5: the first list has nothing but the object's": (
        lambda: record(
            [FIRST],
            [
                ats(
                    token(node(rebuilt([FIRST]), h(b"uncle", "sha512"), name="sha512"), LATER, "sha512"),
                    [rebuilt([FIRST])],
                    [h(b"uncle", "sha512")],
                )
            ],
        ),
        (),
    ),
    "§5.2: a new chain of the same algorithm": (
        lambda: record([FIRST], [ats(token(rebuilt([FIRST], name="sha256"), LATER))]),
        (),
    ),
    "§5.2, step 3: all chains before, not the last alone": (
        lambda: record(
            [FIRST],
            [second := ats(token(rebuilt([FIRST]), LATER, "sha512"))],
            [ats(token(rebuilt([FIRST], [second]), LATEST, "sha512"))],
        ),
        (),
    ),
    "§5.2, step 3: the last chain alone": (
        lambda: record(
            [FIRST],
            [second := ats(token(rebuilt([FIRST]), LATER, "sha512"))],
            [ats(token(rebuilt([second]), LATEST, "sha512"))],
        ),
        [("EVD-NOT-COVERED", "chain[3]/archiveTimeStamp[1]/timeStamp")],
    ),
    "§5.2, step 3: a stamp of the chain is left out": (
        lambda: record([FIRST, RENEWED], [ats(token(rebuilt([FIRST]), LATEST, "sha512"))]),
        [("EVD-NOT-COVERED", "chain[2]/archiveTimeStamp[1]/timeStamp")],
    ),
    "§5.2, step 4: the object alone": (
        lambda: record([FIRST], [ats(token(h(OBJECT, "sha512"), LATER, "sha512"))]),
        [("EVD-NOT-COVERED", "chain[2]/archiveTimeStamp[1]/timeStamp")],
    ),
    "§5.2, step 4: the chains alone": (
        lambda: record([FIRST], [ats(token(h(der.sequence(der.sequence(FIRST)), "sha512"), LATER, "sha512"))]),
        [("EVD-NOT-COVERED", "chain[2]/archiveTimeStamp[1]/timeStamp")],
    ),
    "§5.2: another object in the new chain": (
        lambda: record([FIRST], [ats(token(rebuilt([FIRST], data=b"another"), LATER, "sha512"))]),
        [("EVD-NOT-COVERED", "chain[2]/archiveTimeStamp[1]/timeStamp")],
    ),
    "§5.1: a new chain that is older": (
        lambda: record([FIRST], [ats(token(rebuilt([FIRST]), NOW - timedelta(days=1), "sha512"))]),
        [("EVD-TIME-ORDER", "chain[2]/archiveTimeStamp[1]")],
    ),
}


@pytest.mark.parametrize("name", CHAINS)
def test_renewals(name: str) -> None:
    build, expected = CHAINS[name]
    report = verified(build())
    found = errors(report)
    assert set(expected) <= set(found)
    assert report.valid is (not expected)
    assert not report.quirks
    if not expected:
        assert found == []
        assert report.proved == NOW


def test_hash_and_chains_in_ascending_order_as_figure_4_has_it() -> None:
    """§5.2, step 4 says h(i) + ha(i); figure 4 says that they are sorted. Both are read, and the second is named where it differs."""
    outcomes = set()
    for swapped in (False, True):
        report = verified(record([FIRST], [ats(token(rebuilt([FIRST], swapped=swapped), LATER, "sha512"))]))
        ascending = (h(OBJECT, "sha512") < h(der.sequence(der.sequence(FIRST)), "sha512")) is not swapped
        assert report.valid is (not swapped or ascending)
        assert bool(report.quirks) is (swapped and ascending)
        outcomes.add(report.valid)
    assert True in outcomes


def test_the_time_that_is_proved_is_that_of_the_first_stamp_and_never_a_later_one() -> None:
    report = verified(record([FIRST, RENEWED]))
    assert report.proved == NOW
    broken = verified(record([FIRST, ats(token(SIBLING, LATER))]))
    assert broken.proved is None


# -- §4.3, step 4: what the tokens are -------------------------------------------------------------------------------------------

TOKENS: dict[str, Token] = {
    "two signers": Token(ROOT, signers=2),
    "no certificate": Token(ROOT, fields=lambda own: [*own[:3], own[4]]),
    "no TSTInfo": Token(ROOT, content_type="1.2.840.113549.1.7.1"),
}


@pytest.mark.parametrize("name", TOKENS)
def test_a_token_that_is_not_sound_is_named_by_its_place(name: str) -> None:
    report = verified(record([ats(TOKENS[name].encoded, *TREE)]))
    assert errors(report) == [("EVD-TOKEN", "chain[1]/archiveTimeStamp[1]")]
    renewed = Token(h(STAMP)).with_(
        signers=TOKENS[name].signers, fields=TOKENS[name].fields, content_type=TOKENS[name].content_type
    )
    report = verified(record([FIRST, ats(renewed.encoded)]))
    assert errors(report) == [("EVD-TOKEN", "chain[1]/archiveTimeStamp[2]")]


def test_a_token_in_ber_is_hashed_as_it_stands() -> None:
    """§5.2: a token may be BER, and is never encoded anew; its renewal is over the bytes that are there."""
    sound = Token(ROOT).encoded
    ber = b"\x30\x80" + sound[4:] + b"\0\0"
    renewed = record([ats(ber, *TREE), ats(token(h(ber), LATER))])
    report = verified(renewed)
    assert report.valid
    assert report.quirks == [f"chain[1]/archiveTimeStamp[1]: {phrase('evd-habit-ber')}"]
    assert not verified(record([ats(ber, *TREE), ats(token(h(sound), LATER))])).valid


def test_a_whole_response_is_no_time_stamp() -> None:
    response = der.sequence(der.sequence(der.write_integer(0)), STAMP)
    assert errors(verified(record([ats(response, *TREE)]))) == [("EVD-TOKEN", "chain[1]/archiveTimeStamp[1]")]
