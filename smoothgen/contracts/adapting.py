"""What adapting the noise to the prompt costs in samples, and what an estimate of a Lipschitz constant says."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from smoothgen.errors import InvalidInput

SELECTION_DRAWS: Final = 256
"""m, the number of noisy prompts whose sensitivity decides on σ."""
SELECTION_PROBES: Final = 2
"""P, the number of directions that each of those prompts is moved along."""
GRID_REACH: Final = 4
"""The number of noise levels below and above the model's own: σ₀·2^(k/2), k = −4 … 4, a quarter to four times σ₀."""
JACOBIAN_ROUNDS: Final = 4
"""The rounds of power iteration, each one product with the Jacobian and one with its transpose."""

LipschitzMethod = Literal["finite-differences", "autodiff"]


class LipschitzEstimate(BaseModel):
    """How steep the model was found to be around this prompt.

    The value is an ESTIMATE, of no global constant. Nothing certified rests on it: theorem T4 needs a proven constant.
    """

    model_config = ConfigDict(frozen=True)

    value: float | None = Field(
        default=None,
        description="finite-differences: the steepest secant seen; autodiff: the Jacobian's largest singular value at "
        "the prompt. Both from below. Left out where an output failed.",
    )
    unit: str
    method: LipschitzMethod
    step: float | None = Field(
        default=None, description="finite-differences: the level of the moves, as a sigma; a move is step·√d long."
    )
    probes: int = Field(description="Directions a point was moved along; of autodiff, rounds of power iteration.")
    points: int = Field(default=1, description="1: the prompt's own embedding; more: noisy ones around it.")
    sensitivity: float | None = Field(
        default=None,
        description="finite-differences: the mean distance moved over the step, metric units per unit of sigma; the "
        "median over the points.",
    )
    certified: Literal[False] = False


def not_differentiable(model: str) -> InvalidInput:
    """Returns the error of an estimate by autodiff that a model cannot give."""
    return InvalidInput(
        f"model {model!r} cannot be differentiated; ask for lipschitz_estimate 'finite-differences'",
        field="robustness.lipschitz_estimate",
    )
