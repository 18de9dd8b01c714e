"""What the commands print of claims on scores."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Final

import typer

from smoothgen.certificates.bounds.rounding import round_down
from smoothgen.certificates.edits.score_claims import EditsScoreClaim
from smoothgen.certificates.format.canonical import canonical
from smoothgen.certificates.format.document import parse_json
from smoothgen.certificates.meaning.scores import code_in_words, options_as_json
from smoothgen.certificates.score_claims import AskedClaim, ScoreClaim, ScoreIdentity
from smoothgen.certificates.score_claims.exact import ExactClaim
from smoothgen.certificates.units.score_claims import UnitScoreClaim
from smoothgen.errors import InvalidCertificate

_DIGITS: Final = 4
_LONGEST: Final = 60


def score_rows(
    claims: Sequence[ScoreClaim | ExactClaim | EditsScoreClaim | UnitScoreClaim],
) -> Iterator[tuple[str, str]]:
    """Yields a row for each claim: what is asked, what is proven, and up to which attack norm it holds, or for how many
    edits or altered units."""
    for place, claim in enumerate(claims, start=1):
        yield f"claim {place}", f"{_asked(claim.asked)}: {_proven(claim)}"


def claims_of_options(texts: Sequence[str]) -> list[Any]:
    """Returns the claims that were typed as JSON objects. Raises typer.BadParameter."""
    try:
        return [parse_json(text) for text in texts]
    except InvalidCertificate as error:
        raise typer.BadParameter(
            f'a claim is a JSON object such as {{"score": {{"name": "length", "cap": 200}}, "at_most": 100}}; {error}'
        ) from error


def _asked(claim: AskedClaim) -> str:
    side, limit = ("at most", claim.at_most) if claim.at_least is None else ("at least", claim.at_least)
    above = "" if claim.above is None else f" above {claim.above!r}"
    return f"{claim.of}{above} of {_named(claim.score)} {side} {limit!r}"


def _named(score: ScoreIdentity) -> str:
    """Returns the score's name and options, with the digest of the code for one that a plug-in brings."""
    if score.digest is None:
        return f"{score.name} {_cut(canonical(dict(score.options)))}"
    options = options_as_json(score)
    with_options = score.name if options is None else f"{score.name} {_cut(options)}"
    return f"{with_options} (code {code_in_words(score.digest)})"


def _cut(options: str) -> str:
    return options if len(options) <= _LONGEST else f"{options[:_LONGEST]}…"


def _proven(claim: ScoreClaim | ExactClaim | EditsScoreClaim | UnitScoreClaim) -> str:
    if isinstance(claim, EditsScoreClaim):
        share = f"a share of at least {round_down(claim.share, _DIGITS)!r} of the edits is as asked"
        if claim.bound is None:
            return share
        if not claim.radius:
            return f"not so for every edit; whatever the edit, {_side(claim.asked)} {claim.bound!r}; {share}"
        return f"up to {claim.radius} edit{'' if claim.radius == 1 else 's'}, proven {claim.bound!r}; {share}"
    if isinstance(claim, UnitScoreClaim):
        if not claim.radius:
            failing = "even unaltered" if claim.radius is None else "with one altered"
            return f"not proven {failing}; unaltered, {_side(claim.asked)} {claim.bound!r} is proven"
        return f"up to {claim.radius} altered, proven {claim.bound!r}"
    if isinstance(claim, ExactClaim):
        if claim.radius == 0:
            return "not so, even without an attack"
        below = "at every norm" if math.isinf(claim.radius) else f"below {round_down(claim.radius, _DIGITS)!r}"
        return f"{below}, proven {claim.bound!r}"
    if claim.radius is None:
        return f"not proven; without an attack, {_side(claim.asked)} {claim.bound!r} is proven"
    return f"up to {round_down(claim.radius, _DIGITS)!r}, proven {claim.bound!r}"


def _side(asked: AskedClaim) -> str:
    return "at most" if asked.is_upper else "at least"
