"""Views of tapes: the JSON shapes of ``kho tape`` (docs/cli.md); the rules are those of `repository.views.records`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from policies.findings import spoken
from repository.texts import language as speech

if TYPE_CHECKING:
    from repository.services.tapes import LibraryState, TapeReport, VolumeReport
    from storage.tape.rows import Volume

__all__ = ["library", "tape_volume", "tape_work", "volume_report"]

Document = dict[str, Any]


def tape_volume(each: Volume) -> Document:
    return {
        "barcode": each.barcode,
        "uuid": each.uuid,
        "state": each.state.value,
        "files": each.sequence,
        "bytes": each.used,
        "capacity": each.capacity,
        "labelled": each.labelled,
        "made": each.made,
        "rated_years": each.rated_years,
        "replace_by": each.replace_by,
        "location": each.location,
        "mounts": each.mounts,
        "note": spoken(each.note, speech()),
    }


def library(state: LibraryState) -> Document:
    return {
        "tier": state.tier,
        "unreachable": spoken(state.unreachable, speech()),
        "volumes": [tape_volume(each) for each in state.volumes],
        "elements": [
            {"kind": each.kind.name.lower(), "address": each.address, "full": each.full, "barcode": each.barcode}
            for each in state.elements
        ],
        "disposed": [{"aip": aip, "volumes": volumes} for aip, volumes in state.disposed.items()],
    }


def volume_report(report: VolumeReport) -> Document:
    return {
        "tier": report.tier,
        "volume": tape_volume(report.volume),
        "bundles": [
            {
                "file": each.sequence,
                "number": each.number,
                "uuid": each.uuid,
                "kind": each.kind,
                "counted": each.counted,
                "bytes": each.size,
                "blocks": each.blocks,
                "sha256": each.sha256.hex(),
                "created": each.created,
            }
            for each in report.bundles
        ],
        "aips": report.objects,
        "disposed": report.disposed,
    }


def tape_work(report: TapeReport) -> Document:
    recovered, rebuilt, refreshed = report.recovered, report.rebuilt, report.refreshed or {}
    return {
        "tier": report.tier,
        "volume": report.volume,
        "bundles": recovered.bundles if recovered else refreshed.get("bundles", 0),
        "bytes": recovered.bytes if recovered else refreshed.get("bytes", 0),
        "void": recovered.void if recovered else 0,
        "aips": len(recovered.objects) if recovered else refreshed.get("aips", 0),
        "catalogued": rebuilt.aips if rebuilt else 0,
        "left_out": refreshed.get("left_out", []),
    }
