"""The list of token sequences and its certificates against a vocabulary that is known whole: 30 rows, 3 tokens, all
27,000 sequences, true distances to their cells by quadratic programs, and an answer that the ids alone decide."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from smoothgen import ExhaustiveCertificate, certify_exhaustive
from smoothgen.tokens import Neighbourhoods, Neighbours, TokenTable, nearest_sequences
from tests.support.statistics.snapping import TOKENS, World

ROWS = 30
ALL = ROWS**TOKENS
LEVELS = 10
SOLVED = 1e-7
"""Relative: the quadratic programs are solved to better than this."""
KINDS = ("general", "ties", "equal rows")


def table(seed: int, kind: str) -> np.ndarray:
    """Rows of float32, width 4 to 8, among them a row of zeros."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    width = int(rng.integers(4, 9))
    rows = rng.integers(-1, 2, size=(ROWS, width)) if kind == "ties" else rng.normal(size=(ROWS, width))
    rows[rng.integers(ROWS)] = 0
    if kind == "equal rows":
        rows[rng.integers(ROWS, size=4)] = rows[rng.integers(ROWS, size=4)]
    return rows.astype(np.float32)


def said(ids: np.ndarray) -> np.ndarray:
    """The model in closed form: the number from 0 to 10 that token ids (…, 3) get, another than 0 for one sequence in a
    hundred."""
    first, second, third = np.moveaxis(np.asarray(ids), -1, 0)
    mixed = (131 * first + 57 * second**2 + 29 * third**3 + first * second * third) % 997
    return np.clip(mixed - 986, 0, LEVELS)


class Known:
    """One table, one prompt, the list that is to be tested, and everything that is true of it."""

    def __init__(self, seed: int, kind: str) -> None:
        rows = table(seed, kind)
        self.table = TokenTable(rows)
        canonical = self.table.canonical(np.arange(ROWS))
        prompt = tuple(int(t) for t in canonical[np.random.default_rng(seed).integers(ROWS, size=TOKENS)])
        every = np.array(list(itertools.product(range(ROWS), repeat=TOKENS)))
        # Equal rows are one token: a sequence says what its canonical ids say.
        moved = np.abs(said(canonical[every]) - said(np.array(prompt))) / LEVELS
        model = moved.reshape((ROWS,) * TOKENS)
        self.world = World(rows.astype(np.float64), prompt, model)
        self.distinct = [s for s in itertools.product(np.unique(canonical).tolist(), repeat=TOKENS) if s != prompt]
        self.true_costs = np.array(
            [math.hypot(*(self.world.cell_distances[i, j] for i, j in enumerate(s))) for s in self.distinct]
        )

    def listed(self, number: int) -> Neighbours:
        return nearest_sequences(Neighbourhoods(self.table), self.world.prompt, number)

    def certify(self, number: int) -> ExhaustiveCertificate:
        found = self.listed(number)
        distances = [self.world.model[tuple(found.ids(k))] for k in range(len(found.costs))]
        made = certify_exhaustive(
            [0.0, *found.costs],
            [0.0, *distances],
            diameter=1.0,
            tolerance=0.3,
            next_cost=found.next_cost if math.isfinite(found.next_cost) else None,
        )
        assert isinstance(made, ExhaustiveCertificate)
        return made

    def true_w1(self, epsilon: float) -> float:
        """The furthest answer that an attack of this norm or less reaches, ties at the border included."""
        reached = self.true_costs <= epsilon * (1 - SOLVED)
        return float(max((self.world.model[s] for s, r in zip(self.distinct, reached, strict=True) if r), default=0.0))


@pytest.fixture(scope="module", params=[(seed, kind) for kind in KINDS for seed in range(2)], ids=str)
def known(request: pytest.FixtureRequest) -> Known:
    return Known(*request.param)


def test_the_list_is_all_sequences_sorted(known: Known) -> None:
    found = known.listed(ALL)
    assert found.next_cost == math.inf
    sequences = [tuple(found.ids(k)) for k in range(len(found.costs))]
    assert sorted(sequences) == sorted(known.distinct)
    rows = known.world.table
    half = np.array([np.linalg.norm(rows[list(s)] - known.world.own) / 2 for s in sequences])
    assert (np.diff(found.costs) >= 0).all()
    assert (found.costs <= half).all()
    assert found.costs == pytest.approx(half, rel=1e-12)
    exactly = np.sort([np.linalg.norm(rows[list(s)] - known.world.own) / 2 for s in known.distinct])
    for number in (1, 7, 100, 2_000):
        short = known.listed(number)
        assert short.changes == found.changes[:number]
        assert [*short.costs, short.next_cost] == pytest.approx(exactly[: number + 1], rel=1e-12)


def test_no_cost_is_above_the_true_distance_to_the_cell_and_the_nearest_rows_is_it(known: Known) -> None:
    found = known.listed(ALL)
    true = dict(zip(known.distinct, known.true_costs.tolist(), strict=True))
    theirs = np.array([true[tuple(found.ids(k))] for k in range(len(found.costs))])
    assert (found.costs <= theirs * (1 + SOLVED)).all()
    assert found.costs[0] == pytest.approx(theirs[0], rel=SOLVED)
    assert found.costs[0] == pytest.approx(theirs.min(), rel=SOLVED)
    shares = found.costs / theirs
    print(f"costs are {shares.mean():.3f} of the true distances on average, {shares[:100].mean():.3f} of the first 100")


@pytest.mark.parametrize("number", [1, 30, 1_000, ALL])
def test_the_certificate_is_never_above_the_truth(known: Known, number: int) -> None:
    """At any norm its bound is at least what attacks can do, so no radius is above the true one."""
    made = known.certify(number)
    cheap = known.true_costs < 2.5 * known.true_costs.min()
    norms = np.concatenate([np.linspace(0, 3, 31), known.true_costs[cheap][:300] * (1 + 1e-6)])
    assert all(made.w1_bound(epsilon) >= known.true_w1(epsilon) for epsilon in norms.tolist())
    breaking = [c for s, c in zip(known.distinct, known.true_costs, strict=True) if known.world.model[s] > 0.3]
    changing = [c for s, c in zip(known.distinct, known.true_costs, strict=True) if known.world.model[s] > 0]
    assert made.radius <= min(breaking) * (1 + SOLVED)
    assert made.keeps[0].radius <= min(changing) * (1 + SOLVED)
    print(f"{number} runs: the radius is {made.radius / min(breaking):.3f} of the true one")


def test_where_the_nearest_sequence_breaks_the_claim_the_radius_is_the_true_one(known: Known) -> None:
    nearest = tuple(known.listed(1).ids(0))
    before = known.world.model.copy()
    try:
        known.world.model[nearest] = 1.0
        made = known.certify(100)
        assert made.radius == pytest.approx(known.true_costs.min(), rel=SOLVED)
        # Half way there the snap takes either; a little further it takes the other row.
        attack = (known.world.table[list(nearest)] - known.world.own) / 2 * (1 + 1e-6)
        assert tuple(known.table.snap(known.world.own + attack).tolist()) == nearest
    finally:
        known.world.model[:] = before
