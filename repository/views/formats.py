"""Views of formats and campaigns: the JSON shapes of docs/cli.md, as `repository.views.records` gives the others."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import TYPE_CHECKING, Any

from policies.findings import Finding
from repository.ledger.verifier import TIME
from repository.views.evidence import moment
from repository.views.records import finding

if TYPE_CHECKING:
    from repository.services.campaigns import CampaignState
    from repository.services.formats import Held, HeldInside, PlanLine, Sampled

__all__ = ["campaign", "campaign_report", "campaign_state", "counts_of", "held", "inside", "plan", "sampled"]

Document = dict[str, Any]

COUNTS = ("files", "changed", "migrated", "failed", "awaited", "aips", "versions", "bytes_in", "bytes_out")


def held(each: Held) -> Document:
    rule, count = each.rule, each.count
    return {
        "puid": count.puid,
        "name": rule.name or count.name,
        "family": rule.family,
        "standing": rule.standing.value,
        "files": count.files,
        "bytes": count.bytes,
        "aips": count.aips,
        "growth": [{"year": year, "files": files, "bytes": size} for year, (files, size) in sorted(count.years.items())],
        "reason": dict(rule.reason),
        "sources": list(rule.sources),
        "paths": list(rule.paths),
    }


def inside(found: HeldInside) -> Document:
    """What lies in archives: counted apart from the files that they are."""
    counts = found.counts
    return {
        "archives": counts.archives,
        "formats": [held(each) for each in found.formats],
        "more": {"files": counts.more[0], "bytes": counts.more[1]},
        "locked": counts.locked,
        "not_looked_at": counts.left,
        "archives_not_opened": found.closed,
    }


def plan(each: PlanLine) -> Document:
    return {
        "path": each.path.name,
        "purpose": each.path.purpose,
        "puids": list(each.puids),
        "targets": list(each.path.targets),
        "tool": each.path.tool,
        "recipe": each.path.recipe,
        "tool_version": each.tool_version,
        "aips": each.aips,
        "files": each.files,
        "bytes": each.bytes,
        "taken_back": each.taken_back,
        "compare": [{"property": one.name, "least": one.least} for one in each.path.compare],
        "loses": list(each.path.loses),
        "measured": each.measured,
        "hours": None if each.hours is None else round(each.hours, 4),
        "storage": each.storage,
    }


def sampled(each: Sampled, language: str) -> Document:
    done = each.converted
    return {
        "aip": each.aip_id,
        "file": each.file.path,
        "bytes": each.file.size,
        "accepted": done is not None,
        "bytes_made": done.size if done else 0,
        "seconds": round(done.seconds, 3) if done else None,
        "tool": f"{done.made.tool} {done.made.version}" if done else "",
        "command": done.made.command if done else "",
        "puid": done.known.puid if done else "",
        "validated": done.validated if done else "",
        "signed": done.signed if done else False,
        "compared": [{"property": one.name, "same": one.same, "measure": one.measure} for one in done.compared] if done else [],
        "finding": finding(each.finding, language) if each.finding else None,
    }


def counts_of(report: Mapping[str, Any], *, all_of_them: bool = True) -> dict[str, int]:
    """The counts of a report, whether its job remembers it or only the ledger does; without ``all_of_them`` those that it has."""
    counts = report.get("counts", report)
    return {name: int(counts.get(name, 0)) for name in COUNTS if all_of_them or name in counts}


def campaign(name: str, report: Mapping[str, Any], language: str) -> Document:
    rows = [Finding(row["code"], row["path"], row["args"]) for row in report.get("findings", ())]
    return {
        "campaign": name,
        "state": report.get("state", "done"),
        "counts": counts_of(report),
        "refused": [finding(each, language) for each in rows],
    }


def campaign_report(each: CampaignState, language: str) -> Document:
    """A campaign with its account."""
    body = campaign(each.campaign, {**each.report, "state": each.state}, language)
    overtaken = sum(row["code"] == "MIG-OVERTAKEN" for row in body["refused"])
    planned, told = each.planned, each.account
    left = None
    if planned is not None:
        left = max(0, planned["files"] - told["file_count"]) if each.state == "done" else None
        planned = {**planned, "formats": [{"puid": puid, "files": files} for puid, files in planned["formats"].items()]}
    started = "" if each.started is None else each.started.astimezone(UTC).strftime(TIME)
    known = {"path": each.path, "started": started, "planned": planned, "left": left, "overtaken": overtaken}
    return {**body, **known, **told}


def campaign_state(each: CampaignState) -> Document:
    return {
        "campaign": each.campaign,
        "path": each.path,
        "state": each.state,
        "time": moment(each.time),
        "counts": counts_of(each.report),
        "rolled_back": each.rolled_back,
    }
