"""The text files of a bag: the declaration, lines in any encoding, manifest and fetch lines, metadata elements (RFC 8493 §2)."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from formats.package.source import Source
from policies.findings import Findings
from policies.phrases import phrase

__all__ = ["VERSIONS", "Declaration", "Line", "decoded_paths", "manifest_line", "read_declaration", "read_elements", "read_lines"]

VERSIONS: Final = ((0, 93), (0, 94), (0, 95), (0, 96), (0, 97), (1, 0))
"""Every version of the specification that was published since the format had its present shape."""

DECLARATION_BYTES: Final = 65_536
"""A bag declaration has two short lines; what is longer is none."""

LINE_CHARACTERS: Final = 1 << 20
"""Longest line that is read: paths have no limit in the RFC, but memory has."""

ELEMENTS: Final = 10_000
"""Lines read from one bag-info.txt; people write a dozen."""

_NOT_TEXT = frozenset(
    {"unicode_escape", "raw_unicode_escape", "unicode-escape", "raw-unicode-escape", "idna", "punycode", "undefined"}
)
_LOOSE = re.compile(r"(bagit-version|tag-file-character-encoding)\s*:\s*(.*?)\s*", re.IGNORECASE)
_STRICT = re.compile(r"(BagIt-Version|Tag-File-Character-Encoding): (\S.*\S|\S)", re.IGNORECASE)
_MANIFEST = re.compile(r"(\\?)([^ \t\\]+)[ \t]+(.+)", re.DOTALL)
_SPECIAL = re.compile(r"%(0[aAdD]|25)")
_UNDECODED = re.compile("[\udc80-\udcff]")
_LINE_ENDS = re.compile(r"%(0[aAdD])")


@dataclass(frozen=True, slots=True)
class Declaration:
    """What bagit.txt says. Where it says nothing sound, the error is reported and 0.97 and UTF-8 are assumed."""

    version: tuple[int, int] = (0, 97)
    encoding: str = "utf-8"

    @property
    def strict(self) -> bool:
        """Version 1.0 or later: RFC 8493 itself, without the tolerance asked for older bags."""
        return self.version >= (1, 0)


def read_declaration(source: Source, findings: Findings) -> Declaration:
    """bagit.txt (RFC 8493 §2.1.1). Raises CouldNotRead."""
    try:
        with source.open(b"bagit.txt") as stream:
            data = stream.read(DECLARATION_BYTES + 1)
    except KeyError:
        findings.add("BAG-DECLARATION-MISSING")
        return Declaration()
    if data.startswith(codecs.BOM_UTF8):
        findings.add("BAG-BOM", "bagit.txt")
        data = data.removeprefix(codecs.BOM_UTF8)
    if len(data) > DECLARATION_BYTES:
        findings.add("BAG-DECLARATION", reason=phrase("bag-too-long"))
    lines = re.split("\r\n|\r|\n", data[:DECLARATION_BYTES].decode("utf-8", "replace"))
    return _declared(lines[:-1] if lines[-1] == "" else lines, findings)


def _declared(lines: list[str], findings: Findings) -> Declaration:
    values: dict[str, str] = {}
    for line in lines:
        if match := _LOOSE.fullmatch(line):
            values.setdefault(match[1].lower(), match[2])
    version = _version(values.get("bagit-version"), findings)
    encoding = _encoding(values.get("tag-file-character-encoding"), findings)
    declaration = Declaration(version, encoding)
    labels = [match[1] for line in lines if (match := _STRICT.fullmatch(line))]
    if labels != ["BagIt-Version", "Tag-File-Character-Encoding"] or len(lines) != 2:
        # Only the case of a label: the RFC itself writes "BagIt-version" in its examples (§4).
        near = len(lines) == 2 and [label.lower() for label in labels] == ["bagit-version", "tag-file-character-encoding"]
        findings.add("BAG-DECLARATION-FORM" if declaration.strict and not near else "BAG-DECLARATION-LOOSE")
    return declaration


def _version(text: str | None, findings: Findings) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]{1,9})\.([0-9]{1,9})", text or "", re.ASCII)
    if match is not None and (version := (int(match[1]), int(match[2]))) in VERSIONS and match[0] == f"{version[0]}.{version[1]}":
        return version
    findings.add("BAG-VERSION", version=text or "")
    # A later version is held against the newest rules we know.
    return (1, 0) if match is not None and int(match[1]) >= 1 else (0, 97)


def _encoding(text: str | None, findings: Findings) -> str:
    if text is None:
        findings.add("BAG-DECLARATION", reason=phrase("bag-no-encoding"))
        return "utf-8"
    try:
        codec = codecs.lookup(text)
        "".encode(codec.name)  # binary codecs ("hex") have no encoding of text
    except (LookupError, ValueError):
        codec = None
    if codec is None or codec.name in _NOT_TEXT:
        findings.add("BAG-ENCODING-UNKNOWN", encoding=text)
        return "utf-8"
    return codec.name


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a tag file, without its end."""

    number: int
    text: str


def read_lines(source: Source, name: bytes, declaration: Declaration, findings: Findings) -> Iterator[Line]:
    """The lines of a tag file in the declared encoding, ended by LF, CR or CRLF (RFC 8493 §2.3); empty lines are left out.

    Bytes that the encoding does not know come as surrogate escapes and a finding. Raises KeyError, CouldNotRead.
    """
    shown = name.decode("utf-8", "backslashreplace")
    with source.open(name) as stream:
        text = io.TextIOWrapper(stream, _codec(stream, shown, declaration, findings), "surrogateescape", newline=None)
        try:
            yield from _lines(text, shown, findings)
        except UnicodeDecodeError:
            findings.add("BAG-TEXT-ENCODING", shown, encoding=declaration.encoding)


def _codec(stream: BinaryIO, shown: str, declaration: Declaration, findings: Findings) -> str:
    """The decoder for this stream, placed after a byte-order mark that must not be there."""
    start = stream.read(3)
    if declaration.encoding == "utf-8" and start == codecs.BOM_UTF8:
        findings.add("BAG-BOM" if declaration.strict else "BAG-BOM-LEGACY", shown)
        return "utf-8"
    stream.seek(0)
    if declaration.encoding == "utf-16" and start[:2] not in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16-be"  # RFC 2781 §4.3
    return declaration.encoding


def _lines(text: io.TextIOWrapper, shown: str, findings: Findings) -> Iterator[Line]:
    number, undecodable = 0, False
    while line := text.readline(LINE_CHARACTERS):
        number += 1
        if len(line) == LINE_CHARACTERS and not line.endswith("\n"):
            findings.add("BAG-LINE", shown, line=number)
            return
        if not undecodable and _UNDECODED.search(line):
            undecodable = True
            findings.add("BAG-TEXT-ENCODING", shown, encoding=text.encoding)
        if line.strip():
            yield Line(number, line.removesuffix("\n"))


def manifest_line(text: str) -> tuple[str, str, bool] | None:
    """(checksum, path, whether md5sum escaped the path) of a manifest line; None when it has not that form."""
    match = _MANIFEST.fullmatch(text)
    if match is None:
        return None
    if match[1]:
        return match[2], re.sub(r"\\([\\nr])", lambda m: {"\\": "\\", "n": "\n", "r": "\r"}[m[1]], match[3]), True
    return match[2], match[3], False


def decoded_paths(text: str, *, strict: bool) -> list[str]:
    """What a path in a manifest or fetch.txt may mean, likeliest first.

    Since 1.0 CR, LF and "%" are percent-encoded and nothing else is; before, only CR and LF were, and most
    tools wrote all names as they are.
    """
    if "%" not in text:
        return [text]
    full = _SPECIAL.sub(_character, text)
    meanings = [full, text] if strict else [_LINE_ENDS.sub(_character, text), text, full]
    return list(dict.fromkeys(meanings))


def _character(match: re.Match[str]) -> str:
    return chr(int(match[1], 16))


def read_elements(source: Source, name: bytes, declaration: Declaration, findings: Findings) -> list[tuple[str, str]]:
    """The (label, value) pairs of bag-info.txt in their order, folded lines joined by a space (RFC 8493 §2.2.2).

    Raises KeyError, CouldNotRead.
    """
    shown = name.decode("utf-8", "backslashreplace")
    elements: list[tuple[str, str]] = []
    for line in read_lines(source, name, declaration, findings):
        if line.number > ELEMENTS:
            findings.add("BAG-INFO-MANY", shown, limit=ELEMENTS)
            break
        if line.text[0] in " \t" and elements:
            label, value = elements[-1]
            elements[-1] = (label, f"{value} {line.text.strip()}".strip())
            continue
        label, colon, value = line.text.partition(":")
        if not colon or not label.strip():
            findings.add("BAG-INFO-LINE", shown, line=line.number)
            continue
        if declaration.strict:
            _check_spaces(label, value, shown, line.number, findings)
        elements.append((label.strip(), value.strip()))
    return elements


def _check_spaces(label: str, value: str, shown: str, number: int, findings: Findings) -> None:
    if label != label.strip() or (value and value[0] not in " \t"):
        findings.add("BAG-INFO-SPACE", shown, line=number)
    elif not value.strip() or value[1:] != value.strip():
        findings.add("BAG-INFO-LOOSE", shown, line=number)
