"""How a job's alpha is divided between the selection of sigma and the looks."""

from __future__ import annotations

import math
from typing import Final

from smoothgen.certificates.bounds.bands import require_alpha
from smoothgen.certificates.bounds.median import EVENTS
from smoothgen.errors import InvalidAlpha

SELECTION_SHARE: Final = 0.1
"""Of a job's alpha, what the selection of sigma may spend. The looks share the rest."""


def selection_alpha(alpha: float) -> float:
    """Returns what the selection of σ may spend of a job's alpha: a tenth of it."""
    return alpha * SELECTION_SHARE


def require_selectable(alpha: float) -> None:
    """Raises InvalidAlpha where a job's alpha is too small for the selection's share of it to be split over what can go
    wrong."""
    require_alpha(selection_alpha(alpha) / EVENTS)


def remaining_alpha(alpha: float, spent: float) -> float:
    """Returns what is left of alpha: never more than alpha − spent. Raises InvalidAlpha where that is no alpha."""
    if spent == 0:
        return alpha
    # One ulp less: however the difference was rounded, the two sum to at most alpha.
    left = math.nextafter(alpha - spent, 0.0)
    if not left > 0:
        raise InvalidAlpha(
            f"the selection of sigma spends {spent!r}, which leaves nothing of alpha={alpha!r} to certify with",
            field="sigma_selection.alpha",
        )
    return left
