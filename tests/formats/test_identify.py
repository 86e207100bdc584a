"""What is said of files whose format is known beforehand, and what is made of two tools' answers."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from formats.identify import Basis, Identification, Limits, SecondOpinion, SiegfriedIdentifier, Standing, facts
from formats.identify.second import weigh
from policies.codes import LANGUAGES, register
from policies.findings import Puid, Weight, spoken

PDF = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n"
GIF = b"GIF89a" + bytes(7) + b"\x3b"
NOISE = bytes(range(256)) * 20


@pytest.fixture(scope="module")
def identifier() -> Iterator[SiegfriedIdentifier]:
    with SiegfriedIdentifier() as running:
        yield running


def one(identifier: SiegfriedIdentifier, path: Path, content: bytes | None = None) -> Identification:
    if content is not None:
        path.write_bytes(content)
    ((given, found),) = identifier.identify([path])
    assert given == path
    return found


def codes(path: Path, found: Identification) -> list[str]:
    return [finding.code for finding in facts(path.name, found)]


def test_a_signature_is_believed_without_a_finding(identifier: SiegfriedIdentifier, tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    found = one(identifier, path, PDF)
    assert (found.puid, found.version, found.mime, found.basis) == ("fmt/18", "1.4", "application/pdf", Basis.SIGNATURE)
    assert found.second is None
    assert codes(path, found) == []


def test_tool_and_both_signature_versions_are_recorded(identifier: SiegfriedIdentifier, tmp_path: Path) -> None:
    found = one(identifier, tmp_path / "a.pdf", PDF)
    assert found.tool == "siegfried"
    assert found.tool_version[0].isdigit()
    pronom, container = found.signature_version.split("; ")
    assert int(pronom.removeprefix("PRONOM V")) >= 125
    assert int(container.removeprefix("container ")) >= 20260119


def test_a_container_is_looked_into(identifier: SiegfriedIdentifier, tmp_path: Path) -> None:
    path = tmp_path / "a.odt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("content.xml", '<office:document-content office:version="1.2"/>')
        archive.writestr("META-INF/manifest.xml", '<manifest:manifest manifest:version="1.2"/>')
    found = one(identifier, path)
    assert found.basis in (Basis.CONTAINER, Basis.SIGNATURE)
    assert found.puid in ("fmt/291", "x-fmt/263")


def test_zero_bytes_have_no_format_whatever_their_name(identifier: SiegfriedIdentifier, tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    found = one(identifier, path, b"")
    assert (found.puid, found.basis, found.second) == ("", Basis.EMPTY, None)
    assert codes(path, found) == ["IDENT-EMPTY"]


def test_the_extension_alone_is_a_finding_and_is_asked_about_twice(identifier: SiegfriedIdentifier, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    found = one(identifier, path, NOISE)
    assert found.basis is Basis.EXTENSION
    assert codes(path, found) == ["IDENT-EXTENSION-ONLY"]
    assert found.second is not None
    assert found.second.standing is Standing.NO_OPINION
    assert found.second.agrees is None
    assert found.second.signature_version == "PRONOM V109; container 20200121"


def test_nothing_recognised_gives_hints_and_no_puid(identifier: SiegfriedIdentifier, tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    found = one(identifier, path, NOISE)
    assert (found.puid, found.basis) == ("", Basis.UNKNOWN)
    assert "fmt/18" in found.hints
    assert codes(path, found) == ["IDENT-UNKNOWN"]


def test_without_any_hint_fido_is_not_asked(identifier: SiegfriedIdentifier, tmp_path: Path) -> None:
    found = one(identifier, tmp_path / "a.qqqqq", NOISE)
    assert (found.basis, found.hints, found.second) == (Basis.UNKNOWN, (), None)


def test_a_wrong_extension_is_a_finding(identifier: SiegfriedIdentifier, tmp_path: Path) -> None:
    path = tmp_path / "a.doc"
    found = one(identifier, path, GIF)
    assert found.puid == "fmt/4"
    assert codes(path, found) == ["IDENT-EXTENSION-MISMATCH"]


def test_no_extension_is_no_wrong_extension(identifier: SiegfriedIdentifier, tmp_path: Path) -> None:
    path = tmp_path / "README"
    found = one(identifier, path, b"plain words\n" * 40)
    assert (found.puid, found.basis) == ("x-fmt/111", Basis.TEXT)
    assert codes(path, found) == []


@pytest.mark.parametrize(
    "name", ["a\nb.gif", "é.gif", "e\u0301.gif", '"q".gif', "-rf.gif", "a%20.gif", "tab\t.gif", "#.gif", "b\\.gif"]
)
def test_clumsy_names(identifier: SiegfriedIdentifier, tmp_path: Path, name: str) -> None:
    assert one(identifier, tmp_path / name, GIF).puid == "fmt/4"


def test_a_relative_name_that_looks_like_an_address(
    identifier: SiegfriedIdentifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert one(identifier, Path("http:a.gif"), GIF).puid == "fmt/4"


def test_what_cannot_be_looked_at_is_failed_and_holds(identifier: SiegfriedIdentifier, tmp_path: Path) -> None:
    pipe, missing = tmp_path / "pipe", tmp_path / "missing.pdf"
    os.mkfifo(pipe)
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.gif"))
    odd.write_bytes(GIF)
    answers = dict(identifier.identify([pipe, missing, odd, tmp_path]))
    assert {found.basis for found in answers.values()} == {Basis.FAILED}
    assert all(found.reason for found in answers.values())
    (finding,) = facts("pipe", answers[pipe])
    assert (finding.code, finding.weight) == ("IDENT-FAILED", Weight.HOLD)


def test_every_path_is_answered_once_and_nothing_is_read_ahead_of_need(identifier: SiegfriedIdentifier, tmp_path: Path) -> None:
    paths = []
    for number in range(3000):
        path = tmp_path / f"{number:07d}{('.gif', '.pdf', '.txt')[number % 3]}"
        path.write_bytes((GIF, PDF, b"")[number % 3])
        paths.append(path)
    taken = 0

    def counted() -> Iterator[Path]:
        nonlocal taken
        for path in paths:
            taken += 1
            yield path

    answers = identifier.identify(counted())
    first = next(answers)
    assert taken < len(paths)
    got = [first, *answers]
    assert sorted(path for path, _ in got) == paths
    by_extension = {".gif": "fmt/4", ".pdf": "fmt/18", ".txt": ""}
    assert all(found.puid == by_extension[path.suffix] for path, found in got)


def test_the_engines_stay_out_of_the_process_that_asks(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(NOISE)
    asks = (
        "import sys; from pathlib import Path; from formats.identify import SiegfriedIdentifier\n"
        "with SiegfriedIdentifier() as running: (found,) = running.identify([Path(sys.argv[1])])\n"
        "print(sorted({'pygfried', 'fido', 'fido.fido'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", asks, str(tmp_path / "a.bin")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).resolve().parents[2])
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(second_files=2), "budget"),
        (Limits(second_bytes=2 * len(NOISE)), "budget"),
        (Limits(second_file_bytes=len(NOISE) - 1), "larger"),
    ],
)
def test_second_opinions_have_a_budget(tmp_path: Path, limits: Limits, words: str) -> None:
    paths = [tmp_path / f"{number}.bin" for number in range(5)]
    for path in paths:
        path.write_bytes(NOISE)
    with SiegfriedIdentifier(limits=limits) as identifier:
        for _ in range(2):  # each call is a deposit, and has the whole budget
            seconds = [found.second for _, found in identifier.identify(paths)]
            refused = [second for second in seconds if second is not None and second.standing is Standing.NOT_ASKED]
            assert len(seconds) == 5
            assert len(refused) == (5 if words == "larger" else 3)
            assert all(words in spoken(second.reason) for second in refused)


def first_answer(puid: str, *others: str, basis: Basis = Basis.EXTENSION) -> Identification:
    alternatives = tuple(map(Puid, others))
    return Identification(Puid(puid), "n", "", "", basis, "siegfried", "1", "PRONOM V125", alternatives=alternatives)


def fido_says(*puids: str, basis: str = "signature", unheard: tuple[str, ...] = ()) -> dict[str, object]:
    return {"puids": list(puids), "basis": basis, "unheard": list(unheard), "version": "1.6.1", "signatures": "PRONOM V109"}


@pytest.mark.parametrize(
    ("first", "answer", "standing"),
    [
        (first_answer("fmt/1"), fido_says("fmt/1"), Standing.AGREES),
        (first_answer("fmt/1"), fido_says("fmt/2"), Standing.CONFLICTS),
        (first_answer("fmt/1"), fido_says("fmt/2", basis="container"), Standing.CONFLICTS),
        (first_answer("fmt/1"), fido_says("fmt/2", basis="extension"), Standing.NO_OPINION),
        (first_answer("fmt/1"), fido_says(basis="unknown"), Standing.NO_OPINION),
        (first_answer("fmt/9999"), fido_says("fmt/2", unheard=("fmt/9999",)), Standing.NO_OPINION),
        (first_answer("fmt/1", "fmt/2", basis=Basis.SIGNATURE), fido_says("fmt/2"), Standing.AGREES),
        (first_answer("fmt/1", "fmt/2", basis=Basis.SIGNATURE), fido_says("fmt/3", "fmt/4"), Standing.CONFLICTS),
        (first_answer("", basis=Basis.UNKNOWN), fido_says("fmt/2"), Standing.NO_OPINION),
    ],
)
def test_how_a_second_opinion_weighs(first: Identification, answer: dict[str, object], standing: Standing) -> None:
    assert weigh(first, answer).standing is standing


def test_a_conflict_is_a_finding_with_both_answers(identifier: SiegfriedIdentifier, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    found = one(identifier, path, NOISE)
    second = SecondOpinion(Standing.CONFLICTS, (Puid("fmt/2"),), Basis.SIGNATURE, "fido", "1.6.1", "PRONOM V109")
    disputed = Identification(*[getattr(found, name) for name in found.__slots__[:-1]], second)
    assert codes(path, disputed) == ["IDENT-EXTENSION-ONLY", "IDENT-CONFLICT"]
    conflict = list(facts("a.bin", disputed))[-1]
    assert conflict.weight is Weight.WARNING
    for language in LANGUAGES:
        assert "fmt/2" in conflict.text(language)
        assert found.puid in conflict.text(language)


def test_several_answers_are_all_named() -> None:
    found = first_answer("fmt/1", "fmt/2", "fmt/3", basis=Basis.SIGNATURE)
    (finding,) = facts("a", found)
    assert finding.code == "IDENT-SEVERAL"
    assert "fmt/2, fmt/3" in finding.text()


def test_every_code_is_registered_in_both_languages() -> None:
    family = {name: row for name, row in register().items() if row.family == "identify"}
    names = [
        "ARCHIVE",
        "ATTACHED",
        "CONFLICT",
        "EMPTY",
        "EXTENSION-MISMATCH",
        "EXTENSION-ONLY",
        "FAILED",
        "INSIDE",
        "INSIDE-LEFT",
        "INSIDE-LOCKED",
        "INSIDE-UNKNOWN",
        "OFF",
        "PART-UNREAD",
        "SEVERAL",
        "UNAVAILABLE",
        "UNKNOWN",
    ]
    asked = ["AGAIN-FAILED", "AGAIN-UNREAD", "SIGNATURES"]  # of commands, not of a deposit
    assert sorted(family) == [f"IDENT-{name}" for name in sorted(names + asked)]
    assert all(row.text["vi"] != row.text["en"] for row in family.values())


def test_an_archive_inside_a_package_is_said_to_be_one(identifier: SiegfriedIdentifier, tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("b.txt", "b")
    [(_, found)] = identifier.identify([tmp_path / "a.zip"])
    assert found.puid == "x-fmt/263"
    [said] = facts("a.zip", found)
    assert (said.code, said.weight, said.args["puid"]) == ("IDENT-ARCHIVE", Weight.INFO, "x-fmt/263")
