"""Upper bounds on spectral norms that hold in exact arithmetic, computed in double precision.

u = 2⁻⁵³ is the unit roundoff and γ_n = nu/(1 − nu) the error constant of n operations: a computed inner product of
length n is within γ_n |a|·|b| of the exact one in any order of summation, with or without fused multiply-add (Higham,
Accuracy and Stability of Numerical Algorithms, 2002, §3.1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

UNIT_ROUNDOFF: Final = 2.0**-53
UNDERFLOW: Final = 2.0**-1022
"""No single operation loses more than this to underflow, even where subnormal numbers are flushed to zero."""


def gamma(operations: int) -> float:
    """γ_n, rounded up. `operations` < 2⁵⁰, so that n·u is exact and 1 − n·u is far from 0."""
    nu = operations * UNIT_ROUNDOFF
    return math.nextafter(nu / (1 - nu), math.inf)


def product_up(factors: Sequence[float]) -> float:
    """The product of finite doubles ≥ 0: a double at least the exact product."""
    exact = math.prod((Fraction(f) for f in factors), start=Fraction(1))
    product = float(exact)
    return product if Fraction(product) >= exact else math.nextafter(product, math.inf)


def frobenius_bound(matrix: Matrix) -> float:
    """At least ‖matrix‖_F: a sum of n squares is short of the exact one by a factor ≥ 1 − γ_(n+1), and underflows."""
    n = matrix.size
    squares = float(np.square(matrix).sum()) + n * UNDERFLOW
    # Two more roundings and the root; γ of some operations more pays for them, (1 − γ)⁻¹ ≤ 1 + 2γ for the inversion.
    return math.nextafter(math.sqrt(squares) * (1 + 2 * gamma(n + 4)), math.inf)


def spectral_norm_bound(matrix: Matrix) -> float:
    """At least ‖matrix‖₂, of any finite matrix (m, n), and above it by some 10⁻¹¹ of it (k = 256: measured in tests).

    With U, s, V as any procedure returned them (they are not trusted), exactly

        ‖W‖ ≤ ‖U‖ · max s · ‖V‖ + ‖W − U diag(s) Vᵀ‖_F,    ‖U‖² = ‖UᵀU‖ ≤ 1 + ‖UᵀU − I‖_F,

    and every term on the right is computed with its rounding errors added. Raises ValueError for NaN and infinities.
    """
    if matrix.size == 0:
        return 0.0
    if not np.isfinite(matrix).all():
        raise ValueError("a matrix with NaN or infinite entries has no spectral norm")
    largest = float(np.abs(matrix).max())
    if largest == 0:
        return 0.0
    _, exponent = math.frexp(largest)
    # Entries of at most 1 neither overflow nor, where they matter, underflow. A power of two: exact but for what
    # underflows, by less than UNDERFLOW an entry, which ‖·‖₂ ≤ √(mn) max|·| turns into the second term.
    scaled = np.ldexp(matrix, -exponent)
    bound = _bound_of_scaled(scaled) + 2 * matrix.size * UNDERFLOW
    # Once more outward: at the bottom of the range ldexp rounds.
    return math.nextafter(math.ldexp(math.nextafter(bound, math.inf), exponent), math.inf)


def _bound_of_scaled(w: Matrix) -> float:
    u, s, vt = np.linalg.svd(w, full_matrices=False)
    rank = len(s)
    largest = float(np.abs(s).max())
    norm_u, norm_v = _near_orthogonal_norm(u), _near_orthogonal_norm(vt.T)
    computed = (u * s) @ vt
    # (u·s)@vt is within γ_(k+1) |U| |s| |Vᵀ| of the exact product, elementwise; ‖|U| |s| |Vᵀ|‖_F ≤ ‖U‖_F max s ‖V‖_F.
    product_error = gamma(rank + 2) * frobenius_bound(u) * largest * frobenius_bound(vt)
    # fl(w − computed) is within u |fl(w − computed)| of the exact difference.
    residual = frobenius_bound(w - computed) * (1 + 2 * UNIT_ROUNDOFF)
    underflows = 4 * rank * w.size * UNDERFLOW
    # A dozen scalar operations on numbers ≥ 0 are left: γ_16 pays for all of them.
    return (norm_u * largest * norm_v + residual + product_error + underflows) * (1 + 2 * gamma(16))


def _near_orthogonal_norm(u: Matrix) -> float:
    """At least ‖u‖₂ for a matrix (m, k) whose columns are nearly orthonormal."""
    length, columns = u.shape
    deviation = frobenius_bound(u.T @ u - np.eye(columns))
    # uᵀu is within γ_m |uᵀ||u| of the exact one, and ‖|uᵀ||u|‖_F ≤ ‖u‖_F²; −I rounds once more.
    error = gamma(length + 2) * (frobenius_bound(u) ** 2 + columns) + length * columns**2 * UNDERFLOW
    return math.sqrt(1 + (deviation + error) * (1 + 2 * gamma(8))) * (1 + 2 * gamma(4))
