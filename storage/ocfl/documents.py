"""Reading an inventory's JSON: small ones at once, large ones as a stream, both seen through the same two shapes.

What a reader meets is a scalar, a list, or something with ``items()`` that gives (key, value) pairs in the order of the text,
*with* repeated keys: a plain dict would hide them.
"""

from __future__ import annotations

import io
import itertools
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, NoReturn

from policies.phrases import phrase

__all__ = ["NESTED", "STREAM_FROM", "BadJson", "Members", "read_json"]

STREAM_FROM = 8 << 20
"""Bytes. Up to here a document is parsed at once (fastest); beyond, parsed objects would cost about ten times the text."""

SMALL = 1 << 16
"""Bytes that are asked for first: room for megabytes costs more to get than a small inventory to read."""

_LONE = re.compile(r"[\ud800-\udfff]")
_ESCAPED = re.compile(r"\\u[dD][89a-fA-F]")


class BadJson(ValueError):
    """The bytes are not JSON in UTF-8 (RFC 8259). The message says why, in the words of the parser."""


class Members:
    """A JSON object: its members as they come. One pass only when it is read from a stream."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Iterable[tuple[str, Any]]) -> None:
        self._pairs = pairs

    def items(self) -> Iterable[tuple[str, Any]]:
        return self._pairs


NESTED = object()
"""Stands in a streamed document for an object or a list where no rule allows one: in a list, or deeper than `DEPTH`."""

DEPTH = 8
"""Objects inside objects that are shown to a reader. An inventory needs four; a hostile one may have a million."""


def read_json(source: bytes | BinaryIO) -> Any:
    """The document in some bytes or a stream: a scalar, a list, a dict, or `Members`.

    Reading the members of a streamed document raises like this function.

    Raises:
        BadJson: it is no JSON document.
        OSError: the stream could not be read.
    """
    if isinstance(source, bytes):
        return _whole(source) if len(source) <= STREAM_FROM else _streamed(_Rest(b"", io.BytesIO(source)))
    head = _read_up_to(source, STREAM_FROM + 1)
    if len(head) <= STREAM_FROM:
        return _whole(head)
    return _streamed(_Rest(head, source))


def _read_up_to(stream: BinaryIO, limit: int) -> bytes:
    parts: list[bytes] = []
    size, piece = 0, SMALL
    while size < limit and (more := stream.read(min(piece, limit - size))):
        parts.append(more)
        size += len(more)
        piece = limit if size >= SMALL else SMALL
    return b"".join(parts)


class _Rest:
    """What was read already, and then the stream."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head, self._stream, self._at = memoryview(head), stream, 0

    def read(self, size: int) -> bytes:
        if self._at < len(self._head):
            piece = bytes(self._head[self._at : self._at + size])
            self._at += len(piece)
            return piece
        self._head = memoryview(b"")
        return self._stream.read(size)


def _pairs(pairs: list[tuple[str, Any]]) -> Any:
    plain = dict(pairs)
    return plain if len(plain) == len(pairs) else Members(pairs)


def _no_constant(name: str) -> NoReturn:
    raise BadJson(phrase("json-no-value", name=name))


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_no_constant)


def _trouble(error: ValueError | RecursionError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return phrase("json-at", line=error.lineno, column=error.colno)
    return phrase("json-deep") if isinstance(error, RecursionError) else phrase("json-not-utf8")


def _whole(data: bytes) -> Any:
    try:
        text = data.decode("utf-8")
        if text.startswith("\ufeff"):
            raise BadJson(phrase("json-bom"))
        document = _DECODER.decode(text)
    except BadJson:
        raise
    except (ValueError, RecursionError) as error:
        raise BadJson(_trouble(error)) from None
    if "\\u" in text and _ESCAPED.search(text) and _has_lone_surrogate(document):
        raise BadJson(phrase("json-half-surrogate"))
    return document


def _has_lone_surrogate(document: Any) -> bool:
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            if _LONE.search(value):
                return True
        elif isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict | Members):
            waiting.extend(itertools.chain.from_iterable(value.items()))
    return False


_Event = tuple[str, Any]


def _streamed(stream: _Rest) -> Any:
    events = _events(stream)
    event, value = next(events, ("", None))
    if event == "start_map":
        return Members(_document(events))
    if event == "start_array":
        return _list(events)
    return value


def _document(events: Iterator[_Event]) -> Iterator[tuple[str, Any]]:
    yield from _members(events)
    for _event in events:  # let the parser see that nothing follows the document
        pass


def _events(stream: _Rest) -> Iterator[_Event]:
    import ijson  # type: ignore[import-untyped]
    from ijson.common import IncompleteJSONError, JSONError  # type: ignore[import-untyped]

    try:
        yield from ijson.get_backend("yajl2_c").basic_parse(stream, buf_size=1 << 16, use_float=True)
    except (JSONError, IncompleteJSONError, ValueError) as error:
        raise BadJson(phrase("json-ends") if isinstance(error, IncompleteJSONError) else phrase("json-broken")) from None


def _members(events: Iterator[_Event], depth: int = 1) -> Iterator[tuple[str, Any]]:
    for event, key in events:
        if event == "end_map":
            return
        event, value = next(events, ("", None))
        if event == "start_map" and depth == DEPTH:
            _skip(events)
            yield key, NESTED
        elif event == "start_map":
            inner = _members(events, depth + 1)
            yield key, Members(inner)
            for _rest in inner:  # whatever the reader did not want
                pass
        elif event == "start_array":
            yield key, _list(events)
        else:
            yield key, value


def _list(events: Iterator[_Event]) -> list[Any]:
    found: list[Any] = []
    for event, value in events:
        if event == "end_array":
            return found
        if event in ("start_map", "start_array"):
            found.append(NESTED)
            _skip(events)
        else:
            found.append(value)
    return found


def _skip(events: Iterator[_Event]) -> None:
    """Pass over an object or list that has just begun, however deep, without recursion."""
    depth = 1
    for event, _value in events:
        if event in ("start_map", "start_array"):
            depth += 1
        elif event in ("end_map", "end_array"):
            depth -= 1
            if depth == 0:
                return
