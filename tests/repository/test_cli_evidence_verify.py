"""`kho evidence verify` over a package of TR-ESOR with several records: every one is verified and told, and one bad one is enough."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from repository.cli.run import run
from tests.signatures.authorities import authority
from tests.signatures.cms_attributes import record_over
from tests.signatures.evidence_builder import stamped
from tests.signatures.test_xaip import MANIFEST, META, NS, encoded, package, record
from tests.signatures.xmlers_builder import c14n


def several(*records: bytes) -> bytes:
    """A package with more records beside its own, named E1, E2 and so on."""
    more = "".join(
        f'<x:credential xmlns:x="{NS}" credentialID="E{number}"><x:evidenceRecord AOID="A" VersionID="V1"><x:asn1EvidenceRecord>'
        f"{encoded(each)}</x:asn1EvidenceRecord></x:evidenceRecord></x:credential>"
        for number, each in enumerate(records, 1)
    )
    return package().replace(b"</x:credentialsSection>", f"{more}</x:credentialsSection>".encode())


def kho(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = run(["evidence", "verify", *arguments])
    return code, capsys.readouterr().out


def test_each_record_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "goi.xml"
    path.write_bytes(several(record(), record()))
    code, out = kho(capsys, str(path), "--json")
    told = json.loads(out)
    assert (code, told["valid"]) == (0, True)
    assert [(each["name"], each["valid"], len(each["stamps"])) for each in told["records"]] == [
        ("E", True, 1),
        ("E1", True, 1),
        ("E2", True, 1),
    ]
    code, out = kho(capsys, str(path))
    assert code == 0
    assert all(f"({name})" in out for name in ("E", "E1", "E2"))


def test_one_that_proves_nothing_is_enough(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = record_over(partial(stamped, authority(), "sha256"), b"other", c14n(META), c14n(MANIFEST))
    path = tmp_path / "goi.xml"
    path.write_bytes(several(other, record()))
    code, out = kho(capsys, str(path), "--json")
    told = json.loads(out)
    assert (code, told["valid"]) == (4, False)
    assert [(each["name"], each["valid"]) for each in told["records"]] == [("E", True), ("E1", False), ("E2", True)]


def test_a_record_alone_has_no_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "goi.xml"
    path.write_bytes(package())
    code, out = kho(capsys, str(path), "--json")
    assert (code, json.loads(out)["records"]) == (0, [])
