"""What characterisation says of a file: names and plain values. The names are listed in docs/on-disk.md; they are never renamed."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["Properties", "Value", "shown"]

Value = str | int | float | bool

Properties = dict[str, Value]


def shown(properties: Mapping[str, Value]) -> tuple[tuple[str, str], ...]:
    """As text, sorted by name: "yes" and "no" for truth, at most three decimals; what is "" is left out."""
    return tuple((name, _text(value)) for name, value in sorted(properties.items()) if value != "")


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    return str(value)
