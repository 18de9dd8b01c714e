"""What a request may claim of scores: checked before anything is queued, as far as no model is needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pydantic import JsonValue

from smoothgen.certificates.bounds.rounding import complement
from smoothgen.certificates.score_claims import AskedClaim, claim_share, require_distinct
from smoothgen.contracts import (
    EDITS,
    OF_UNITS,
    TOKENS,
    JsonSchemaScore,
    ModelCard,
    PluginScore,
    Robustness,
    ScoreClaim,
    look_plan,
    units_look_plan,
)
from smoothgen.contracts.scores import SCORE_NAMES
from smoothgen.errors import InvalidClaim, InvalidInput, UnknownName
from smoothgen.scores import (
    CLIP_SETTING,
    PROFANITY_EXTRA,
    identity_without_model,
    require_small_together,
    score_without_model,
)

_NEEDS: Final = {("profanity", "text"): PROFANITY_EXTRA, ("clip_similarity", "image"): CLIP_SETTING}
"""What a score needs that is offered for models of a modality where the operator installed it."""


def require_claims(robustness: Robustness, card: ModelCard) -> list[AskedClaim]:
    """Returns the claims on scores as far as they are known without a model.

    Raises InvalidInput for claims on scores that this model, this mechanism or any sampling cannot serve.

    robustness: with the mechanism that planning chose. A plug-in's options and range are checked by the worker, which
    has it installed.
    """
    claims = robustness.claims
    if claims is None:
        return []
    if robustness.tier != "request":
        raise InvalidInput(
            f"claims on scores rest on certification samples, and tier {robustness.tier!r} draws none for the request; "
            "ask for tier 'request', or leave claims out",
            field="robustness.claims",
        )
    asked = known_claims(robustness, card)
    require_distinct(asked)
    for alpha in _alphas(robustness):
        claim_share(alpha, len(claims))
    return asked


def known_claims(robustness: Robustness, card: ModelCard) -> list[AskedClaim]:
    """Returns the claims of a request that are known without a model: all but those on plug-ins.

    Raises InvalidInput for a score that the model does not offer, for a claim that is none, and for JSON schemas that
    are too large, each by itself or all together.
    """
    claims = robustness.claims or ()
    _require_small_schemas(claims)
    for place, claim in enumerate(claims):
        offered = f"plugin:{claim.score.plugin}" if isinstance(claim.score, PluginScore) else claim.score.name
        if offered not in card.scores:
            field = f"robustness.claims.{place}"
            if (missing := _NEEDS.get((offered, card.modality))) is not None:
                raise InvalidClaim(
                    f"score {offered!r} of model {card.id!r} needs {missing}; GET /models says which scores there are",
                    field=field,
                )
            raise UnknownName("score of this model", offered, card.scores, field=field)
    return claims_without_model(claims)


def claims_without_model(claims: Sequence[ScoreClaim]) -> list[AskedClaim]:
    """Returns those of the claims that are known without a model, whatever a model offers. Raises InvalidClaim for a
    claim that is none."""
    return [asked for place, claim in enumerate(claims) if (asked := _asked(claim, place)) is not None]


def _require_small_schemas(claims: Sequence[ScoreClaim]) -> None:
    """Raises InvalidClaim, which names the claim whose schema is the first that is too much. Compiles nothing."""
    schemas: list[dict[str, JsonValue]] = []
    for place, claim in enumerate(claims):
        if isinstance(claim.score, JsonSchemaScore):
            schemas.append(claim.score.must_meet)
            try:
                require_small_together(schemas)
            except InvalidClaim as error:
                raise InvalidClaim(str(error), field=f"robustness.claims.{place}") from error


def _asked(claim: ScoreClaim, place: int) -> AskedClaim | None:
    """Returns a claim as far as it is known without a model, None for one on a plug-in."""
    field = f"robustness.claims.{place}"
    if isinstance(claim.score, PluginScore):
        return None
    try:
        identity = identity_without_model(claim.score.name, claim.options)
        if identity is None:
            score = score_without_model(claim.score.name, claim.options)
            if score is None:
                raise UnknownName("score", claim.score.name, SCORE_NAMES, field=field)
            identity = score.identity
        return claim.asked_of(identity)
    except InvalidClaim as error:
        raise InvalidClaim(str(error), field=field) from error


def _alphas(robustness: Robustness) -> Sequence[float]:
    """Returns what every look may spend of the failure probability. Each has enough for all claims, or `claim_share`
    refuses it: also where all edits or subsets may be run and nothing is spent, which is not known yet."""
    if robustness.mechanism == TOKENS:
        return ()
    if robustness.mechanism == EDITS:
        return (complement(robustness.confidence),)
    return (units_look_plan if robustness.mechanism in OF_UNITS else look_plan)(robustness).alphas
