"""XML: well-formed, by our own strict reader (no DOCTYPE's entities are followed, nothing is fetched)."""

from __future__ import annotations

from pathlib import Path

from formats.validate.validation import Defect, Validation, defective
from policies.findings import Puid

__all__ = ["WellFormed"]


class WellFormed:
    """A declared DOCTYPE is allowed here: it is common in records, and no defect of them."""

    name = "libxml2"

    def __init__(self) -> None:
        from lxml import etree  # type: ignore[import-untyped]

        self.version = ".".join(map(str, etree.LIBXML_VERSION))

    def validate(self, path: Path, puid: Puid) -> Validation:
        from lxml import etree

        defects: list[Defect] = []
        options = {"load_dtd": False, "no_network": True, "resolve_entities": False, "huge_tree": True}
        try:
            with path.open("rb") as stream:
                for _, element in etree.iterparse(stream, events=("end",), **options):
                    element.clear()
                    while (parent := element.getparent()) is not None and element.getprevious() is not None:
                        del parent[0]
        except etree.XMLSyntaxError as error:
            defects.append(Defect("well-formed", f"line {error.lineno or 0}: {error.msg}"))
        return defective(f"{self.name} {self.version}", defects)
