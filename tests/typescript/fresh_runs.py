"""Certificates of units and of edits made for the comparison, across their parameters."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from smoothgen import UnitChoice, certify_edits, certify_units
from smoothgen.certificates import EditsCertificate, UnitsCertificate
from smoothgen.certificates.edits import drawn_indices
from smoothgen.certificates.score_claims import AskedClaim, ScoreIdentity
from smoothgen.noise import Seed, Stream
from tests.support.certificates import edits, units

PATTERN = ScoreIdentity("pattern", 0.0, 1.0, two_valued=True, options={"pattern": r"0\.[5-9]"})
LENGTH = ScoreIdentity("length", 0.0, 40.0, options={"unit": "words", "cap": 40})
CHOICES = (
    *(UnitChoice(2, size=1), UnitChoice(10, size=2), UnitChoice(13, size=4), UnitChoice(90, size=1)),
    *(UnitChoice(9, size=8), UnitChoice(40, size=3), UnitChoice(30, probability=0.2), UnitChoice(1, probability=0.01)),
    *(UnitChoice(7, probability=0.9), UnitChoice(9000, size=700), UnitChoice(25, size=2)),
)


def of_units() -> Iterator[tuple[str, UnitsCertificate]]:
    """Passages and words, every subset run or some drawn, answers or distances, with and without scores and looks."""
    yield from ((f"units {name}", make()) for name, make in units.EXAMPLES.items())
    random = np.random.default_rng(30)
    for number in range(80):
        choice = CHOICES[number % len(CHOICES)]
        drawn = choice.subsets is None or choice.subsets > 5000 or number % 3 == 0
        seed = Seed(int(random.integers(2**62)) << 66 | number, "server") if drawn else None
        runs = int(random.choice([30, 120, 500])) if drawn else int(choice.subsets or 0)
        missing = not drawn and runs > 20 and number % 5 == 0
        rows = choice.enumerated() if seed is None else choice.drawn(seed, Stream.UNITS_CERTIFICATION, range(runs))
        rows = rows[: runs - 7] if missing else rows
        poisoned = rows[:, : max(1, choice.units // 40)].any(axis=1)
        answers = number % 2 == 0
        distances = np.where(poisoned | (random.random(len(rows)) < 0.03), 1.0, 0.0)
        if not answers:
            distances = np.round(distances * random.random(len(rows)) * 0.6 + random.beta(1, 30, len(rows)) * 0.3, 9)
        if number % 7 == 0:
            distances[len(rows) // 2] = math.nan
        claims, scores = asked_of_runs(random, len(rows), number)
        made = certify_units(
            distances,
            choice=choice,
            seed=seed,
            bound=1.0,
            diameter=1.0 if answers else float(random.choice([0.7, 1.0, 1.5])),
            tolerance=None if answers and number % 4 else 0.35,
            keep=0.5 if answers and number % 4 else None,
            alpha=float(random.choice([1e-9, 1e-3, 0.05])) if drawn else 0.0,
            two_valued=answers,
            plan=None,
            missing="worst" if missing else "refuse",
            score_claims=claims,
            scores=scores,
        )
        if isinstance(made, UnitsCertificate):
            yield f"units {number}", made


def asked_of_runs(random: np.random.Generator, runs: int, number: int) -> tuple[list[AskedClaim], Any]:
    """Returns claims on scores of so many runs, and the scores; of every third number no claims."""
    mine = ScoreIdentity("plugin:mine", -1.0, 2.5, options={"a": 1, "b": 1.0}, digest="sha256:" + "4" * 64)
    asked = [
        (AskedClaim(PATTERN, "share", at_least=0.4), (random.random(runs) < 0.9).astype(float)),
        (AskedClaim(LENGTH, "mean", at_most=30.0), random.integers(2, 30, runs)),
        (AskedClaim(LENGTH, "quantile:0.9", at_most=35.0), random.integers(2, 39, runs)),
        (AskedClaim(mine, "mean", at_least=-0.5), random.uniform(0, 2.5, runs)),
        (AskedClaim(mine, "share", at_most=0.6, above=2.0), random.uniform(-1, 2.7, runs)),
    ]
    chosen = [pair for place, pair in enumerate(asked) if (number % 3) and (place + number) % 3]
    return [claim for claim, _ in chosen], np.column_stack([scores for _, scores in chosen]) if chosen else None


def of_edits() -> Iterator[tuple[str, EditsCertificate]]:
    """Sets that were run whole and samples of larger ones, with and without scores."""
    yield from ((f"edits {name}", make()) for name, make in edits.EXAMPLES.items())
    random = np.random.default_rng(31)
    for number in range(60):
        sampled = number % 2 == 0
        size = int(random.choice([10, 1000, 3 * 2**20, 2**32])) if sampled else int(random.integers(1, 150))
        seed = Seed(int(random.integers(2**62)) << 66 | number, "server") if sampled else None
        texts = np.arange(size) if seed is None else drawn_indices(seed, size, int(random.choice([1, 40, 300])))
        # One outcome for a text: whatever is measured of it is measured at each of its draws.
        first = np.unique(texts, return_inverse=True)[1]
        of_texts = random.random(len(texts))
        distances = np.where(of_texts < 0.08, np.round(random.random(len(texts)), 9), 0.0)[first]
        if number % 7 == 0:
            distances = np.where(first == first[0], math.nan, distances)
        claims, scores = asked_of_runs(random, 1 + len(texts), number)
        yield (
            f"edits {number}",
            certify_edits(
                distances,
                size=size,
                sampled=sampled,
                diameter=1.0,
                tolerance=float(random.choice([0.05, 0.123456789123, 0.5])),
                alpha=float(random.choice([1e-9, 1e-3, 0.05])) if sampled else 0.0,
                singles=max(1, size // 3) if number % 3 else None,
                seed=seed,
                texts=[f"text {text}" for text in texts] if number % 4 else None,
                outputs=[f"output {text}" for text in texts] if number % 4 == 1 else None,
                score_claims=claims,
                scores=None if scores is None else scores[np.concatenate(([0], 1 + first))],
            ),
        )


def of_scored_runs() -> dict[str, UnitsCertificate | EditsCertificate]:
    """Returns certificates of runs with claims on scores, of all that could be run and of draws."""
    made: dict[str, UnitsCertificate | EditsCertificate] = {}
    for name, seed in (("scored", None), ("scored, drawn", units.SEED)):
        choice, alpha, runs = units.TEN_OF_TWO, 0.0 if seed is None else 1e-2, 45 if seed is None else 120
        rows = choice.enumerated() if seed is None else choice.drawn(seed, Stream.UNITS_CERTIFICATION, range(runs))
        random = np.random.default_rng(33)
        claims, scores = asked_of_runs(random, runs, 1)
        scored = {"score_claims": claims, "scores": scores, "alpha": alpha, "seed": seed}
        made[f"units {name}"] = units.certified(units.misled(rows), choice=choice, keep=0.2, **scored)
        size = runs if seed is None else 10_000
        texts = np.arange(size) if seed is None else drawn_indices(seed, size, runs)
        first = np.unique(texts, return_inverse=True)[1]
        claims, scores = asked_of_runs(random, 1 + runs, 2)
        scored = {"score_claims": claims, "scores": scores[np.concatenate(([0], 1 + first))]}
        distances = np.where(first % 9 == 0, 1.0, 0.0)
        made[f"edits {name}"] = edits.certified(
            distances, size=size, sampled=seed is not None, seed=seed, alpha=alpha, **scored
        )
    return made
