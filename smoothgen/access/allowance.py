"""How much of something a key may use in a time: `600/min`, `100000/day`."""

from __future__ import annotations

import re
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field

from smoothgen.errors import InvalidInput

_WINDOWS_S: Final = {"s": 1, "min": 60, "h": 3600, "day": 86_400}
_WRITTEN: Final = re.compile(r"([0-9]{1,12})/(s|min|h|day)")
_DURATION: Final = re.compile(r"([0-9]{1,9})(s|m|h|d)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Allowance(BaseModel):
    """`most` of something in every `window_s` seconds."""

    model_config = ConfigDict(frozen=True)

    most: int = Field(ge=1)
    window_s: int = Field(ge=1)

    @classmethod
    def read(cls, text: str, what: str) -> Self:
        """Returns the allowance that is written so. what: its name in the error. Raises InvalidInput."""
        found = _WRITTEN.fullmatch(text)
        if found is None or int(found[1]) == 0:
            raise InvalidInput(
                f"{what} must be a number of 1 or more and a time, such as 10/s, 600/min, 5000/h or 100000/day, "
                f"got {text!r:.80}"
            )
        return cls(most=int(found[1]), window_s=_WINDOWS_S[found[2]])

    def __str__(self) -> str:
        """Returns the allowance as `read` reads it."""
        names = {seconds: name for name, seconds in _WINDOWS_S.items()}
        return f"{self.most}/{names.get(self.window_s, f'{self.window_s} s')}"


def read_duration_s(text: str, what: str) -> int:
    """Returns the seconds of a duration such as 90s, 15m, 1h or 30d. what: its name in the error. Raises
    InvalidInput."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise InvalidInput(f"{what} must be a duration such as 90s, 15m, 1h or 30d, got {text!r:.80}")
    return int(found[1]) * _SECONDS[found[2]]
