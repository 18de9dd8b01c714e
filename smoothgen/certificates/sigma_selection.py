"""Certified selection of the noise level: σ from how sensitive the generator is around this very prompt.

A σ that depends on x breaks every bound, unless the attacked prompt is served at the same σ. Here σ is read off a
public grid by the MEDIAN sensitivity of the noisy prompt, which an attack can move only so far (median smoothing,
Chiang et al. 2020), and a certificate goes no further than the attack that could move it out of its cell.
Proof: docs/theory/adaptive.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from smoothgen.certificates.abstention import Abstention, Reason
from smoothgen.certificates.bounds.bands import clopper_pearson_upper, require_alpha
from smoothgen.certificates.bounds.rounding import RELATIVE_SLACK, round_down
from smoothgen.certificates.bounds.shift_bounds import require_slack
from smoothgen.errors import InvalidAlpha, InvalidBudget, InvalidCertificate, InvalidSigma
from smoothgen.mechanisms import Gaussian, Mechanism

SELECTION_SHARE: Final = 0.1
"""Of a job's alpha, what the selection of σ may spend. The looks share the rest."""

_EVENTS: Final = 3
"""What can go wrong, however many levels the grid has: the cell below, the cell above, or a radius too large."""
_MOST_DRAWS: Final = 100_000
_LARGEST_EXPONENT: Final = 200
_LARGEST: Final = 1e30
_FIELDS: Final = {"budget", "grid", "selection_sigma", "alpha", "sensitivities", "cell", "sigma", "radius"}


@dataclass(frozen=True)
class SigmaGrid:
    """The public noise levels base·2^{k/2}, k = first … last. Fixed before the prompt is seen.

    Raises InvalidSigma for a base that is no noise level and for exponents that are no whole numbers in [−200, 200].
    """

    base: float
    first: int
    last: int

    def __post_init__(self) -> None:
        whole = all(isinstance(k, int) and not isinstance(k, bool) for k in (self.first, self.last))
        if not (whole and -_LARGEST_EXPONENT <= self.first <= self.last <= _LARGEST_EXPONENT):
            raise InvalidSigma(
                f"the grid's exponents must be whole numbers with -{_LARGEST_EXPONENT} <= first <= last <= "
                f"{_LARGEST_EXPONENT}, got {self.first!r} and {self.last!r}",
                field="grid",
            )
        _require_positive("grid.base", self.base)
        Gaussian(self.level(self.first)), Gaussian(self.level(self.last))

    def level(self, k: int) -> float:
        """σ_k. Even k exactly, odd k with one rounding: the same double on every machine."""
        half, odd = divmod(k, 2)
        return math.ldexp(self.base * math.sqrt(2) if odd else self.base, half)

    @property
    def levels(self) -> tuple[float, ...]:
        """All levels, increasing."""
        return tuple(self.level(k) for k in range(self.first, self.last + 1))

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return dict(vars(self))


@dataclass(frozen=True)
class SigmaSelection:
    """The noise level of one prompt, the draws it was read from, and how far an attack leaves it alone.

    With probability ≥ 1 − alpha over the draws: at every x + δ, ‖δ‖₂ ≤ `radius`, the true median of
    s(x + δ + η′), η′ ~ N(0, selection_sigma²·I), lies in `cell`. So an attacked request that selects its own level in
    the same way is served at `sigma`, or not at all, except with probability ≤ ITS alpha over ITS draws.

    rounding_slack: total variation between the noise η′ as it was computed and ideal noise, 0 for ideal noise.
    budget: output displacement in metric units. sensitivities: s of the m draws in draw order, metric units per unit of
    x; inf for a draw that failed. cell: k where budget/σ_{k+1} < median ≤ budget/σ_k, open to 0 for the last.

    Raises InvalidBudget, InvalidSigma (also for sensitivities that are no numbers ≥ 0) or InvalidAlpha. That the cell
    is the one its draws prove, `require_placed` says.
    """

    budget: float
    grid: SigmaGrid
    selection_sigma: float
    sensitivities: tuple[float, ...]
    alpha: float
    cell: int
    rounding_slack: float = 0.0

    def __post_init__(self) -> None:
        require_slack(self.rounding_slack)
        _require_inputs(self.sensitivities, self.budget, self.selection_sigma, self.alpha)
        whole = isinstance(self.cell, int) and not isinstance(self.cell, bool)
        if not (whole and self.grid.first <= self.cell <= self.grid.last):
            raise InvalidSigma(
                f"cell must be a whole number in [{self.grid.first}, {self.grid.last}], got {self.cell!r:.80}",
                field="sigma_selection.cell",
            )

    @property
    def sigma(self) -> float:
        """The level served: the largest of the grid with sigma·median ≤ budget."""
        return self.grid.level(self.cell)

    @cached_property
    def radius(self) -> float:
        """ε_sel, rounded down: no attack of l2 norm up to it moves the median out of the cell. 0: nothing is proven."""
        return _radius(
            np.array(self.sensitivities),
            self.budget,
            self.grid,
            self.cell,
            self.selection_sigma,
            self.alpha,
            self.rounding_slack,
        )

    def require_placed(self) -> None:
        """Raises InvalidSigma unless the draws place the median in this very cell."""
        if not self.radius > 0:
            raise InvalidSigma(
                f"the {len(self.sensitivities)} sensitivities do not place their median in cell {self.cell} at alpha="
                f"{self.alpha!r}; use select_sigma",
                field="sigma_selection.cell",
            )

    def to_dict(self) -> dict[str, Any]:
        """JSON form; a failed draw is null."""
        return {
            "budget": self.budget,
            "grid": self.grid.to_dict(),
            "selection_sigma": self.selection_sigma,
            "alpha": self.alpha,
            "sensitivities": [s if math.isfinite(s) else None for s in self.sensitivities],
            "cell": self.cell,
            "sigma": self.sigma,
            "radius": self.radius,
            **({"rounding_slack": self.rounding_slack} if self.rounding_slack else {}),
        }

    @classmethod
    def from_dict(cls, document: Any) -> SigmaSelection:
        """Inverse of `to_dict`: sigma and radius, which follow from the rest, must be numbers and are not kept.

        Raises InvalidCertificate for what has another shape, and as the class does.
        """
        slack = {"rounding_slack"} & set(document) if isinstance(document, Mapping) else set()
        block = _object(document, _FIELDS | slack, "sigma_selection")
        grid = _object(block["grid"], {"base", "first", "last"}, "sigma_selection.grid")
        drawn = block["sensitivities"]
        if not isinstance(drawn, list):
            raise InvalidCertificate(
                f"sigma_selection.sensitivities must be a list, got {drawn!r:.80}",
                field="sigma_selection.sensitivities",
            )
        for name in ("sigma", "radius"):
            _number(block[name], name)
        return cls(
            budget=_number(block["budget"], "budget"),
            grid=SigmaGrid(_number(grid["base"], "grid.base"), grid["first"], grid["last"]),
            selection_sigma=_number(block["selection_sigma"], "selection_sigma"),
            sensitivities=tuple(math.inf if s is None else _number(s, "sensitivities") for s in drawn),
            alpha=_number(block["alpha"], "alpha"),
            cell=block["cell"],
            rounding_slack=_number(block["rounding_slack"], "rounding_slack") if slack else 0.0,
        )


def select_sigma(
    sensitivities: Sequence[float] | NDArray[np.float64],
    *,
    budget: float,
    grid: SigmaGrid,
    selection_sigma: float,
    alpha: float,
    rounding_slack: float = 0.0,
) -> SigmaSelection | Abstention:
    """The grid level for a prompt from the sensitivities of its noisy copies, or Abstention(SIGMA_NOT_PLACED).

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
    _require_inputs(tuple(drawn.tolist()), budget, selection_sigma, alpha)
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


def selection_alpha(alpha: float) -> float:
    """What the selection of σ may spend of a job's alpha: a tenth of it."""
    return alpha * SELECTION_SHARE


def require_selectable(alpha: float) -> None:
    """Raises InvalidAlpha where a job's alpha is too small for the selection's share of it to be split over what can go
    wrong."""
    require_alpha(selection_alpha(alpha) / _EVENTS)


def remaining_alpha(alpha: float, spent: float) -> float:
    """What is left of alpha: never more than alpha − spent. Raises InvalidAlpha where that is no alpha."""
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


def require_sound_selection(selection: SigmaSelection, mechanism: Mechanism, alpha: float) -> None:
    """The door of `certify` and `verify` alike: its own draws place it, and the outputs were drawn at its level.

    Raises InvalidSigma, InvalidAlpha.
    """
    selection.require_placed()
    if not (isinstance(mechanism, Gaussian) and mechanism.sigma == selection.sigma):
        raise InvalidSigma(
            f"the level selected is Gaussian noise of sigma {selection.sigma!r}, the outputs were drawn with "
            f"{mechanism.to_dict()!r:.200}; other mechanisms are served at a level that is the same for every prompt",
            field="sigma_selection.sigma",
        )
    require_alpha(remaining_alpha(alpha, selection.alpha))


def _radius(
    drawn: NDArray[np.float64],
    budget: float,
    grid: SigmaGrid,
    cell: int,
    selection_sigma: float,
    alpha: float,
    slack: float,
) -> float:
    """The largest ε with both tails of the cell provably at most ½ under any attack within ε, that is with
    Φ(Φ⁻¹(tail + slack) + ε/σ_s) + slack ≤ ½. Rounded down; 0 where there is none."""
    m, share = len(drawn), alpha / _EVENTS
    above = _upper(int(np.count_nonzero(drawn > budget / grid.level(cell))), m, share)
    # The last cell has no lower edge: a smaller sensitivity would have the same largest level.
    below = _upper(int(np.count_nonzero(drawn <= budget / grid.level(cell + 1))), m, share) if cell < grid.last else 0.0
    tail = max(above, below) + slack
    if not tail < 0.5 - slack:
        return 0.0
    r = float(ndtri(0.5 - slack) - ndtri(tail)) if slack else -float(ndtri(tail))
    return round_down(selection_sigma * r * (1 - RELATIVE_SLACK))


def _upper(count: int, m: int, alpha: float) -> float:
    if count == m:
        return 1.0
    return float(clopper_pearson_upper(np.array([count]), m, np.array([alpha]))[0])


def _require_inputs(sensitivities: tuple[float, ...], budget: float, selection_sigma: float, alpha: float) -> None:
    if not (isinstance(budget, int | float) and 0 < budget <= _LARGEST):  # refuses NaN too
        raise InvalidBudget(f"budget must be a positive finite number, got {budget!r:.80}", field="budget")
    _require_positive("selection_sigma", selection_sigma)
    require_alpha(alpha)
    require_alpha(alpha / _EVENTS)
    if not 1 <= len(sensitivities) <= _MOST_DRAWS:
        raise InvalidSigma(
            f"sigma is selected from 1 to {_MOST_DRAWS} sensitivities, got {len(sensitivities)}", field="sensitivities"
        )
    for value in sensitivities:
        if not value >= 0:  # refuses NaN too
            raise InvalidSigma(
                f"sensitivities must be numbers of at least 0, inf for a failed draw, got {value!r}",
                field="sensitivities",
            )


def _require_positive(name: str, value: float) -> None:
    if not 1 / _LARGEST <= value <= _LARGEST:
        raise InvalidSigma(f"{name} must be a positive finite number, got {value!r:.80}", field=name)


def _object(value: Any, fields: set[str], where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or set(value) != fields:
        raise InvalidCertificate(f"{where} must have exactly {sorted(fields)}, got {value!r:.200}", field=where)
    return value


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        where = f"sigma_selection.{name}"
        raise InvalidCertificate(f"{where} must be a finite number, got {value!r:.80}", field=where)
    return float(value)
