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
    }
)


def snaps(robustness: Robustness, mechanism: str, card: ModelCard) -> bool:
    """Returns whether noise is snapped to tokens: as the request says, and where it says nothing, wherever that may be
    asked for and no noise level is named, which would be one of noise as it is drawn."""
    if robustness.snap is not None:
        return robustness.snap
    may = mechanism == EMBEDDING and card.default_snapped_sigma is not None and not given(robustness, _WHY_UNSNAPPED)
    return may and robustness.sigma is None and _table_is_known(robustness, card)


def _table_is_known(robustness: Robustness, card: ModelCard) -> bool:
    """Returns whether a pool of the fleet can name the table, where the request asks for the fleet."""
    return robustness.tier != "fleet" or card.snap_table is not None


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
    if not _table_is_known(robustness, card):
        raise InvalidInput(
            f"snap=true with tier 'fleet', whose pools name the table of the snap, and the workers of model "
            f"{card.id!r} do not say which it is; update them, use tier 'request', or leave snap out",
            field="robustness.snap",
        )
    refuse_given(
        robustness,
        _WHY_UNSNAPPED,
        lambda name: f"with snap=true: {_WHY_UNSNAPPED[name]} noise that is not snapped; leave {name} or snap out",
    )
