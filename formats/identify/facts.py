"""From an identification to the findings of a deposit."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator

from formats.identify.identification import Basis, Identification, SecondOpinion, Standing
from policies.findings import Finding

__all__ = ["facts"]

ARCHIVES = frozenset(
    {
        "x-fmt/263",
        "x-fmt/264",
        "fmt/411",
        "fmt/613",
        "x-fmt/265",
        "x-fmt/266",
        "x-fmt/267",
        "x-fmt/268",
        "fmt/484",
        "fmt/1671",
        "fmt/1098",
    }
)
"""ZIP, RAR, TAR, GZIP, BZIP, BZIP2, 7-Zip, compress, XZ."""

MOST_NAMED = 8
"""PUIDs that one finding names; an extension like .pdf suggests forty."""


def facts(path: str, found: Identification, *, opened: Collection[str] = ()) -> Iterator[Finding]:
    """What is to be said of the file with the logical path ``path``; nothing when its bytes were recognised without doubt. Archives of the
    formats ``opened`` are looked into, which says more of them."""
    extension = os.path.splitext(path)[1]
    match found.basis:
        case Basis.EMPTY:
            yield Finding("IDENT-EMPTY", path)
        case Basis.FAILED:
            yield Finding("IDENT-FAILED", path, {"reason": found.reason})
        case Basis.UNKNOWN:
            yield Finding("IDENT-UNKNOWN", path, {"hints": _listed(found.hints) or "-"})
        case Basis.EXTENSION:
            yield Finding("IDENT-EXTENSION-ONLY", path, {"puid": found.puid, "extension": extension})
    if found.puid in ARCHIVES and found.puid not in opened:
        yield Finding("IDENT-ARCHIVE", path, {"puid": found.puid, "name": found.name})
    if found.extension_mismatch:
        yield Finding("IDENT-EXTENSION-MISMATCH", path, {"puid": found.puid, "name": found.name, "extension": extension})
    if found.alternatives:
        yield Finding("IDENT-SEVERAL", path, {"puid": found.puid, "others": _listed(found.alternatives)})
    if found.second is not None and found.second.standing is Standing.CONFLICTS:
        yield _conflict(path, found, found.second)


def _conflict(path: str, found: Identification, second: SecondOpinion) -> Finding:
    ours = {"puid": found.puid, "tool": f"{found.tool} {found.tool_version}", "basis": found.basis.value}
    theirs = {"second_puid": _listed(second.puids), "second_tool": f"{second.tool} {second.tool_version}"}
    return Finding("IDENT-CONFLICT", path, {**ours, **theirs, "second_basis": second.basis.value})


def _listed(puids: tuple[str, ...]) -> str:
    return ", ".join(puids[:MOST_NAMED]) + (" …" if len(puids) > MOST_NAMED else "")
