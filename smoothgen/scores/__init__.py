"""Scores of outputs: bounded functions that claims can be made on. Those that need no model are here."""

from smoothgen.scores.json_schema import require_small_together
from smoothgen.scores.of_models import (
    CLIP_SETTING,
    PROFANITY_EXTRA,
    clip_similarity_identity,
    identity_without_model,
    profanity_identity,
    similarity_identity,
    verdict_identity,
)
from smoothgen.scores.protocol import Score
from smoothgen.scores.registry import TEXT_SCORES, score_without_model

__all__ = [
    "CLIP_SETTING",
    "PROFANITY_EXTRA",
    "TEXT_SCORES",
    "Score",
    "clip_similarity_identity",
    "identity_without_model",
    "profanity_identity",
    "require_small_together",
    "score_without_model",
    "similarity_identity",
    "verdict_identity",
]
