"""BagIt as a package format: reading bags of versions 0.93 to 1.0 (RFC 8493) and giving their files places in an AIP."""

from __future__ import annotations

from collections.abc import Iterator

from formats.package.bag_check import INFO_NAMES, MANIFEST_NAME, BagCheck
from formats.package.bag_text import Declaration, read_declaration, read_elements
from formats.package.bag_writer import BagWriter
from formats.package.descriptive import alias_descriptive, descriptive_kind
from formats.package.folder import DATA
from formats.package.names import stored_name
from formats.package.source import Item, Kind, Package, Role, Source
from formats.package.spool import Spool
from policies.findings import Findings

__all__ = ["FORMAT", "BagWriter", "Bagit"]


class Bagit:
    """The reader of bags."""

    name = "bagit"

    def recognises(self, source: Source) -> bool:
        """A declaration, or what only a bag has: a payload manifest or bag-info.txt beside ``data``."""
        if (item := source.get(b"bagit.txt")) is not None and item.kind is Kind.FILE:
            return True
        return source.get(b"data") is not None and any(map(_is_bag_file, source.items()))

    def check(self, source: Source, findings: Findings) -> None:
        BagCheck(source, findings).run()

    def arrange(self, spool: Spool, findings: Findings) -> Package:
        """``data/**`` becomes content, everything else of the bag the submission as received."""
        spool.clear_arrangement()
        submission = f"submission/{stored_name((spool.label or 'bag').replace('/', '_').encode())}/"
        spool.arrange(_place(item, submission) for item in spool.items())
        elements = _elements(spool)
        fields: dict[str, tuple[str, ...]] = {}
        for label, value in elements:
            fields[label] = (*fields.get(label, ()), value)
        return Package(
            "bagit",
            identifier=_first(elements, "External-Identifier"),
            producer=_first(elements, "Source-Organization"),
            title=_first(elements, "Title") or _first(elements, "External-Description") or spool.label,
            fields=fields,
            descriptive=alias_descriptive(spool, _descriptive(spool), findings),
        )


def _is_bag_file(item: Item) -> bool:
    return item.kind is Kind.FILE and (item.name in INFO_NAMES or MANIFEST_NAME.fullmatch(item.name) is not None)


def _place(item: Item, submission: str) -> tuple[bytes, str, Role]:
    if item.name == b"data":
        return item.name, DATA.removesuffix("/"), Role.CONTENT
    if item.name.startswith(b"data/"):
        return item.name, DATA + stored_name(item.name[5:]), Role.CONTENT
    return item.name, submission + stored_name(item.name), Role.SUBMISSION


def _descriptive(spool: Spool) -> Iterator[tuple[bytes, str]]:
    for item in spool.items():
        if item.kind is Kind.FILE and (kind := descriptive_kind(item.name.removeprefix(b"data/"))):
            yield item.name, kind


def _elements(source: Source) -> list[tuple[str, str]]:
    """What the bag says of itself. Its faults are `check`'s to report."""
    unheard = Findings()
    declaration: Declaration = read_declaration(source, unheard)
    elements: list[tuple[str, str]] = []
    for name in INFO_NAMES:
        if (item := source.get(name)) is not None and item.kind is Kind.FILE:
            elements += read_elements(source, name, declaration, unheard)
    return elements


def _first(elements: list[tuple[str, str]], label: str) -> str:
    return next((value for each, value in elements if each.lower() == label.lower() and value), "")


FORMAT = Bagit()
