"""How often is a claim on a score false at alpha = 0.05? And mutants that the counts catch."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial

import numpy as np
import pytest
from scipy.special import ndtr

from smoothgen.certificates.bounds.bands import SurvivalBand
from smoothgen.certificates.score_claims import AskedClaim, ScoreCurve, claim_curve, claim_share
from tests.statistics.test_scores import BOUNDS, FOUND, SIGNED, UNIT, Values, curve
from tests.support.statistics.validity import most_false_claims

# How often is anything false? Coordinates of the noise are independent; a score is a function of one of them, and the
# worst attack moves along it. At these n the least count lies just below the truth, so that cheaper bounds are seen.

ALPHA, REPEATS = 0.05, 4000
RARE = 2.0
NORMS = (0.0, 0.5, 1.5)


def rare(u: Values) -> Values:
    return (u > RARE).astype(np.float64)


def graded(u: Values) -> Values:
    """A score of three values, the worst of which is rare."""
    return np.where(u > RARE, 1.0, np.where(u > 1.0, 0.4, 0.1))


def mean_of_graded(r: float) -> float:
    return float(0.1 + 0.3 * ndtr(r - 1.0) + 0.6 * ndtr(r - RARE))


Truth = Callable[[float], float]
EVENT: Truth = lambda r: float(ndtr(r - RARE))  # noqa: E731
CLAIMS: dict[str, tuple[AskedClaim, Callable[[Values], Values], Truth]] = {
    "mean": (AskedClaim(UNIT, at_most=0.5), graded, mean_of_graded),
    "mean at least": (AskedClaim(SIGNED, at_least=0.0), lambda u: 1 - 2 * rare(u), lambda r: 1 - 2 * EVENT(r)),
    "share": (AskedClaim(FOUND, of="share", at_most=0.5), rare, EVENT),
    "share at least": (AskedClaim(FOUND, of="share", at_least=0.5), lambda u: 1 - rare(u), lambda r: 1 - EVENT(r)),
    "quantile": (AskedClaim(UNIT, of="quantile:0.9", at_most=0.5), graded, EVENT),
}


def is_false(claim: AskedClaim, found: ScoreCurve, truth: Truth) -> bool:
    sign = 1 if claim.is_upper else -1
    return any(sign * (truth(r) - found.at(r)) > 1e-12 for r in NORMS)


def false_claims(
    name: str,
    n: int,
    *,
    alpha: float = ALPHA,
    build: Callable[..., ScoreCurve] = curve,
    repeats: int = REPEATS,
    seed: int = 1,
) -> int:
    claim, score, truth = CLAIMS[name]
    rng = np.random.default_rng(seed)

    @cache
    def verdict(packed: bytes) -> bool:
        return is_false(claim, build(claim, np.frombuffer(packed), alpha), truth)

    return sum(verdict(np.sort(score(rng.standard_normal(n))).tobytes()) for _ in range(repeats))


@pytest.mark.parametrize("n", [20, 132, 600])
@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_is_not_false_too_often(name, n):
    assert false_claims(name, n) <= most_false_claims(REPEATS, ALPHA)


@pytest.mark.parametrize("name", ["share", "share at least", "quantile"])
def test_the_count_is_near_what_alpha_allows(name):
    """With 132 samples 4.8 % of the certificates are false: the share of all alpha is needed."""
    assert false_claims(name, 132) >= 0.035 * REPEATS


K, TOGETHER = 3, 207
"""Three claims and the band of the distances. Among 207 samples no event makes a claim at α/4 false, 0.9 % of the time;
at an α that is not split one event does so too, together 4.9 %."""


def false_together(share: Callable[[float, int], float], repeats: int = REPEATS) -> int:
    """In how many repeats one of three claims on independent coordinates is false."""
    claim, score, truth = CLAIMS["share"]
    rng, alpha = np.random.default_rng(3), share(ALPHA, K)

    @cache
    def verdict(events: int) -> bool:
        values = np.repeat([1.0, 0.0], [events, TOGETHER - events])
        return is_false(claim, curve(claim, values, alpha), truth)

    counts = score(rng.standard_normal((repeats, K, TOGETHER))).sum(axis=2).astype(int)
    return sum(any(map(verdict, row)) for row in counts.tolist())


def test_several_claims_are_together_not_false_too_often():
    assert false_together(claim_share) <= most_false_claims(REPEATS, ALPHA)
    assert false_together(claim_share) >= 0.02 * REPEATS


def test_a_failed_sample_counts_as_the_worst():
    """The generator fails where u > 2: attacked outputs fail more often, and the claim is about them too."""
    failing = partial(false_with_failures, build=curve)
    assert failing() <= most_false_claims(1000, ALPHA)


def false_with_failures(build: Callable[..., ScoreCurve]) -> int:
    claim, _, truth = CLAIMS["share"]
    rng = np.random.default_rng(4)
    drawn = rng.standard_normal((1000, 132))
    return sum(is_false(claim, build(claim, np.where(u > RARE, np.nan, 0.0), ALPHA), truth) for u in drawn)


# Mutants that these counts catch.


def test_alpha_that_is_not_split_is_caught():
    assert false_together(lambda alpha, claims: alpha) > most_false_claims(REPEATS, ALPHA)


def test_failed_samples_that_are_dropped_are_caught():
    def dropping(claim: AskedClaim, values: Values, alpha: float) -> ScoreCurve:
        return curve(claim, values[~np.isnan(values)], alpha)

    assert false_with_failures(dropping) > most_false_claims(1000, ALPHA)


@pytest.mark.parametrize("name", CLAIMS)
def test_a_band_on_the_wrong_side_is_caught(name):
    """The mirrored series: p̄_t of h where b − h is meant, and the other way round."""

    def mirrored(claim: AskedClaim, values: Values, alpha: float) -> ScoreCurve:
        turned = claim.width - claim.series(values)
        evidence = type(claim.evidence(values)).from_measurements(turned, bound=claim.width, diameter=claim.width)
        found = claim_curve(claim, evidence, BOUNDS, alpha=alpha)
        return _Turned(claim, found)

    assert false_claims(name, 132, build=mirrored, repeats=200) > most_false_claims(200, ALPHA)


class _Turned:
    """Reads w − E[w − g] as the bound on E[g]: an upper bound where a lower one is needed."""

    def __init__(self, claim: AskedClaim, found: ScoreCurve) -> None:
        self.claim, self.found = claim, found

    def at(self, r: float) -> float:
        return self.claim.stated(max(0.0, self.claim.width - self.found._integral(r)))


@pytest.mark.parametrize("name", ["share", "quantile", "mean"])
def test_the_observed_share_in_place_of_its_upper_bound_is_caught(name):
    def observed(claim: AskedClaim, values: Values, alpha: float) -> ScoreCurve:
        ordered = claim.evidence(values).ordered(claim.width)
        edges = np.unique(np.concatenate([[0.0], ordered, [claim.width]]))
        levels = np.array([(ordered > t).mean() for t in edges[:-1]])
        return ScoreCurve(claim, SurvivalBand(edges, levels), BOUNDS)

    assert false_claims(name, 132, build=observed, repeats=400) > most_false_claims(400, ALPHA)


@pytest.mark.parametrize("alpha", [1e-3, 0.05, 1 / 3, 1e-9])
@pytest.mark.parametrize("claims", range(1, 9))
def test_the_shares_never_sum_to_more_than_alpha(alpha, claims):
    assert math.fsum([claim_share(alpha, claims)] * (claims + 1)) <= alpha
