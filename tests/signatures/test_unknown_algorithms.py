"""Evidence records with an algorithm that is not understood: they are found, and nothing is known of them."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest

from signatures import der
from signatures.algorithms import HASHES
from signatures.detect import detected
from signatures.evidence import DataObject, verify_record
from signatures.report import Integrity, Kind, Role, SubIndication
from tests.signatures.cms_attributes import record_over, token
from tests.signatures.judging import read
from tests.signatures.pki import Pki, day

RIPEMD = der.sequence(der.write_oid("1.3.36.3.2.1"))
SHA256 = der.sequence(der.write_oid(HASHES["sha256"]))
VERSION = b"\x02\x01\x01"


def record(pki: Pki, *algorithms: bytes, infos: bytes = b"") -> bytes:
    """A record over b"content" that announces ``algorithms``."""
    sound = record_over(lambda imprint: token(pki, "tsa", day(2026, 3), imprint), b"content")
    last = der.children(sound, der.whole(sound))[-1]
    return der.sequence(VERSION, der.sequence(*algorithms), infos, sound[last.start : last.end])


INFOS = der.encode(0xA0, der.sequence(der.write_oid("1.2.3.4"), der.set_of([VERSION])))


@pytest.mark.parametrize("armoured", [False, True])
@pytest.mark.parametrize("algorithms", [(RIPEMD,), (RIPEMD, SHA256), (SHA256, RIPEMD)], ids=["alone", "first", "second"])
@pytest.mark.parametrize("infos", [b"", INFOS], ids=["", "infos"])
def test_a_record_with_an_unknown_hash_is_found_and_nothing_is_known_of_it(
    tmp_path: Path, pki: Pki, algorithms: tuple[bytes, ...], infos: bytes, armoured: bool
) -> None:
    data = record(pki, *algorithms, infos=infos)
    (found,) = read(tmp_path, base64.b64encode(data) if armoured else data, "a.ers", {"a": b"content"}).objects
    assert (found.kind, found.role, found.integrity) == (Kind.EVIDENCE, Role.EVIDENCE, Integrity.UNKNOWN)
    assert found.failure is SubIndication.CRYPTO_CONSTRAINTS_FAILURE
    assert getattr(found.why, "code", "") == "EVD-ALGORITHM-UNKNOWN"


def test_an_algorithm_with_parameters_that_mean_nothing_is_an_error_of_syntax(pki: Pki) -> None:
    odd = der.sequence(der.write_oid(HASHES["sha256"]), VERSION)
    report = verify_record(record(pki, odd), [DataObject("a", {"sha256": b""})])
    assert [each.code for each in report.findings] == ["EVD-SYNTAX"]


@pytest.mark.parametrize(
    "data",
    [
        der.sequence(VERSION, der.sequence(RIPEMD, der.encode(der.OCTET_STRING, b"x" * 20)), b"\x01\x01\xff"),
        der.sequence(VERSION, der.sequence(der.sequence(RIPEMD)), der.encode(der.OCTET_STRING, b"x" * 20)),
        der.sequence(VERSION, der.sequence(RIPEMD)),
        der.sequence(VERSION, der.sequence(RIPEMD), der.sequence(der.sequence(VERSION))),
    ],
    ids=["a request for a time-stamp", "a key", "no chains", "lists of something else"],
)
def test_what_begins_alike_and_is_no_record(data: bytes) -> None:
    assert list(detected(io.BytesIO(data))) == []
