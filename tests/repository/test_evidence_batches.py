"""Evidence of a whole archive: batches, proofs that leave the archive, renewals, and what is lost on the way."""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from policies.findings import Findings, Weight, spoken
from repository.attention.entries import attention
from repository.coming import DAYS
from repository.evidence import keeping
from repository.evidence.exporting import NotProved
from repository.evidence.judge import Judging, judge
from repository.evidence.leaves import Leaf, objects_of
from repository.evidence.making import authorities_by_tree, make_batch
from repository.progress import Silent
from signatures.evidence import EvidenceReport, read_record
from signatures.timestamps import Believed, make_authority
from storage.tier import ObjectId
from tests.builders_archive import SharedIdentifier
from tests.repository.proved_archive import FILES, Proved
from tests.signatures.authorities import NOW, key, served


@pytest.fixture
def archive(tmp_path: Path, identifier: SharedIdentifier) -> Iterator[Proved]:
    made = Proved(tmp_path, identifier)
    made.authority("one", "sha256")
    made.authority("two", "sha512", "p384")
    yield made
    made.end()


def files_of(folder: Path) -> list[Path]:
    return sorted(each for each in (folder / "data").rglob("*") if each.is_file())


def judged(folder: Path, tree: str, *, at: timedelta | None = None, files: list[Path] | None = None) -> EvidenceReport:
    given = files_of(folder) if files is None else files
    return judge(folder / f"{tree}.er", Judging(given, {}, [folder / "anchors"], NOW + at if at is not None else None))


def errors(findings: Findings) -> list[str]:
    return [each.code for each in findings if each.weight.name == "ERROR"]


def test_a_version_is_proved_by_two_trees_without_the_archive(archive: Proved) -> None:
    first, second = archive.give("a"), archive.give("b")
    done = archive.engine.evidence.batch()
    assert (done["leaves"], done["trees"], done["failures"], done["pending"]) == (2, ["sha256", "sha512"], [], 0)
    for aip in (first, second):
        folder, exported = archive.proof(aip, aip[-5:])
        assert exported.records == ["sha256.er", "sha512.er"]
        assert (folder / "data" / "v1" / "inventory.json").exists()
        for tree, root in (("sha256", "one"), ("sha512", "two")):
            report = judged(folder, tree, at=timedelta(days=1))
            assert errors(report.findings) == []
            assert report.trust is Believed.YES
            assert report.stamps[0].token.authority == f"CN=TSA {root}"
            changed = files_of(folder)[-1]
            changed.chmod(0o644)
            before = changed.read_bytes()
            changed.write_bytes(b"changed")
            assert judged(folder, tree).missing == [str(changed)]
            changed.write_bytes(before)
    assert archive.engine.evidence.batch()["leaves"] == 0
    archive.whole()  # the batch's copies are audited like any AIP's


def test_the_readme_gives_the_very_line_and_it_works(archive: Proved) -> None:
    aip = archive.give("a")
    archive.engine.evidence.batch()
    folder, exported = archive.proof(aip, "out")
    text = (folder / "README.txt").read_text(encoding="utf-8")
    for line in exported.verify:
        assert line in text
        command = [sys.executable, "-m", "repository.cli", *shlex.split(line)[1:], "--at", "2027-06-01", "--json"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        assert json.loads(done.stdout)["valid"]
    check = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=folder, capture_output=True, text=True)
    assert check.returncode == 0, check.stderr


def test_openssl_accepts_the_newest_token(archive: Proved) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    aip = archive.give("a")
    archive.engine.evidence.batch()
    folder, _ = archive.proof(aip, "out")
    lines = [line.strip() for line in (folder / "README.txt").read_text().splitlines() if line.strip().startswith("openssl")]
    assert len(lines) == 2
    for line in lines:
        at = str(int(NOW.timestamp()))
        done = subprocess.run(f"{line} -attime {at}", shell=True, cwd=folder, capture_output=True, text=True)
        assert "Verification: OK" in done.stdout + done.stderr, done.stderr


def test_both_versions_of_an_aip_are_provable(archive: Proved) -> None:
    aip = archive.give("a")
    archive.engine.evidence.batch()
    archive.give("a2", {**FILES, "báo cáo.txt": b"new"}, update=aip)
    with pytest.raises(NotProved):
        archive.proof(aip, "early", 2)
    archive.clock.pass_days(1)
    archive.engine.evidence.batch()
    for version in (1, 2):
        folder, _ = archive.proof(aip, f"v{version}", version)
        assert (folder / "data" / f"v{version}").exists()
        assert judged(folder, "sha512", at=timedelta(days=2)).trust is Believed.YES


def test_what_is_gone_harms_nobody_else(archive: Proved) -> None:
    aips = [archive.give(name) for name in "abc"]
    archive.engine.evidence.batch()
    for tier in archive.engine.archive.tiers.values():
        tier.forget(ObjectId(aips[1]))
    for name in archive.engine.archive.tiers:
        next(archive.object(aips[0], name).glob("v1/content/*/representations/*/data/**/1.bin")).unlink()
    folder, exported = archive.proof(aips[0], "part")
    assert [each.code for each in exported.findings] == ["EVD-DATA-MISSING"]
    assert judged(folder, "sha256").valid
    folder, exported = archive.proof(aips[2], "other")
    assert not exported.findings
    assert judged(folder, "sha256").valid


def test_a_silent_authority_leaves_one_tree_and_the_other_is_stamped_later(archive: Proved) -> None:
    aip = archive.give("a")
    file = archive.home / "kho.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('trees = ["sha512"]', 'trees = ["sha256"]'), encoding="utf-8")
    archive.reopen()
    done = archive.engine.evidence.batch()
    assert done["trees"] == ["sha256"]
    assert done["failures"][0].startswith("sha512: ")
    assert [each.kind for each in archive.engine.evidence.plan().rows if each.tree == "sha512"] == ["first stamp"]
    assert archive.engine.evidence.renew()["findings"]
    folder, _ = archive.proof(aip, "one")
    assert judged(folder, "sha256").valid
    file.write_text(text, encoding="utf-8")
    archive.reopen()
    assert archive.engine.evidence.renew()["renewed"]["first stamp"] == 1
    folder, _ = archive.proof(aip, "two")
    assert judged(folder, "sha512", at=timedelta(days=1)).trust is Believed.YES


def test_no_authority_makes_nothing_and_says_so(archive: Proved) -> None:
    archive.give("a")
    archive.no_authorities()
    done = archive.engine.evidence.batch()
    assert not done["batch"]
    assert done["failures"]


def test_no_batch_is_begun_under_a_signature_scheme_that_has_ended(archive: Proved) -> None:
    """RSA PKCS#1 v1.5 ends on 2029-01-01: the day before it may begin a batch, that day it may not, and another scheme may."""
    archive.no_authorities()
    archive.clock.pass_days((datetime(2028, 12, 31, tzinfo=UTC) - NOW).days)
    archive.authority("old", "sha256", "rsa-2048")
    archive.give("a")
    assert archive.engine.evidence.batch()["trees"] == ["sha256"]
    archive.clock.pass_days(2)
    archive.give("b")
    refused = archive.engine.evidence.batch()
    assert (refused["batch"], refused["trees"]) == ("", [])
    assert any("rsa-pkcs1v15" in each and "has ended" in each for each in (spoken(said, "en") for said in refused["failures"]))
    archive.authority("new", "sha512", "p384")
    done = archive.engine.evidence.batch()
    assert (done["trees"], done["leaves"]) == (["sha512"], 1)


def test_stamps_are_renewed_when_due_with_one_request_a_tree_and_not_twice(archive: Proved) -> None:
    aips = []
    for name in "abc":
        aips.append(archive.give(name))
        archive.engine.evidence.batch()
        archive.clock.pass_days(2)
    assert archive.engine.evidence.renew()["tokens"] == 0
    archive.clock.pass_days(9.6 * 365.25)
    archive.authority("three", "sha256")
    archive.authority("four", "sha512")
    done = archive.engine.evidence.renew()
    assert done["renewed"]["time-stamp renewal"] == 6
    assert done["tokens"] == 2
    assert not done["findings"]
    assert archive.engine.evidence.renew()["tokens"] == 0
    archive.clock.pass_days(365)
    for aip in aips:
        folder, _ = archive.proof(aip, aip[-6:])
        report = judged(folder, "sha256", at=timedelta(days=10.6 * 365.25))
        assert errors(report.findings) == []
        assert [each.kind for each in report.stamps] == ["initial", "time-stamp renewal"]
    archive.whole()


def test_two_trees_under_one_root_are_told_of_and_parted_by_the_next_renewal(archive: Proved) -> None:
    archive.no_authorities()
    root_key, begins = ec.generate_private_key(ec.SECP256R1()), archive.clock.now() - timedelta(days=1)
    for name in ("first", "second"):  # two authorities, each with a certificate of its own for the same root
        made = make_authority(
            name, key("p256"), clock=archive.clock, begins=begins, ends=begins + timedelta(days=1000), root_key=root_key
        )
        archive.name_authority(name, made, 'sha256", "sha512')
    aip = archive.give("a")
    assert archive.engine.evidence.batch()["trees"] == ["sha256", "sha512"]

    def told() -> list[str]:
        return [each.path for each in attention(archive.engine.archive) if each.code == "EVD-ONE-ROOT"]

    plan = archive.engine.evidence.plan()
    findings = [finding for each in plan.rows for finding in each.findings(plan.now) if finding.code == "EVD-ONE-ROOT"]
    assert [each.args["root"] for each in findings] == ["CN=first root"]
    assert told() == [plan.rows[0].batch]
    archive.clock.pass_days(700)
    for name in ("third", "fourth"):
        archive.authority(name, 'sha256", "sha512')
    plan = archive.engine.evidence.plan()
    again = [finding.weight for each in plan.rows for finding in each.findings(plan.now) if finding.code == "EVD-ONE-ROOT"]
    assert (findings[0].weight, again) == (Weight.WARNING, [Weight.INFO]), (
        "all that can be done was done: no warning of every day"
    )
    archive.clock.pass_days(200)
    assert archive.engine.evidence.renew()["renewed"]["time-stamp renewal"] == 2
    assert told() == []
    folder, _ = archive.proof(aip, "out")
    roots = {tree: judged(folder, tree, at=timedelta(days=1000)).stamps[-1].token.authority for tree in ("sha256", "sha512")}
    assert len(set(roots.values())) == 2, roots


def test_revocation_lists_are_collected_before_a_renewal_and_proved_with_the_token(archive: Proved) -> None:
    aip = archive.give("a")
    archive.no_authorities()
    root_key = ec.generate_private_key(ec.SECP256R1())
    lists: list[bytes] = []
    with served(lambda _: lists[0]) as crl_url:
        begins = archive.clock.now() - timedelta(days=1)
        made = make_authority(
            "listed",
            key("p256"),
            clock=archive.clock,
            begins=begins,
            ends=begins + timedelta(days=1000),
            root_key=root_key,
            crl_url=crl_url,
        )
        root = x509.load_der_x509_certificate(made.root)
        builder = x509.CertificateRevocationListBuilder().issuer_name(root.subject).last_update(begins)
        lists.append(builder.next_update(begins + timedelta(days=900)).sign(root_key, hashes.SHA256()).public_bytes(Encoding.PEM))
        archive.name_authority("listed", made, "sha256")
        archive.engine.evidence.batch()
        archive.clock.pass_days(950)
        archive.authority("next", "sha256")
        assert archive.engine.evidence.renew()["renewed"]["time-stamp renewal"] == 1
    folder, _ = archive.proof(aip, "out")
    found = (folder / "anchors" / "sha256-1-1.1.crl").read_bytes()
    assert x509.load_der_x509_crl(found).issuer == root.subject
    record = read_record((folder / "sha256.er").read_bytes())
    renewal = record.chains[0].stamps[1]
    assert renewal.groups is not None
    assert hashlib.sha256(found).digest() in renewal.groups[0]  # it existed when the renewal was made
    assert judged(folder, "sha256", at=timedelta(days=1200)).trust is Believed.YES


def test_a_renewal_that_fails_leaves_everything_as_it_was_and_names_what_came_too_late(archive: Proved) -> None:
    aip = archive.give("a")
    archive.engine.evidence.batch()
    archive.clock.pass_days(9.7 * 365.25)
    archive.no_authorities()
    done = archive.engine.evidence.renew()
    assert {code for code, _, _ in done["findings"]} == {"EVD-NOT-RENEWED"}
    rows = archive.engine.evidence.plan().rows
    found = {finding.code for each in rows for finding in each.findings(archive.clock.now())}
    assert found == {"EVD-NO-AUTHORITY", "EVD-DUE"}
    assert found <= {each.code for each in attention(archive.engine.archive)}
    archive.clock.pass_days(365)
    rows = archive.engine.evidence.plan().rows
    assert "EVD-LAPSED" in {finding.code for each in rows for finding in each.findings(archive.clock.now())}
    archive.authority("late", "sha256")
    archive.engine.evidence.renew()
    folder, exported = archive.proof(aip, "late")
    now = timedelta(days=10.8 * 365.25)
    assert exported.records == ["sha256-given-up.er", "sha512.er", "sha256.2.er"]
    for record in ("sha256-given-up", "sha512"):  # nothing that came late is made to look as if it had come in time
        assert "EVD-NOT-TRUSTED" in errors(judged(folder, record, at=now).findings)
    report = judged(folder, "sha256.2", at=now)
    assert (errors(report.findings), len(report.stamps)) == ([], 1)


ENDS = """version = 2
source = "test"
issued = "2027"
[hash]
sha256 = "{sha256}"
sha384 = ""
sha512 = ""
[signature]
ecdsa = [[256, ""]]
"""


def test_a_hash_that_ends_is_replaced_by_content_read_again_and_what_was_altered_is_named(archive: Proved) -> None:
    sound, spoiled, gone = archive.give("a"), archive.give("b"), archive.give("c")
    archive.engine.evidence.batch()
    (archive.home / "ends.toml").write_text(ENDS.format(sha256="2028-06-01"), encoding="utf-8")
    with (archive.home / "policy.toml").open("r+", encoding="utf-8") as file:
        text = file.read()
        file.seek(0)
        file.write(text.replace('lead = "180d"', 'lead = "180d"\nalgorithms = "ends.toml"'))
    archive.clock.pass_days(500)
    archive.authority("new", "sha256", hash_name="sha512")
    archive.authority("new2", "sha512", hash_name="sha512")  # the old ones sign with the hash that ends
    for name in archive.engine.archive.tiers:
        path = next(archive.object(spoiled, name).glob("v1/content/*/representations/*/data/**/1.bin"))
        path.chmod(0o644)
        path.write_bytes(b"altered")
        archive.tier(name).forget(ObjectId(gone))
    waits = archive.engine.evidence.renew()
    assert (waits["renewed"]["hash-tree renewal"], [code for code, _, _ in waits["findings"]]) == (0, ["EVD-RENEWAL-WAITS"])
    archive.clock.pass_days(30)  # and does not for ever: the others' proof must not end
    done = archive.engine.evidence.renew()
    assert done["renewed"]["hash-tree renewal"] == 1
    named = sorted(path for code, path, _ in done["findings"] if code == "EVD-NOT-READ-AGAIN")
    assert len(named) == 2
    assert f"{gone}/v1" in named
    assert any(each.startswith(spoiled) and each.endswith("1.bin") for each in named)
    folder, _ = archive.proof(sound, "sound")
    report = judged(folder, "sha256", at=timedelta(days=600))
    assert errors(report.findings) == []
    assert [(each.kind, each.hash) for each in report.stamps] == [("initial", "sha256"), ("hash-tree renewal", "sha384")]
    folder, exported = archive.proof(spoiled, "spoiled")
    assert [each.code for each in exported.findings] == ["EVD-DATA-MISSING", "EVD-NOT-FURTHER"]
    assert judged(folder, "sha256", at=timedelta(days=600)).trust is Believed.YES  # of what is left
    left = [each.args["count"] for each in attention(archive.engine.archive) if each.code == "EVD-LEFT-OUT"]
    assert left == [2]
    assert archive.engine.evidence.renew()["tokens"] == 0


def test_a_version_with_many_files_is_proved_by_a_list(archive: Proved) -> None:
    with (archive.home / "policy.toml").open("r+", encoding="utf-8") as file:
        text = file.read()
        file.seek(0)
        file.write(text.replace('lead = "180d"', 'lead = "180d"\ngroup = 4'))
    archive.reopen()
    aip = archive.give("many", {f"{number}.txt": str(number).encode() for number in range(20)})
    archive.engine.evidence.batch()
    folder, _ = archive.proof(aip, "out")
    lists = list((folder / "data" / "lists").iterdir())
    assert len(lists) == 1
    inventory = folder / "data" / "v1" / "inventory.json"
    assert judged(folder, "sha512", files=[inventory, lists[0]]).valid
    for line in lists[0].read_text(encoding="utf-8").splitlines():
        sha256, _, path = line.split(" ", 2)
        assert hashlib.sha256((folder / "data" / path).read_bytes()).hexdigest() == sha256


def test_evidence_survives_the_loss_of_the_catalog(archive: Proved) -> None:
    aip = archive.give("a")
    archive.engine.evidence.batch()
    archive.clock.pass_days(9.6 * 365.25)
    archive.authority("three", "sha256")
    archive.authority("four", "sha512")
    archive.engine.evidence.renew()
    before = archive.engine.evidence.plan()
    archive.lose_catalog()
    archive.engine.catalog.rebuild(progress=Silent())
    after = archive.engine.evidence.plan()
    assert [(each.batch, each.tree, each.due) for each in after.rows] == [
        (each.batch, each.tree, each.due) for each in before.rows
    ]
    assert (after.proved, after.waiting) == (1, 0)
    folder, _ = archive.proof(aip, "again")
    assert judged(folder, "sha512", at=timedelta(days=10 * 365.25)).trust is Believed.YES
    archive.whole()


def test_a_killed_process_loses_nothing_that_was_stamped(archive: Proved, monkeypatch: pytest.MonkeyPatch) -> None:
    aip = archive.give("a")

    def die(*_: object, **__: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(keeping, "_register", die)
        kept = archive.engine.archive
        make_batch(kept, authorities_by_tree(kept), Silent())
        with pytest.raises(KeyboardInterrupt):
            keeping.settle(kept, {})
    archive.reopen()
    done = archive.engine.evidence.batch()
    assert done["leaves"] == 0  # nothing twice
    assert done["pending"] == 0
    folder, _ = archive.proof(aip, "out")
    assert judged(folder, "sha256", at=timedelta(days=1)).trust is Believed.YES


def test_the_demo_authority_is_called_no_evidence_everywhere(tmp_path: Path, identifier: SharedIdentifier) -> None:
    archive = Proved(tmp_path, identifier)
    try:
        with (archive.home / "kho.toml").open("a", encoding="utf-8") as file:
            file.write('\n[[timestamps]]\nname = "demo"\nurl = "demo:"\n')
        archive.reopen()
        aip = archive.give("a")
        archive.engine.evidence.batch()
        folder, exported = archive.proof(aip, "out")
        assert {each.code for each in exported.findings} == {"EVD-DEMO"}
        assert "NOT EVIDENCE" in (folder / "README.txt").read_text(encoding="utf-8") or "KHÔNG PHẢI" in (
            folder / "README.txt"
        ).read_text(encoding="utf-8")
        assert "NOT EVIDENCE" in judged(folder, "sha256").stamps[0].token.authority
        found = {finding.code for each in archive.engine.evidence.plan().rows for finding in each.findings(NOW)}
        assert found == {"EVD-DEMO", "EVD-NO-AUTHORITY"}
        archive.authority("real", "sha256")  # and is replaced as soon as there is a real one
        assert archive.engine.evidence.renew()["renewed"]["first stamp"] == 1
        folder, _ = archive.proof(aip, "real")
        report = judged(folder, "sha256", at=timedelta(days=1))
        assert errors(report.findings) == []
        assert [each.kind for each in report.stamps] == ["initial"]
        assert report.trust is Believed.YES
        assert archive.engine.evidence.renew()["tokens"] == 0
        found = [finding for finding in archive.engine.evidence.plan().findings if finding.code == "EVD-DEMO"]
        assert [each.path.partition("/")[2] for each in found] == ["sha512"]
    finally:
        archive.end()


def test_days_of_the_ledger_are_proved_too(archive: Proved) -> None:
    archive.give("a")
    archive.clock.pass_days(1.5)
    archive.engine.ledger.update()
    done = archive.engine.evidence.batch()
    assert done["leaves"] == 2
    row = next(archive.catalog.evidence.batches())
    day = next(each for each in keeping.load(archive.engine.archive, row).leaves if each.id.startswith(DAYS))
    assert isinstance(day, Leaf)
    (head,) = objects_of(list(archive.engine.archive.tiers.values()), day.id, 1, day.inventory_sha512)
    assert head.path.endswith("/head.json")
    folder, _ = archive.proof(day.id, "day", 1)
    assert judged(folder, "sha256", at=timedelta(days=2)).trust is Believed.YES
