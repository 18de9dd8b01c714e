"""The scores that need a model, and all scores by their names in requests."""

from workers.scores.registry import names_of_scores, output_score
from workers.scores.scoring import claims_on, require_same_scores, scores_of, scores_of_output

__all__ = [
    "claims_on",
    "names_of_scores",
    "output_score",
    "require_same_scores",
    "scores_of",
    "scores_of_output",
]
