"""Fleets of requests whose laws are known exactly, the bytes a server would keep of them, and the truth beside them.

python -m tests.support.statistics.fleets prints how far the certified averages lie above the true ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from smoothgen import Gaussian
from smoothgen.certificates.bounds.theorems import total_variation, worst_event_shift
from smoothgen.certificates.fleet.certify import (
    NOT_SERVED,
    OUTSTANDING,
    FleetCertificate,
    certify_fleet,
    fleet_thresholds,
)
from tests.support.statistics.closed_form import (
    GENERATORS,
    LABELS,
    NARROW,
    TANH,
    Array,
    ClosedForm,
    random_generator,
    step_function,
)

Bins = NDArray[np.uint8]
SIGMA = 0.5
NORMS = np.array([0.05, 0.25, 0.5, 1.0, 2.0])
"""The attacks, in sigmas, at which bounds are compared with the truth. All outputs lie in [0, 1], so D = 1."""


@dataclass(frozen=True, eq=False)
class Fleet:
    """requests[i] is the law of request i, differently distributed from its neighbours'."""

    requests: tuple[ClosedForm, ...]

    def draws(self, rng: np.random.Generator, repeats: int) -> Iterator[tuple[Bins, Array]]:
        """Windows one after the other: bins in order of submission, shape (N,), and the exact P(R_i > t_j) given the
        centres, shape (N, J). Centres are served outputs, drawn anew in every window."""
        for _ in range(repeats):
            bins = np.empty(len(self.requests), dtype=np.uint8)
            exceeding = np.empty((len(self.requests), len(fleet_thresholds())))
            for generator, places in self._groups:
                law, table, tail = _tables(generator)
                centres, others = np.searchsorted(law, rng.random((2, len(places))))
                bins[places] = table[centres, others]
                exceeding[places] = tail[centres]
            yield bins, exceeding

    @cached_property
    def true_w1(self) -> Array:
        """(1/N)·Σ W₁(P_i, Q_i) with every request attacked at its worst, at each of NORMS."""
        return np.mean([_worst(generator) for generator in self.requests], axis=0)

    @cached_property
    def _groups(self) -> list[tuple[ClosedForm, NDArray[np.int64]]]:
        kinds = dict.fromkeys(self.requests)
        return [(g, np.array([i for i, x in enumerate(self.requests) if x is g])) for g in kinds]


def cycle(generators: list[ClosedForm], count: int) -> Fleet:
    """Requests in turn."""
    return Fleet(tuple(generators[i % len(generators)] for i in range(count)))


def _ramp(width: float) -> ClosedForm:
    """½ + width·u in 200 cells: a prompt whose outputs spread by about that width."""
    edges = np.linspace(-4, 4, 199)
    middles = np.concatenate(([-4.0], (edges[:-1] + edges[1:]) / 2, [4.0]))
    return step_function(edges, np.clip(0.5 + width * middles, 0, 1), 0.5)


WIDTHS = [_ramp(width) for width in np.geomspace(0.01, 0.1, 12)]

FLEETS: dict[str, Callable[[int], Fleet]] = {
    "mixed": lambda n: cycle([*GENERATORS.values(), *LABELS.values()], n),
    "labels": lambda n: cycle(list(LABELS.values()), n),
    "one law": lambda n: cycle([NARROW], n),
    "many widths": lambda n: cycle(WIDTHS, n),
    "mostly narrow": lambda n: cycle([NARROW] * 9 + [TANH], n),
    "random": lambda n: cycle([random_generator(np.random.default_rng(seed)) for seed in range(40)], n),
}


def false_fleets(
    fleet: Fleet, read: Callable[[Bins], list[FleetCertificate]], *, repeats: int, seed: int, w1: bool = True
) -> int:
    """In how many windows anything said in any of the readings is false of the requests it speaks about.

    Checked: every level against the pooled survival of the first `requests` requests, and, for readings of the whole
    fleet, the W₁ bound against the true average under attack.
    """
    rng = np.random.default_rng(seed)
    return sum(
        any(_false(fleet, certificate, exceeding, w1) for certificate in read(bins))
        for bins, exceeding in fleet.draws(rng, repeats)
    )


def closed(alpha: float) -> Callable[[Bins], list[FleetCertificate]]:
    """The one reading of a window that is over and whose requests have all ended."""
    return lambda bins: [certified(bins, alpha, closed=True)]


def ended_by(time: float, bins: Bins, ends: Array) -> Bins:
    """What the server has written at this time: one submission a tick, OUTSTANDING until its end."""
    submitted = min(len(bins), int(time))
    return np.where(ends[:submitted] <= time, bins[:submitted], np.uint8(OUTSTANDING))


def slow_when_far(bins: Bins, rng: np.random.Generator) -> Array:
    """When each submission ends: the farther the output, the longer it takes."""
    began = np.arange(1, len(bins) + 1) + rng.exponential(5, len(bins))
    return np.asarray(began + 3.0 * np.where(bins < NOT_SERVED, bins, 0))


def certified(bins: Bins, alpha: float, *, closed: bool) -> FleetCertificate:
    return certify_fleet(bins.tobytes(), diameter=1.0, mechanism=Gaussian(SIGMA), alpha=alpha, closed=closed)


def _false(fleet: Fleet, certificate: FleetCertificate, exceeding: Array, w1: bool) -> bool:
    if not certificate.requests:
        return False
    pooled = exceeding[: certificate.requests].mean(axis=0)
    if (certificate.survival.levels < pooled - 1e-12).any():
        return True
    if not w1 or certificate.requests < len(fleet.requests):
        return False
    return bool((certificate.survival.integral_of_worst_shift(NORMS) < fleet.true_w1 - 1e-12).any())


@cache
def _tables(generator: ClosedForm) -> tuple[Array, Bins, Array]:
    """Cumulative law of the output (m,), bin of each pair (m, m), and P(R > t_j | centre) (m, J)."""
    law = generator.law() / generator.law().sum()
    distances = np.abs(generator.outputs[:, None] - generator.outputs)
    table = np.searchsorted(fleet_thresholds(), distances).astype(np.uint8)
    tail = np.stack([(table > j) @ law for j in range(len(fleet_thresholds()))], axis=1)
    cumulative = np.cumsum(law)
    cumulative[-1] = 1.0
    return cumulative, table, tail


@cache
def _worst(generator: ClosedForm) -> Array:
    return np.array([generator.worst_w1(r) for r in NORMS])


# How far above the truth, step by step.


@dataclass(frozen=True)
class Losses:
    """Each of shape (len(NORMS),). true: average W₁ at the worst attack. own: average of the requests' exact T2, each
    around its served output. pooled: ∫ W_r of the pooled survival. grid: that, rounded up to the grid. universal: T1.
    """

    true: Array
    own: Array
    pooled: Array
    grid: Array
    universal: Array


def losses(fleet: Fleet, seed: int = 0) -> Losses:
    """The exact quantities between the truth and the limit of the certificate for ever more requests."""
    rng = np.random.default_rng(seed)
    fine = np.linspace(0, 1, 4001)
    weights = {g: np.zeros(len(g.outputs)) for g, _ in fleet._groups}
    for generator, places in fleet._groups:
        law = _tables(generator)[0]
        np.add.at(weights[generator], np.searchsorted(law, rng.random(len(places))), 1 / len(fleet.requests))
    edges = np.append(fleet_thresholds(), 1.0)
    own, pooled, at = np.zeros(len(NORMS)), np.zeros(len(fine) - 1), np.zeros(len(edges) - 1)
    for generator, weight in weights.items():
        for centre in np.flatnonzero(weight):
            distances = np.abs(generator.outputs - generator.outputs[centre])
            order = np.argsort(distances)
            above = np.append(np.cumsum(generator.law()[order][::-1])[::-1], 0.0)
            survival = np.minimum(1.0, above[np.searchsorted(distances[order], fine[:-1], side="right")])
            own += weight[centre] * _integral(survival, fine)
            pooled += weight[centre] * survival
        at += weight @ _tables(generator)[2]
    universal = np.array([total_variation(r) for r in NORMS])
    return Losses(fleet.true_w1, own, _integral(pooled, fine), _integral(at, edges), universal)


def _integral(survival: Array, edges: Array) -> Array:
    shifts = worst_event_shift(np.minimum(1.0, survival)[None, :], NORMS[:, None])
    return np.asarray((shifts * np.diff(edges)).sum(axis=1))


SIZES = (300, 1_000, 10_000, 100_000, 1_000_000)


def main() -> None:
    """Print the tables of docs/theory/fleet.md, alpha = 0.001, closed windows unless said otherwise."""
    print("| fleet | r | true | own T2 | pooled | grid |" + "".join(f" N = {n:,} |" for n in SIZES) + " T1 |")
    print("|---|---|---|---|---|---|" + "---|" * len(SIZES) + "---|")
    for name in ("one law", "many widths", "mostly narrow", "mixed"):
        exact = losses(FLEETS[name](60_000))
        bounds = [certified(_window(name, n), 1e-3, closed=True) for n in SIZES]
        for i in (1, 2, 3):
            row = [exact.true[i], exact.own[i], exact.pooled[i], exact.grid[i]]
            row += [bound.w1_bound(SIGMA * NORMS[i]) for bound in bounds] + [exact.universal[i]]
            print(f"| {name} | {NORMS[i]:g} |" + "".join(f" {value:.4f} |" for value in row))
    print("\nRadius in sigmas at tolerance 0.05, many widths\n\n| window |" + "".join(f" N = {n:,} |" for n in SIZES))
    print("|---|" + "---|" * len(SIZES))
    for label, lost, is_closed in (
        ("closed", 0.0, True),
        ("running", 0.0, False),
        ("closed, 0.1 % lost", 1e-3, True),
        ("closed, 1 % lost", 1e-2, True),
    ):
        print(f"| {label} |", end="")
        for n in SIZES:
            bins = _window("many widths", n)
            bins[: round(lost * n)] = OUTSTANDING
            print(f" {certified(bins, 1e-3, closed=is_closed).radius(0.05) / SIGMA:.3f} |", end="")
        print()


def _window(name: str, n: int) -> Bins:
    return next(FLEETS[name](n).draws(np.random.default_rng(n), 1))[0]


if __name__ == "__main__":
    main()
