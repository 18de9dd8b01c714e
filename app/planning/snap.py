"""Noise followed by the token snap (`robustness.snap`): where it may be asked for."""

from __future__ import annotations

from smoothgen.contracts import EMBEDDING, ModelCard, Robustness
from smoothgen.errors import InvalidInput


def require_snappable(robustness: Robustness, card: ModelCard) -> None:
    """Raises InvalidInput where noisy embeddings cannot be snapped to tokens, and for what speaks of noise that is
    not."""
    if not robustness.snap:
        return
    if robustness.mechanism != EMBEDDING:
        raise InvalidInput(
            f"snap=true replaces noisy token embeddings by tokens, and mechanism {robustness.mechanism!r} puts no such "
            f"noise on them; use mechanism {EMBEDDING!r}, or leave snap out",
            field="robustness.snap",
        )
    if card.default_snapped_sigma is None:
        raise InvalidInput(
            f"snap=true, but model {card.id!r} does not read its prompt as tokens of a table; leave snap out",
            field="robustness.snap",
        )
    unsnapped = {
        "budget": (robustness.budget is not None, "models are calibrated for"),
        "adapt": (robustness.adapt != "model", "the prompt's sensitivity is probed under"),
        "lipschitz_estimate": (robustness.lipschitz_estimate is not False, "steepness is estimated under"),
        "tier": (robustness.tier == "fleet", "the pools of the fleet hold requests under"),
    }
    for name, (asked, why) in unsnapped.items():
        if asked:
            raise InvalidInput(
                f"{name}={getattr(robustness, name)!r} with snap=true: {why} noise that is not snapped; leave {name} "
                "or snap out",
                field=f"robustness.{name}",
            )
