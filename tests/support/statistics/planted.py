"""Certificates with a fault planted in them, on generators whose law is known, and the attempt to break each.

The faults are made here, around the library: nothing in the product can switch one on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smoothgen import Gaussian
from smoothgen.certificates import Evidence
from smoothgen.certificates.bounds.bands import ORDER_STATISTICS, SurvivalBand, clopper_pearson_upper, grid_ranks
from smoothgen.certificates.bounds.radius import BoundCurve, certified_radius
from smoothgen.certificates.bounds.shift_bounds import ShiftBounds
from smoothgen.evaluation.falsification import Comparison, Verdict, deviation_exceeded, judge, shift_lower_bound

Array = NDArray[np.float64]
SIGMA, ALPHA, FALSIFICATION_ALPHA = 0.5, 0.05, 0.002
PROMPTS, SELECTION = 12, 50


@dataclass(frozen=True)
class World:
    """A generator of known law. features: from u, the noise in sigmas, shape (m, k), to features (m, d). weights: the
    same for other weights of the model, which a worker may still serve. k: numbers of u; an attack of r sigmas shifts
    the first by r. certification: n. tolerance: τ. fresh: how many outputs each attempt draws. shifts: whether W₁ is
    attempted too, or only deviations."""

    features: Callable[[Array], Array]
    weights: Callable[[Array], Array]
    numbers: int
    diameter: float
    certification: int
    tolerance: float
    fresh: int = 4000
    shifts: bool = True

    def draw(self, rng: np.random.Generator, count: int) -> Array:
        return rng.normal(size=(count, self.numbers))

    def attacked(self, u: Array, sigmas: float) -> Array:
        shift = np.zeros(self.numbers)
        shift[0] = sigmas
        return self.features(u + shift)


def _cloud(u: Array) -> Array:
    return np.clip(u, -4, 4) / (8 * np.sqrt(u.shape[1]))


STEP = World(lambda u: (u[:, :1] > 1.0) * 1.0, lambda u: (u[:, :1] > 2.5) * 1.0, 1, 1.0, 1000, 0.1)
"""One of two outputs. Bounds are nearly attained."""
TANH = World(lambda u: 0.5 + 0.5 * np.tanh(2 * u), lambda u: 0.5 + 0.1 * np.tanh(u), 1, 1.0, 200, 0.2)
"""Every output is another one; the spread of the other weights is a fifth."""
FEW = replace(TANH, certification=40, fresh=20_000, shifts=False)
"""Few certification outputs and many fresh ones, so that a band that is a little too low is seen to be."""
CLOUD = World(_cloud, lambda u: _cloud(u) / 2, 1000, 1.0, 20, 0.2, fresh=1000, shifts=False)
"""In 1,000 dimensions, where all distances are nearly equal, and those to one's own mean are shorter."""


@dataclass(frozen=True)
class Claimed:
    """What a certificate says, faulty or not: as much of it as the falsification reads. centre: shape (d,)."""

    radius: float
    tolerance: float
    w1_bound: Callable[[float], float]
    exceedance: Callable[[float, float], float]
    centre: Array


Fault = Callable[[World, np.random.Generator], Claimed]


def sound(world: World, rng: np.random.Generator) -> Claimed:
    centre = world.features(world.draw(rng, SELECTION)).mean(axis=0)
    return _certified(world, centre, world.features(world.draw(rng, world.certification)))


def sigma_halved(world: World, rng: np.random.Generator) -> Claimed:
    """The certificate names twice the sigma that the outputs were drawn with."""
    centre = world.features(world.draw(rng, SELECTION)).mean(axis=0)
    return _certified(world, centre, world.features(world.draw(rng, world.certification)), sigma=2 * SIGMA)


def band_without_union(world: World, rng: np.random.Generator) -> Claimed:
    """Every rank is given all of alpha."""
    centre = world.features(world.draw(rng, SELECTION)).mean(axis=0)
    return _certified(
        world, centre, world.features(world.draw(rng, world.certification)), build=_each_rank_has_all_of_alpha
    )


def centre_from_certification(world: World, rng: np.random.Generator) -> Claimed:
    """The centre is the mean of the very outputs whose distances to it count."""
    outputs = world.features(world.draw(rng, world.certification))
    return _certified(world, outputs.mean(axis=0), outputs)


def two_weights(world: World, rng: np.random.Generator) -> Claimed:
    """Half of the certification outputs come from other weights than those that are served."""
    centre = world.features(world.draw(rng, SELECTION)).mean(axis=0)
    u = world.draw(rng, world.certification)
    half = len(u) // 2
    return _certified(world, centre, np.concatenate((world.features(u[:half]), world.weights(u[half:]))))


def radius_doubled(world: World, rng: np.random.Generator) -> Claimed:
    true = sound(world, rng)
    return Claimed(2 * true.radius, true.tolerance, true.w1_bound, true.exceedance, true.centre)


def falsify(world: World, fault: Fault, *, seed: int, prompts: int = PROMPTS) -> Verdict:
    """The whole attempt: so many certificates, each attacked from both sides at several norms, and the verdict."""
    rng = np.random.default_rng(seed)
    comparisons = [c for k in range(prompts) for c in _attacks(world, fault(world, rng), f"prompt {k}", rng)]
    return judge(comparisons, certificate_alpha=ALPHA, falsification_alpha=FALSIFICATION_ALPHA)


def _attacks(world: World, claimed: Claimed, prompt: str, rng: np.random.Generator) -> list[Comparison]:
    made = []
    for side in (-1, 1):
        u = world.draw(rng, world.fresh)
        honest = world.features(u)
        for epsilon in (0.0, claimed.radius):
            attacked = world.attacked(u, side * epsilon / SIGMA)
            away = np.linalg.norm(attacked - claimed.centre, axis=1)
            found = deviation_exceeded(away, lambda t, e=epsilon: claimed.exceedance(e, t), alpha=FALSIFICATION_ALPHA)
            made.append(Comparison(prompt, f"deviation {side * epsilon:.3g}", found.lower, found.certified))
        if world.shifts:
            moved = shift_lower_bound(
                honest, attacked, diameter=world.diameter, alpha=FALSIFICATION_ALPHA, paired=True
            ).value
            made.append(Comparison(prompt, f"shift {side * epsilon:.3g}", moved, claimed.tolerance))
            made.append(Comparison(prompt, f"curve {side * epsilon:.3g}", moved, claimed.w1_bound(epsilon)))
    return made


def _each_rank_has_all_of_alpha(ordered: Array, bound: float, alpha: float) -> SurvivalBand:
    n, ranks = len(ordered), grid_ranks(len(ordered), alpha)
    levels = clopper_pearson_upper(ranks, n, np.full(len(ranks), alpha))
    edges = np.concatenate(([0.0], np.minimum(ordered[n - 1 - ranks], bound)[::-1], [bound]))
    return SurvivalBand(edges=edges, levels=np.concatenate(([1.0], levels[::-1])))


def _certified(
    world: World,
    centre: Array,
    outputs: Array,
    *,
    sigma: float = SIGMA,
    build: Callable[[Array, float, float], SurvivalBand] = ORDER_STATISTICS.build,
) -> Claimed:
    """Every claim from one band, built as `certify` builds it where nothing is planted."""
    away = np.minimum(np.linalg.norm(outputs - centre, axis=1), world.diameter)
    evidence = Evidence.from_measurements(away, bound=world.diameter, diameter=world.diameter)
    bounds = ShiftBounds(diameter=world.diameter, mechanism=Gaussian(sigma))
    survival = build(evidence.ordered(world.diameter), world.diameter, ALPHA)
    curve = BoundCurve(survival, bounds)
    return Claimed(
        radius=certified_radius(curve, world.tolerance, sampled=True),
        tolerance=world.tolerance,
        w1_bound=lambda e: curve.printed([e])[0],
        exceedance=lambda e, t: float(bounds.attacked(survival.survival_upper_bound(t), e)),
        centre=centre,
    )
