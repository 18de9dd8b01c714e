"""How much of the answers an attack must leave as they are, and the attack norm up to which a share of them is kept.

For two-valued distances only: 0 where an output gives the centre's answer, and one other value where it does not.
"""

from __future__ import annotations

import math
from typing import Final

from scipy.special import ndtri

from smoothgen.certificates.bounds.bands import SurvivalBand
from smoothgen.certificates.bounds.rounding import round_down, round_up
from smoothgen.certificates.bounds.shift_bounds import ShiftBounds
from smoothgen.errors import InvalidKeep

_STEPS: Final = (0.0, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-7, 1e-5, 1e-3)
"""How far below the solution, as a fraction of it, the search looks for an epsilon whose printed share is enough."""
_ARITHMETIC: Final = 1e-14  # what T3's own outward rounding and the subtraction from 1 may take of a share


def kept_share(survival: SurvivalBand, bounds: ShiftBounds, epsilon: float) -> float:
    """Returns the least probability that an output under an attack of norm ≤ epsilon gives the centre's answer.

    1 − Φ(Φ⁻¹(p̄) + r) less the rounding slack, at least 0, rounded down. survival: a two-valued band, which holds the
    slack. Raises InvalidEpsilon. Proof: docs/theory/keeps.md, "The share that is kept".
    """
    return round_down(least_share(survival, bounds, epsilon))


def least_share(survival: SurvivalBand, bounds: ShiftBounds, epsilon: float) -> float:
    """Returns what `kept_share` prints, in full digits.

    Proof: docs/theory/keeps.md, "The share that is kept".
    """
    return max(0.0, 1 - float(bounds.attacked(survival.levels[0], epsilon)))


def keep_radius(survival: SurvivalBand, bounds: ShiftBounds, share: float) -> float:
    """Returns an epsilon, within the reach, up to which the printed `kept_share` is at least `share`: rounded down.

    The largest one to about nine digits, attack norm units; 0 where no attack of positive norm can be allowed. It holds
    for attacks of norm AT MOST the radius; for those strictly below it the share is strictly above.

    Raises InvalidKeep unless 0 < share < 1. Proof: docs/theory/keeps.md, "The radius of a share".
    """
    require_keep(share)
    # The share as it can be printed: any number of nine digits that is at least `share` is at least this.
    lost = 1 - round_up(share) - bounds.rounding_slack - _ARITHMETIC
    level = float(survival.levels[0])
    if not 0 < level < lost:
        return 0.0
    solution = min(bounds.mechanism.epsilon(float(ndtri(lost) - ndtri(level))), bounds.reach)
    for step in _STEPS:
        candidate = round_down(solution * (1 - step))
        if candidate > 0 and kept_share(survival, bounds, candidate) >= share:
            return candidate
    return 0.0


def require_keep(share: float) -> None:
    """Raises InvalidKeep unless the share lies strictly between 0 and 1."""
    if not (0 < share < 1 and math.isfinite(share)):  # refuses NaN too
        raise InvalidKeep(
            f"keep must lie strictly between 0 and 1, got {share!r}; it is the share of the answers that no attack may "
            "change, such as 0.9",
            field="keep",
        )
