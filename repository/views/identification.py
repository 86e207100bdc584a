"""JSON of identification (docs/cli.md)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from policies.findings import spoken
from repository.texts import language as speech

if TYPE_CHECKING:
    from formats.identify import Identification
    from repository.versions.reidentification import Again

__all__ = ["differs", "identified"]


def identified(found: tuple[Path, str, Identification]) -> dict[str, Any]:
    """One file, or one that lies in it. ``second_opinion`` is null when nobody was asked."""
    path, member, answer = found
    second = answer.second
    return {
        "path": os.fspath(path).encode("utf-8", "backslashreplace").decode(),
        "member": member,
        "puid": answer.puid,
        "format": answer.name,
        "version": answer.version,
        "mime": answer.mime,
        "basis": answer.basis.value,
        "alternatives": list(answer.alternatives),
        "hints": list(answer.hints),
        "extension_mismatch": answer.extension_mismatch,
        "reason": spoken(answer.reason, speech()),
        "second_opinion": None
        if second is None
        else {
            "tool": f"{second.tool} {second.tool_version}".strip(),
            "signatures": second.signature_version,
            "standing": second.standing.value,
            "puids": list(second.puids),
            "basis": second.basis.value,
            "reason": spoken(second.reason, speech()),
        },
    }


def differs(each: Again) -> dict[str, Any]:
    """One file whose format is said otherwise now, or which could not be looked at (``reason``). ``inside`` is what lies in it now where
    that is what differs, else null."""
    return {
        "aip": each.aip_id,
        "path": each.file.path,
        "before": each.file.puid,
        "now": each.now.puid if each.now else "",
        "basis": each.now.basis.value if each.now else "",
        "reason": spoken(each.failed, speech()),
        "inside": each.contents.sums().document() if each.contents is not None and each.inside != each.file.inside else None,
    }
