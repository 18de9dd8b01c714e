"""docs/api.md prints the least samples of claims on scores: so many may prove one, and one less cannot."""

import re
from pathlib import Path

import pytest

from smoothgen import Gaussian
from smoothgen.certificates import LookPlan, Terms
from smoothgen.certificates.score_claims import AskedClaim, ScoreIdentity
from smoothgen.certificates.stopping.scores import claims_out_of_reach

API = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
PATTERN = ScoreIdentity("pattern", 0, 1, two_valued=True)
LENGTH = ScoreIdentity("length", 0, 200)
CLAIMS = {
    "share, or mean of a score of two values, at most 0.1": [
        (AskedClaim(PATTERN, "share", at_most=0.1), 0.0),
        (AskedClaim(PATTERN, at_most=0.1), 0.0),
        (AskedClaim(PATTERN, "share", at_least=0.9), 1.0),
        (AskedClaim(LENGTH, "quantile:0.9", at_most=120), 0.0),
    ],
    "the same with 0.05": [
        (AskedClaim(PATTERN, "share", at_most=0.05), 0.0),
        (AskedClaim(PATTERN, "share", at_least=0.95), 1.0),
        (AskedClaim(LENGTH, "quantile:0.95", at_most=120), 0.0),
    ],
    "the same with 0.01": [
        (AskedClaim(PATTERN, "share", at_most=0.01), 0.0),
        (AskedClaim(PATTERN, "share", at_least=0.99), 1.0),
        (AskedClaim(LENGTH, "quantile:0.99", at_most=120), 0.0),
    ],
    "mean of another score, a tenth": [(AskedClaim(LENGTH, at_most=20), 0.0)],
    "the same, a twentieth": [(AskedClaim(LENGTH, at_most=10), 0.0)],
}


@pytest.mark.parametrize("row", CLAIMS)
def test_the_least_samples_of_a_claim_are_those_printed(row: str) -> None:
    found = re.search(rf"^\| {re.escape(row)}.*\| (\d+) \| (\d+) \| (\d+) \|$", API, re.MULTILINE)
    assert found is not None
    for claim, best in CLAIMS[row]:
        for claims, printed in zip((1, 3, 8), map(int, found.groups()), strict=True):
            assert not out_of_reach(claim, best, claims, printed), (claim, claims)
            assert out_of_reach(claim, best, claims, printed - 1), (claim, claims)


def out_of_reach(claim: AskedClaim, best: float, claims: int, samples: int) -> bool:
    terms = Terms(
        mechanism=Gaussian(sigma=0.2),
        alpha=1e-3,
        tolerance=0.1,
        plan=LookPlan((samples,), (1e-3,)),
        score_claims=(claim,) * claims,
        rounding_slack=1e-6,
    )
    return claims_out_of_reach(terms, [best] * claims) is not None
