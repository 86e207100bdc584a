"""The demo's records: a small invented Vietnamese fonds, made here byte for byte the same every time, and a way to damage a tier.

Nothing of it is real: agency, people and matters are invented. ``python -m repository.demo make-records DIR`` writes the records,
``python -m repository.demo damage TIER`` flips one bit of one stored file (scripts/demo calls both).
"""

from repository.demo.damage import flip_one_bit
from repository.demo.records import make_records

__all__ = ["flip_one_bit", "make_records"]
