"""What was measured, and how it stands to what was aimed at: the table for people, and the same as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from measure import Took

__all__ = ["Aim", "Result", "as_json", "table"]


@dataclass(frozen=True, slots=True)
class Aim:
    """One comparison: the speed of ``us`` ÷ that of ``other`` shall be at least ``least``. Without ``other``: amount a second. With
    ``most``: time of ``us`` ÷ time of ``other`` at most that; without ``other``: megabytes of peak memory."""

    us: str
    other: str = ""
    least: float = 0.0
    most: float = 0.0


@dataclass(slots=True)
class Result:
    """One row: what every contender took, round by round, for how much of what.

    ``amounts``: how much a contender did, where it is not ``amount`` (a slow peer may be given less). ``cores``: what as many processes as
    there are cores did, in relation to one, before the row and after it.
    """

    row: str
    unit: str
    amount: float
    taken: Mapping[str, Sequence[Took]]
    aims: Sequence[Aim]
    amounts: Mapping[str, float] = field(default_factory=dict)
    note: str = ""
    cores: tuple[float, ...] = ()

    def amount_of(self, name: str) -> float:
        return self.amounts.get(name, self.amount)

    def rate(self, name: str) -> float:
        """Amount a second of wall-clock time, the median of all rounds."""
        return self.amount_of(name) / statistics.median(took.wall for took in self.taken[name])

    def wall_ratio(self, aim: Aim) -> float:
        """Median of the ratios of neighbouring runs, which suffer the same neighbours."""
        return self._ratio(aim, lambda took: took.wall)

    def cpu_ratio(self, aim: Aim) -> float:
        """The same for processor seconds: what would be without neighbours, as far as only the processor counts."""
        return self._ratio(aim, lambda took: took.cpu)

    def _ratio(self, aim: Aim, seconds: Callable[[Took], float]) -> float:
        ours, theirs = self.taken[aim.us], self.taken[aim.other]
        speeds = [seconds(b) / max(seconds(a), 1e-9) for a, b in zip(ours, theirs, strict=True)]
        speed = statistics.median(speeds) * self.amount_of(aim.us) / self.amount_of(aim.other)
        return 1 / speed if aim.most else speed

    def peak(self, name: str) -> int:
        return max(took.peak for took in self.taken[name])

    def value(self, aim: Aim) -> float:
        """What is held against the aim."""
        if aim.other:
            return self.wall_ratio(aim)
        return self.peak(aim.us) / 1e6 if aim.most else self.rate(aim.us)

    def met(self, aim: Aim) -> bool | None:
        """None where nothing was aimed at."""
        if not (aim.least or aim.most):
            return None
        return self.value(aim) <= aim.most if aim.most else self.value(aim) >= aim.least


HEAD = ("row", "contender", "absolute", "against", "ratio", "ratio (CPU)", "aim", "met", "peak RSS")


def table(results: Sequence[Result]) -> str:
    """As Markdown."""
    lines: list[tuple[str, ...]] = [HEAD, tuple("-" * len(word) for word in HEAD)]
    for result in results:
        lines += _lines(result)
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    shown = [" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    notes = [f"{result.row}: {result.note}" for result in results if result.note]
    notes += [
        "What as many processes as there are cores hashed, in relation to one (before the row, after it): " + _cores(results)
    ]
    return "\n".join([*(f"| {line} |" for line in shown), "", *notes])


def _cores(results: Sequence[Result]) -> str:
    return "; ".join(f"{result.row} {', '.join(f'{each:.2f}' for each in result.cores)}" for result in results if result.cores)


def _lines(result: Result) -> list[tuple[str, ...]]:
    lines: list[tuple[str, ...]] = []
    for name in result.taken:
        worker = max(took.worker for took in result.taken[name])
        peak = f"{result.peak(name) / 1e6:.0f} MB" + (f" + {worker / 1e6:.0f}" if worker else "")
        absolute = f"{result.rate(name):,.0f} {result.unit}/s"
        if result.unit == "answers":
            absolute = f"{1000 / result.rate(name):.1f} ms"
        first = (result.row, name, absolute)
        aims = [aim for aim in result.aims if aim.us == name]
        for aim in aims:
            lines.append((*first, *_compared(result, aim), peak))
            first, peak = ("", "", ""), ""
        if not aims:
            lines.append((*first, "", "", "", "", "", peak))
    return lines


def _compared(result: Result, aim: Aim) -> tuple[str, str, str, str, str]:
    wanted = f"≤ {aim.most:g}" if aim.most else f"≥ {aim.least:g}" if aim.least else ""
    met = {True: "yes", False: "NO", None: ""}[result.met(aim)]
    if not aim.other:
        return ("memory, MB" if aim.most else f"{result.unit}/s"), f"{result.value(aim):,.0f}", "", wanted, met
    return aim.other, f"{result.wall_ratio(aim):.2f}", f"{result.cpu_ratio(aim):.2f}", wanted, met


def as_json(results: Sequence[Result], about: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that was measured, so that another can judge anew."""
    return {"about": dict(about), "rows": [_row(result) for result in results]}


def _row(result: Result) -> dict[str, Any]:
    return {
        "row": result.row,
        "unit": result.unit,
        "amount": result.amount,
        "note": result.note,
        "cores": list(result.cores),
        "contenders": {
            name: {
                "amount": result.amount_of(name),
                "per_second": result.rate(name),
                "wall": [took.wall for took in taken],
                "cpu": [took.cpu for took in taken],
                "peak_bytes": result.peak(name),
                "identification_worker_bytes": max(took.worker for took in taken),
                "read_from_device": [took.read for took in taken],
            }
            for name, taken in result.taken.items()
        },
        "aims": [
            {
                "contender": aim.us,
                "against": aim.other,
                "least": aim.least or None,
                "most": aim.most or None,
                "value": result.value(aim),
                "by_cpu": result.cpu_ratio(aim) if aim.other else None,
                "met": result.met(aim),
            }
            for aim in result.aims
        ],
    }
