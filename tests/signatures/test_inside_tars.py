"""Tars that are looked into: what a signature in one is over lies beside it there; one that is made to harm is told."""

from __future__ import annotations

import gzip
import io
import tarfile
import time
from pathlib import Path

import pytest

from signatures.report import Integrity
from tests.hostile_tars import END, HOSTILE, header, padded
from tests.packed import tarred
from tests.signatures.test_inside import found, pki
from tests.signatures.test_inside_archives import signed
from tests.signatures.xml_signing import detached

GOOD, BAD, UNSURE = Integrity.INTACT, Integrity.BROKEN, Integrity.UNKNOWN


@pytest.mark.parametrize("form", HOSTILE)
def test_hostile_headers_are_told(tmp_path: Path, form: str) -> None:
    start = time.process_time()
    assert [each for _, each in found(tmp_path, HOSTILE[form], "x.tar")] == [UNSURE]
    assert [each for _, each in found(tmp_path, gzip.compress(HOSTILE[form], 1), "x.tar.gz")] == [UNSURE]
    assert time.process_time() - start < 2


def test_what_is_found_before_the_damage_is_judged(tmp_path: Path) -> None:
    der = signed()
    tar = header("a.p7m", len(der)) + padded(der) + HOSTILE["digits"]
    assert [each for _, each in found(tmp_path, tar, "x.tar")] == [GOOD]


@pytest.mark.parametrize("form", ["w", "w:gz", "w:bz2", "w:xz"])
def test_what_a_member_signs_lies_beside_it(tmp_path: Path, form: str) -> None:
    files = {"a.txt": b"cong van"}
    members = {
        "b/a.txt.p7s": pki().sign_cms(b"cong van"),
        "b/c.xml": detached(pki(), files),
        "b/a.txt": b"cong van",
        "a.txt": b"x",
    }
    assert [each for _, each in found(tmp_path, tarred(members, form))] == [GOOD, GOOD]
    assert [each for _, each in found(tmp_path, tarred(members | {"b/a.txt": b"cong va!"}, form))] == [BAD, BAD]
    del members["b/a.txt"]
    assert [each for _, each in found(tmp_path, tarred(members, form))] == [UNSURE, UNSURE]


def test_of_two_files_of_one_name_nobody_knows_which_is_signed(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in (("a.txt", b"cong van"), ("a.txt", b"cong va!"), ("a.txt.p7s", pki().sign_cms(b"cong van"))):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    assert [each for _, each in found(tmp_path, out.getvalue())] == [UNSURE]


def test_a_member_with_a_long_name_is_found_by_it(tmp_path: Path) -> None:
    name = "Thư mục/" * 30 + "Công văn.txt"
    members = {name + ".p7s": pki().sign_cms(b"cong van"), name: b"cong van"}
    assert [each for _, each in found(tmp_path, tarred(members))] == [GOOD]


def test_a_member_of_a_kind_that_nobody_knows_is_a_file(tmp_path: Path) -> None:
    der = signed()
    tar = header("a.p7m", len(der), b"Z") + padded(der) + END
    assert [each for _, each in found(tmp_path, tar, "x.tar")] == [GOOD]
