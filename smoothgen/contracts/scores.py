"""Claims on scores as a request names them (docs/theory/scores)."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import Field, model_validator

from smoothgen.certificates.score_claims import AskedClaim, ScoreIdentity
from smoothgen.contracts.base import Contract
from smoothgen.contracts.recorded import Recorded

MOST_CLAIMS: Final = 8
LONGEST_COUNT: Final = 1_000_000


class PatternScore(Contract):
    """1 where an RE2 pattern is found in the text, else 0."""

    name: Literal["pattern"]
    pattern: str = Field(min_length=1, max_length=1000)


class JsonSchemaScore(Contract):
    """1 where the whole text is one JSON value that meets a JSON Schema (draft 2020-12), else 0."""

    name: Literal["json_schema"]
    must_meet: Recorded = Field(
        description="The schema. Its patterns are RE2's; a $ref is a plain pointer into the schema, without "
        "percent signs, and does not recur."
    )


class LengthScore(Contract):
    """How long the text is, `cap` at most."""

    name: Literal["length"]
    unit: Literal["characters", "words"] = "characters"
    cap: int = Field(ge=1, le=LONGEST_COUNT, description="b: longer texts count as this long.")


class SimilarityScore(Contract):
    """Cosine of the sentence embeddings of the text and of a reference text, in [−1, 1]."""

    name: Literal["similarity"]
    reference: str = Field(min_length=1, max_length=10_000)


class VerdictScore(Contract):
    """1 where the model's picture classifier calls the picture this, else 0."""

    name: Literal["verdict"]
    verdict: str = Field(min_length=1, max_length=200)


class ProfanityScore(Contract):
    """How likely the text is profane, in [0, 1], by the classifier of package alt-profanity-check (English)."""

    name: Literal["profanity"]


class ClipSimilarityScore(Contract):
    """Cosine of CLIP's embeddings of the picture and of the request's own prompt, in [−1, 1]."""

    name: Literal["clip_similarity"]


class PluginScore(Contract):
    """A score that an installed package brings, by the name of its entry point in the group smoothgen.scores."""

    name: Literal["plugin"]
    plugin: str = Field(min_length=1, max_length=100)
    options: Recorded = Field(default={}, description="What the plug-in takes.")


Score = Annotated[
    PatternScore
    | JsonSchemaScore
    | LengthScore
    | SimilarityScore
    | VerdictScore
    | ProfanityScore
    | ClipSimilarityScore
    | PluginScore,
    Field(discriminator="name"),
]
"""A bounded function of an output."""
SCORE_NAMES: Final = tuple(get_args(kind.model_fields["name"].annotation)[0] for kind in get_args(get_args(Score)[0]))
"""The names of scores in requests. All plug-ins share one."""


class ScoreClaim(Contract):
    """A claim on a score that is to hold under attack. The score of a failed sample is the worst there is."""

    score: Score
    at_most: float | None = Field(default=None, description="x: the claim is that the mean, share or quantile is ≤ x.")
    at_least: float | None = Field(default=None, description="x: the claim is that it is ≥ x.")
    of: str = Field(
        default="mean",
        pattern=r"^(mean|share|quantile:(0?\.[0-9]{1,9}))$",
        description="mean: of the score; share: of the outputs whose score is above `above`; quantile:q, such as "
        "quantile:0.99: the q-quantile of the score.",
    )
    above: float | None = Field(
        default=None, description="For share of a score with more than two values: the threshold, strictly."
    )

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if (self.at_most is None) == (self.at_least is None):
            said = "neither is given" if self.at_most is None else f"{self.at_most!r} and {self.at_least!r} are given"
            raise ValueError(f"a claim says at_most or at_least, one of them, and {said}")
        return self

    @property
    def options(self) -> dict[str, Any]:
        """Returns what fixes the score beside its name, as JSON data."""
        return dict(self.score.model_dump(mode="json", exclude={"name"}))

    def asked_of(self, score: ScoreIdentity) -> AskedClaim:
        """Returns the claim on a score whose range is known. Raises InvalidClaim for one that is none."""
        return AskedClaim(score, of=self.of, at_most=self.at_most, at_least=self.at_least, above=self.above)


Claims = Annotated[list[ScoreClaim], Field(min_length=1, max_length=MOST_CLAIMS)]
"""The claims of a request: at least one, since an empty list asks for nothing."""
