"""PDF/A and PDF/UA by veraPDF, where its command is installed: then it alone says whether a claim of PDF/A holds."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

from formats.validate.programs import call, version_of
from formats.validate.validation import Defect, Validation, Why, could_not, defective
from policies.findings import Puid
from policies.phrases import phrase

__all__ = ["VeraPdf"]

FLAVOURS = {
    **{Puid("fmt/95"): "1a", Puid("fmt/354"): "1b", Puid("fmt/476"): "2a", Puid("fmt/477"): "2b", Puid("fmt/478"): "2u"},
    **{Puid("fmt/479"): "3a", Puid("fmt/480"): "3b", Puid("fmt/481"): "3u", Puid("fmt/1910"): "4", Puid("fmt/1911"): "4e"},
    **{Puid("fmt/1912"): "4f", Puid("fmt/2050"): "ua1", Puid("fmt/2052"): "ua2"},
}


class VeraPdf:
    name = "veraPDF"

    @cached_property
    def version(self) -> str:
        return version_of(["verapdf", "--version"], r"veraPDF (\S+)")

    def validate(self, path: Path, puid: Puid) -> Validation:
        check = f"{self.name} {self.version}"
        if not self.version:
            return could_not(Why.TOOL_MISSING, phrase("program-not-installed", name="veraPDF"), missing=self.name)
        answer = call(["verapdf", "--format", "json", "--flavour", FLAVOURS.get(puid, "0"), path])
        try:
            result = _result(json.loads(answer.out))
            compliant, rules = bool(result["compliant"]), result.get("details", {}).get("ruleSummaries", [])
        except (ValueError, KeyError, TypeError, IndexError):
            return could_not(Why.TOOL_DIED, phrase("validator-no-report", name="veraPDF", status=answer.status), check=check)
        defects = [Defect(f"{rule.get('specification')} {rule.get('clause')}", str(rule.get("description"))) for rule in rules]
        if not compliant and not defects:
            defects = [Defect("-", phrase("validator-no-reason", name="veraPDF"))]
        return defective(check, [] if compliant else defects)


def _result(report: Any) -> Any:
    """The one result of the one job; versions from 1.25 on give a list of them (one a flavour)."""
    result = report["report"]["jobs"][0]["validationResult"]
    return result[0] if isinstance(result, list) else result
