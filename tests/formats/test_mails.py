"""Files that came with mails, as whoever looks into them gets them: whatever the mail was made to be, once through and within bounds."""

from __future__ import annotations

import io
import mailbox
import random
import time
from email.message import EmailMessage, Message
from pathlib import Path

import pytest

from formats.inside import Contents, Inside, told
from formats.package.limits import Limits
from formats.package.mails import DEEPEST, read_mails
from policies.codes import register
from policies.findings import Findings, Puid
from policies.identification import ArchivesPolicy
from tests.formats.test_archive_contents import PDF, Heads
from tests.packed import zipped

EML, MBOX = Puid("fmt/278"), Puid("fmt/720")


class Taking:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.files: list[tuple[str, bytes]] = []

    def add_file(self, name: bytes, stream: object, modified: int | None = None, *, size: int = 0) -> None:
        data = b""
        while chunk := stream.read(1000):  # type: ignore[attr-defined]
            data += chunk
        self.files.append((name.decode(), data))

    def add_folder(self, name: bytes, modified: int | None = None) -> None: ...


def files_of(data: bytes, *, box: bool = False, limits: Limits | None = None) -> tuple[list[tuple[str, bytes]], Findings]:
    taking, findings = Taking(), Findings()
    read_mails(io.BytesIO(data), taking, findings, box=box, limits=limits or Limits())
    return taking.files, findings


NOISE = random.Random(5).randbytes(70_001)


def letter(subject: str = "Công văn") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Date"] = "a@a.vn", "b@b.vn", "Mon, 3 Mar 2025 08:00:00 +0700"
    mail["Subject"] = subject
    mail.set_content("Kính gửi\n\nFrom here on\n--no boundary\n")
    mail.add_alternative("<p>Kính gửi</p>", subtype="html")
    mail.add_attachment(PDF, maintype="application", subtype="pdf", filename="công văn số 1.pdf")
    mail.add_attachment(NOISE, maintype="application", subtype="octet-stream", filename="nhiễu")
    mail.add_attachment("một\n" * 50, filename="ghi chú.txt")
    return mail


ATTACHED = [("công văn số 1.pdf", PDF), ("nhiễu", NOISE), ("ghi chú.txt", "một\n".encode() * 50)]


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_what_is_attached_comes_as_it_was(ending: bytes) -> None:
    data = letter().as_bytes().replace(b"\n", ending)
    files, findings = files_of(data)
    assert [(name, got.replace(b"\r\n", b"\n")) if name.endswith("txt") else (name, got) for name, got in files] == ATTACHED
    assert not findings.counts


def test_a_mailbox_has_many_mails(tmp_path: Path) -> None:
    box = mailbox.mbox(tmp_path / "a.mbox")
    for number in range(3):
        box.add(letter(f"số {number}"))
    box.close()
    data = (tmp_path / "a.mbox").read_bytes()
    assert [name for name, _ in files_of(data, box=True)[0]] == [name for name, _ in ATTACHED] * 3
    assert [got for name, got in files_of(data, box=True)[0] if name == "nhiễu"] == [NOISE] * 3


def test_forwarded_mails_and_parts_in_parts() -> None:
    outer = letter("chuyển tiếp")
    outer.add_attachment(letter())
    names = [name for name, _ in files_of(outer.as_bytes())[0]]
    assert names[:3] == [name for name, _ in ATTACHED]
    inline = outer.as_bytes().replace(b"Content-Disposition: attachment\n\n", b"\n", 1)
    assert [name for name, _ in files_of(inline)[0]] == [name for name, _ in ATTACHED] * 2


@pytest.mark.parametrize("name", ["../../etc/passwd", "C:\\x\\passwd", "=?utf-8?b?Li4vcGFzc3dk?=", "a/\x01\x7fpasswd"])
def test_names_lead_nowhere(name: str) -> None:
    mail = Message()
    mail["Content-Type"] = "application/octet-stream"
    mail["Content-Disposition"] = "attachment"
    mail.set_param("filename", name, header="Content-Disposition")
    mail.set_payload("x")
    assert [shown for shown, _ in files_of(mail.as_bytes())[0]] == ["passwd"]


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Type: application/pdf; name*=no'such'%ff%fe\n",
        b"Content-Type: application/pdf; name*0*=utf-8''a; name*1=b; name*x=c\n",
        b"Content-Disposition: attachment; filename==?x-none?q?a?=\n",
        b'Content-Disposition: attachment; filename="=?utf-8?b?%%%?=\n',
        b"Content-Type: /;;;;=\nContent-Disposition: ;\n",
        b"Content-Type: multipart/mixed; boundary*=undefined'en'x\n",
        b"Content-Type: multipart/mixed; boundary*0*=punycode'en'x%80\n",
        b"Content-Disposition: attachment; filename*=idna'en'x%ff\n",
        b"Content-Type: multipart/mixed; boundary=\n",
        b'Content-Type: multipart/mixed; boundary="\xff\xfe"\n',
        b"Content-Transfer-Encoding: base64\nContent-Type: a/b\n",
    ],
)
def test_odd_headers(head: bytes) -> None:
    for body in (b"", b"\n", b"\nabc", b"\n--\xff\xfe\n\nabc\n--\xff\xfe--\n", b"\nA", b"\nAAAAA=AAA==", b"\n=\n"):
        files_of(head + body)  # does not raise
        files_of(b"From a Mon Mar 3 08:00:00 2025\n" + head + body, box=True)


def test_every_cut_of_a_mail_is_read_to_its_end() -> None:
    data = letter().as_bytes()
    for end in range(0, len(data), 997):
        files, _ = files_of(data[:end])
        assert len(files) <= 3


def test_bounds_end_it() -> None:
    data = letter().as_bytes()
    files, findings = files_of(data, limits=Limits(items=1))
    assert ([name for name, _ in files], list(findings.counts)) == (["công văn số 1.pdf"], ["PKG-TOO-MANY"])
    files, findings = files_of(data, limits=Limits(total_bytes=60_000))
    assert list(findings.counts) == ["PKG-TOO-LARGE"]
    deep = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(DEEPEST + 5))
    assert list(files_of(deep)[1].counts) == ["PKG-TOO-DEEP"]
    odd = b"Content-Type: a/b; name=x\nContent-Transfer-Encoding: x-uuencode\n\nbegin 644 x\n"
    files, findings = files_of(odd)
    assert (files, list(findings.counts)) == ([], ["IDENT-PART-UNREAD"])
    assert set(findings.counts) <= set(register())


@pytest.mark.parametrize(
    "data",
    [
        b"Content-Type: a/b" + b";" * 2_000_000 + b"\n\nx",
        b"Content-Type: a/b;\n" + b" a=b;\n" * 300_000 + b"\nx",
        b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n" * 300_000,
        b"Content-Type: message/rfc822\n\n" * 60_000,
        b"Content-Type: a/b; name=x\n\n" + b"\n" * 1_500_000,
        b"Content-Disposition: x; filename=" + b"=?utf-8?q?a?= " * 100_000,
        b"Subject: a\n" * 300_000,
    ],
)
def test_time_is_in_proportion(data: bytes) -> None:
    """Megabytes of each; what takes time in proportion to the square would take minutes."""
    began = time.process_time()
    read, _ = files_of(data)
    assert len(read) <= 1
    assert time.process_time() - began < 20


def look(folder: Path, data: bytes, puid: Puid, bounds: ArchivesPolicy | None = None) -> tuple[Contents, list[str]]:
    path = folder / "0001.eml"
    path.write_bytes(data)
    room = folder / "room"
    room.mkdir(exist_ok=True)
    members: list[str] = []
    inside = Inside(Heads(), room, bounds or ArchivesPolicy())  # type: ignore[arg-type]
    contents = inside.look(path, b"a.eml", lambda each: members.append(each.name), puid=puid)
    assert list(room.iterdir()) == []
    return contents, members


def test_archives_in_mails_are_opened_too(tmp_path: Path) -> None:
    mail = letter()
    mail.add_attachment(zipped({"b.pdf": PDF}), maintype="application", subtype="zip", filename="gói.zip")
    contents, members = look(tmp_path, mail.as_bytes(), EML)
    assert sorted(members) == sorted([*(name for name, _ in ATTACHED), "gói.zip", "gói.zip → b.pdf"])
    assert {each.puid: each.files for each in contents.sums().formats} == {"": 2, "fmt/18": 2, "x-fmt/263": 1}
    assert [each.code for each in told("thư.eml", EML, contents)] == ["IDENT-ATTACHED", "IDENT-INSIDE-UNKNOWN"]


def test_a_mail_without_a_file_says_nothing(tmp_path: Path) -> None:
    mail = EmailMessage()
    mail["From"] = "a@a.vn"
    mail.set_content("Kính gửi")
    contents, members = look(tmp_path, mail.as_bytes(), EML)
    assert (members, list(told("a", EML, contents)), contents.sums().text()) == ([], [], '{"formats":[]}')
