"""Scores by their names in requests, with the instruments that some of them need."""

from __future__ import annotations

from typing import Protocol

from smoothgen import plugins
from smoothgen.contracts import ClipSimilarityScore, ProfanityScore, ScoreClaim, SimilarityScore, VerdictScore
from smoothgen.errors import UnknownName
from smoothgen.scores import TEXT_SCORES, Score, score_without_model
from workers.features import Classifier, FeatureMap, PictureText
from workers.generators.protocol import OutputKind
from workers.scores.clip_similarity import ClipSimilarity
from workers.scores.profanity import Profanity, profanity_available
from workers.scores.similarity import Similarity
from workers.scores.verdict import VerdictIs


class Instruments(Protocol):
    """What some scores are computed with."""

    @property
    def sentence(self) -> FeatureMap | None:
        """Returns the sentence encoder; None where it is not installed."""
        ...

    @property
    def classifier(self) -> Classifier | None:
        """Returns the picture classifier that came with the model; None where there is none."""
        ...

    @property
    def clip(self) -> PictureText | None:
        """Returns the CLIP model of the settings; None where there is none."""
        ...


def output_score(claim: ScoreClaim, instruments: Instruments, prompt: str = "") -> Score:
    """Returns the score that a claim is on. prompt: the request's own. Raises InvalidClaim, InvalidPlugin and
    UnknownName."""
    asked = claim.score
    if isinstance(asked, SimilarityScore):
        if instruments.sentence is not None:
            return Similarity(asked.reference, instruments.sentence)
    elif isinstance(asked, VerdictScore):
        if instruments.classifier is not None:
            return VerdictIs(asked.verdict, instruments.classifier)
    elif isinstance(asked, ProfanityScore):
        return Profanity()
    elif isinstance(asked, ClipSimilarityScore):
        if instruments.clip is not None:
            return ClipSimilarity(prompt, instruments.clip)
    elif (score := score_without_model(asked.name, claim.options)) is not None:
        return score
    raise UnknownName("score of this model", asked.name, ["see GET /models"], field="robustness.claims")


def names_of_scores(kind: OutputKind, *, sentence: bool, classifier: bool, clip: bool) -> list[str]:
    """Returns the scores of a model with outputs of this kind. sentence, classifier, clip: whether there is one."""
    brought = [f"plugin:{name}" for name in plugins.names()]
    if kind == "picture":
        return [*(["verdict"] if classifier else []), *(["clip_similarity"] if clip else []), *brought]
    profanity = ["profanity"] if profanity_available() else []
    return [*TEXT_SCORES, *(["similarity"] if sentence else []), *profanity, *brought]
