"""Selects the noise level of one prompt from the sensitivities of its noisy copies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates.abstention import Abstention, Reason
from smoothgen.certificates.sigma_selection.grid import SigmaGrid
from smoothgen.certificates.sigma_selection.selection import SigmaSelection, require_inputs


def select_sigma(
    sensitivities: Sequence[float] | NDArray[np.float64],
    *,
    budget: float,
    grid: SigmaGrid,
    selection_sigma: float,
    alpha: float,
    rounding_slack: float = 0.0,
) -> SigmaSelection | Abstention:
    """Returns the grid level for a prompt from the sensitivities of its noisy copies, or Abstention(SIGMA_NOT_PLACED).

    P(what the selection says is false) ≤ alpha over the draws, however the generator behaves.

    Args:
        sensitivities: shape (m,), s(x + η′_i) of independent η′_i ~ N(0, selection_sigma²·I), by one fixed public rule;
            inf for a draw that failed. Metric units per unit of x.
        budget: output displacement σ·s, metric units.
        grid, selection_sigma, alpha: fixed before the prompt was seen.
        rounding_slack: as in `certify`, of the noise η′.

    Raises InvalidBudget, InvalidSigma, InvalidAlpha, InvalidSlack.
    """
    drawn = np.asarray(sensitivities, dtype=np.float64)
    budget, selection_sigma, alpha = float(budget), float(selection_sigma), float(alpha)
    require_inputs(tuple(drawn.tolist()), budget, selection_sigma, alpha)
    median = float(np.sort(drawn)[(len(drawn) - 1) // 2])
    reached = [k for k in range(grid.first, grid.last + 1) if median <= budget / grid.level(k)]
    if not reached:
        return Abstention(
            Reason.SIGMA_NOT_PLACED,
            f"the median sensitivity is about {median:.6g}, and even the smallest level of the grid, "
            f"{grid.level(grid.first):.6g}, moves the output by more than the budget {budget!r}; "
            "ask for a larger budget",
        )
    # At most one cell can be proven, and it holds the sample's median (docs/theory/adaptive.md).
    selection = SigmaSelection(
        budget, grid, selection_sigma, tuple(drawn.tolist()), alpha, reached[-1], float(rounding_slack)
    )
    if selection.radius > 0:
        return selection
    return Abstention(
        Reason.SIGMA_NOT_PLACED,
        f"the median sensitivity is about {median:.6g}, too close to the edge of the cell of sigma "
        f"{selection.sigma:.6g} for {len(drawn)} draws at alpha={alpha!r}; ask for another budget, or adapt the noise "
        "to the model only",
    )
