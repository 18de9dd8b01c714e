"""The schedulers by their diffusers class names."""

from __future__ import annotations

from typing import Any, Final

import diffusers

_EXCLUDED: Final = frozenset({"DPMSolverSDEScheduler", "EDMEulerScheduler"})
"""The first draws its noise from a Brownian tree over the whole batch: a sample would depend on its neighbours. The
second tells the network log(sigma)/4 instead of a timestep, which only a network trained that way understands."""

_SETTINGS: Final[dict[str, dict[str, Any]]] = {"DPMSolverSinglestepScheduler": {"lower_order_final": True}}
"""What a scheduler would set by itself, with a warning for every batch."""


def offered_schedulers(scheduler: Any) -> list[str]:
    """Returns the names of every scheduler that can replace this one, sorted."""
    names = {kind.__name__ for kind in scheduler.compatibles} | {type(scheduler).__name__}
    # A class whose backend is not installed is a placeholder with this attribute.
    return sorted(n for n in names - _EXCLUDED if not hasattr(getattr(diffusers, n, None), "_backends"))


def new_scheduler(name: str, config: Any) -> Any:
    """Returns a scheduler without state, with the pipeline's noise schedule. `name` is one of `offered_schedulers`."""
    return getattr(diffusers, name).from_config(config, **_SETTINGS.get(name, {}))
