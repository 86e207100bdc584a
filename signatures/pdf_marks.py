"""Where a PDF calls something a signature, told from its bytes alone: what is damaged so that it cannot be read is not thereby unsigned.

A mark is a key or a type that nothing but a signature has. It counts where a document keeps its objects: not in a stream (text about
signatures, an attachment that is signed itself) and not in a string (a title that speaks of them).
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from signatures.held import Held, matches, search

__all__ = ["FAR", "MARK", "Claim", "claims"]

MOST = 2000
"""Marks of one document that are looked at; a document with more is text about signatures, or an attack."""

FAR = 1 << 16
"""Bytes between a mark and the value of its signature, in a dictionary as they are made."""

LARGEST = 64 << 20
"""Bytes of an object in which strings are told from marks."""

BLANK = rb"[\0\t\n\f\r ]"
END = rb"(?=[\0\t\n\f\r ()<>\[\]{}/%]|\Z)"


def _name(text: bytes) -> bytes:
    """A pattern for a name, any letter of which may be written as a number (ISO 32000-2, 7.3.5)."""
    return b"/" + b"".join(rb"(?:%s|#%x|#%X)" % (re.escape(bytes((each,))), each, each) for each in text)


def _either(*names: bytes) -> bytes:
    return b"(?:" + b"|".join(map(_name, names)) + b")"


FORMS = (
    b"adbe.pkcs7.detached",
    b"adbe.pkcs7.sha1",
    b"adbe.x509.rsa_sha1",
    b"ETSI.CAdES.detached",
    b"ETSI.PAdES.detached",
    b"ETSI.RFC3161",
)
"""Values of ``/SubFilter`` in a signature. A seed value has an array of them, and encryption has others."""

MARK = re.compile(
    b"(?:"
    + _name(b"ByteRange")
    + rb"|%s%s{0,20}%s" % (_name(b"Type"), BLANK, _either(b"Sig", b"DocTimeStamp"))
    + rb"|%s%s{0,20}%s" % (_name(b"SubFilter"), BLANK, _either(*FORMS))
    + b")"
    + END
)

STAMP = re.compile(_either(b"DocTimeStamp", b"ETSI.RFC3161"))

OBJECT = rb"(?<!\d)(\d{1,10})%s{1,20}(\d{1,5})%s{1,20}obj(?![a-z])" % (BLANK, BLANK)
TOKEN = re.compile(OBJECT + rb"|endobj|(?<!end)stream(?:\r\n|\n|\r)")
LENGTH = re.compile(_name(b"Length") + rb"%s{0,20}(\d{1,12})(?:%s{1,20}(\d{1,5})%s{1,20}R)?" % (BLANK, BLANK, BLANK))
CLOSED = re.compile(rb"%s{0,4}(?:endstream|.{0,12}%s{0,4}endobj)" % (BLANK, BLANK), re.DOTALL)
NUMBER = re.compile(OBJECT + rb"%s{0,20}(\d{1,12})%s{0,20}endobj" % (BLANK, BLANK))
ENDED = re.compile(rb"endstream")
PARENTHESIS = re.compile(rb"\\.|[()]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Claim:
    """An object that calls itself a signature (``stamp``: a time-stamp) at byte ``at``, its first mark, up to ``end``; ``number`` and
    generation where they can be told."""

    at: int
    end: int
    number: tuple[int, int] | None
    stamp: bool


def claims(data: Held, gaps: Sequence[tuple[int, int]]) -> Iterator[Claim]:
    """The objects with a mark that hold none of ``gaps``, the values that were found: (start, end). Time and memory are bounded by the
    length of ``data``; a document whose marks all stand around its values is searched once, and no more."""
    ordered = sorted(gaps)
    marks = list(islice(_places(data), MOST))
    left = [each for each in marks if not _beside(data, each, ordered)]
    if left:
        yield from _objects(data, left)


def _places(data: Held) -> Iterator[int]:
    at = 0
    while found := search(MARK, data, at):
        base, match = found
        yield base + match.start()
        at = base + match.end()


def _beside(data: Held, mark: int, gaps: Sequence[tuple[int, int]]) -> bool:
    """Whether no object ends between a mark and one of the values."""
    at = bisect(gaps, (mark, 0))
    for start, end in gaps[max(0, at - 1) : at + 1]:
        low, high = (mark, start) if mark < start else (end, mark)
        if high - low <= FAR and b"endobj" not in data[low:high]:
            return True
    return False


def _objects(data: Held, marks: Sequence[int]) -> Iterator[Claim]:
    """The objects outside streams that have one of ``marks``. An end that is damaged is seen by what begins next."""
    lengths: dict[tuple[int, int], int] | None = None
    number: tuple[int, int] | None = None
    begun = at = 0
    closed = True
    while True:
        base, token = search(TOKEN, data, at) or (len(data), None)
        end = base + token.start() if token else len(data)
        mine = marks[bisect(marks, at - 1) : bisect(marks, end - 1)]
        if mine and (number is not None or (token is not None and token[0] == b"endobj")):
            start = begun if number else mine[0]
            text = data[start:end] if end - start <= LARGEST else b""
            strings = _strings(text)
            said = [each for each in mine if not any(first <= each - start < last for first, last in strings)]
            if said:
                yield Claim(said[0], end, number, STAMP.search(text) is not None)
        if token is None or end > marks[-1]:
            return
        at = base + token.end()
        if token[0].startswith(b"stream"):
            if lengths is None:
                found = islice(matches(NUMBER, data), MOST_NUMBERS)
                lengths = {(int(each[1]), int(each[2])): int(each[3]) for each in found}
            after = _stream_end(data, at, data[max(begun, end - FAR) : end], lengths) if closed else None
            closed = after is not None  # where no stream ends any more, none is looked for again
            at = after or at
        number = (int(token[1]), int(token[2])) if token[1] else None
        begun = at


MOST_NUMBERS = 1_000_000
"""Objects that are numbers, and may be lengths of streams."""


def _stream_end(data: Held, start: int, dictionary: bytes, lengths: dict[tuple[int, int], int]) -> int | None:
    """Where the stream ends that begins at ``start``: after its length, if it ends there; else where the next one does, if any."""
    for found in LENGTH.finditer(dictionary):
        number = int(found[1])
        length = number if found[2] is None else lengths.get((number, int(found[2])))
        if length is not None and CLOSED.match(data[start + length : start + length + 64]):
            return start + length
    ended = search(ENDED, data, start)
    return ended[0] + ended[1].start() if ended else None


def _strings(text: bytes) -> list[tuple[int, int]]:
    """(start, end) of the literal strings that are closed. One that is not is damage, and hides nothing."""
    found, depth, begun = [], 0, 0
    for each in PARENTHESIS.finditer(text):
        if each[0] == b"(":
            begun = begun if depth else each.start()
            depth += 1
        elif each[0] == b")" and depth:
            depth -= 1
            if not depth:
                found.append((begun, each.end()))
    return found
