"""When it is asked of a job whether its further samples can add anything."""

from __future__ import annotations

from typing import Final

from smoothgen.certificates.bounds.bands import TWO_VALUED
from smoothgen.certificates.meaning.metrics import METRICS
from smoothgen.contracts import UNNOISED, Metric, Robustness

_PART: Final = 8
_LEAST: Final = 32
"""The fewest samples such a question may rest on."""


def peek_of(robustness: Robustness, metric: Metric, *, all_samples: bool = False) -> int | None:
    """Returns after how many samples a job may fall back on what holds without any: one in eight of them.

    None where all samples are asked for, where that is too few, where nothing is sampled, where the job has looks to
    stop at, and for answers and claims on scores, of which samples alone can tell.
    """
    looks = (robustness.epsilon, robustness.radius_tolerance, robustness.deadline_s)
    if robustness.mechanism in UNNOISED or robustness.tier != "request" or any(given is not None for given in looks):
        return None
    if robustness.claims is not None or all_samples:
        return None
    known = METRICS.get(metric.name)
    size = robustness.samples // _PART
    return None if size < _LEAST or known is None or known.band == TWO_VALUED.name else size
