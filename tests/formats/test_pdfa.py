"""Kho's own checks of PDF/A: a rule is held against what it is about, and nothing else. (The corpora are in tests/conformance.)"""

from __future__ import annotations

from pathlib import Path

import pikepdf
import pytest
from pikepdf import Dictionary, Name

from formats.validate.pdfa import check_pdfa

TRANSFER = "a graphics state has a transfer function (TR)"


def words(path: Path, part: int = 2) -> list[str]:
    with pikepdf.open(path) as document:
        return [defect.words for defect in check_pdfa(path, document, part)]


def test_a_row_of_a_table_and_a_soft_mask_are_no_graphics_states(tmp_path: Path) -> None:
    """LibreOffice names the roles of every table in the map of roles: Table, TR, TD."""
    path = tmp_path / "a.pdf"
    with pikepdf.new() as document:
        document.add_blank_page()
        document.Root.StructTreeRoot = document.make_indirect(
            Dictionary(Type=Name.StructTreeRoot, RoleMap=Dictionary(TR=Name.TR, TD=Name.TD))
        )
        mask = Dictionary(S=Name.Luminosity, TR=Name.Identity, G=document.make_stream(b"", Type=Name.XObject, Subtype=Name.Form))
        state = Dictionary(Type=Name.ExtGState, SMask=document.make_indirect(mask))
        document.pages[0].obj.Resources = Dictionary(ExtGState=Dictionary(G=state))
        document.save(path)
    assert TRANSFER not in words(path)


@pytest.mark.parametrize("place", ["resources", "pattern", "object"])
def test_a_transfer_function_is_found_wherever_the_state_stands(place: str, tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    with pikepdf.new() as document:
        document.add_blank_page()
        state = Dictionary(TR=Name.Identity)
        match place:
            case "resources":
                document.pages[0].obj.Resources = Dictionary(ExtGState=Dictionary(G=state))
            case "pattern":
                document.Root.Kept = document.make_indirect(Dictionary(PatternType=2, ExtGState=state))
            case _:
                document.Root.Kept = document.make_indirect(Dictionary(Type=Name.ExtGState, TR=Name.Identity))
        document.save(path)
    assert TRANSFER in words(path)
