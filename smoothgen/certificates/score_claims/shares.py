"""What each claim may spend of the failure probability."""

from __future__ import annotations

import math

from smoothgen.certificates.bounds.bands import LEAST_ALPHA
from smoothgen.errors import InvalidAlpha


def claim_share(alpha: float, claims: int) -> float:
    """Returns what the band of the distances, and each of so many claims on scores, may spend of alpha: equal shares.

    The split depends on the number of claims alone, so it is fixed before any draw. alpha: of the look. Proof:
    docs/theory/scores.md, "Several claims". Raises InvalidAlpha where a share would be below 1e-12.
    """
    if not claims:
        return alpha
    # One ulp less: however the division was rounded, the shares sum to at most alpha.
    share = math.nextafter(alpha / (claims + 1), 0.0)
    if share < LEAST_ALPHA:
        raise InvalidAlpha(
            f"{claims} claims on scores leave each {share!r} of the failure probability {alpha!r}, less than "
            f"{LEAST_ALPHA:g}; ask for less confidence, or for fewer claims",
            field="robustness.confidence",
        )
    return share
