"""The units of a request, which runs keep or leave out: their texts, the subsets that are run, and how many units
differ between two requests (docs/theory/units.md)."""

from smoothgen.units.differing import Difference, difference
from smoothgen.units.runs import PlannedRuns, planned_runs, selected_subsets
from smoothgen.units.texts import MOST_UNITS, PLACE, UnitTexts

__all__ = [
    "MOST_UNITS",
    "PLACE",
    "Difference",
    "PlannedRuns",
    "UnitTexts",
    "difference",
    "planned_runs",
    "selected_subsets",
]
