"""Neighbouring sequences by listing all of them, and tables to try."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from smoothgen.tokens import TokenTable
from smoothgen.tokens.distances import least_squared_reach


def exact_squared(a: NDArray[np.float64], b: NDArray[np.float64]) -> Fraction:
    """‖a − b‖² without any rounding."""
    return sum(((Fraction(float(x)) - Fraction(float(y))) ** 2 for x, y in zip(a, b, strict=True)), Fraction(0))


def classes(rows: NDArray[np.float32]) -> list[int]:
    """For every row the lowest id of an equal row."""
    return [next(j for j in range(len(rows)) if (rows[j] == rows[i]).all()) for i in range(len(rows))]


def every_sequence(
    table: TokenTable, tokens: list[int], allowed: list[int]
) -> list[tuple[Fraction, tuple[tuple[int, int], ...]]]:
    """All other sequences of canonical targets `allowed`: exact squared cost and changes by position, in the order that
    `nearest_sequences` states."""
    rows = table.rows.astype(np.float64)
    own = [int(token) for token in table.canonical(tokens)]
    terms: list[dict[int, Fraction]] = []
    for token in own:
        squared = np.array([np.square(rows[j] - rows[token]).sum() for j in allowed])
        reach = least_squared_reach(squared, table.width)
        terms.append({j: Fraction(float(r)) for j, r in zip(allowed, reach, strict=True) if j != token})
    ranks = [{j: k for k, j in enumerate(sorted(term, key=lambda j, term=term: (term[j], j)))} for term in terms]
    cheapest = sorted((p for p in range(len(own)) if terms[p]), key=lambda p: (min(terms[p].values()), p))
    place = {p: k for k, p in enumerate(cheapest)}
    found = []
    for chosen in itertools.product(*[[None, *term] for term in terms]):
        changes = tuple((p, j) for p, j in enumerate(chosen) if j is not None)
        if changes:
            cost = sum((terms[p][j] for p, j in changes), Fraction(0))
            tie = tuple(sorted((place[p], ranks[p][j]) for p, j in changes))
            found.append((cost, tie, changes))
    return [(cost, changes) for cost, _, changes in sorted(found)]


def is_just_below_root(cost: float, squared: Fraction) -> bool:
    """Whether a cost is at most √squared, and by no more than 2⁻⁴⁹ of itself below."""
    return Fraction(cost) ** 2 <= squared <= (Fraction(cost) * (1 + Fraction(1, 2**49))) ** 2


def random_table(rng: np.random.Generator, kind: int) -> NDArray[np.float32]:
    """A table of two to eight rows: general, on a lattice (ties and equal rows), or of very different sizes."""
    count, width = int(rng.integers(1, 9)), int(rng.integers(1, 6))
    if kind == 0:
        return rng.normal(size=(count, width)).astype(np.float32)
    if kind == 1:
        return rng.integers(-1, 2, size=(count, width)).astype(np.float32)
    if kind == 2:
        rows = rng.normal(size=(count, width)).astype(np.float32)
        rows[rng.integers(count)] = 0
        rows[rng.integers(count)] = rows[rng.integers(count)]
        return rows
    return (rng.normal(size=(count, width)) * 10.0 ** rng.integers(-6, 7, size=(count, 1))).astype(np.float32)


def norm_above(deltas: NDArray[np.float64]) -> float:
    """A number that is at least ‖deltas‖, correctly rounded sums of squares and two units in the last place above."""
    return math.sqrt(math.fsum(float(x) ** 2 for x in deltas.ravel())) * (1 + 2**-50)
