"""What the mechanisms tokens and edits take of a request: they draw no noise, so what sets noise has no meaning. Only
tokens takes embeddings in the place of the prompt."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from app.planning.refusing import OF_NOISE, refuse_given
from smoothgen.contracts import EDITS, EMBEDDING, TOKENS, UNNOISED, Parameters, Robustness, TextParameters
from smoothgen.errors import InvalidInput

_RUNS: Final[Mapping[str, str]] = MappingProxyType(
    {TOKENS: "every prompt an attack can reach", EDITS: "edits of the prompt"}
)


def require_no_noise(robustness: Robustness, parameters: Parameters) -> None:
    """Raises InvalidInput for what a request of mechanism tokens or edits says about noise, and one of edits about
    norms, naming the field and the remedy.

    A budget is met whatever it is: nothing displaces the output. `samples` is the most runs.
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
        ("epsilon", "radius_tolerance") if mechanism == EDITS else (),
        lambda name: (
            f"is about attacks of some l2 norm, and mechanism {EDITS!r} counts edits: edits.at_once says how many "
            f"together; leave {name} out"
        ),
    )
    if not isinstance(parameters, TextParameters):
        return
    if parameters.temperature > 0 and robustness.randomness == "fresh":
        raise InvalidInput(
            f"randomness='fresh' with temperature={parameters.temperature!r}: mechanism {mechanism!r} compares runs "
            "under one draw of the generator's randomness; use randomness 'common', or temperature 0",
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
