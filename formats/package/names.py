"""Names as received (bytes) and names as stored (text that OCFL, METS and XML can carry), and what is odd about names.

A name as received is never changed. Its stored form is the same text whenever that is possible: every segment is valid UTF-8,
has no control character (C0, DEL, C1) and no U+FFFE or U+FFFF (XML 1.0 §2.2), and is none of "", "." and "..". Any other segment
is written as `MARK` followed by the segment in which each offending byte, and each "%", stands as "%XX". A segment that begins
with `MARK` is escaped too, so two names never get one stored form, and `received_name` gives the bytes back without any table.
"""

from __future__ import annotations

import functools
import re
import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Final
from urllib.parse import unquote_to_bytes

from policies.findings import Findings
from policies.phrases import OPEN

__all__ = ["MARK", "check_names", "folded_name", "received_name", "shown_name", "stored_name", "told_name", "twin_names"]

MARK: Final = "%~"
"""Begins every escaped segment. No percent-encoding begins with it, and hardly any file name does."""

SEGMENT_BYTES: Final = 255
"""Longest file name of ext4, XFS and NTFS (there in UTF-16 units). An archive may carry longer ones; OCFL stores them."""

SYSTEM_FILES: Final = frozenset(
    {b".ds_store", b"thumbs.db", b"desktop.ini", b"ehthumbs.db", b".spotlight-v100", b".trashes", b".fseventsd"}
)
"""Files that operating systems leave behind, in lower case. They are kept: deleting them breaks manifests."""

_ILLEGAL = re.compile("[\x00-\x1f\x7f-\x9f\ufffe\uffff]")
_ESCAPED = re.compile("[%\x00-\x1f\x7f-\x9f\ufffe\uffff\udc80-\udcff]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_RESERVED = re.compile(rb"(?:con|prn|aux|nul|com[1-9]|lpt[1-9])(?:\..*)?", re.IGNORECASE | re.DOTALL)
_UNPORTABLE = re.compile(rb'[<>:"\\|?*]')
_PLAIN = re.compile(rb"[A-Za-z0-9_\-][A-Za-z0-9_\-.]*[A-Za-z0-9_\-]|[A-Za-z0-9_\-]")


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogateescape"))


def _stored_segment(text: str) -> str:
    legal = text not in ("", ".", "..") and not text.startswith(MARK)
    if legal and not _ILLEGAL.search(text) and not any("\udc80" <= each <= "\udcff" for each in text):
        return text
    if text in (".", ".."):
        return MARK + text.replace(".", "%2E")
    return MARK + _ESCAPED.sub(_percent, text)


def stored_name(raw: bytes) -> str:
    """The logical path for a name as received: see the module. Total, injective, and undone by `received_name`."""
    text = raw.decode("utf-8", "surrogateescape")
    return "/".join(map(_stored_segment, text.split("/")))


def received_name(stored: str) -> bytes:
    """The bytes that `stored_name` was given."""
    segments = (
        unquote_to_bytes(segment.removeprefix(MARK)) if segment.startswith(MARK) else segment.encode()
        for segment in stored.split("/")
    )
    return b"/".join(segments)


def shown_name(raw: bytes) -> str:
    """A name for findings and logs: readable, one line, without control characters; not meant to be read back."""
    text = raw.decode("utf-8", "backslashreplace")
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def told_name(name: str) -> str:
    """A name for a report beside others: characters that nobody sees, or that move others, are written out, so that no two names look alike
    because of them, and none of them carries a phrase. Letters that look like those of another script stay as they are."""
    if name.isascii() and name.isprintable():
        return name
    return "".join(each if each == " " or (each.isprintable() and each != OPEN) else f"\\u{ord(each):04x}" for each in name)


def folded_name(raw: bytes) -> bytes:
    """What a name becomes where case and Unicode normalisation do not count (NTFS, APFS, HFS+). Equal for colliding names."""
    if raw.isascii():
        return raw.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", raw.decode("utf-8", "surrogateescape")).casefold()).encode(
        "utf-8", "surrogateescape"
    )


_LOOKS: Final = str.maketrans(
    "АВЕЅІЈКМНОРСТУХԚԜӀасеһіјорѕухԁԛԝѵӏΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹͿαγιορυνϲϳՕօոսհÐƉ",
    "ABESIJKMHOPCTYXQWIacehijopsyxdqwvlABEZHIKMNOPTYXCJayiopuvcjOonuhĐĐ",
)
"""Letters of Cyrillic, Greek and Armenian that most fonts show as a Latin one has (Unicode TR 39, the commonest), and those that look
like the Vietnamese Đ. Other scripts, and digits that look like letters, are not in it: "I" and "1" are both in honest names."""

_ALIKE = re.compile(f"[{''.join(map(chr, _LOOKS))}]|[ .](?:/|\\Z)")
"""What makes a name a twin of one that is written otherwise."""


def twin_names(name: str) -> frozenset[bytes]:
    """What a name is taken for: where case and normalisation do not count, or blanks and dots at the end of a segment (Windows), and by
    people who look at its letters. Two names that share one of them are twins."""
    return frozenset(map(_folded_text, (_ends(name), _looks(name))))


def _folded_text(name: str) -> bytes:
    return folded_name(name.encode("utf-8", "surrogateescape"))


def _ends(name: str) -> str:
    return "/".join(each.rstrip(" .") or each for each in name.split("/"))


def _looks(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", _ends(name)).translate(_LOOKS))


def _normal(raw: bytes) -> bytes:
    return unicodedata.normalize("NFC", raw.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def _oddities(segment: bytes) -> Iterator[str]:
    """The codes of what is odd about one segment."""
    try:
        text = segment.decode()
    except UnicodeDecodeError:
        yield "PKG-NAME-NOT-UTF8"
        text = segment.decode("utf-8", "surrogateescape")
    if _CONTROL.search(text):
        yield "PKG-NAME-CONTROL"
    if segment.endswith((b".", b" ")):
        yield "PKG-NAME-TRAILING"
    if _RESERVED.fullmatch(segment):
        yield "PKG-NAME-RESERVED"
    if _UNPORTABLE.search(segment):
        yield "PKG-NAME-UNPORTABLE"
    if len(segment) > SEGMENT_BYTES:
        yield "PKG-NAME-LONG"
    if segment.lower() in SYSTEM_FILES:
        yield "PKG-SYSTEM-FILE"


SORTED_IN_MEMORY: Final = 10_000
"""Names up to which no temporary file is needed (a few megabytes)."""


@functools.lru_cache(maxsize=4096)
def _folder_folded(folder: bytes) -> bytes:
    return folded_name(folder)


def check_names(names: Iterable[bytes], findings: Findings) -> None:
    """Report what is odd about the names of a package (folders too, each once); nothing here refuses.

    Names that become one on other systems are found by sorting: in memory for a few, in a temporary SQLite file for a million.
    """
    rows = _folded(names, findings)
    few = list(islice(rows, SORTED_IN_MEMORY))
    if len(few) < SORTED_IN_MEMORY:
        _collisions(sorted(few), findings)
        return
    database = sqlite3.connect("")
    try:
        database.execute("CREATE TABLE name (folded BLOB, name BLOB)")
        database.executemany("INSERT INTO name VALUES (?,?)", chain(few, rows))
        database.execute("CREATE INDEX by_folded ON name (folded)")
        twice = "SELECT folded FROM name GROUP BY folded HAVING count(*) > 1"
        _collisions(database.execute(f"SELECT folded, name FROM name WHERE folded IN ({twice}) ORDER BY folded, name"), findings)
    finally:
        database.close()


def _folded(names: Iterable[bytes], findings: Findings) -> Iterator[tuple[bytes, bytes]]:
    for name in names:
        folder, slash, last = name.rpartition(b"/")
        if not _PLAIN.fullmatch(last) or len(last) > SEGMENT_BYTES or _RESERVED.fullmatch(last) or last.lower() in SYSTEM_FILES:
            for code in _oddities(last):
                findings.add(code, shown_name(name))
        yield _folder_folded(folder) + slash + folded_name(last), name
        if _ALIKE.search(text := name.decode("utf-8", "surrogateescape")):
            yield _folded_text(_looks(text)), name


def _collisions(rows: Iterable[tuple[bytes, bytes]], findings: Findings) -> None:
    """``rows`` are (folded, name) in that order."""
    before, first = None, b""
    for folded, name in rows:
        if folded == before:
            same = folded_name(first) == folded_name(name)
            if same and folded != folded_name(name):
                continue  # told under that key
            code = "PKG-NAME-NORMALISATION" if _normal(first) == _normal(name) else "PKG-NAME-CASE" if same else "PKG-NAME-ALIKE"
            findings.add(code, shown_name(name), other=shown_name(first))
        else:
            before, first = folded, name
