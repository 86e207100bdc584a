"""``kho formats identify``, ``update`` and ``reidentify`` as a person types them; their JSON as docs/cli.md promises."""

from __future__ import annotations

import io
import json
import os
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from formats.hrefs import encode_href
from formats.identify import Basis, Identification
from formats.mets_reader import Division, File, read_mets
from formats.premis import PremisFile, read_premis
from policies.findings import Puid, Weight
from repository.cli.identification import _show
from repository.cli.run import run
from repository.cli.screen import Screen
from repository.jobs.flow import Step
from repository.progress import Silent
from repository.versions import reidentification
from repository.versions.campaigns import CAMPAIGN
from tests.builders_archive import ArchiveUnderTest, verified, write_tree
from tests.formats import documents
from tests.formats.sample_files import make
from tests.formats.test_mails import ATTACHED, letter
from tests.packed import tarred, zipped
from tests.repository.test_cli_corridor import agrees, shapes

CORPORA = Path(os.environ.get("KHO_CORPORA") or Path(__file__).resolve().parents[2].parent / "shared" / "corpora")
OLDER = CORPORA / "pronom-signatures" / "siegfried-default-V118.sig"

old_release = pytest.mark.skipif(not OLDER.is_file(), reason=f"no older signatures at {OLDER} (set KHO_CORPORA)")

KEYS = {
    "path",
    "member",
    "puid",
    "format",
    "version",
    "mime",
    "basis",
    "alternatives",
    "hints",
    "extension_mismatch",
    "reason",
    "second_opinion",
}


def kho(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, Any, str]:
    code = run([*map(str, arguments), "--json"])
    said = capsys.readouterr()
    return code, json.loads(said.out), said.err


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = write_tree(tmp_path / "lẫn lộn", {"trong/rỗng.pdf": b"", "trong/nhiễu": bytes(range(256)) * 9, "a.txt": b"mot"})
    make("a.png", place)
    make("a.docx", place)
    (place / "link.png").symlink_to(place / "a.png")
    return place


def test_any_folder_without_an_archive(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KHO_HOME", raising=False)
    code, said, _ = kho(capsys, "formats", "identify", folder)
    assert (code, said["kind"], said["ok"]) == (0, "formats_identify", True)
    assert said["signatures"].startswith("PRONOM V")
    files = {Path(row["path"]).name: row for row in said["files"]}
    assert set(files) == {"rỗng.pdf", "nhiễu", "a.txt", "a.png", "a.docx"}
    assert all(set(row) == KEYS for row in files.values())
    assert (files["a.png"]["basis"], files["a.png"]["second_opinion"]) == ("signature", None)
    assert files["a.png"]["puid"] in ("fmt/11", "fmt/12", "fmt/13")
    assert (files["a.docx"]["puid"], files["a.docx"]["basis"]) == ("fmt/412", "container")
    assert (files["rỗng.pdf"]["puid"], files["rỗng.pdf"]["basis"]) == ("", "empty")
    assert (files["nhiễu"]["puid"], files["nhiễu"]["basis"]) == ("", "unknown")


def test_a_second_opinion_on_all_or_none(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, said, _ = kho(capsys, "formats", "identify", "--second-opinion", "all", folder / "a.png", folder / "a.docx")
    second = {Path(row["path"]).name: row["second_opinion"] for row in said["files"]}
    assert second["a.png"]["standing"] == "agrees"
    assert second["a.png"]["tool"].startswith("fido ")
    assert second["a.docx"]["standing"] in ("agrees", "no opinion", "conflicts")
    _, said, _ = kho(capsys, "formats", "identify", "--second-opinion", "none", folder / "a.txt")
    assert said["files"][0]["second_opinion"] is None
    code, said, _ = kho(capsys, "formats", "identify", "--second-opinion", "perhaps", folder)
    assert (code, said["findings"][0]["code"]) == (2, "USE-CHOICE")


def test_what_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said, _ = kho(capsys, "formats", "identify", tmp_path / "gone")
    assert (code, said["findings"][0]["code"]) == (2, "USE-NO-PATH")


def test_what_lies_in_archives(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inner = tarred({"thư/a.png": (folder / "a.png").read_bytes(), "nhiễu": bytes(range(256)) * 9}, "w:xz")
    (folder / "gói.zip").write_bytes(zipped({"trong.tar.xz": inner, "a.docx": (folder / "a.docx").read_bytes()}))
    _, said, _ = kho(capsys, "formats", "identify", "--inside", folder / "gói.zip")
    found = {row["member"]: (row["puid"], row["basis"]) for row in said["files"]}
    assert found == {
        "": ("x-fmt/263", "container"),
        "trong.tar.xz": ("fmt/1098", "signature"),
        "a.docx": ("fmt/412", "container"),
        "trong.tar.xz → thư/a.png": (found["trong.tar.xz → thư/a.png"][0], "signature"),
        "trong.tar.xz → nhiễu": ("", "unknown"),
    }
    assert all(set(row) == KEYS for row in said["files"])
    cut = folder / "cụt.tgz"
    cut.write_bytes(tarred({"a.png": (folder / "a.png").read_bytes()}, "w:gz")[:-9])
    _, said, _ = kho(capsys, "formats", "identify", "--inside", cut)
    assert [(row["member"], row["basis"]) for row in said["files"]][1:] == [("a.png", "signature"), ("…", "failed")]
    assert said["files"][2]["reason"].startswith("The archive")


def test_archives_in_a_deposit(archive: ArchiveUnderTest, folder: Path, tmp_path: Path) -> None:
    """What they hold is told and recorded; the archive stays the one file that it is; the policy may not want it."""
    members = {"a.png": (folder / "a.png").read_bytes(), "b.png": (folder / "a.png").read_bytes(), "nhiễu": bytes(range(256)) * 9}
    source = write_tree(tmp_path / "hồ sơ", {"thư/gói.zip": zipped(members), "a.7z": b"7z\xbc\xaf\x27\x1c" + bytes(64)})
    deposit = archive.deposit(source)
    told = {finding.code: dict(finding.args) for finding in deposit.findings}
    png = told["IDENT-INSIDE"]["formats"]
    assert told["IDENT-INSIDE"] == {"puid": "x-fmt/263", "files": 3, "formats": png}
    assert told["IDENT-INSIDE-UNKNOWN"] == {"files": 1, "names": "nhiễu"}
    assert told["IDENT-ARCHIVE"]["puid"] == "fmt/484"
    with (archive.export(deposit.aip_id, "f", form="folder") / "representations/rep1/metadata/preservation/premis-kho.xml").open(
        "rb"
    ) as stream:
        files = {each.path: each for each in read_premis(stream) if isinstance(each, PremisFile)}
    notes = files["representations/rep1/data/thư/gói.zip"].format_notes
    size = sum(map(len, members.values()))
    assert [note.partition("inside")[2] for note in notes if note.startswith("inside")] == [
        f": 3 files, {size} bytes",
        next(note for note in notes if f"2 × {png}" in note).partition("inside")[2],
        ": 1 × not known",
        ", validated: 2 valid, 0 invalid, 1 not validated",
        ": named and validated, not characterised",
    ]
    assert len([each for each in archive.engine.holdings.files(deposit.aip_id) if "gói" in each.path]) == 1
    counted = archive.engine.formats.inside(archive.engine.formats.holdings())
    assert {each.count.puid: (each.count.files, each.count.bytes) for each in counted.formats} == {
        png: (2, 2 * len(members["a.png"])),
        "": (1, len(members["nhiễu"])),
    }
    assert (counted.counts.archives, counted.closed) == (1, 0)
    archive.weights(IDENT_INSIDE="refuse")
    assert archive.deposit(source, key="2").state.value == "refused"
    policy = archive.home / "policy.toml"
    policy.write_text(policy.read_text(encoding="utf-8").replace("# archives = true", "archives = false"), encoding="utf-8")
    archive.reopen()
    third = archive.deposit(source, key="3")
    assert sorted(each.code for each in third.findings if each.code.startswith("IDENT")) == ["IDENT-ARCHIVE", "IDENT-ARCHIVE"]


def test_what_lies_in_archives_is_counted_apart_and_comes_back(
    archive: ArchiveUnderTest, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Holdings and risks name it, a rebuild brings it back, a later version carries it, and what was not looked into is said."""
    bmp = documents.picture(tmp_path / "a.bmp", (16, 12)).read_bytes()
    png = (folder / "a.png").read_bytes()
    inner = zipped({"a.bmp": bmp, "b.png": png})
    policy = archive.home / "policy.toml"
    told = policy.read_text(encoding="utf-8")
    policy.write_text(told.replace("# archives = true", "archives = false"), encoding="utf-8")
    archive.reopen()
    closed = archive.deposit(write_tree(tmp_path / "đóng", {"a.zip": zipped({"b.png": png})})).aip_id
    policy.write_text(told, encoding="utf-8")
    archive.reopen()
    first = archive.deposit(write_tree(tmp_path / "một", {"gói.zip": zipped({"trong.zip": inner, "c.png": png}), "a.png": png}))
    archive.deposit(write_tree(tmp_path / "hai", {"d.tar": tarred({"b.png": png}), "e.zip": zipped({"b.png": png})}), key="2")

    def counted(command: str) -> Any:
        archive.close()
        code, said, _ = kho(capsys, "formats", command, "--home", archive.home)
        archive.open()
        differences = [
            each
            for each in agrees(dict(shapes())["formats_holdings"], said | {"kind": "formats_holdings"})
            if ".reason." not in each
        ]
        assert (code, differences) == (0, [])  # who has no reason gives none
        return said

    said = counted("holdings")
    inside = {each["puid"]: (each["files"], each["bytes"], each["aips"]) for each in said["inside"].pop("formats")}
    known = next(each["puid"] for each in said["formats"] if each["name"].startswith("PNG") or "PNG" in each["name"])
    bitmap = next(puid for puid in inside if puid not in ("x-fmt/263", known))
    assert inside == {known: (4, 4 * len(png), 2), bitmap: (1, len(bmp), 1), "x-fmt/263": (1, len(inner), 1)}
    rest = {"archives": 3, "more": {"files": 0, "bytes": 0}, "locked": 0, "not_looked_at": 0, "archives_not_opened": 1}
    assert said["inside"] == rest
    assert {each["puid"]: each["files"] for each in said["formats"]}[known] == 1  # apart
    risks = counted("risks")
    assert [each["puid"] for each in risks["inside"]["formats"]] == [bitmap]
    assert risks["formats"] == []
    archive.close()
    assert run(["formats", "risks", "--home", str(archive.home)]) == 0
    words = capsys.readouterr().out
    assert "3" in words
    assert bitmap in words
    archive.open()
    files = {each.path: each.inside for each in archive.engine.holdings.files(first.aip_id)}
    archive.lose_catalog()
    assert dict(archive.engine.catalog.rebuild(progress=Silent()).findings.counts) == {}
    assert {each.path: each.inside for each in archive.engine.holdings.files(first.aip_id)} == files
    again = counted("holdings")
    again["inside"].pop("formats")
    assert again["inside"] == rest
    archive.audit()  # no version is stored on copies that nobody has read
    archive.close()
    _, dry, _ = kho(capsys, "formats", "reidentify", "--dry-run", "--home", archive.home)
    archive.open()
    assert [(row["aip"], row["before"] == row["now"], row["inside"]["formats"][0][0]) for row in dry["differences"]] == [
        (closed, True, known)
    ]
    report = archive.engine.campaigns.reidentify(progress=Silent())
    assert (report["counts"]["changed"], report["counts"]["versions"]) == (1, 1)
    archive.whole()
    assert counted("holdings")["inside"]["archives_not_opened"] == 0
    event = next(
        each for each in archive.engine.holdings.events(closed) if "identification" in each.type and each.aip_version == 2
    )
    assert event.detail["inside x-fmt/263"] == 1
    archive.lose_catalog()
    archive.engine.catalog.rebuild(progress=Silent())
    assert counted("holdings")["inside"]["archives"] == 4


def test_what_came_with_a_mail(
    archive: ArchiveUnderTest, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mail = letter()
    mail.add_attachment((folder / "a.png").read_bytes(), maintype="image", subtype="png", filename="ảnh.png")
    source = write_tree(tmp_path / "thư", {"thư.eml": mail.as_bytes()})
    _, said, _ = kho(capsys, "formats", "identify", "--inside", source)
    assert [row["member"] for row in said["files"]] == ["", *(name for name, _ in ATTACHED), "ảnh.png"]
    deposit = archive.deposit(source)
    told = {finding.code: dict(finding.args) for finding in deposit.findings}
    assert told["IDENT-ATTACHED"]["files"] == 4
    counted = archive.engine.formats.inside(archive.engine.formats.holdings())
    assert (counted.counts.archives, counted.closed, sum(each.count.files for each in counted.formats)) == (1, 0, 4)


def test_in_words(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KHO_LANG", "vi")
    assert run(["formats", "identify", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "a.docx" in said
    assert "Đã nhận dạng 5 tệp" in said


def test_what_could_not_be_looked_at_is_not_counted_as_identified(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KHO_LANG", "en")
    out = io.StringIO()
    failed = Identification(Puid(""), "", "", "", Basis.FAILED, "kho", "", "", reason="Permission denied")
    _show(
        Screen(out),
        "PRONOM V125",
        [(Path("a"), "", failed), (Path("b"), "", replace(failed, puid=Puid("fmt/1"), basis=Basis.SIGNATURE))],
    )
    assert "1 files identified by PRONOM V125.\n1 could not be looked at" in out.getvalue()


def test_no_signature_file_and_what_is_in_use_stays(
    archive: ArchiveUnderTest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pronom.xml").write_text("<FFSignatureFile/>")
    code, said, _ = kho(capsys, "formats", "update", tmp_path / "pronom.xml", "--home", archive.home)
    assert (code, said["findings"][0]["code"]) == (1, "IDENT-SIGNATURES")
    assert not archive.engine.archive.settings.format_signatures.exists()
    assert not list(archive.home.glob("formats/*.sig"))


@old_release
def test_another_release_and_what_it_says_of_what_is_held(
    archive: ArchiveUnderTest,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (folder / "link.png").unlink()
    new = write_tree(tmp_path / "mới", {"a.txt": b"mot"})
    (new / "a.pdf").write_bytes(pdf_17())
    aips = [archive.deposit(each).aip_id for each in (folder, new)]
    code, said, _ = kho(capsys, "formats", "reidentify", "--dry-run", "--home", archive.home)
    assert (code, said["differences"]) == (0, [])
    code, said, _ = kho(capsys, "formats", "update", OLDER, "--home", archive.home)
    assert (code, said["findings"][0]["code"]) == (1, "IDENT-SIGNATURES")
    code, said, _ = kho(capsys, "formats", "update", OLDER, "--older", "--home", archive.home)
    assert code == 0
    assert said["before"].startswith("PRONOM V")
    assert said["now"].startswith("PRONOM V118")
    noted = json.loads((archive.home / "formats" / "pronom.json").read_text())
    assert (noted["version"], noted["sha256"]) == (said["now"], said["sha256"])
    code, said, _ = kho(capsys, "formats", "reidentify", "--dry-run", "--home", archive.home)
    assert code == 0
    assert said["signatures"].startswith("PRONOM V118")
    differences = {(row["aip"], row["path"].rpartition("/")[2]): (row["before"], row["now"]) for row in said["differences"]}
    assert differences == {(aips[1], "a.pdf"): ("fmt/2050", differences[aips[1], "a.pdf"][1])}
    assert differences[aips[1], "a.pdf"][1] != "fmt/2050"
    code, said, _ = kho(capsys, "formats", "reidentify", "--dry-run", "--aip", aips[0], "--home", archive.home)
    assert (code, said["differences"]) == (0, [])


@old_release
def test_a_campaign_changes_what_is_said_of_formats_and_nothing_else(
    archive: ArchiveUnderTest,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (folder / "link.png").unlink()
    new = write_tree(tmp_path / "mới", {"a.txt": b"mot", "b/trống/": b"", "sâu/a.pdf": pdf_17(), "sâu/bản sao.pdf": pdf_17()})
    other, aip = (archive.deposit(each).aip_id for each in (folder, new))
    before = {each.path: each for each in archive.engine.holdings.files(aip)}
    assert kho(capsys, "formats", "update", OLDER, "--older", "--home", archive.home)[0] == 0
    dry = kho(capsys, "formats", "reidentify", "--dry-run", "--home", archive.home)[1]["differences"]
    assert {row["path"] for row in dry} == {"representations/rep1/data/sâu/a.pdf", "representations/rep1/data/sâu/bản sao.pdf"}
    report = archive.engine.campaigns.reidentify(progress=Silent())
    counts = {"files": 7, "changed": 2, "aips": 2, "versions": 1}
    assert (report["counts"], report["codes"]) == (counts, {})
    assert (archive.engine.holdings.show(other).version, archive.engine.holdings.show(aip).version) == (1, 2)
    after = {each.path: each for each in archive.engine.holdings.files(aip)}
    assert {path: after[path].puid for path in after if after[path].puid != before.get(path, after[path]).puid} == {
        row["path"]: row["now"] for row in dry
    }
    assert {path for path in before if after[path].sha512 != before[path].sha512} == {
        "METS.xml",
        "metadata/preservation/premis.xml",
        "metadata/other/kho-submission.jsonl",
        "representations/rep1/METS.xml",
        "representations/rep1/metadata/preservation/premis-kho.xml",
    }
    archive.whole()
    said_in(archive.export(aip, "folder", form="folder"), dry[0]["now"])
    event = next(each for each in archive.engine.holdings.events(aip) if each.aip_version == 2 and "identification" in each.type)
    assert (event.type, event.outcome, event.asked_by, event.detail["changed"]) == (
        "format identification",
        "success",
        "user:test",
        2,
    )
    assert str(event.detail["signatures"]).startswith("PRONOM V118")
    assert event.detail[f"fmt/2050 → {dry[0]['now']}"] == 2
    files, deposits = list(after.values()), [each.deposit_id for each in archive.engine.holdings.show(aip).versions]
    archive.lose_catalog()
    assert dict(archive.engine.catalog.rebuild(progress=Silent()).findings.counts) == {}
    assert list(archive.engine.holdings.files(aip)) == files
    assert [each.deposit_id for each in archive.engine.holdings.show(aip).versions] == deposits
    archive.close()
    code, said, _ = kho(capsys, "formats", "reidentify", "--aip", aip, "--home", archive.home)
    assert (code, said["kind"], agrees(dict(shapes())["formats_reidentified"], said)) == (0, "formats_reidentified", [])
    assert (said["counts"]["files"], said["counts"]["changed"], said["counts"]["aips"]) == (3, 0, 1)
    code, listed, _ = kho(capsys, "formats", "campaign", "list", "--home", archive.home)
    assert (listed["campaigns"][0]["campaign"], listed["campaigns"][0]["path"]) == (said["campaign"], "reidentification")
    code, refused, _ = kho(capsys, "formats", "campaign", "rollback", said["campaign"], "--home", archive.home)
    assert (code, refused["findings"][0]["code"]) == (2, "MIG-NO-ROLLBACK")
    archive.open()
    last, first = archive.engine.campaigns.list()
    remembered = archive.engine.archive.catalog.events
    assert (last.campaign, first.campaign) == (said["campaign"], report["campaign"])
    of_one_second = [replace(each, time=last.time + timedelta(milliseconds=900)) for each in remembered.newest(CAMPAIGN, 10)]
    monkeypatch.setattr(remembered, "newest", lambda *which: of_one_second)
    assert [each.campaign for each in archive.engine.campaigns.list()] == [last.campaign, first.campaign]


def said_in(folder: Path, puid: str) -> None:
    """An exported AIP names the format in PREMIS with its ground and what was said before, keeps its empty folder, and is sound."""
    rep = folder / "representations/rep1"
    with (rep / "metadata/preservation/premis-kho.xml").open("rb") as stream:
        told = {each.path: each for each in read_premis(stream) if isinstance(each, PremisFile)}
    pdf = told["representations/rep1/data/sâu/a.pdf"]
    assert pdf.puid == puid
    assert "PRONOM V118" in pdf.format_notes[0]
    assert pdf.format_notes[-1].startswith("identified before as fmt/2050 by siegfried")
    assert dict(pdf.technical)  # what was found out about it at its deposit stays
    assert told["representations/rep1/data/a.txt"].puid == "x-fmt/111"
    with (rep / "METS.xml").open("rb") as stream:
        parts = list(read_mets(stream))
    assert [each.attributes["LABEL"] for each in parts if isinstance(each, Division) and "TYPE" in each.attributes] == [
        encode_href("data/b/trống")
    ]
    media = {each.locations[0]["xlink:href"]: each.attributes["MIMETYPE"] for each in parts if isinstance(each, File)}
    assert media["data/a.txt"] == "text/plain"
    assert verified(folder, least=Weight.ERROR)[1] == []


@old_release
def test_a_campaign_goes_on_where_it_was_broken_off(
    archive: ArchiveUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The process dies between two AIPs of a step: the version that is sealed is not made again, and nothing is lost."""
    aips = [archive.deposit(write_tree(tmp_path / name, {"a.pdf": pdf_17(name)})).aip_id for name in ("một", "hai", "ba")]
    assert kho(capsys, "formats", "update", OLDER, "--older", "--home", archive.home)[0] == 0
    honest, seen = reidentification.again, list[str]()

    def dying(archive_: Any, identifier: Any, aip_ids: list[str], progress: Any) -> Any:
        seen.extend(aip_ids)
        if len(seen) == 2:
            raise OSError("the disk is gone")
        return honest(archive_, identifier, aip_ids, progress)

    monkeypatch.setattr(reidentification, "again", dying)
    step = Step("job", "identify", lambda progress: None, threading.Event())
    flow = reidentification.Reidentify(archive.engine.archive, lambda *_: None)
    with pytest.raises(OSError, match="the disk is gone"):
        flow._identify(step, "c1", aips)
    done = flow._identify(step, "c1", aips)
    assert (len(done["deposits"]), done["report"]["counts"]) == (3, {"files": 3, "changed": 3, "aips": 3, "versions": 3})
    assert [seen.count(aip) for aip in aips] == [1, 2, 1]
    again = flow._identify(step, "c1", aips)
    assert (again["deposits"], len(seen)) == (done["deposits"], 4)


def pdf_17(words: str = "") -> bytes:
    return b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n%" + words.encode() + b"\n" + pdf_ua() + b"\n%%EOF\n"


def pdf_ua() -> bytes:
    """What PRONOM V122 and later take for PDF/UA-1, and older releases for PDF 1.7."""
    return b'<rdf:Description xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/"><pdfuaid:part>1</pdfuaid:part></rdf:Description>'


def test_what_cannot_be_read_is_said(archive: ArchiveUnderTest, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "link.png").unlink()
    aip = archive.deposit(folder).aip_id
    for tier in ("a", "b"):
        for copy in archive.object(aip, tier).rglob("a.png"):
            copy.chmod(0o644)
            copy.write_bytes(copy.read_bytes()[:-1] + b"x")
    code, said, _ = kho(capsys, "formats", "reidentify", "--dry-run", "--home", archive.home)
    assert code == 1
    assert [(row["path"].rpartition("/")[2], row["now"]) for row in said["differences"]] == [("a.png", "")]
    assert said["differences"][0]["reason"]
