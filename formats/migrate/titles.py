"""Document properties of a PDF put into another, in a process of its own: ``python -m formats.migrate.titles FROM RAW RESULT``."""

from __future__ import annotations

import sys
from typing import Final

import pikepdf

__all__ = ["carry_over"]

NAMES: Final = ("/Title", "/Author", "/Subject", "/Keywords")


def carry_over(source: str, raw: str, result: str) -> None:
    """Write ``raw`` as ``result`` with the properties of ``source``, in the document information and the same in XMP, as PDF/A asks."""
    with pikepdf.open(source) as given, pikepdf.open(raw) as pdf:
        wanted = {name: str(given.docinfo[name]) for name in NAMES if name in given.docinfo}
        with pdf.open_metadata(set_pikepdf_as_editor=False, update_docinfo=True) as metadata:
            for name in NAMES:
                if name in pdf.docinfo:
                    del pdf.docinfo[name]
            keys = {"/Title": "dc:title", "/Subject": "dc:description", "/Keywords": "pdf:Keywords"}
            for name, key in keys.items():
                if wanted.get(name):
                    metadata[key] = wanted[name]
                elif key in metadata:
                    del metadata[key]
            if wanted.get("/Author"):
                metadata["dc:creator"] = [wanted["/Author"]]
        pdf.save(result)


if __name__ == "__main__":
    carry_over(*sys.argv[1:4])
