"""The noise level selected for one prompt, the draws it rests on, and its JSON form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from smoothgen.certificates.bounds.bands import require_alpha
from smoothgen.certificates.bounds.median import EVENTS, median_cell_radius
from smoothgen.certificates.bounds.shift_bounds import require_slack
from smoothgen.certificates.sigma_selection.grid import LARGEST, SigmaGrid, require_positive
from smoothgen.certificates.sigma_selection.shares import remaining_alpha
from smoothgen.errors import InvalidBudget, InvalidCertificate, InvalidSigma
from smoothgen.mechanisms import Gaussian, Mechanism

_MOST_DRAWS: Final = 100_000
_FIELDS: Final = {"budget", "grid", "selection_sigma", "alpha", "sensitivities", "cell", "sigma", "radius"}


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
        require_inputs(self.sensitivities, self.budget, self.selection_sigma, self.alpha)
        whole = isinstance(self.cell, int) and not isinstance(self.cell, bool)
        if not (whole and self.grid.first <= self.cell <= self.grid.last):
            raise InvalidSigma(
                f"cell must be a whole number in [{self.grid.first}, {self.grid.last}], got {self.cell!r:.80}",
                field="sigma_selection.cell",
            )

    @property
    def sigma(self) -> float:
        """Returns the level served: the largest of the grid with sigma·median ≤ budget."""
        return self.grid.level(self.cell)

    @cached_property
    def radius(self) -> float:
        """Returns ε_sel, rounded down: no attack of l2 norm up to it moves the median out of the cell. 0: nothing is
        proven."""
        grid, cell = self.grid, self.cell
        # The last cell has no lower edge: a smaller sensitivity would have the same largest level.
        lower = self.budget / grid.level(cell + 1) if cell < grid.last else None
        return median_cell_radius(
            np.array(self.sensitivities),
            (lower, self.budget / grid.level(cell)),
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
        """Returns the JSON form; a failed draw is null."""
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
        """Reads what `to_dict` writes: sigma and radius, which follow from the rest, must be numbers and are not kept.

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


def require_sound_selection(selection: SigmaSelection, mechanism: Mechanism, alpha: float) -> None:
    """Raises InvalidSigma unless its own draws place the selection and the outputs were drawn at its level.

    Raises InvalidAlpha where nothing of alpha is left.
    """
    selection.require_placed()
    if not (isinstance(mechanism, Gaussian) and mechanism.sigma == selection.sigma):
        raise InvalidSigma(
            f"the level selected is Gaussian noise of sigma {selection.sigma!r}, the outputs were drawn with "
            f"{mechanism.to_dict()!r:.200}; other mechanisms are served at a level that is the same for every prompt",
            field="sigma_selection.sigma",
        )
    require_alpha(remaining_alpha(alpha, selection.alpha))


def require_inputs(sensitivities: tuple[float, ...], budget: float, selection_sigma: float, alpha: float) -> None:
    """Raises InvalidBudget, InvalidSigma or InvalidAlpha for what no level can be selected from."""
    if not (isinstance(budget, int | float) and 0 < budget <= LARGEST):  # refuses NaN too
        raise InvalidBudget(f"budget must be a positive finite number, got {budget!r:.80}", field="budget")
    require_positive("selection_sigma", selection_sigma)
    require_alpha(alpha)
    require_alpha(alpha / EVENTS)
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


def _object(value: Any, fields: set[str], where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or set(value) != fields:
        raise InvalidCertificate(f"{where} must have exactly {sorted(fields)}, got {value!r:.200}", field=where)
    return value


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        where = f"sigma_selection.{name}"
        raise InvalidCertificate(f"{where} must be a finite number, got {value!r:.80}", field=where)
    return float(value)
