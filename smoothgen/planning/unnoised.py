"""What the mechanisms without noise take of a request: what sets noise has no meaning for them. Only tokens takes
embeddings in the place of the prompt."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from smoothgen.contracts import (
    EDITS,
    EMBEDDING,
    OF_UNITS,
    PASSAGES,
    TOKENS,
    UNNOISED,
    WORDS,
    Parameters,
    Robustness,
    TextParameters,
)
from smoothgen.errors import InvalidInput
from smoothgen.planning.refusing import OF_NOISE, refuse_given

_COUNTED: Final[Mapping[str, str]] = MappingProxyType(
    {
        EDITS: "counts edits: edits.at_once says how many together",
        PASSAGES: "counts passages: units.altered asks for a number of them",
        WORDS: "counts words: units.altered asks for a number of them",
    }
)
_RUNS: Final[Mapping[str, str]] = MappingProxyType(
    {
        TOKENS: "every prompt an attack can reach",
        EDITS: "edits of the prompt",
        PASSAGES: "some of the passages at a time",
        WORDS: "some of the words at a time",
    }
)


def require_no_noise(robustness: Robustness, parameters: Parameters) -> None:
    """Raises InvalidInput for what a request without noise says about noise, and for what one that counts edits or
    units says about norms, naming the field and the remedy.

    Under tokens and edits a budget is met whatever it is: nothing displaces the output. Units that are left out do.
    `samples` is the most runs.
    """
    mechanism = robustness.mechanism
    if mechanism not in UNNOISED:
        return
    refuse_given(
        robustness,
        OF_NOISE,
        lambda name: (
            f"is about noise, and mechanism {mechanism!r} draws none: it runs the model on {_RUNS[mechanism]}; leave "
            f"{name} out, or use mechanism {EMBEDDING!r}"
        ),
    )
    refuse_given(
        robustness,
        ("epsilon", "radius_tolerance") if mechanism in _COUNTED else (),
        lambda name: (
            f"is about attacks of some l2 norm, and mechanism {mechanism!r} {_COUNTED[mechanism]}; leave {name} out"
        ),
    )
    refuse_given(
        robustness,
        ("budget",) if mechanism in OF_UNITS else (),
        lambda name: (
            f"is what noise may displace the output by, and mechanism {mechanism!r} draws none: what it leaves out is "
            f"set by units.size or units.probability; leave {name} out"
        ),
    )
    if not isinstance(parameters, TextParameters):
        return
    if parameters.temperature > 0 and robustness.randomness == "fresh":
        over_it = f", or mechanism {EMBEDDING!r}, whose claims are over all draws" if mechanism == TOKENS else ""
        raise InvalidInput(
            f"randomness='fresh' with temperature={parameters.temperature!r}: mechanism {mechanism!r} compares runs "
            f"under one draw of the generator's randomness; use randomness 'common', or temperature 0{over_it}",
            field="robustness.randomness",
        )


def require_readable_embeddings(robustness: Robustness, parameters: Parameters) -> None:
    """Raises InvalidInput for embeddings in the prompt's place where nothing snaps them, and for their mere digest."""
    given = parameters.prompt_embeds if isinstance(parameters, TextParameters) else None
    if given is None:
        return
    tokens, width = given.shape
    if robustness.mechanism != TOKENS:
        raise InvalidInput(
            f"prompt_embeds of shape [{tokens}, {width}] with mechanism {robustness.mechanism!r}: noise is put on the "
            f"prompt's own embedding, and only mechanism {TOKENS!r} reads given embeddings as tokens; use mechanism "
            f"{TOKENS!r}, or leave prompt_embeds out",
            field="parameters.prompt_embeds",
        )
    if given.is_named:
        raise InvalidInput(
            f"prompt_embeds.data={given.data!r:.24} is the digest of embeddings and not the embeddings; send them as "
            "base64 of little-endian float32",
            field="parameters.prompt_embeds.data",
        )
