"""Clopper–Pearson levels against the binomial sum and the incomplete beta function, both in mpmath."""

import mpmath as mp
import numpy as np
import pytest

from smoothgen.certificates.bounds.bands import ORDER_STATISTICS, TWO_VALUED
from tests.support.statistics.high_precision import binomial_at_most

SLACK = 2e-9  # the band adds 1e-9 relative, so that the inverse beta function's own error cannot matter


def band_of_ranks(n: int, alpha: float):
    """Rank and level of every step: with the distances 0, 1, …, n−1, rank m's edge is n−1−m."""
    band = ORDER_STATISTICS.build(np.arange(n, dtype=np.float64), float(n), alpha)
    return [(n - 1 - int(edge), float(level)) for edge, level in zip(band.edges[1:-1], band.levels[1:], strict=True)]


@pytest.mark.parametrize(("n", "alpha"), [(1, 0.05), (2, 0.9), (5, 1e-3), (50, 1e-12), (500, 1e-3), (20_000, 0.05)])
def test_every_level_is_an_upper_confidence_bound_at_its_share_of_alpha(n, alpha):
    """P(Bin(n, level) ≤ m) ≤ α_j: at a larger survival, so few samples above would be rarer still."""
    split = ORDER_STATISTICS.split(n, alpha)
    steps = band_of_ranks(n, alpha)
    assert len(steps) == split["grid_ranks"]
    assert steps[-1][0] == 0
    for m, level in (s for k, s in enumerate(steps) if s[0] < 3000 and (len(steps) < 50 or k % 10 == 0 or s[0] < 5)):
        share = split["rank_0" if m == 0 else "each_other_rank"]
        assert binomial_at_most(m, n, level) <= share
        assert level == 1 or binomial_at_most(m, n, level * (1 - SLACK)) >= share


def test_a_million_samples():
    split = ORDER_STATISTICS.split(1_000_000, 1e-3)
    steps = [step for step in band_of_ranks(1_000_000, 1e-3) if step[0] < 2000][::20]
    for m, level in steps:
        share = split["rank_0" if m == 0 else "each_other_rank"]
        assert binomial_at_most(m, 1_000_000, level) <= share <= binomial_at_most(m, 1_000_000, level * (1 - SLACK))


@pytest.mark.parametrize(("m", "n"), [(0, 1), (0, 100), (3, 10), (40, 100)])
@pytest.mark.parametrize("alpha", [1e-12, 1e-3, 0.05, 0.5])
def test_the_two_valued_level_is_the_beta_quantile(m, n, alpha):
    ordered = np.array([0.0] * (n - m) + [1.0] * m)
    level = float(TWO_VALUED.build(ordered, 1.0, alpha).levels[0])
    with mp.workdps(40):
        above = mp.betainc(m + 1, n - m, mp.mpf(level), 1, regularized=True)
        assert above <= alpha
        assert above == pytest.approx(alpha, rel=1e-6 * n)
        assert abs(above - binomial_at_most(m, n, level)) < mp.mpf("1e-30")


def test_the_union_over_ranks_spends_all_of_alpha_and_no_more():
    for n in (1, 2, 17, 500, 10_000):
        split = ORDER_STATISTICS.split(n, 0.05)
        total = split["rank_0"] + (split["grid_ranks"] - 1) * split["each_other_rank"] * (n > 1)
        assert total == pytest.approx(0.05, rel=1e-12)
