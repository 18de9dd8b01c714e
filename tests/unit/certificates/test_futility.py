"""What the samples to come may look like: against the plain hypergeometric sum, and against what they then were."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import hypergeom

from smoothgen.certificates.bounds.bands import grid_ranks
from smoothgen.certificates.stopping.futility import DISBELIEF, _fewest_at, all_at_the_centre, favourable, repeated

samples = st.lists(st.floats(0, 1), min_size=1, max_size=60).map(lambda values: np.sort(np.array(values)))


def chance_of_having_seen(m: int, count: int, seen: int, final: int) -> float:
    """P(at least m + 1 of `count` marked samples are among the first `seen` of `final`), the sum term by term."""
    terms = (
        math.comb(count, k) * math.comb(final - count, seen - k) / math.comb(final, seen)
        for k in range(m + 1, min(count, seen) + 1)
        if seen - k <= final - count
    )
    return math.fsum(terms)


@pytest.mark.parametrize("disbelief", [0.001, 0.01, 0.3])
@pytest.mark.parametrize(
    ("seen", "final"), [(1, 2), (1, 40), (5, 6), (10, 20), (13, 40), (32, 63), (32, 500), (63, 64)]
)
def test_the_fewest_is_where_the_hypergeometric_tail_exceeds_the_disbelief(seen, final, disbelief):
    for m in range(seen):
        fewest = _fewest_at(m, seen, final, disbelief)
        assert m + 1 <= fewest <= final
        assert chance_of_having_seen(m, fewest, seen, final) > disbelief
        assert chance_of_having_seen(m, fewest - 1, seen, final) <= disbelief


def test_ten_thousand_samples():
    for m in (0, 3, 100, 2000, 4999):
        fewest = _fewest_at(m, 5000, 10_000, DISBELIEF)
        tails = hypergeom.sf(m, 10_000, [fewest - 1, fewest], 5000)
        assert tails[0] <= DISBELIEF < tails[1]


@settings(deadline=None)
@given(samples, st.integers(0, 200))
def test_hope_lies_between_what_is_certain_and_more_of_the_same(ordered, more):
    """Certain: what was seen stays. Nobody hopes for more distance than was seen at the same share."""
    final = len(ordered) + more
    certain, hoped = all_at_the_centre(ordered, final), favourable(ordered, final)
    for drawn in (certain, hoped, repeated(ordered, final)):
        assert drawn.shape == (final,)
        assert (np.diff(drawn) >= 0).all()
    assert (certain <= hoped).all()
    assert (favourable(ordered, final, 1e-6) <= hoped).all()
    assert set(hoped) <= {0.0, *ordered}


@given(samples)
def test_with_nothing_to_come_there_is_nothing_to_hope_for(ordered):
    for continued in (all_at_the_centre, favourable, repeated):
        assert continued(ordered, len(ordered)).tolist() == ordered.tolist()


@given(samples, st.integers(1, 5))
def test_a_whole_multiple_repeats_every_distance_as_often(ordered, times):
    assert repeated(ordered, times * len(ordered)).tolist() == np.repeat(ordered, times).tolist()


def test_at_one_rank_the_samples_to_come_undercut_hope_as_rarely_as_said():
    """One threshold, any law: given all 200 samples, those seen are a random subset. 20,000 of them."""
    rng = np.random.default_rng(0)
    seen, final, repeats = 50, 200, 20_000
    for count in (3, 20, 100):
        marked = np.tile(np.arange(final) < count, (repeats, 1))
        first = rng.permuted(marked, axis=1)[:, :seen].sum(axis=1)
        fewest = np.array([0] + [_fewest_at(m, seen, final, DISBELIEF) for m in range(seen)])
        undercut = int((fewest[first] > count).sum())
        assert undercut <= DISBELIEF * repeats + 5 * math.sqrt(DISBELIEF * repeats)


def test_the_ranks_are_those_of_a_grid():
    ranks = grid_ranks(500, DISBELIEF)
    hoped = favourable(np.arange(500, dtype=np.float64), 501)
    assert len(set(hoped[hoped > 0])) >= len(ranks) - 1
