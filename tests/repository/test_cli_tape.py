"""``kho tape`` as a person types it, against a virtual library; its JSON as docs/cli.md promises."""

from __future__ import annotations

from pathlib import Path

from kho_inside import ArchiveInside as Archive
from test_cli_corridor import Said, agrees, shapes

from tests.builders_archive import write_tree
from tests.storage.tape.target import needs_target, running

pytestmark = needs_target

ONE, TWO = "LPD001L8", "LPD002L8"


def as_promised(said: Said, kind: str, shape: str = "", code: int = 0) -> None:
    assert said.code == code, said.err
    promised = dict(shapes())
    wanted = {**promised[shape or kind], "kind": kind}
    if wanted.get("volume") == "as in tape_inventory":
        wanted["volume"] = promised["tape_inventory"]["tiers"][0]["volumes"][0]
    assert agrees(wanted, said.json) == []
    assert said.json["kind"] == kind


def test_a_volume_from_its_label_to_its_successor(tmp_path: Path) -> None:
    with running({ONE: 64, TWO: 64}) as target:
        archive = Archive(tmp_path)
        assert archive.kho("init", "--tier", f"a={tmp_path / 'a'}").code == 0
        assert archive.kho("tape", "inventory").code in (1, 2)  # there is no tape tier
        section = f'\n[[tiers]]\nname = "t"\nkind = "tape"\nchanger = "{target.changer}"\ndrives = {list(target.drives)}\n'
        with open(archive.home / "kho.toml", "a", encoding="utf-8") as file:
            file.write(section.replace("'", '"'))
        policy = archive.home / "policy.toml"
        text = policy.read_text(encoding="utf-8")
        policy.write_text(text.replace('tiers = ["a"]', 'tiers = ["a", "t"]').replace("need = 1", "need = 2"), encoding="utf-8")
        early = archive.kho("tape", "inventory", "--json")
        as_promised(early, "tape_inventory")  # a library may be looked at before its first cartridge is labelled
        assert early.json["tiers"][0]["volumes"] == []
        assert ONE in {each["barcode"] for each in early.json["tiers"][0]["elements"]}
        assert archive.kho("tape", "label", "CLN001L1").code == 1
        assert archive.kho("tape", "label", ONE, "--made", "yesterday").code == 2
        assert archive.kho("tape", "label", ONE, "--capacity", "big").code == 2
        labelled = archive.kho("tape", "label", ONE, "--made", "1996-12-31", "--capacity", "64MiB", "--json")
        as_promised(labelled, "tape_label")
        assert (labelled.json["volume"]["replace_by"], labelled.json["volume"]["capacity"]) == ("2026-12-31", 64 << 20)
        assert 'uuid = "' in (archive.home / "kho.toml").read_text().partition('name = "t"')[2]
        package = write_tree(tmp_path / "in", {"b\u00e1o c\u00e1o.txt": b"x" * 4_000})
        assert archive.kho("deposit", package).code == 0
        listed = archive.kho("tape", "inventory", "--json")
        as_promised(listed, "tape_inventory")
        assert [each["code"] for each in listed.json["findings"]] == ["TAPE-REPLACE"]
        shown = archive.kho("tape", "show", ONE, "--json")
        as_promised(shown, "tape_show")
        assert [each["kind"] for each in shown.json["bundles"]] == ["V", "B"]
        assert ONE in archive.kho("tape", "show", ONE, language="vi").out
        as_promised(archive.kho("tape", "export", ONE, "--location", "giá 14", "--json"), "tape_export", "tape_label")
        assert "giá 14" in archive.kho("tape", "inventory").out
        as_promised(archive.kho("tape", "import", ONE, "--json"), "tape_import", "tape_label")
        as_promised(archive.kho("tape", "label", TWO, "--json"), "tape_label")
        refreshed = archive.kho("tape", "refresh", ONE, "--json")
        as_promised(refreshed, "tape_refresh", "tape_recover")
        assert (refreshed.json["bundles"], refreshed.json["aips"]) == (1, 1)
        assert archive.kho("audit", "--all").code == 0
        recovered = archive.kho("tape", "recover", TWO, "--tier", "t", "--json")
        as_promised(recovered, "tape_recover")
        assert recovered.json["aips"] == 1
        as_promised(archive.kho("tape", "lost", ONE, "--json"), "tape_lost", "tape_label")
        assert archive.kho("tape", "show", "LPD099L8").code == 1
