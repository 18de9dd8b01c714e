"""Noise without a certificate: what augmentation with standard noise promises, which is nothing."""

from __future__ import annotations

from typing import Final

from smoothgen.evaluation.samples import Certified, Samples, diameter_beyond_zero

METHOD: Final = "no defence (noisy augmentation)"
CLAIM: Final = "nothing: outputs may move by the whole diameter under any attack"


def no_defence(samples: Samples) -> Certified:
    """Returns radius 0 and the diameter as the bound of every attack. It is no abstention: nothing was ever claimed."""
    return Certified(METHOD, CLAIM, 0.0, lambda epsilon: diameter_beyond_zero(epsilon, samples.diameter))
