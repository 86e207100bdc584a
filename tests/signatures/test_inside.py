"""Signed files inside files: read under the name of the part, whatever holds them, and in bounds."""

from __future__ import annotations

import base64
import hashlib
import io
from functools import cache
from pathlib import Path

import pytest

from signatures import inside, inside_parts
from signatures.inside_marks import may_hold
from signatures.reading import read_signatures
from signatures.report import Integrity
from signatures.signed import SignedFile, Source
from tests.signatures.asic_builder import SIMPLE, parts, simple, zipped
from tests.signatures.authorities import authority
from tests.signatures.evidence_builder import stamped
from tests.signatures.pki import Pki, make_pdf
from tests.signatures.test_xaip import package
from tests.signatures.xml_signing import detached, enveloping

SPACE = "http://www.mic.gov.vn/TBT/QCVN_102_2016"


@cache
def pki() -> Pki:
    return Pki("ec")


def read(folder: Path, data: bytes, name: str = "x") -> SignedFile | None:
    path = folder / "file"
    path.write_bytes(data)
    return read_signatures(Source(path, name))


def found(folder: Path, data: bytes, name: str = "x") -> list[tuple[str, Integrity]]:
    file = read(folder, data, name)
    return [(each.name, each.integrity) for each in file.objects] if file else []


def message(*attachments: bytes) -> bytes:
    held = "".join(
        f"<Attachment><ContentTransferEncoded>{base64.encodebytes(each).decode()}</ContentTransferEncoded></Attachment>"
        for each in attachments
    )
    return f'<edXML xmlns="{SPACE}"><AttachmentEncoded>{held}</AttachmentEncoded></edXML>'.encode()


def stamped_container(name: str, data: bytes) -> bytes:
    """An object and a time-stamp over it: how containers of old are kept."""
    token = stamped(authority(), "sha256", hashlib.sha256(data).digest())
    return zipped({name: data, "META-INF/timestamp.tst": token}, kind=SIMPLE)


@cache
def broken_container() -> bytes:
    made = parts(pki())
    return zipped(made | {name: b"changed" for name in made if not name.startswith("META-INF/")})


def test_a_container_in_a_container_is_judged(tmp_path: Path) -> None:
    outer, inner = found(tmp_path, stamped_container("trong.asice", zipped(parts(pki()))), "x.asics")
    assert outer == ("META-INF/timestamp.tst", Integrity.INTACT)
    assert inner[0].startswith("trong.asice: ")
    assert inner[1] is Integrity.INTACT
    _, inner = found(tmp_path, stamped_container("trong.asice", broken_container()), "x.asics")
    assert inner[1] is Integrity.BROKEN


PATH = "/edXML/AttachmentEncoded/Attachment/ContentTransferEncoded"


def test_attachments_of_a_message_are_judged(tmp_path: Path) -> None:
    signed = pki().sign_cms(b"cong van", detached=False)
    assert found(tmp_path, message(signed)) == [(PATH, Integrity.INTACT)]
    assert found(tmp_path, message(signed.replace(b"cong van", b"cong va!"))) == [(PATH, Integrity.BROKEN)]
    names = found(tmp_path, message(b"not signed" * 20, enveloping(pki()), broken_container()))
    assert [integrity for _, integrity in names] == [Integrity.INTACT, Integrity.BROKEN]
    assert [name.split("Attachment")[2][:3] for name, _ in names] == ["[2]", "[3]"]
    assert found(tmp_path, message(make_pdf(), b"<a>" + b"text" * 100 + b"</a>")) == []


def test_data_of_a_package_are_judged_and_credentials_once(tmp_path: Path) -> None:
    signed = base64.b64encode(enveloping(pki())).decode()
    data = package(more=f'<x:dataObject dataObjectID="D2"><x:binaryData>{signed}</x:binaryData></x:dataObject>')
    evidence, inner = found(tmp_path, data)
    assert evidence == ("E", Integrity.INTACT)
    assert (inner[0].partition(":")[0], inner[1]) == ("/XAIP/dataObjectsSection/dataObject[2]/binaryData", Integrity.INTACT)


def test_a_file_that_a_signature_encloses_is_judged(tmp_path: Path) -> None:
    data = enveloping(pki(), broken_container())
    assert [integrity for _, integrity in found(tmp_path, data)] == [Integrity.INTACT, Integrity.BROKEN]


def test_what_a_member_signs_is_looked_for_beside_it(tmp_path: Path) -> None:
    files = {"a.txt": b"cong van"}
    made = simple(pki(), pki().sign_cms(b"cong van"))
    made = {("b/a.txt.p7s" if not each.startswith("META-INF/") else each): data for each, data in made.items()}
    more = {"b/a.txt": b"cong van", "b/c.xml": detached(pki(), files)}
    assert [integrity for name, integrity in found(tmp_path, zipped(made | more)) if name.startswith("b/")] == [
        Integrity.INTACT,
        Integrity.INTACT,
    ]


def nested(depth: int) -> bytes:
    data = pki().sign_cms(b"cong van", detached=False)
    for _ in range(depth):
        data = message(data)
    return data


def test_depth_is_bounded_and_told(tmp_path: Path) -> None:
    assert [integrity for _, integrity in found(tmp_path, nested(inside.MOST_DEPTH))] == [Integrity.INTACT]
    assert [integrity for _, integrity in found(tmp_path, nested(inside.MOST_DEPTH + 1))] == [Integrity.UNKNOWN]


def test_work_is_bounded_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signed = pki().sign_cms(b"cong van", detached=False)
    monkeypatch.setattr(inside, "SIGNED", 100_000)
    names = found(tmp_path, message(signed, signed, signed))
    assert [integrity for _, integrity in names] == [Integrity.INTACT, Integrity.INTACT, Integrity.UNKNOWN]
    monkeypatch.setattr(inside, "PLAIN_PART", 300_000)
    monkeypatch.setattr(inside, "FREE_PARTS", 60)
    file = read(tmp_path, stamped_container("a", b"1").replace(b"a", b"a"), "x.asics")
    assert file is not None
    more = read(tmp_path, zipped(parts(pki(), files={"a.txt": b"cong van " * 10})))
    assert more is not None
    assert [note.code for note in more.objects[0].notes] == ["SIG-INSIDE-LEFT"]


def test_a_part_that_is_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inside_parts, "MOST_PART", 10)
    assert found(tmp_path, message(pki().sign_cms(b"cong van", detached=False))) == [(PATH, Integrity.UNKNOWN)]


@pytest.mark.parametrize(
    "data", [b"<a>Mi casa</a>", b"<a>" + b"iVBORw0KGgo" * 20 + b"</a>", b"MI" * 100, b"<a>PARAGRAPH " + b"words " * 40 + b"</a>"]
)
def test_what_holds_no_file(data: bytes) -> None:
    assert not may_hold(io.BytesIO(data))


@pytest.mark.parametrize("code", ["utf-8", "utf-16", "utf-32"])
def test_base64_in_other_encodings(tmp_path: Path, code: str) -> None:
    data = message(pki().sign_cms(b"cong van", detached=False)).decode().encode(code)
    if code != "utf-32":
        assert [each for _, each in found(tmp_path, data)] == [Integrity.INTACT]
