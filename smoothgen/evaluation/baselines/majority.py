"""Cohen, Rosenfeld & Kolter 2019 (arXiv 1902.02918), re-implemented: within which attacks the majority label stays."""

from __future__ import annotations

from typing import Final

from scipy.special import ndtri

from smoothgen.certificates.bounds.rounding import RELATIVE_SLACK, round_down
from smoothgen.evaluation.confidence import probability_at_least
from smoothgen.evaluation.samples import Certified, Samples, nothing_claimed

METHOD: Final = "majority (Cohen et al. 2019, our re-implementation)"
CLAIM: Final = (
    "the most probable label under noise is the same for the honest and every attacked prompt strictly within the "
    "radius (the shift is 0 or the diameter); holds for all attacks at once with probability 1 - alpha"
)


def majority(samples: Samples) -> Certified:
    """Returns Cohen's claim: the label most frequent among the selection outputs keeps its majority within σ·Φ⁻¹(p_A).

    p_A: the exact lower bound on the label's probability, from the certification outputs, and p_B = 1 − p_A. A failed
    output has lost the label. Abstains where p_A is at most ½. The tolerance plays no part. Raises InvalidDistances
    for samples without labels.

    Proof: docs/theory/evaluation.md, "Majority certificates".
    """
    chosen = samples.chosen_label()
    if chosen is None:
        return nothing_claimed(METHOD, CLAIM, samples.diameter, "no selection output has a label")
    kept = sum(label == chosen for label in samples.certification_labels)
    p_a = probability_at_least(kept, len(samples.certification_labels), samples.alpha)
    if not p_a > 0.5:
        reason = f"label {chosen!r} is proven to have probability {p_a:.4f} only, which is no majority"
        return nothing_claimed(METHOD, CLAIM, samples.diameter, reason)
    radius = round_down(samples.sigma * float(ndtri(p_a)) * (1 - RELATIVE_SLACK))

    def bound(epsilon: float) -> float:
        samples.radius_in_sigmas(epsilon)  # raises InvalidEpsilon
        return 0.0 if epsilon < radius or epsilon == 0 else samples.diameter

    return Certified(METHOD, CLAIM, radius, bound)
