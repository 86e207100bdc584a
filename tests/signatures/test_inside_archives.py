"""Signed files inside files that are not signed themselves: archives, mails, office documents, PDF. Each has a result by its own name."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import lzma
import re
import zipfile
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from functools import cache
from pathlib import Path

import pytest
from pyhanko.pdf_utils import embed
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from formats.package import zip_listing
from signatures import inside, inside_parts
from signatures.inside_marks import Holder, holders
from signatures.report import Integrity, Kind
from tests.packed import tarred, zipped
from tests.signatures.office_signing import DOCX, ODT, sign_docx
from tests.signatures.pki import day, make_pdf
from tests.signatures.test_inside import broken_container, found, message, pki, read
from tests.signatures.xml_signing import detached, enveloping

GOOD, BAD, UNSURE = Integrity.INTACT, Integrity.BROKEN, Integrity.UNKNOWN


@cache
def signed(text: bytes = b"cong van") -> bytes:
    return pki().sign_cms(text, detached=False)


@cache
def damaged() -> bytes:
    return signed().replace(b"cong van", b"cong va!")


ARCHIVES: dict[str, Callable[[Mapping[str, bytes]], bytes]] = {
    "zip": zipped,
    "zip behind a program": lambda members: b"MZ" + b"\x90" * 500 + zipped(members),
    "tar": tarred,
    "zip in a zip": lambda members: zipped({"b.zip": zipped(members)}),
    "tar.gz": lambda members: gzip.compress(tarred(members)),
    "tar.bz2": lambda members: bz2.compress(tarred(members)),
    "tar.xz": lambda members: lzma.compress(tarred(members)),
}


@pytest.mark.parametrize("form", ARCHIVES)
def test_signed_members_of_an_archive_are_judged(tmp_path: Path, form: str) -> None:
    make = ARCHIVES[form]
    members = {"a/Công văn.p7m": signed(), "b.p7m": damaged(), "c.txt": b"nothing", "d.xml": enveloping(pki())}
    result = found(tmp_path, make(members), "x")
    assert [integrity for _, integrity in result] == [GOOD, BAD, GOOD]
    assert [name.rpartition(": ")[2] for name, _ in result][:2] == ["a/Công văn.p7m", "b.p7m"]
    assert found(tmp_path, make({"c.txt": b"nothing", "e.pdf": make_pdf()}), "x") == []


def test_what_a_member_of_a_plain_archive_signs_lies_beside_it(tmp_path: Path) -> None:
    files = {"a.txt": b"cong van"}
    members = {"b/a.txt": b"cong van", "b/a.txt.p7s": pki().sign_cms(b"cong van"), "b/c.xml": detached(pki(), files)}
    assert [each for _, each in found(tmp_path, zipped(members))] == [GOOD, GOOD]
    assert [each for _, each in found(tmp_path, zipped(members | {"b/a.txt": b"cong va!"}))] == [BAD, BAD]


def test_two_members_of_one_name_are_two(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.p7m", signed())
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.p7m", damaged())
    assert [each for _, each in found(tmp_path, out.getvalue())] == [GOOD, BAD]


def test_files_in_an_office_document_are_judged(tmp_path: Path) -> None:
    inner = zipped(sign_docx(pki()))
    for document in (zipped({**DOCX, "word/embeddings/a.docx": inner}), zipped({**ODT, "Object 1/a.docx": inner})):
        ((name, integrity),) = found(tmp_path, document)
        assert (name.partition(":")[0].endswith("a.docx"), integrity) == (True, GOOD)
    assert found(tmp_path, zipped(DOCX)) == found(tmp_path, zipped(ODT)) == []


def test_the_signatures_of_a_signed_document_are_read_once(tmp_path: Path) -> None:
    document = {**sign_docx(pki()), "word/embeddings/a.p7m": damaged()}
    names = found(tmp_path, zipped(document))
    assert [name for name, _ in names if name.startswith("word/")] == ["word/embeddings/a.p7m"]
    assert len(names) == 2


# -- mail -----------------------------------------------------------------------------------------------------------------------------


def mail(*attachments: tuple[str, bytes, str]) -> bytes:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "a@example.org", "b@example.org", "Công văn"
    made.set_content("Kính gửi")
    for name, data, encoding in attachments:
        if encoding == "8bit":
            made.add_attachment(data.decode(), filename=name, cte="8bit")
        else:
            made.add_attachment(data, maintype="application", subtype="octet-stream", filename=name, cte=encoding)
    return made.as_bytes()


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_attachments_of_a_mail_are_judged(tmp_path: Path, encoding: str) -> None:
    data = mail(("Công văn.p7m", signed(), encoding), ("b.p7m", damaged(), encoding), ("c.txt", b"nothing", encoding))
    assert found(tmp_path, data, "x.eml") == [("Công văn.p7m", GOOD), ("b.p7m", BAD)]
    assert found(tmp_path, data.replace(b"\n", b"\r\n"), "x.eml") == [("Công văn.p7m", GOOD), ("b.p7m", BAD)]
    forwarded = EmailMessage()
    forwarded["Subject"] = "Fwd"
    forwarded.set_content("xem")
    forwarded.add_attachment(data, maintype="application", subtype="octet-stream", filename="a.eml")
    assert [each for _, each in found(tmp_path, forwarded.as_bytes(), "x.eml")] == [GOOD, BAD]


ENTITY = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nK\xc3\xadnh g\xe1\xbb\xadi\r\n"


def smime(entity: bytes, signature: bytes) -> bytes:
    """multipart/signed (RFC 8551, 3.5.3)."""
    lines = base64.encodebytes(signature).replace(b"\n", b"\r\n")
    return (
        b'From: a@example.org\r\nMIME-Version: 1.0\r\nContent-Type: multipart/signed; protocol="application/pkcs7-signature";\r\n'
        b' micalg=sha-256; boundary="=_b(1)"\r\n\r\nThis is a signed message.\r\n--=_b(1)\r\n'
        + entity
        + b"\r\n--=_b(1)\r\nContent-Type: application/pkcs7-signature; name=smime.p7s\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + lines
        + b"\r\n--=_b(1)--\r\n"
    )


def test_a_signed_mail_is_judged(tmp_path: Path) -> None:
    data = smime(ENTITY, pki().sign_cms(ENTITY))
    assert found(tmp_path, data, "x.eml") == [("smime.p7s", GOOD)]
    assert found(tmp_path, data.replace(b"\r\n", b"\n"), "x.eml") == [("smime.p7s", GOOD)], "as file systems keep it"
    assert found(tmp_path, data.replace(b"K\xc3\xad", b"Ki"), "x.eml") == [("smime.p7s", BAD)]
    assert found(tmp_path, b"From a@example.org Mon Jan  1 00:00:00 2026\r\n" + data, "x.eml") == [("smime.p7s", GOOD)]


@pytest.mark.parametrize("encoding", ["base64", "binary", "quoted-printable"])
def test_an_opaque_signed_mail_is_judged(tmp_path: Path, encoding: str) -> None:
    import quopri

    body = {"base64": base64.encodebytes, "binary": lambda data: data, "quoted-printable": quopri.encodestring}[encoding]
    for der, integrity in ((signed(), GOOD), (damaged(), BAD)):
        data = (
            b"From: a@example.org\nContent-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m\n"
            b"Content-Transfer-Encoding: " + encoding.encode() + b"\n\n" + body(der)
        )
        assert found(tmp_path, data, "x.eml") == [("smime.p7m", integrity)]


def test_a_mail_in_a_signature_holds_what_it_holds(tmp_path: Path) -> None:
    outer = pki().sign_cms(mail(("b.p7m", damaged(), "base64")), detached=False)
    assert [each for _, each in found(tmp_path, outer, "x.p7m")] == [GOOD, BAD]


def test_a_signed_file_in_a_signature_is_judged(tmp_path: Path) -> None:
    outer = pki().sign_cms(broken_container(), detached=False)
    own, inner = found(tmp_path, outer, "a.asice.p7m")
    assert own[1] is GOOD
    assert (inner[0].partition(":")[0], inner[1]) == ("a.asice", BAD)


def test_every_mail_of_a_mail_box_is_looked_at(tmp_path: Path) -> None:
    start = b"From a@example.org Mon Jan  1 00:00:00 2026\n"
    box = b"\n".join(start + mail((f"{name}.p7m", data, "base64")) for name, data in (("a", signed()), ("b", damaged())))
    assert found(tmp_path, box, "x.mbox") == [("a.p7m", GOOD), ("b.p7m", BAD)]
    plain = start + b"Subject: hello\n\ntext\n\n"
    assert [each for _, each in found(tmp_path, plain + box, "x.mbox")] == [GOOD, BAD]


def test_a_deep_mail_is_told(tmp_path: Path) -> None:
    data = mail(("b.p7m", damaged(), "base64"))
    for _ in range(30):
        data = (
            b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (len(data), len(data))
            + data
            + b"\n--b%d--\n" % len(data)
        )
    assert [each for _, each in found(tmp_path, data, "x.eml")] == [UNSURE]


# -- PDF ------------------------------------------------------------------------------------------------------------------------------


def attached(data: bytes, name: str, *, within: bytes = b"") -> bytes:
    writer = IncrementalPdfFileWriter(io.BytesIO(within or make_pdf()))
    writer._force_write_when_empty = True
    file = embed.EmbeddedFileObject.from_file_data(writer, data=data, mime_type="application/octet-stream")
    embed.embed_file(writer, embed.FileSpec(file_spec_string=name, file_name=name, embedded_data=file))
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_a_pdf_whose_table_leads_before_its_begin_is_no_fault_of_the_machine(tmp_path: Path) -> None:
    nowhere = re.sub(rb"startxref\s+\d+", b"startxref\n1", attached(b"nothing", "a.txt"))
    assert found(tmp_path, nowhere, "x.pdf") == [("x.pdf", UNSURE)]  # an OSError would say that the file could not be read


def test_attachments_of_a_pdf_are_judged(tmp_path: Path) -> None:
    one = attached(signed(), "a.p7m")
    assert found(tmp_path, one, "x.pdf") == [("a.p7m", GOOD)]
    assert found(tmp_path, attached(damaged(), "b.p7m", within=one), "x.pdf") == [("a.p7m", GOOD), ("b.p7m", BAD)]
    assert found(tmp_path, attached(b"nothing", "a.txt"), "x.pdf") == []
    own, inner = found(tmp_path, pki().sign_pdf(one, day(2026, 3), level="B"), "x.pdf")
    assert (own[1], inner) == (GOOD, ("a.p7m", GOOD))


# -- bounds ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["zip", "tar"])
def test_depth_is_bounded_and_told(tmp_path: Path, form: str) -> None:
    make = ARCHIVES[form]
    data = make({"a.p7m": signed()})
    for _ in range(inside.MOST_DEPTH - 1):
        data = make({"x": data})
    assert [each for _, each in found(tmp_path, data)] == [GOOD]
    assert [each for _, each in found(tmp_path, make({"x": make({"x": data})}))] == [UNSURE]


def test_what_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for data in (
        zipped({"a.p7m": signed()})[:-30],
        gzip.compress(tarred({"a.p7m": signed()}))[:-30],
        tarred({"a": signed()})[:900],
    ):
        assert [each for _, each in found(tmp_path, data)] == [UNSURE]
    enciphered = bytearray(zipped({"a.p7m": signed(), "b.p7m": signed()}))
    for at, field in ((0, 6), (enciphered.index(b"PK\1\2"), 8)):
        enciphered[at + field] |= 1
    file = read(tmp_path, bytes(enciphered))
    assert file is not None
    assert [(each.name, [note.code for note in each.notes]) for each in file.objects] == [("b.p7m", ["SIG-INSIDE-LEFT"])]
    monkeypatch.setattr(inside_parts, "MOST_PART", 10)
    file = read(tmp_path, zipped({"a.p7m": signed()}))
    assert file is not None
    assert [(each.kind, each.why and each.why.code) for each in file.objects] == [(Kind.OTHER, "SIG-INSIDE-LEFT")]


def test_members_beyond_those_that_are_listed_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_listing, "MOST_LISTED", 2)
    members = {name: signed() for name in ("a.p7m", "b.p7m")}
    assert found(tmp_path, zipped(members)) == [("a.p7m", GOOD), ("b.p7m", GOOD)]
    file = read(tmp_path, zipped(members | {"c.p7m": damaged()}))
    assert file is not None
    assert [(each.name, [note.code for note in each.notes]) for each in file.objects] == [
        ("a.p7m", ["SIG-INSIDE-LEFT"]),
        ("b.p7m", []),
    ]


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    bomb = gzip.compress(b"\0" * (1 << 22)) * 1000
    assert [each for _, each in found(tmp_path, bomb)] == [UNSURE]


@pytest.mark.parametrize(
    "data",
    [
        b"Subject: a letter\n\nand no parts",
        b"key: value\nother: value\n",
        b"From: a\nContent-Type: text/plain\n\nhello",
        b"BZ",
        b"PK",
        b"\x1f\x8b",
        b"just words",
        make_pdf(),
        message(),
    ],
)
def test_what_holds_nothing(data: bytes) -> None:
    assert holders(io.BytesIO(data)) == []


def test_what_holds_others() -> None:
    assert holders(io.BytesIO(mail(("a", b"a", "base64")))) == [Holder.MAIL]
    assert holders(io.BytesIO(zipped({"a": b""}))) == [Holder.ZIP]
    assert holders(io.BytesIO(b"From: a\nContent-Type:\n multipart/mixed; boundary=b\n\n")) == [Holder.MAIL]
