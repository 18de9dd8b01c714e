"""Noise followed by the token snap (`robustness.snap`): where it may be asked for, and where it is the default."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from smoothgen.contracts import EMBEDDING, ModelCard, Robustness
from smoothgen.errors import InvalidInput
from smoothgen.planning.refusing import given, refuse_given

_WHY_UNSNAPPED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "budget": "models are calibrated for",
        "adapt": "the prompt's sensitivity is probed under",
        "lipschitz_estimate": "steepness is estimated under",
        "tier": "the pools of the fleet hold requests under",
    }
)


def snaps(robustness: Robustness, mechanism: str, card: ModelCard) -> bool:
    """Returns whether noise is snapped to tokens: as the request says, and where it says nothing, wherever that may be
    asked for and no noise level is named, which would be one of noise as it is drawn."""
    if robustness.snap is not None:
        return robustness.snap
    may = mechanism == EMBEDDING and card.default_snapped_sigma is not None and not _needs_unsnapped(robustness)
    return may and robustness.sigma is None


def _needs_unsnapped(robustness: Robustness) -> list[str]:
    """Returns the fields of a request that speak of noise which is not snapped."""
    return [name for name in given(robustness, _WHY_UNSNAPPED) if (name, robustness.tier) != ("tier", "universal")]


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
    refuse_given(
        robustness,
        _needs_unsnapped(robustness),
        lambda name: f"with snap=true: {_WHY_UNSNAPPED[name]} noise that is not snapped; leave {name} or snap out",
    )
