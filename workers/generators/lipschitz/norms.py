"""Upper bounds on spectral norms that hold in exact arithmetic, computed in double precision (docs/theory/lipschitz.md,
last section).

The unit roundoff is u = 2⁻⁵³, and γ_n = nu/(1 − nu) is the error constant of n operations. A computed inner product of
length n is within γ_n |a|·|b| of the exact one in any order of summation, with or without fused multiply-add (Higham,
Accuracy and Stability of Numerical Algorithms, 2002, §3.1). Theorem T4 uses the product of these bounds as its
constant.
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
"""An upper bound on what a single operation loses to underflow, even where subnormal numbers are flushed to zero."""


def gamma(operations: int) -> float:
    """Returns γ_n rounded up (Higham 2002, §3.1). `operations` is below 2⁵⁰, so that n·u is exact and 1 − n·u is far
    from 0."""
    nu = operations * UNIT_ROUNDOFF
    return math.nextafter(nu / (1 - nu), math.inf)


def product_up(factors: Sequence[float]) -> float:
    """Returns a double that is at least the exact product of finite doubles ≥ 0."""
    exact = math.prod((Fraction(f) for f in factors), start=Fraction(1))
    product = float(exact)
    return product if Fraction(product) >= exact else math.nextafter(product, math.inf)


def frobenius_bound(matrix: Matrix) -> float:
    """Returns an upper bound on ‖matrix‖_F. A computed sum of n squares is short of the exact one by a factor of at
    least 1 − γ_(n+1), and by underflows (Higham 2002, §3.1)."""
    n = matrix.size
    squares = float(np.square(matrix).sum()) + n * UNDERFLOW
    # Two more roundings and the root; γ of some operations more pays for them, (1 − γ)⁻¹ ≤ 1 + 2γ for the inversion.
    return math.nextafter(math.sqrt(squares) * (1 + 2 * gamma(n + 4)), math.inf)


def spectral_norm_bound(matrix: Matrix) -> float:
    """Returns an upper bound on ‖matrix‖₂ for any finite matrix (m, n), the factor of one layer in theorem T4.

    docs/theory/lipschitz.md proves the bound under "The norms". The bound exceeds the norm by some 10⁻¹¹ of it
    (k = 256, measured in tests). U, s and V come from a singular value decomposition that is not trusted. For any
    U, s and V,

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
    """Returns an upper bound on ‖u‖₂ for a matrix (m, k) whose columns are nearly orthonormal: ‖u‖² = ‖uᵀu‖ ≤ 1 + ‖uᵀu
    − I‖_F."""
    length, columns = u.shape
    deviation = frobenius_bound(u.T @ u - np.eye(columns))
    # uᵀu is within γ_m |uᵀ||u| of the exact one, and ‖|uᵀ||u|‖_F ≤ ‖u‖_F²; −I rounds once more.
    error = gamma(length + 2) * (frobenius_bound(u) ** 2 + columns) + length * columns**2 * UNDERFLOW
    return math.sqrt(1 + (deviation + error) * (1 + 2 * gamma(8))) * (1 + 2 * gamma(4))
