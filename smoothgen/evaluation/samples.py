"""What every method of a comparison is given for one prompt, and what every method gives back."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smoothgen.certificates.bounds.bands import require_alpha
from smoothgen.errors import InvalidDistances, InvalidEpsilon, InvalidMetric, InvalidTolerance
from smoothgen.mechanisms import Gaussian

Features = NDArray[np.float64]
"""One row of features an output, shape (n, d). A row with a number that is not finite is a failed output."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Outputs of one generator on one prompt under N(0, σ²I), and what the methods are asked.

    selection: features of the n₀ outputs that choose a centre or a label, shape (n₀, d). certification: features of the
    n outputs that certify, drawn independently of them, shape (n, d). The distance of two outputs is the Euclidean
    distance of their features, in the output metric's units, and at most `diameter`; a failed output, a row with a
    number that is not finite, lies at `diameter` from every output. sigma: σ, in units of the attacked vector. alpha:
    what each method may spend in all. tolerance: τ in (0, diameter). selection_labels, certification_labels: the label
    of every output where outputs have labels, None for an output without one (it failed), else empty.

    Raises InvalidDistances, InvalidMetric, InvalidSigma, InvalidAlpha, InvalidTolerance.
    """

    selection: Features
    certification: Features
    sigma: float
    alpha: float
    tolerance: float
    diameter: float
    selection_labels: Sequence[str | None] = ()
    certification_labels: Sequence[str | None] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "selection", as_features("selection", self.selection))
        object.__setattr__(self, "certification", as_features("certification", self.certification))
        if self.selection.shape[1] != self.certification.shape[1]:
            raise InvalidDistances(
                f"selection and certification features must have one length, got {self.selection.shape[1]} and "
                f"{self.certification.shape[1]}",
                field="certification",
            )
        for name in ("selection", "certification"):
            labels, rows = getattr(self, f"{name}_labels"), getattr(self, name)
            if len(labels) not in (0, len(rows)):
                raise InvalidDistances(
                    f"{name}_labels must name a label for each of {len(rows)} outputs or be empty, got {len(labels)}",
                    field=f"{name}_labels",
                )
        Gaussian(self.sigma)  # raises InvalidSigma
        require_alpha(self.alpha)
        require_diameter(self.diameter)
        if not 0 < self.tolerance < self.diameter:  # refuses NaN too
            raise InvalidTolerance(
                f"tolerance must lie strictly between 0 and the diameter {self.diameter!r}, got {self.tolerance!r}",
                field="tolerance",
            )

    def distances_to(self, centre: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the distances of the certification outputs to a point of feature space, shape (n,), metric units."""
        return distances(self.certification, centre, self.diameter)

    def chosen_label(self) -> str | None:
        """Returns the label most frequent among the selection outputs, None where none has a label.

        Ties go to the label that sorts first, whatever the order of the outputs. Raises InvalidDistances for samples
        without labels.
        """
        if not (self.selection_labels and self.certification_labels):
            raise InvalidDistances(
                "a certificate of labels needs a label for every output, got none; give selection_labels and "
                "certification_labels",
                field="certification_labels",
            )
        votes = Counter(label for label in self.selection_labels if label is not None)
        return min(votes, key=lambda label: (-votes[label], label), default=None)

    def radius_in_sigmas(self, epsilon: float) -> float:
        """Returns r = ε/σ, rounded up. Raises InvalidEpsilon unless ε ≥ 0 and finite."""
        return Gaussian(self.sigma).radius_in_sigmas(epsilon)


@dataclass(frozen=True)
class Certified:
    """What one method claims of one prompt.

    method: its name, as tables print it. claim: what the numbers mean, in a sentence: methods claim different things,
    and a table that shows a radius shows this beside it. radius: the largest ε for which the method claims a shift of
    at most τ, rounded down, in units of the attacked vector; 0 where it claims none. bound: from ε to the shift that is
    claimed at ε, metric units, rounded up, `diameter` where nothing is claimed. abstained: why the method claims
    nothing, None where it claims something.
    """

    method: str
    claim: str
    radius: float
    bound: Callable[[float], float]
    abstained: str | None = None


class Method(Protocol):
    """Anything that is compared: the same samples in, a claim out."""

    def __call__(self, samples: Samples) -> Certified:
        """Returns what the method claims from these samples."""
        ...


def nothing_claimed(method: str, claim: str, diameter: float, reason: str) -> Certified:
    """Returns the result of a method that abstains: no radius, and the diameter as the bound of every attack."""
    return Certified(method, claim, 0.0, lambda epsilon: diameter_beyond_zero(epsilon, diameter), reason)


def diameter_beyond_zero(epsilon: float, diameter: float) -> float:
    """Returns what is true without any claim: no attack moves nothing, and no shift exceeds the diameter.

    Raises InvalidEpsilon unless ε ≥ 0 and finite.
    """
    if not (math.isfinite(epsilon) and epsilon >= 0):
        raise InvalidEpsilon(f"epsilon must be a finite number of at least 0, got {epsilon!r}", field="epsilon")
    return 0.0 if epsilon == 0 else diameter


def distances(features: Features, centre: NDArray[np.float64], diameter: float) -> NDArray[np.float64]:
    """Returns the Euclidean distance of every row to the centre, at most `diameter`, and `diameter` for failed rows."""
    # A failed row is a distance of NaN or infinity, and np.fmin takes the diameter in its place.
    with np.errstate(invalid="ignore", over="ignore"):
        norms = np.linalg.norm(features - centre, axis=1)
    measured: NDArray[np.float64] = np.fmin(norms, diameter)
    return measured


def whole(features: Features) -> NDArray[np.bool_]:
    """Returns for every row whether the output did not fail, shape (n,)."""
    return np.asarray(np.isfinite(features).all(axis=1))


def as_features(name: str, given: ArrayLike) -> Features:
    """Returns features as doubles, shape (n, d). Raises InvalidDistances unless they are one or more rows of one or
    more numbers."""
    features: NDArray[Any] = np.asarray(given, dtype=np.float64)
    if features.ndim != 2 or 0 in features.shape:
        raise InvalidDistances(
            f"{name} features must have shape (outputs, numbers), neither of them 0, got {features.shape}", field=name
        )
    return features


def require_diameter(diameter: float) -> None:
    """Raises InvalidMetric unless the diameter is positive and finite."""
    if not (math.isfinite(diameter) and diameter > 0):
        raise InvalidMetric(f"diameter must be positive and finite, got {diameter!r}", field="diameter")
