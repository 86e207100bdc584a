"""Fonts: embedded, and described so that every reader shows the same (ISO 19005-1 6.3, ISO 19005-2 6.2.11)."""

from __future__ import annotations

import re
from typing import Any

import pikepdf

from formats.validate.pdfa.subject import Subject, dictionaries, name

__all__ = ["check_fonts"]

PROGRAMS = ("/FontFile", "/FontFile2", "/FontFile3")
SIMPLE = {"Type1", "MMType1", "TrueType"}
DESCENDANT = {"CIDFontType0", "CIDFontType2"}
KNOWN = SIMPLE | DESCENDANT | {"Type0", "Type3"}
SYMBOLIC, NONSYMBOLIC = 4, 32
LARGEST_CID = 65_535
PREDEFINED_CMAPS = (
    {"Identity-H", "Identity-V"}
    | {
        f"{each}-{way}"
        for way in "HV"
        for each in (
            *("GB-EUC", "GBpc-EUC", "GBK-EUC", "GBKp-EUC", "GBK2K", "UniGB-UCS2", "UniGB-UTF16", "B5pc", "HKscs-B5", "ETen-B5"),
            *(
                "ETenms-B5",
                "CNS-EUC",
                "UniCNS-UCS2",
                "UniCNS-UTF16",
                "83pv-RKSJ",
                "90ms-RKSJ",
                "90msp-RKSJ",
                "90pv-RKSJ",
                "Add-RKSJ",
            ),
            *(
                "EUC",
                "Ext-RKSJ",
                "UniJIS-UCS2",
                "UniJIS-UCS2-HW",
                "UniJIS-UTF16",
                "KSC-EUC",
                "KSCms-UHC",
                "KSCms-UHC-HW",
                "KSCpc-EUC",
            ),
            *("UniKS-UCS2", "UniKS-UTF16"),
        )
    }
    | {"H", "V"}
)
SIMPLE_ENCODINGS = {"MacRomanEncoding", "WinAnsiEncoding"}
CFF_KINDS = {"Type1C", "CIDFontType0C", "OpenType"}


def check_fonts(subject: Subject, shown: set[tuple[int, int]]) -> None:
    """``shown`` are the font objects that show text visibly; a font that only stands in resources need not be embedded."""
    for each in dictionaries(subject.pdf):
        if name(each.get("/Type")) != "Font" or not each.is_indirect:
            continue
        kind = name(each.get("/Subtype"))
        if kind not in KNOWN:
            subject.add(("6.3.2", "6.2.11.2"), f"there is no font of the type {kind or 'none'}")
            continue
        if kind == "Type0":
            _composite(subject, each, visible=each.objgen in shown)
        elif kind in SIMPLE:
            _embedded(subject, each, visible=each.objgen in shown)
            if kind == "TrueType":
                _true_type(subject, each)


def _descriptor(font: Any) -> Any:
    descriptor = font.get("/FontDescriptor")
    return descriptor if isinstance(descriptor, pikepdf.Dictionary) else pikepdf.Dictionary()


def _embedded(subject: Subject, font: Any, *, visible: bool) -> None:
    descriptor = _descriptor(font)
    called = str(font.get("/BaseFont", "?"))[1:]
    if visible and not any(program in descriptor for program in PROGRAMS):
        subject.add(("6.3.4", "6.2.11.4.1"), f"the font {called} is not embedded")
    program = descriptor.get("/FontFile3")
    if isinstance(program, pikepdf.Stream) and name(program.get("/Subtype")) not in CFF_KINDS:
        subject.add(("6.3.2", "6.2.11.2"), f"the program of the font {called} is of no known kind")
    if "/BaseFont" not in font:
        subject.add(("6.3.2", "6.2.11.2"), "a font has no name (BaseFont)")
    if name(font.get("/Subtype")) in SIMPLE and visible:
        for key in ("/FirstChar", "/LastChar", "/Widths"):
            if key not in font and called not in STANDARD:
                subject.add(("6.3.2", "6.2.11.2"), f"the font {called} has no {key[1:]}")
    if subject.part == 1 and "+" in called[:7]:
        _subset(subject, font, descriptor, called)


STANDARD = {
    *("Courier", "Courier-Bold", "Courier-Oblique", "Courier-BoldOblique", "Helvetica", "Helvetica-Bold", "Helvetica-Oblique"),
    *("Helvetica-BoldOblique", "Times-Roman", "Times-Bold", "Times-Italic", "Times-BoldItalic", "Symbol", "ZapfDingbats"),
}


def _subset(subject: Subject, font: Any, descriptor: Any, called: str) -> None:
    kind = name(font.get("/Subtype"))
    if kind in ("Type1", "MMType1") and "/CharSet" not in descriptor:
        subject.add(("6.3.5", ""), f"the subset {called} does not list its characters (CharSet)")
    if kind in DESCENDANT and "/CIDSet" not in descriptor:
        subject.add(("6.3.5", ""), f"the subset {called} does not list its characters (CIDSet)")


def _true_type(subject: Subject, font: Any) -> None:
    clause = ("6.3.7", "6.2.11.6")
    flags = int(_descriptor(font).get("/Flags", 0))
    encoding = font.get("/Encoding")
    called = str(font.get("/BaseFont", "?"))[1:]
    base = name(encoding) or (name(encoding.get("/BaseEncoding")) if isinstance(encoding, pikepdf.Dictionary) else "")
    if flags & NONSYMBOLIC and not flags & SYMBOLIC and base not in SIMPLE_ENCODINGS:
        subject.add(clause, f"the TrueType font {called} is not symbolic and has neither of the two encodings")
    if flags & SYMBOLIC and encoding is not None:
        subject.add(clause, f"the TrueType font {called} is symbolic and has an encoding")


def _composite(subject: Subject, font: Any, *, visible: bool) -> None:
    descendants = font.get("/DescendantFonts")
    below = descendants[0] if isinstance(descendants, pikepdf.Array) and len(descendants) else None
    if not isinstance(below, pikepdf.Dictionary):
        subject.add(("6.3.2", "6.2.11.2"), "a composite font has no descendant")
        return
    _embedded(subject, below, visible=visible)
    encoding = font.get("/Encoding")
    embedded = any(program in _descriptor(below) for program in PROGRAMS)
    mapping = below.get("/CIDToGIDMap")
    mapped = isinstance(mapping, pikepdf.Stream) or name(mapping) == "Identity"
    if name(below.get("/Subtype")) == "CIDFontType2" and embedded and not mapped:
        subject.add(("6.3.3.2", "6.2.11.3.2"), "a CIDFontType2 has no CIDToGIDMap")
    if isinstance(encoding, pikepdf.Name):
        if name(encoding) not in PREDEFINED_CMAPS:
            subject.add(("6.3.3.3", "6.2.11.3.3"), f"the CMap {encoding} is neither predefined nor embedded")
    elif isinstance(encoding, pikepdf.Stream):
        _cmap(subject, encoding, below)


def _cmap(subject: Subject, cmap: Any, below: Any) -> None:
    written = cmap.read_bytes()
    mode = re.search(rb"/WMode\s+(\d)\s+def", written)
    if int(cmap.get("/WMode", 0)) != (int(mode[1]) if mode else 0):
        subject.add(("6.3.3.3", "6.2.11.3.3"), "the writing mode of a CMap is not the one in its program")
    for block in re.findall(rb"begincid(?:range|char)(.*?)endcid", written, re.DOTALL):
        if any(int(number) > LARGEST_CID for number in re.findall(rb">\s*(\d+)", block)):
            subject.add(("6.1.12", "6.1.13"), f"a CMap gives a CID above {LARGEST_CID}")
    other = cmap.get("/UseCMap")
    if isinstance(other, pikepdf.Name) and name(other) not in PREDEFINED_CMAPS:
        subject.add(("6.3.3.3", "6.2.11.3.3"), f"a CMap uses {other}, which is not predefined")
    ours, theirs = cmap.get("/CIDSystemInfo"), below.get("/CIDSystemInfo")
    if isinstance(ours, pikepdf.Dictionary) and isinstance(theirs, pikepdf.Dictionary):
        for key in ("/Registry", "/Ordering"):
            if str(ours.get(key, "")) != str(theirs.get(key, "")):
                subject.add(("6.3.3.1", "6.2.11.3.1"), "CMap and font are of different character collections")
