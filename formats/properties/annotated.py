"""What a PDF holds beside its pages, counted in a process of its own: ``python annotated.py FILE``. It imports nothing of Kho's.

One line of JSON: bookmarks (items of the outline), links, fields (of forms), comments (every other annotation that somebody made: notes,
marks, stamps; ISO 32000-1, 12.5.6).
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pikepdf

__all__ = ["counted", "main"]

NOT_SAID = frozenset({"/Popup", "/PrinterMark", "/TrapNet", "/Watermark"})
"""Annotations that say nothing by themselves: the window of another one, and marks of printers."""

KINDS = {"/Link": "links", "/Widget": "fields"}

MOST = 1_000_000
"""Items of an outline: one that leads back into itself ends here."""


def counted(path: str) -> dict[str, int]:
    found = Counter[str]()
    with pikepdf.open(path) as file:
        outline = file.Root.get("/Outlines")
        found["bookmarks"] = sum(1 for _ in _items(outline.get("/First"))) if isinstance(outline, pikepdf.Dictionary) else 0
        for page in file.pages:
            annotations = page.obj.get("/Annots")
            for each in annotations if isinstance(annotations, pikepdf.Array) else ():
                kind = str(each.get("/Subtype", "")) if isinstance(each, pikepdf.Dictionary) else ""
                if kind and kind not in NOT_SAID:
                    found[KINDS.get(kind, "comments")] += 1
    return dict(found)


def _items(first: Any) -> Iterator[Any]:
    left = [first]
    number = 0
    while left and number < MOST:
        item = left.pop()
        if isinstance(item, pikepdf.Dictionary):
            number += 1
            yield item
            left += [item.get("/Next"), item.get("/First")]


def main(path: str) -> dict[str, Any]:
    try:
        return counted(path)
    except (pikepdf.PdfError, OSError, ValueError, TypeError, MemoryError) as error:
        return {"error": str(error) or type(error).__name__}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
