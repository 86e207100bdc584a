"""What must survive a migration: properties of source and result, read by independent means, and compared."""

from __future__ import annotations

from formats.properties import pictures
from formats.properties.comparison import COMPARISONS, compare
from formats.properties.facts import CannotTell, Compared, Demand, Kind, Said, read_told
from formats.properties.names import named

__all__ = ["COMPARISONS", "CannotTell", "Compared", "Demand", "Kind", "Said", "compare", "named", "pictures", "read_told"]
