"""What people read about evidence: in their language, with advice that fits, and nothing that is not so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from policies.findings import spoken
from policies.phrases import OPEN
from repository.attention.entries import attention
from repository.cli.run import run
from signatures import der
from tests.builders_archive import SharedIdentifier
from tests.repository.proved_archive import Proved
from tests.repository.test_evidence_endures import ending
from tests.signatures.authorities import authority, issuing, served


@pytest.fixture
def archive(tmp_path: Path, identifier: SharedIdentifier) -> Iterator[Proved]:
    archive = Proved(tmp_path, identifier)
    yield archive
    archive.end()


def test_why_a_tree_was_not_stamped_is_said_in_words(archive: Proved) -> None:
    archive.authority("one", "sha256")
    made = issuing(authority("broken", clock=archive.clock))
    with served(lambda request: made.answer(request)[:-20]) as url:
        with (archive.home / "kho.toml").open("a", encoding="utf-8") as file:
            file.write(
                f'\n[[timestamps]]\nname = "broken"\nurl = "{url}"\nanchors = ["one.pem"]\ntrees = ["sha512"]\nprivate = true\n'
            )
        archive.reopen()
        archive.give("a")
        done = archive.engine.evidence.batch()
    (why,) = done["failures"]
    assert "tại vị trí 0" in spoken(why, "vi")
    assert " at offset 0" in spoken(why, "en")
    assert OPEN not in spoken(why, "vi")
    (due,) = [each for each in archive.engine.evidence.plan().rows if each.kind == "first stamp"]
    assert [each.code for each in due.findings(archive.clock.now()) if each.code != "EVD-NO-AUTHORITY"] == ["EVD-NEVER-STAMPED"]


def test_the_readme_of_an_export_counts_its_records(archive: Proved) -> None:
    archive.authority("one", "sha256")
    aip = archive.give("a")
    archive.engine.evidence.batch()
    folder, _ = archive.proof(aip, "one")
    assert "Two records" not in (folder / "README.txt").read_text(encoding="utf-8").replace("Hai bản ghi", "Two records")
    archive.authority("two", "sha512", "p384")
    archive.engine.evidence.renew()
    folder, _ = archive.proof(aip, "two")
    assert "Two records" in (folder / "README.txt").read_text(encoding="utf-8").replace("Hai bản ghi", "Two records")


def last(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    run(["evidence", "verify", *arguments])
    return capsys.readouterr().err


@pytest.mark.parametrize("language", ["vi", "en"])
def test_advice_fits_what_is_wrong(
    archive: Proved, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    archive.authority("one", "sha256")
    aip = archive.give("a")
    archive.engine.evidence.batch()
    folder, _ = archive.proof(aip, "out")
    record, data, roots = str(folder / "sha256.er"), str(folder / "data"), str(folder / "anchors")
    junk = tmp_path / "junk.er"
    junk.write_bytes(b"no record at all")
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    other = issuing(authority("other"))
    (foreign / "root.cer").write_bytes(other.root)
    altered = tmp_path / "altered"
    altered.write_bytes(b"something else")
    monkeypatch.setenv("KHO_LANG", language)
    said = {
        "record": last(capsys, str(junk), "--data", data),
        "data": last(capsys, record, "--anchors", roots),
        "trust": last(capsys, record, "--data", data, "--anchors", str(foreign)),
        "other": last(capsys, record, "--data", str(altered), "--anchors", roots),
    }
    words = {
        "vi": {
            "record": "bản sao khác của nó",
            "data": "bằng --data",
            "trust": "--anchors và --at",
            "other": "cây băm kia và bản sao khác",
        },
        "en": {
            "record": "another copy of it",
            "data": "with --data",
            "trust": "--anchors and --at",
            "other": "another copy of the files",
        },
    }[language]
    for name, text in said.items():
        assert [each for each, part in words.items() if part in text] == [name], (name, text)


def test_a_date_that_is_none_is_told_with_an_example(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KHO_LANG", "en")
    (tmp_path / "r.er").write_bytes(b"x")
    assert "written like 2035-01-31" in last(capsys, str(tmp_path / "r.er"), "--at", "2026-13-01")


def test_an_authority_that_does_not_answer_is_told_in_the_readers_language(archive: Proved) -> None:
    archive.authority("one", "sha256")
    with (archive.home / "kho.toml").open("a", encoding="utf-8") as file:
        file.write(
            '\n[[timestamps]]\nname = "gone"\nurl = "http://127.0.0.1:9/"\nanchors = ["one.pem"]\ntrees = ["sha512"]\nprivate = true\n'
        )
    archive.reopen()
    archive.give("a")
    (why,) = archive.engine.evidence.batch()["failures"]
    assert "Errno" not in spoken(why, "vi")
    assert "refused" not in spoken(why, "vi")


@pytest.mark.parametrize("answer", [None, "30053003020102"], ids=["nobody is named", "the authority refuses"])
def test_why_nobody_stamped_is_told_in_the_readers_language(archive: Proved, answer: str | None) -> None:
    archive.authority("one", "sha256")
    with served(lambda _: bytes.fromhex(answer or "")) as url:
        if answer is not None:
            with (archive.home / "kho.toml").open("a", encoding="utf-8") as file:
                file.write(
                    f'\n[[timestamps]]\nname = "no"\nurl = "{url}"\nanchors = ["one.pem"]\ntrees = ["sha512"]\nprivate = true\n'
                )
            archive.reopen()
        archive.give("a")
        (why,) = archive.engine.evidence.batch()["failures"]
    assert ("từ chối" if answer else "chưa khai báo") in spoken(why, "vi")
    assert "reject" not in spoken(why, "vi")
    assert "authority" not in spoken(why, "vi")


def test_why_content_is_waited_for_is_told_in_the_readers_language(archive: Proved) -> None:
    aip = ending(archive)
    for name in archive.engine.archive.tiers:
        place = archive.object(aip, name)
        place.rename(place.with_name(f"{place.name}-away"))
    assert archive.engine.evidence.renew()["renewed"]["hash-tree renewal"] == 0
    (waits,) = (each for each in attention(archive.engine.archive) if each.code == "EVD-RENEWAL-WAITS")
    assert "There is nothing" in waits.text("en")
    assert "There is" not in waits.text("vi")
    assert "understood" not in waits.text("vi")


def test_a_place_in_the_bytes_is_told_in_the_readers_language() -> None:
    with pytest.raises(der.DerError) as caught:
        der.whole(b"\x30\x05\x02")
    assert "tại vị trí" in spoken(str(caught.value), "vi")
    assert "offset" not in spoken(str(caught.value), "vi")


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--later", "1=x", "cách viết là 2=TỆP"),
        ("--digest", "sha256:00", "cách viết là sha256=HEX"),
        ("--at", "mai", "ngày viết như"),
    ],
)
def test_how_a_value_is_written_is_said_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, option: str, value: str, said: str
) -> None:
    monkeypatch.setenv("KHO_LANG", "vi")
    (tmp_path / "r.er").write_bytes(b"x")
    assert said in last(capsys, str(tmp_path / "r.er"), option, value)


def test_the_advice_when_nobody_stamped_is_what_tries_again(archive: Proved, capfd: pytest.CaptureFixture[str]) -> None:
    archive.give("a")
    archive.end()
    assert run(["--home", str(archive.home), "evidence", "batch"]) == 1
    advice = capfd.readouterr().err.strip().splitlines()[-1]
    assert "`kho evidence batch`" in advice
    assert "renew" not in advice  # nothing was begun that could be renewed
