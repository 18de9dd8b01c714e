"""Coverage: which other prompts a certificate covers, those that mean the same and those that do not."""

from workers.research.coverage.edits import CHANGED, SAME, Edit, edits_of, load_given, load_templates, shipped_templates
from workers.research.coverage.measure import Asked, Measured, Place, job_of, measure_prompt
from workers.research.coverage.report import Share, document, shares, table

__all__ = [
    "Asked",
    "CHANGED",
    "Edit",
    "Measured",
    "Place",
    "SAME",
    "Share",
    "document",
    "edits_of",
    "job_of",
    "load_given",
    "load_templates",
    "measure_prompt",
    "shares",
    "shipped_templates",
    "table",
]
