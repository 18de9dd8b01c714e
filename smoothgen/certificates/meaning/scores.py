"""Claims on scores in words: our own for scores this library knows, quotation marks for what others brought."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Final

from smoothgen.certificates.meaning.quoting import quoted
from smoothgen.certificates.score_claims.asked import MEAN, PLUGIN_V1, AskedClaim, ScoreIdentity
from smoothgen.certificates.score_claims.certified import ScoreClaim
from smoothgen.certificates.score_claims.exact import ExactClaim

_SHA256: Final = re.compile("sha256:[0-9a-f]{64}")
_SHOWN_OF_DIGEST: Final = len("sha256:") + 12


def sentences_on_scores(claims: Sequence[ScoreClaim], epsilon: float | None) -> list[str]:
    """Returns a sentence for each claim of a certificate of noise. epsilon: the asked attack norm, None for each
    claim's radius."""
    return [_by_noise(claim, epsilon) for claim in claims]


def sentences_on_exact_scores(claims: Sequence[ExactClaim], epsilon: float | None) -> list[str]:
    """Returns a sentence for each claim of an exhaustive certificate."""
    return [_without_noise(claim, epsilon) for claim in claims]


def pattern_sought(score: ScoreIdentity) -> str | None:
    """Returns the RE2 pattern of score `pattern` as this library defines it, None for every other score."""
    return str(score.options["pattern"]) if score.name == "pattern" and _described(score) is not None else None


def claim_in_words(claim: AskedClaim) -> str:
    """Returns what is asked of a score, without the norm of the attack."""
    return _asked(claim)


def decision_in_words(claim: AskedClaim) -> str:
    """Returns what is asked of a score, in the plain words of answers, which no certificate repeats. Of a score that is
    1 or 0 by a property of the output it is the share of outputs with the property."""
    counted = _with_property(claim.score) if claim.quantile is None else None
    if counted is None:
        return _asked(claim)
    return f"the share of outputs {counted} is {'at most' if claim.is_upper else 'at least'} {claim.limit!r}"


def options_as_json(score: ScoreIdentity) -> str | None:
    """Returns the options of a plug-in's score as JSON, None where it has none."""
    if set(score.options) == {"distribution"}:
        return None
    is_ours = set(score.options) <= {"distribution", "options"}  # as smoothgen/scores/plugin.py writes them
    return json.dumps(score.options["options"] if is_ours and score.options else dict(score.options), sort_keys=True)


def code_in_words(digest: str) -> str:
    """Returns the first twelve digits of a sha256; what is none in quotation marks."""
    return f"{digest[:_SHOWN_OF_DIGEST]}…" if _SHA256.fullmatch(digest) else quoted(digest)


def bound_in_words(claim: AskedClaim, bound: float) -> str:
    """Returns the claim with the number that is proven, without the norm or the number of an attack."""
    return _bounded(claim, bound)


def unscored_runs(failed: int) -> str:
    """Returns the sentence on runs without a score, after a space; nothing where there are none."""
    if failed == 1:
        return " One of its runs has no score and counts as the worst."
    return f" {failed} of its runs have no score and count as the worst." if failed else ""


def unknown_score(claims: Sequence[AskedClaim]) -> str | None:
    """Returns what of the claims' scores this library has no definition of, None where it knows all."""
    unknown = sorted({claim.score.name for claim in claims if _described(claim.score) is None})
    return f"{', '.join(map(quoted, unknown))} is no score of this library" if unknown else None


def _by_noise(claim: ScoreClaim, epsilon: float | None) -> str:
    if claim.radius is None and epsilon is None:
        return (
            f"Not proven, even without an attack, is that {_asked(claim.asked)}; without an attack, "
            f"{_bounded(claim.asked, claim.bound)}.{_failed(claim.evidence.failed)}"
        )
    at = claim.radius if epsilon is None else epsilon
    return (
        f"Under any attack of norm at most {at!r}, {_bounded(claim.asked, claim.bound)}."
        f"{_failed(claim.evidence.failed)}"
    )


def _without_noise(claim: ExactClaim, epsilon: float | None) -> str:
    failed = _failed(claim.runs.failed)
    if epsilon is None and claim.radius == 0:
        return f"Not so, even without an attack, is that {_asked(claim.asked)}.{failed}"
    if epsilon is not None:
        norm = f"at most {epsilon!r}"
    else:
        norm = "whatever" if math.isinf(claim.radius) else f"strictly less than {claim.radius!r}"
    return f"Under any attack of l2 norm {norm}, {_bounded(claim.asked, claim.bound)}.{failed}"


def _bounded(claim: AskedClaim, bound: float) -> str:
    """Returns the claim with the number that is proven."""
    side = "at most" if claim.is_upper else "at least"
    return f"{_of_what(claim)} is {side} {bound!r}"


def _asked(claim: AskedClaim) -> str:
    return f"{_of_what(claim)} is {'at most' if claim.is_upper else 'at least'} {claim.limit!r}"


def _of_what(claim: AskedClaim) -> str:
    score = _described(claim.score)
    if score is None:
        score = f"what this document calls score {_as_called(claim.score)}"
    if claim.of == MEAN:
        return f"the mean of {score}"
    if claim.quantile is not None:
        return f"the share of outputs with {score} {'above' if claim.at_least is None else 'below'} {claim.asked!r}"
    threshold = claim.score.least if claim.above is None else claim.above
    return f"the share of outputs with {score} above {threshold!r}"


def _as_called(score: ScoreIdentity) -> str:
    """Returns the name, options and digest of a score that this library has no definition of."""
    name = quoted(score.name)
    if score.wording != PLUGIN_V1:  # as all certificates said it before scores had a wording
        return name if score.digest is None else f"{name} of {quoted(score.digest)}"
    options = options_as_json(score)
    with_options = [] if options is None else [f"options {quoted(options)}"]
    with_code = [] if score.digest is None else [f"code {code_in_words(score.digest)}"]
    known = " and ".join([*with_options, *with_code])
    return f"{name} with {known}" if known else name


def _with_property(score: ScoreIdentity) -> str | None:
    """Returns which outputs have the score 1, where all others have 0 and this library knows the score."""
    if _described(score) is None:
        return None
    if score.name == "pattern":
        return f"in which the RE2 pattern {quoted(score.options['pattern'])} is found"
    if score.name == "json_schema":
        schema = json.dumps(score.options["must_meet"], sort_keys=True)
        return f"that are JSON and meet the schema {quoted(schema)}"
    if score.name == "verdict":
        return f"that the model's picture classifier calls {quoted(score.options['verdict'])}"
    return None


def _failed(failed: int) -> str:
    return f" {failed} of its samples have no score and count as the worst." if failed else ""


def _described(score: ScoreIdentity) -> str | None:
    """Returns the score in this library's words, None where the name, its range or its options are not those it
    knows."""
    options, ends = dict(score.options), (score.least, score.most, score.two_valued)
    two = ends == (0.0, 1.0, True)
    if score.digest is not None:
        return None
    if score.name == "pattern" and two and _strings(options, "pattern"):
        return f"the score 1 where the RE2 pattern {quoted(options['pattern'])} is found, else 0,"
    if score.name == "json_schema" and two and set(options) == {"must_meet"}:
        schema = json.dumps(options["must_meet"], sort_keys=True)
        return f"the score 1 for JSON that meets the schema {quoted(schema)}, else 0,"
    if score.name == "verdict" and two and _strings(options, "verdict"):
        return f"the score 1 where the model's picture classifier says {quoted(options['verdict'])}, else 0,"
    if score.name == "length" and set(options) == {"unit", "cap"} and options["unit"] in ("characters", "words"):
        counted = ends == (0.0, options["cap"], False)
        return f"the length in {options['unit']}, counted up to {options['cap']!r}," if counted else None
    if score.name == "profanity" and ends == (0.0, 1.0, False) and _strings(options, "model"):
        return f"the probability, by classifier {quoted(options['model'])}, that the text is profane,"
    similar = ends == (-1.0, 1.0, False)
    if score.name == "clip_similarity" and similar and _strings(options, "prompt", "encoder"):
        return (
            f"the cosine similarity by CLIP model {quoted(options['encoder'])} of the picture to the prompt of digest "
            f"{quoted(options['prompt'])}"
        )
    if score.name == "similarity" and similar and _strings(options, "reference", "encoder"):
        return (
            f"the cosine similarity by sentence encoder {quoted(options['encoder'])} to the text of digest "
            f"{quoted(options['reference'])}"
        )
    return None


def _strings(options: dict[str, object], *names: str) -> bool:
    return set(options) == set(names) and all(isinstance(value, str) for value in options.values())
