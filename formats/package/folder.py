"""A plain folder as a package: everything in it is content, and what describes it is listed as well."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from formats.package.descriptive import alias_descriptive, descriptive_kind
from formats.package.directory import FolderSource
from formats.package.names import stored_name
from formats.package.source import Kind, Package, Role, Source
from formats.package.spool import Spool
from policies.findings import Findings

__all__ = ["DATA", "FORMAT", "Folder", "FolderSource"]

DATA: Final = "representations/rep1/data/"
"""Where content stands in an AIP (CSIP 2.2 §4, CSIPSTR11)."""


class Folder:
    """The format that asks for nothing: whatever is no other package."""

    name = "folder"

    def recognises(self, source: Source) -> bool:
        return True

    def check(self, source: Source, findings: Findings) -> None:
        """A folder promises nothing that could be checked."""

    def arrange(self, spool: Spool, findings: Findings) -> Package:
        spool.clear_arrangement()
        spool.arrange((item.name, DATA + stored_name(item.name), Role.CONTENT) for item in spool.items())
        return Package("folder", title=spool.label, descriptive=alias_descriptive(spool, _descriptive(spool), findings))


def _descriptive(spool: Spool) -> Iterator[tuple[bytes, str]]:
    for item in spool.items():
        if item.kind is Kind.FILE and (kind := descriptive_kind(item.name)):
            yield item.name, kind


FORMAT = Folder()
