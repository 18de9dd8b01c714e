"""The public grid of noise levels that a prompt's own level is selected from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from smoothgen.errors import InvalidSigma
from smoothgen.mechanisms import Gaussian

LARGEST: Final = 1e30
"""The largest number that a grid or a selection may be made of."""
_LARGEST_EXPONENT: Final = 200


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
        require_positive("grid.base", self.base)
        Gaussian(self.level(self.first)), Gaussian(self.level(self.last))

    def level(self, k: int) -> float:
        """Returns σ_k. Even k exactly, odd k with one rounding: the same double on every machine."""
        half, odd = divmod(k, 2)
        return math.ldexp(self.base * math.sqrt(2) if odd else self.base, half)

    @property
    def levels(self) -> tuple[float, ...]:
        """Returns all levels, increasing."""
        return tuple(self.level(k) for k in range(self.first, self.last + 1))

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form."""
        return dict(vars(self))


def require_positive(name: str, value: float) -> None:
    """Raises InvalidSigma unless the number is positive, finite and in range."""
    if not 1 / LARGEST <= value <= LARGEST:
        raise InvalidSigma(f"{name} must be a positive finite number, got {value!r:.80}", field=name)
