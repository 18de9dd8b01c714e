"""Rows of jobs with different noise in one batch: each is drawn, added and rounded as its own job's mechanism says."""

from __future__ import annotations

import numpy as np
import pytest

from smoothgen.mechanisms import Gaussian, GaussianPerStep, Mechanism, Shape, ShapedGaussian
from smoothgen.noise import Seed, Stream
from workers.generators import Condition, joined

SEED = Seed(5, "client")
SHAPE = Shape.of("some", np.array([[1.0, 0, 0], [0.4, 0.7, 0], [-0.2, 0.3, 1.4]]))
X = [np.array(row, dtype=np.float32) for row in ([0.3, -1.0, 2.0], [0.1, 0.2, 0.3], [5.0, 0.0, -1e-3])]


def condition(x, mechanism: Mechanism) -> Condition:
    return Condition(x, "point", mechanism, held_fixed=(), random=False, mixes=())


@pytest.mark.parametrize(
    ("mechanisms", "steps"),
    [
        ([Gaussian(0.2), Gaussian(3.0), Gaussian(1e-9)], 1),
        ([Gaussian(0.2), ShapedGaussian(0.3, SHAPE), ShapedGaussian(0.05, SHAPE)], 1),
        ([GaussianPerStep(0.2, 4), GaussianPerStep(2.0, 4), GaussianPerStep(0.01, 4)], 4),
    ],
    ids=["levels", "shapes", "per step"],
)
def test_every_row_is_as_in_a_batch_of_its_own(mechanisms: list[Mechanism], steps: int) -> None:
    conditions = [condition(x, mechanism) for x, mechanism in zip(X, mechanisms, strict=True)]
    drawn = [m.draw(SEED, Stream.CERTIFICATION, range(k, k + 4), (3,)) for k, m in enumerate(mechanisms)]
    together = joined([(c, 4) for c in conditions])
    for step in range(steps):
        alone = [c.noisy(noise, step) for c, noise in zip(conditions, drawn, strict=True)]
        assert np.array_equal(together.noisy(np.concatenate(drawn), step), np.concatenate(alone))
