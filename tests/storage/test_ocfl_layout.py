"""Layouts against the examples of their specifications."""

from __future__ import annotations

import json

import pytest

from storage.ocfl.layout import EXTENSION, LAYOUT_FILES, HashedNTuple, mapping, object_path

LONG = "abcdefghij" * 26


@pytest.mark.parametrize(
    ("extension", "config", "object_id", "path"),
    [
        (EXTENSION, {}, "object-01", "3c0/ff4/240/3c0ff4240c1e116dba14c7627f2319b58aa3d77606d0d90dfc6161608ac987d4"),
        (EXTENSION, {}, "..hor/rib:le-$id", "487/326/d8c/487326d8c2a3c0b885e23da1469b4d6671fd4e76978924b4443e9e3c316cda6d"),
        (
            EXTENSION,
            {"digestAlgorithm": "md5", "tupleSize": 2, "numberOfTuples": 15, "shortObjectRoot": True},
            "object-01",
            "ff/75/53/44/92/48/5e/ab/b3/9f/86/35/67/28/88/4e",
        ),
        (
            EXTENSION,
            {"digestAlgorithm": "md5", "tupleSize": 0, "numberOfTuples": 0},
            "object-01",
            "ff75534492485eabb39f86356728884e",
        ),
        ("0002-flat-direct-storage-layout", {}, "..hor_rib:lé-$id", "..hor_rib:lé-$id"),
        ("0003-hash-and-id-n-tuple-storage-layout", {}, "object-01", "3c0/ff4/240/object-01"),
        ("0003-hash-and-id-n-tuple-storage-layout", {}, "..hor/rib:le-$id", "487/326/d8c/%2e%2ehor%2frib%3ale-%24id"),
        ("0006-flat-omit-prefix-storage-layout", {"delimiter": "edu/"}, "https://institution.edu/abc/edu/f8.05v", "f8.05v"),
        (
            "0007-n-tuple-omit-prefix-storage-layout",
            {"delimiter": ":", "tupleSize": 4, "numberOfTuples": 2, "zeroPadding": "left", "reverseObjectRoot": True},
            "namespace:12887296",
            "6927/8821/12887296",
        ),
        (
            "0007-n-tuple-omit-prefix-storage-layout",
            {"delimiter": "edu/", "tupleSize": 3, "numberOfTuples": 3, "zeroPadding": "right"},
            "https://institution.edu/abc/edu/f8.05v",
            "f8./05v/000/f8.05v",
        ),
    ],
)
def test_examples(extension: str, config: dict[str, object], object_id: str, path: str) -> None:
    rule = mapping(extension, config)
    assert rule is not None
    assert rule(object_id) == path


def test_a_long_id_is_cut_in_0003() -> None:
    rule = mapping("0003-hash-and-id-n-tuple-storage-layout", {})
    assert rule is not None
    folder = str(rule(LONG)).split("/")[-1]
    assert folder.startswith(LONG[:100] + "-")
    assert len(folder) == 165


@pytest.mark.parametrize("extension", ["0011-direct-clean-path-layout", "made-up"])
def test_a_layout_that_is_not_understood_says_nothing(extension: str) -> None:
    assert mapping(extension, {}) is None


@pytest.mark.parametrize(
    ("extension", "config"),
    [
        (EXTENSION, {"tupleSize": 33}),
        (EXTENSION, {"tupleSize": 0}),
        (EXTENSION, {"tupleSize": 32, "numberOfTuples": 32}),
        (EXTENSION, {"tupleSize": True}),
        (EXTENSION, {"digestAlgorithm": "crc"}),
        (EXTENSION, {"digestAlgorithm": {}}),
        (EXTENSION, {"tupleSize": 8, "numberOfTuples": 8, "shortObjectRoot": True}),
        ("0006-flat-omit-prefix-storage-layout", {}),
        ("0007-n-tuple-omit-prefix-storage-layout", {"zeroPadding": "middle"}),
        ("0007-n-tuple-omit-prefix-storage-layout", {"numberOfTuples": 0}),
    ],
)
def test_wrong_parameters(extension: str, config: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        mapping(extension, config)


def test_an_id_that_the_layout_cannot_hold() -> None:
    rule = mapping("0006-flat-omit-prefix-storage-layout", {"delimiter": ":"})
    assert rule is not None
    assert rule("nothing-after:") is None


def test_what_kho_writes_describes_itself() -> None:
    config = json.loads(LAYOUT_FILES[f"extensions/{EXTENSION}/config.json"])
    assert config["extensionName"] == EXTENSION
    rule = mapping(EXTENSION, config)
    assert rule is not None
    assert rule("urn:x:đất") == object_path("urn:x:đất") == HashedNTuple().path("urn:x:đất")
    assert json.loads(LAYOUT_FILES["ocfl_layout.json"])["extension"] == EXTENSION
