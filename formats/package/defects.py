"""Defects: how a stream that is being read says that its content is bad; the reader of the package turns them into findings."""

from __future__ import annotations

from policies.findings import Finding, said

__all__ = ["Defect", "Hostile"]


class Defect(Exception):
    """One file's content is bad. Never leaves `formats.package`."""

    def __init__(self, code: str, path: str = "", **args: str | int) -> None:
        self.finding = Finding(code, path, args)
        super().__init__(code, path, args)

    def __str__(self) -> str:
        return said(self.finding, code=False)


class Hostile(Defect):
    """The whole package is bad in a way that ends its reading."""
