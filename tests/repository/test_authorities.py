"""Time-stamp authorities as kho.toml names them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from repository.settings.authorities import authorities_of
from repository.settings.home import Settings, SettingsError, init_home
from signatures.errors import AuthoritySettings
from signatures.timestamps import stamp
from tests.signatures.authorities import NOW, authority, issuing, served


def settings(home: Path, section: str) -> Settings:
    init_home(home)
    with (home / "kho.toml").open("a", encoding="utf-8") as file:
        file.write(section)
    return Settings.load(home)


def test_an_authority_is_asked_as_kho_toml_says(tmp_path: Path) -> None:
    known = authority("Named")
    pem = x509.load_der_x509_certificate(issuing(known).root).public_bytes(Encoding.PEM)
    with served(known.client.answer) as url:
        section = f'\n[[timestamps]]\nname = "n"\nurl = "{url}"\nanchors = ["trust"]\nprivate = true\ntrees = ["sha512"]\n'
        loaded = settings(tmp_path, section)
        (tmp_path / "trust").mkdir()
        (tmp_path / "trust" / "root.pem").write_bytes(pem)
        (found,) = authorities_of(tmp_path, loaded.authorities, lambda: NOW)
        stamped = stamp([found], "sha512", hashlib.sha512(b"x").digest(), now=NOW)
    assert stamped.token.authority == "CN=TSA Named"
    assert found.evidence
    assert found.trees == ("sha512",)


def test_the_demo_authority_is_no_evidence(tmp_path: Path) -> None:
    loaded = settings(tmp_path, '\n[[timestamps]]\nname = "demo"\nurl = "demo:"\n')
    (found,) = authorities_of(tmp_path, loaded.authorities, lambda: NOW)
    assert not found.evidence
    assert "NOT EVIDENCE" in stamp([found], "sha256", bytes(32), now=NOW).token.authority


@pytest.mark.parametrize(
    "wrong",
    [
        'url = "ftp://x"\nanchors = ["a"]',
        'url = "http://x"',
        'url = "demo:"\ntrees = ["md5"]',
        'url = "demo:"\ntrees = []',
        'url = "demo:"\npolicy = "one"',
        'url = "demo:"\nunknown = 1',
        'url = "demo:"\n[[timestamps]]\nname = "n"\nurl = "demo:"',
    ],
)
def test_what_cannot_be_meant_is_refused(wrong: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        settings(tmp_path, f'\n[[timestamps]]\nname = "n"\n{wrong}\n')


def test_anchors_that_are_not_there_are_told(tmp_path: Path) -> None:
    loaded = settings(tmp_path, '\n[[timestamps]]\nname = "n"\nurl = "http://x.example"\nanchors = ["gone.pem"]\n')
    with pytest.raises(AuthoritySettings, match=r"gone\.pem"):
        authorities_of(tmp_path, loaded.authorities, lambda: NOW)
