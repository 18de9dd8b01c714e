"""When a message that was not taken is sent again, and when it is given up."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

_FACTOR: Final = 4
_LONGEST_PAUSE_S: Final = 4 * 3600.0
_JITTER: Final = 0.25


@dataclass(frozen=True)
class Retries:
    """Pauses between tries. first_s: before the second try, about. give_up_s: from the first try on, after which
    there is none."""

    first_s: float
    give_up_s: float

    def pause_s(self, tries: int, spent_s: float) -> float | None:
        """Returns how long to wait after so many tries in vain, a quarter more or less, so that messages which failed
        together do not come together; None where that would be too late."""
        pause_s = min(self.first_s * _FACTOR ** min(tries - 1, 16), _LONGEST_PAUSE_S)
        pause_s *= random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311  no secret
        return pause_s if spent_s + pause_s <= self.give_up_s else None
