"""What is promised about the files themselves: are they validated, are their properties read, and which intake rules hold for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from policies.document import Section
from policies.phrases import phrase

__all__ = ["INTAKE_RULES", "InspectionPolicy", "IntakeRules", "read_inspection"]

NO_RULES = "none"

LONGEST_SECONDS = 7 * 86_400


@dataclass(frozen=True, slots=True)
class IntakeRules:
    """What digitised records must have, at least: ``dpi`` for papers and photographs, ``drawing_dpi`` for maps and drawings,
    ``bits`` a pixel, kilobits a second of moving pictures and of sound. ``source`` is the clause."""

    source: str
    dpi: int
    drawing_dpi: int
    bits: int
    video_kbps: int
    audio_kbps: int


INTAKE_RULES: Mapping[str, IntakeRules] = MappingProxyType(
    {
        "vn-tt05": IntakeRules(
            source="TT 05/2025/TT-BNV, Điều 8", dpi=200, drawing_dpi=300, bits=24, video_kbps=1500, audio_kbps=128
        )
    }
)
"""By the name that policy.toml uses."""


@dataclass(frozen=True, slots=True)
class InspectionPolicy:
    """``validate`` False: nothing is validated (VAL-OFF); ``archives`` False: what lies in archives is not. ``characterise`` False: no
    properties are read. ``seconds`` one file may take (and more for its size); ``workers`` how many files are looked at at once, 0 is one a
    core. ``drawings`` are patterns of the paths of maps and drawings, for which `IntakeRules.drawing_dpi` holds; ``intake`` None asks for
    nothing."""

    validate: bool = True
    archives: bool = True
    characterise: bool = True
    seconds: int = 120
    workers: int = 0
    intake: IntakeRules | None = None
    drawings: tuple[str, ...] = ()


def read_inspection(validate: Section, intake: Section) -> InspectionPolicy:
    """From the sections [validate] and [intake] of policy.toml; raises what `Section` raises."""
    default = InspectionPolicy()
    rules = intake.text("rules", NO_RULES)
    if rules != NO_RULES and rules not in INTAKE_RULES:
        raise intake.bad("rules", phrase("ins-rules", rules=rules, none=NO_RULES, known=", ".join(sorted(INTAKE_RULES))))
    policy = InspectionPolicy(
        validate=validate.boolean("enabled", default.validate),
        archives=validate.boolean("archives", default.archives),
        characterise=validate.boolean("characterise", default.characterise),
        seconds=validate.integer("seconds", default.seconds, least=1, most=LONGEST_SECONDS),
        workers=validate.integer("workers", default.workers, most=1_000),
        intake=INTAKE_RULES.get(rules),
        drawings=intake.texts("drawings", default.drawings),
    )
    if policy.intake is not None and not policy.characterise:
        raise validate.bad("characterise", phrase("ins-properties"))
    validate.done()
    intake.done()
    return policy
