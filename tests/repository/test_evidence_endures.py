"""What could take evidence back and nobody would notice: tiers that are away, other hashes, authorities that fall or are forgotten."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from policies.findings import Findings
from repository.attention.entries import attention
from repository.evidence import flow
from repository.evidence.judge import Judging, algorithms_in, judge
from repository.evidence.proving import Proving
from signatures.anchors import Anchors
from signatures.evidence import EvidenceReport
from signatures.judgement import Context
from signatures.timestamps import Believed, IssuingAuthority, make_authority
from storage.errors import Unavailable
from tests.builders_archive import SharedIdentifier
from tests.repository.proved_archive import Proved, judged_record
from tests.signatures.authorities import NOW, answer_of, key, served

ENDS = """version = 2
source = "test"
issued = "2027"
[hash]
sha256 = "{sha256}"
sha384 = "{sha384}"
sha512 = "{sha512}"
sha3_512 = ""
[signature]
ecdsa = [[256, ""]]
"""


@pytest.fixture
def archive(tmp_path: Path, identifier: SharedIdentifier) -> Iterator[Proved]:
    made = Proved(tmp_path, identifier)
    yield made
    made.end()


def ends(archive: Proved, *, sha256: str = "", sha384: str = "", sha512: str = "") -> None:
    (archive.home / "ends.toml").write_text(ENDS.format(sha256=sha256, sha384=sha384, sha512=sha512), encoding="utf-8")
    file = archive.home / "policy.toml"
    text = file.read_text(encoding="utf-8")
    if "ends.toml" not in text:
        file.write_text(text.replace('lead = "180d"', 'lead = "180d"\nalgorithms = "ends.toml"'), encoding="utf-8")
    archive.reopen()


def judged(folder: Path, tree: str, days: float) -> EvidenceReport:
    return judged_record(folder, f"{tree}.er", NOW + timedelta(days=days))


def errors(findings: Findings) -> list[str]:
    return [each.code for each in findings if each.weight.name == "ERROR"]


def told(archive: Proved) -> set[str]:
    return {each.code for each in attention(archive.engine.archive) if each.code.startswith("EVD-")}


def proved(archive: Proved, aip: str, at: datetime) -> set[datetime | None]:
    """Since when the archive's own evidence proves the files of an AIP, as the validation of signatures asks."""
    kept = archive.engine.archive
    algorithms = algorithms_in(archive.home, kept.policy.evidence.algorithms)
    proving = Proving(kept, aip, Context(Anchors(), algorithms, at))
    found = (proving(each) for each in kept.catalog.holdings.files(aip))
    return {None if each is None else each.time for each in found}


def ending(archive: Proved) -> str:
    """An archive with one AIP, the hash of whose first tree is about to end."""
    archive.authority("one", "sha256", hash_name="sha512")
    archive.authority("two", "sha512", "p384", hash_name="sha512")
    aip = archive.give("a")
    archive.engine.evidence.batch()
    ends(archive, sha256="2028-06-01")
    archive.clock.pass_days(500)
    return aip


def test_a_renewal_waits_for_content_that_is_away_and_goes_on_when_it_is_back(archive: Proved) -> None:
    aip = ending(archive)
    moved = []
    for name in archive.engine.archive.tiers:
        place = archive.object(aip, name)
        moved.append((place.rename(place.with_name(f"away-{name}")), place))
    for _ in range(2):
        done = archive.engine.evidence.renew()
        assert (done["tokens"], [code for code, _, _ in done["findings"]]) == (0, ["EVD-RENEWAL-WAITS"])
    assert "EVD-RENEWAL-WAITS" in told(archive)
    assert "EVD-RENEWAL-WAITS" in {each.code for each in archive.engine.evidence.plan().findings}
    for away, place in moved:
        away.rename(place)
    before, _ = archive.proof(aip, "before")
    assert judged(before, "sha256", 500).trust is Believed.YES
    assert archive.engine.evidence.renew()["renewed"]["hash-tree renewal"] == 1
    assert told(archive) == set()
    folder, exported = archive.proof(aip, "after")
    assert list(exported.findings) == []
    report = judged(folder, "sha256", 501)
    assert (errors(report.findings), [each.hash for each in report.stamps]) == ([], ["sha256", "sha384"])


def test_a_tier_that_cannot_be_asked_is_not_content_that_was_altered(archive: Proved, monkeypatch: pytest.MonkeyPatch) -> None:
    """One tier times out, the other holds a wrong bit: nothing is known of the bytes, and the audit will put them right."""
    aip = ending(archive)
    first, second = archive.engine.archive.tiers.values()
    path = next(archive.object(aip, first.name).glob("v1/content/*/representations/*/data/**/1.bin"))
    sound = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(b"\0" + sound[1:-1] + b"\0")

    def away(*_: object) -> None:
        raise Unavailable(second.name, "timed out")

    with monkeypatch.context() as patch:
        patch.setattr(second, "open", away)
        done = archive.engine.evidence.renew()
    waits = next(each for each in attention(archive.engine.archive) if each.code == "EVD-RENEWAL-WAITS")
    assert set(done["renewed"].values()) == {0}
    assert waits.path.endswith("1.bin")
    assert "timed out" in waits.text("en")
    assert archive.engine.evidence.renew()["renewed"]["hash-tree renewal"] == 1  # from the tier that is back


def test_what_a_renewal_had_to_leave_out_is_proved_as_long_as_before(archive: Proved) -> None:
    aip = ending(archive)
    moved = []
    for name in archive.engine.archive.tiers:
        path = next(archive.object(aip, name).glob("v1/content/*/representations/*/data/**/1.bin"))
        moved.append((path.rename(path.with_name("away")), path))
    archive.clock.pass_days(30)
    assert archive.engine.evidence.renew()["renewed"]["hash-tree renewal"] == 1
    for away, path in moved:
        away.rename(path)
    assert "EVD-LEFT-OUT" in told(archive)
    folder, exported = archive.proof(aip, "out")
    assert [each.code for each in exported.findings] == ["EVD-NOT-FURTHER"]
    assert exported.records == ["sha256.er", "sha256-before.er", "sha512.er"]
    lost = next((folder / "data").rglob("1.bin"))
    others = sorted(each for each in (folder / "data").rglob("*") if each.is_file() and each != lost)
    for record, files in (("sha256.er", others), ("sha256-before.er", [lost])):
        report = judge(folder / record, Judging(files, {}, [folder / "anchors"], NOW + timedelta(days=531)))
        assert (errors(report.findings), report.trust) == ([], Believed.YES)
    for line in exported.verify:
        assert ("--data data " in line) == ("sha512" in line)
        assert ("1.bin" in line) == ("before" in line)


def test_evidence_goes_on_proving_signatures_after_each_hash_tree_renewal(archive: Proved) -> None:
    archive.authority("one", "sha256", years=30, hash_name="sha384")
    archive.authority("two", "sha512", "p384", years=30, hash_name="sha384")
    aip = archive.give("a")
    archive.engine.evidence.batch()
    ends(archive, sha256="2032-06-01")
    archive.clock.pass_days(5.3 * 365.25)
    since = proved(archive, aip, archive.clock.now())
    assert None not in since
    assert len(since) == 1
    assert archive.engine.evidence.renew()["renewed"]["hash-tree renewal"] == 1
    ends(archive, sha256="2032-06-01", sha512="2034-06-01")
    archive.clock.pass_days(2 * 365.25)
    assert archive.engine.evidence.renew()["renewed"]["hash-tree renewal"] == 1
    archive.clock.pass_days(8 * 365.25)
    assert proved(archive, aip, archive.clock.now()) == since


def test_evidence_outlives_the_sections_of_its_authorities(archive: Proved) -> None:
    archive.authority("one", "sha256", years=6)
    archive.authority("two", "sha512", "p384", years=6)
    aip = archive.give("a")
    archive.engine.evidence.batch()
    archive.clock.pass_days(5.7 * 365.25)
    since = proved(archive, aip, archive.clock.now())
    archive.no_authorities()
    for name in ("one", "two"):
        (archive.home / f"{name}.pem").unlink()
    archive.authority("three", "sha256", years=40)
    archive.authority("four", "sha512", years=40)
    assert archive.engine.evidence.renew()["renewed"]["time-stamp renewal"] == 2
    archive.clock.pass_days(10 * 365.25)
    assert proved(archive, aip, archive.clock.now()) == since
    assert None not in since
    kept = {each.path for each in archive.engine.evidence.plan().findings if each.code == "EVD-ROOTS-KEPT"}
    assert kept == {"one", "two"}
    assert "EVD-ROOTS-KEPT" in told(archive)
    folder, _ = archive.proof(aip, "out")
    assert {each.name for each in (folder / "anchors").iterdir()} == {"one.pem", "two.pem", "three.pem", "four.pem"}
    assert judged(folder, "sha256", 15.8 * 365.25).trust is Believed.YES


@dataclass
class Asked:
    """An authority of both trees with a responder of its own. ``answers`` holds what it says of the authority; b"" says nothing."""

    made: IssuingAuthority
    root_key: ec.EllipticCurvePrivateKey
    answers: list[bytes]

    def revoke(self, when: datetime, reason: x509.ReasonFlags) -> None:
        self.answers[0] = answer_of(self.made, self.root_key, when, reason)


@pytest.fixture
def asked(archive: Proved) -> Iterator[Asked]:
    root_key, answers = ec.generate_private_key(ec.SECP256R1()), [b""]
    begins = archive.clock.now() - timedelta(days=1)
    lasts = begins + timedelta(days=2000)
    with served(lambda _: answers[0]) as url:
        made = make_authority(
            "asked", key("p256"), clock=archive.clock, begins=begins, ends=lasts, root_key=root_key, ocsp_url=url
        )
        archive.name_authority("asked", made, 'sha256", "sha512')
        yield Asked(made, root_key, answers)


def test_a_revoked_authority_is_heard_of_within_days_and_its_trees_are_begun_again(archive: Proved, asked: Asked) -> None:
    aip = archive.give("a")
    archive.engine.evidence.batch()
    archive.clock.pass_days(100)
    assert archive.engine.evidence.renew()["tokens"] == 0
    asked.revoke(archive.clock.now(), x509.ReasonFlags.key_compromise)
    archive.clock.pass_days(2)
    done = archive.engine.evidence.renew()
    assert {code for code, _, _ in done["findings"]} == {"EVD-NOT-RENEWED"}  # nobody else can stamp
    assert "EVD-FALLEN" in told(archive)
    archive.give("b")
    batch = archive.engine.evidence.batch()
    assert (batch["batch"], "revoked" in batch["failures"][0]) == ("", True)
    archive.authority("three", "sha256")
    archive.authority("four", "sha512")
    done = archive.engine.evidence.renew()
    assert done["renewed"]["first stamp"] == 2
    assert {code for code, _, _ in done["findings"]} == {"EVD-BEGUN-AGAIN"}
    assert "EVD-FALLEN" not in told(archive)
    folder, _ = archive.proof(aip, "out")
    for tree in ("sha256", "sha512"):
        report = judged(folder, f"{tree}.2", 110)
        assert (errors(report.findings), report.trust, len(report.stamps)) == ([], Believed.YES, 1)
        assert (folder / f"{tree}-given-up.er").exists()
    (since,) = proved(archive, aip, archive.clock.now())
    assert since is not None
    assert since > NOW + timedelta(days=101)
    archive.whole()


def test_what_was_stamped_before_a_harmless_revocation_stays(archive: Proved, asked: Asked) -> None:
    aip = archive.give("a")
    archive.engine.evidence.batch()
    archive.clock.pass_days(100)
    asked.revoke(archive.clock.now(), x509.ReasonFlags.superseded)
    archive.clock.pass_days(2)
    assert archive.engine.evidence.renew()["tokens"] == 0
    assert "EVD-FALLEN" not in told(archive)
    assert None not in proved(archive, aip, archive.clock.now())


def test_what_was_collected_of_an_authority_counts_for_signatures_too(
    archive: Proved, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that a renewal collected says that the stamp was worth nothing by then: the export says so, and so do proofs."""
    aip = archive.give("a")
    archive.engine.evidence.batch()
    archive.clock.pass_days(1900)
    archive.authority("three", "sha256", years=30)
    archive.authority("four", "sha512", years=30)
    asked.revoke(archive.clock.now() - timedelta(days=10), x509.ReasonFlags.key_compromise)
    with monkeypatch.context() as patch:
        patch.setattr(flow, "ask_for_news", lambda *_: None)  # as if it had been renewed before anybody asked
        assert archive.engine.evidence.renew()["renewed"]["time-stamp renewal"] == 2
    assert proved(archive, aip, archive.clock.now()) == {None}
    folder, _ = archive.proof(aip, "out")
    assert errors(judged(folder, "sha256", 1901).findings) == ["EVD-NOT-TRUSTED"]


def test_a_tree_that_a_demo_stamp_began_is_begun_again_also_when_it_was_renewed_since(archive: Proved) -> None:
    with (archive.home / "kho.toml").open("a", encoding="utf-8") as file:
        file.write('\n[[timestamps]]\nname = "demo"\nurl = "demo:"\n')
    archive.reopen()
    aip = archive.give("a")
    archive.engine.evidence.batch()
    archive.authority("one", "sha256")
    archive.authority("two", "sha512")
    done = archive.engine.evidence.renew()
    assert (done["renewed"]["first stamp"], done["findings"]) == (2, [])
    assert told(archive) == set()
    assert None not in proved(archive, aip, archive.clock.now())
    folder, exported = archive.proof(aip, "out")
    assert list(exported.findings) == []
    assert "NOT EVIDENCE" not in (folder / "README.txt").read_text(encoding="utf-8")
    assert judged(folder, "sha512", 1).trust is Believed.YES
    assert archive.engine.evidence.renew()["tokens"] == 0
    archive.whole()


def test_lists_of_large_versions_are_carried_through_every_hash_tree_renewal(archive: Proved) -> None:
    """Files behind a list are proved as far as each renewal read them again: what one could not, as long as the hash of before."""
    file = archive.home / "policy.toml"
    file.write_text(file.read_text(encoding="utf-8").replace('lead = "180d"', 'lead = "180d"\ngroup = 4'), encoding="utf-8")
    archive.authority("one", "sha256", years=60, hash_name="sha384")
    aip = archive.give("many", {f"{number}.txt": str(number).encode() for number in range(12)})
    archive.engine.evidence.batch()  # one tree, so that it alone can prove
    since = proved(archive, aip, archive.clock.now())
    assert len(since) == 1
    ends(archive, sha256="2028-06-01")
    archive.clock.pass_days(500)
    assert archive.engine.evidence.renew()["renewed"]["hash-tree renewal"] == 1
    moved = []
    for name in archive.engine.archive.tiers:
        path = next(archive.object(aip, name).rglob("5.txt"))
        moved.append((path.rename(path.with_name("away")), path))
    ends(archive, sha256="2028-06-01", sha512="2030-06-01")
    archive.clock.pass_days(770)
    done = archive.engine.evidence.renew()
    assert done["renewed"]["hash-tree renewal"] == 1, done["findings"]
    for away, path in moved:
        away.rename(path)
    assert proved(archive, aip, archive.clock.now()) == since
    folder, exported = archive.proof(aip, "out")
    assert [each.name for each in sorted((folder / "data" / "lists").iterdir())] == [
        *("0.sha256.sha384.txt", "0.sha256.sha512.txt", "0.txt")
    ]
    (line,) = exported.verify
    assert line.count(" --later ") == 2
    given = ["--algorithms", str(archive.home / "ends.toml"), "--json", "--at"]
    command = [sys.executable, "-m", "repository.cli", *shlex.split(line)[1:], *given, archive.clock.now().isoformat()]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "data" / "lists" / "0.sha256.sha512.txt").write_bytes(b"another")
    assert subprocess.run(command, cwd=folder, capture_output=True, timeout=60).returncode == 4
    archive.clock.pass_days(30)  # SHA-512 has ended
    assert proved(archive, aip, archive.clock.now()) == {*since, None}  # 5.txt was not read again
