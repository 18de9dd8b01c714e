"""The statistics of a fleet: which looks there are, what each may spend, and upper limits on an average probability.

Clopper & Pearson (1934) for counts of differently distributed events, by Hoeffding (1956).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainccinv

from smoothgen.certificates.bounds.rounding import RELATIVE_SLACK
from smoothgen.errors import InvalidCertificate

LOOKS: Final = 30
"""Looks at a running window, at its first 2^0, 2^1, … 2^29 requests. Redis holds no longer string than 2^29 bytes, and
equal shares of a finite number of looks cost less, from 2^5 requests on, than 1/(j(j+1)) for all j does."""
_LEVEL_SLACK: Final = 1e-9  # relative; far above the error of the inverse incomplete beta function


def exceedance_limit(counts: ArrayLike, requests: ArrayLike, alpha: float) -> NDArray[np.float64]:
    """Returns an upper limit on p̄ = (p₁ + … + p_N)/N from K, how many of N independent events of probabilities p_i
    happened.

    P(p̄ > limit(K)) ≤ alpha whatever the p_i: the greater of Clopper & Pearson's limit and (K + 1)/N, at most 1. Above
    (K + 1)/N Hoeffding (1956) makes the binomial the worst case; below it Clopper–Pearson alone can fail too often.
    Counts K in [0, N] and requests N ≥ 1 broadcast. Rounded up.

    Proof: docs/theory/fleet.md, "From counts to S̄".
    """
    k, n = np.broadcast_arrays(np.asarray(counts, dtype=np.float64), np.asarray(requests, dtype=np.float64))
    # K = N − 1 and K = N are covered by the cap; the inverse needs N − K ≥ 1.
    clopper_pearson = betainccinv(k + 1, np.maximum(n - k, 1), alpha) * (1 + _LEVEL_SLACK)
    one_more = (k + 1) / n * (1 + RELATIVE_SLACK)
    limit: NDArray[np.float64] = np.minimum(1.0, np.maximum(clopper_pearson, one_more))
    return limit


def look_size(look: int | None) -> int:
    """Returns how many requests a look is at: 2^look, 0 for none. Raises InvalidCertificate for a look without alpha.

    Proof: docs/theory/fleet.md, "Windows and looks".
    """
    if look is None:
        return 0
    if not 0 <= look < LOOKS:
        raise InvalidCertificate(f"look must lie in [0, {LOOKS}), got {look!r}", field="look")
    return 1 << look


def look_alpha(alpha: float, *, closed: bool) -> float:
    """Returns what one look spends of a window's alpha: half for the closed window, an equal part of the rest
    otherwise.

    Proof: docs/theory/fleet.md, "Windows and looks".
    """
    return alpha / 2 if closed else alpha / 2 / LOOKS
