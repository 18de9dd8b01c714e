"""A worker whose device hangs on command: `python -m tests.support.hanging_worker FILE [SKEW]`.

While FILE exists, closed-form models do not return from the call it names, as a call of a GPU whose driver hangs does
not: "generate" (a batch), "condition" (embedding a prompt), or "look" (certifying the samples there are). The worker's
clock is SKEW seconds ahead of the machine's: its `time.time`, which is all a worker reads of the hour.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smoothgen.contracts import Parameters
from workers.__main__ import main
from workers.generators import Condition, Draw, Failure, Made, Smoothing, registry
from workers.generators.closed_form import ClosedForm
from workers.jobs import methods
from workers.jobs.certification import look_at

COMMAND = Path(sys.argv[1])
HELD = COMMAND.with_suffix(".held")
"""There while a call does not return."""


def hang_where(place: str) -> None:
    """Return when FILE does not ask for a hang here."""
    while asked_for() == place:
        HELD.touch()
        time.sleep(0.02)
    HELD.unlink(missing_ok=True)


def asked_for() -> str | None:
    try:
        return COMMAND.read_text()
    except FileNotFoundError:
        return None


class Hanging(ClosedForm):
    """A closed-form model under the command of FILE."""

    def condition(self, prompt: str, parameters: Parameters, smoothing: Smoothing) -> Condition:
        hang_where("condition")
        return super().condition(prompt, parameters, smoothing)

    def generate(
        self, condition: Condition, noise: NDArray[np.float64], draws: Sequence[Draw], parameters: Parameters
    ) -> list[Made | Failure]:
        hang_where("generate")
        return super().generate(condition, noise, draws, parameters)


def skewed(clock: Callable[[], float], seconds: float) -> Callable[[], float]:
    return lambda: clock() + seconds


def look_hanging(*arguments: Any) -> Any:
    hang_where("look")
    return look_at(*arguments)


if __name__ == "__main__":
    registry.ClosedForm = Hanging
    methods.look_at = look_hanging
    time.time = skewed(time.time, float((sys.argv[2:] or ["0"])[0]))
    sys.exit(main())
