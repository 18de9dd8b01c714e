"""Coverage: the other prompts that a certificate covers, those with the same meaning and those with another."""

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
