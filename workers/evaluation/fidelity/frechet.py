"""The Fréchet distance between two Gaussians, which is what FID computes from Inception's features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smoothgen.errors import InvalidDistances

Features = NDArray[np.float64]


def frechet_distance(first: Features, second: Features) -> float:
    """Returns ‖μ₁ − μ₂‖² + tr(C₁ + C₂ − 2·(C₁C₂)^½) of the means and covariances of two clouds, shapes (n, d), (m, d).

    Heusel et al. (2017). The distance of two samples of one law is above 0 by about d²/n times their variance: compare
    with that floor. Rows that are not finite, failed outputs, are left out. Raises InvalidDistances for clouds of fewer
    than two rows or of different widths.
    """
    clouds = [cloud[np.isfinite(cloud).all(axis=1)] for cloud in (first, second)]
    if min(map(len, clouds)) < 2 or first.shape[1] != second.shape[1]:
        raise InvalidDistances(
            "a Fréchet distance needs two rows or more of one width on both sides, got shapes "
            f"{clouds[0].shape} and {clouds[1].shape}",
            field="features",
        )
    means = [cloud.mean(axis=0) for cloud in clouds]
    covariances = [np.atleast_2d(np.cov(cloud, rowvar=False)) for cloud in clouds]
    root = _root(covariances[0])
    # The eigenvalues of C₁C₂ are those of the symmetric C₁^½ C₂ C₁^½, which rounding leaves real.
    inner = np.linalg.eigvalsh(root @ covariances[1] @ root)
    traces = sum(float(np.trace(covariance)) for covariance in covariances)
    apart = float(np.sum((means[0] - means[1]) ** 2))
    return max(0.0, apart + traces - 2 * float(np.sqrt(np.clip(inner, 0, None)).sum()))


def _root(covariance: Features) -> Features:
    values, vectors = np.linalg.eigh(covariance)
    root: Features = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    return root
