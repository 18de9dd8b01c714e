"""Warns where a model's batches run far below the speed they once had here: its device may need attention."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from statistics import median

import structlog

FAR_BELOW = 5.0
"""How many times longer than the quickest a batch must take."""
RECOVERED = 2.0
WINDOW = 16
"""Batches whose median counts. A single one may take any time, such as one in which the process was stopped."""
LASTING_S = 10.0
"""Seconds of slow compute before a warning."""
_KINDS_KEPT = 64


@dataclass
class _Kind:
    """Batches that should all take about as long. Times in seconds."""

    recent: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))
    quickest: float = float("inf")
    slow_for: float = 0.0
    told: bool = False


class Slowness:
    """The times of one model's batches, by their kind: size, parameters and length of prompt decide what is usual."""

    def __init__(self, model: str) -> None:
        self._kinds: OrderedDict[Hashable, _Kind] = OrderedDict()
        self._log = structlog.get_logger().bind(model=model)

    def measured(self, kind: Hashable, seconds: float) -> None:
        """Counts a batch. Warns once when speed is lost, and says once that it is back."""
        one = self._kinds.setdefault(kind, _Kind())
        self._kinds.move_to_end(kind)
        if len(self._kinds) > _KINDS_KEPT:
            self._kinds.popitem(last=False)
        one.recent.append(seconds)
        if len(one.recent) < WINDOW:
            return
        usual = median(one.recent)
        one.quickest = min(one.quickest, usual)
        one.slow_for = one.slow_for + seconds if usual > FAR_BELOW * one.quickest else 0.0
        figures = {"batch_s": round(usual, 4), "once_s": round(one.quickest, 4)}
        if one.slow_for > LASTING_S and not one.told:
            one.told = True
            detail = (
                "batches run far below the speed once measured; unless these requests make the model say more than "
                "those before, look at its device: clock, temperature, memory, who else uses it"
            )
            self._log.warning("batches_slow", detail=detail, **figures)
        elif one.told and usual < RECOVERED * one.quickest:
            one.told = False
            self._log.info("batches_at_speed", **figures)
