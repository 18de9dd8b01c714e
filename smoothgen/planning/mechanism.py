"""Which mechanism a request is certified by, where it names none."""

from __future__ import annotations

from smoothgen.contracts import (
    EDITS,
    EMBEDDING,
    EMBEDDING_SHAPED,
    PASSAGES,
    WORDS,
    GenerateRequest,
    ModelCard,
    Robustness,
)
from smoothgen.errors import InvalidInput, UnknownName
from smoothgen.planning.refusing import OF_NOISE, given


def mechanism_of(request: GenerateRequest, card: ModelCard, *, noisy_output: bool = False) -> str:
    """Returns the mechanism a request names. Without one: edits where the request says which, passages where it has a
    context, noise on the embedding where it asks for something that only noise has, else the model's default.

    noisy_output: whether the output that is asked for is one of noisy samples.

    Raises InvalidInput and UnknownName for one that the model does not offer, for edits under another, and for units
    of nothing.
    """
    robustness = request.robustness
    asked = robustness.mechanism
    if robustness.edits is not None:
        if asked not in (None, EDITS):
            raise InvalidInput(
                f"edits are run under mechanism {EDITS!r}, and mechanism is {asked!r}; leave one of the two out",
                field="robustness.edits",
            )
        asked = EDITS
    if asked is None and request.context is not None:
        if PASSAGES not in card.mechanisms:
            raise InvalidInput(
                f"model {card.id!r} reads no passages: it offers mechanisms {', '.join(card.mechanisms)}; leave "
                "context out, or use a language model",
                field="context",
            )
        asked = PASSAGES
    if asked is None and robustness.units is not None:
        raise InvalidInput(
            f"units says how runs choose among the passages of a context, and there is none; send context, or name "
            f"mechanism {WORDS!r}, whose units are the words of the prompt",
            field="robustness.units",
        )
    if asked is None:
        return EMBEDDING if noisy_output or _asks_for_noise(robustness) else card.default_mechanism
    if asked not in card.mechanisms:
        raise _not_offered(asked, card)
    return asked


def _not_offered(mechanism: str, card: ModelCard) -> InvalidInput:
    if mechanism != EMBEDDING_SHAPED:
        return UnknownName("mechanism", mechanism, card.mechanisms, field="robustness.mechanism")
    why = (
        "a language model's prompts have one block of numbers a token, so no one shape fits them"
        if card.modality == "text"
        else "learn one with `smoothgen calibrate --shape`, and start its worker again"
    )
    return InvalidInput(
        f"mechanism {EMBEDDING_SHAPED!r} needs a noise shape, and model {card.id!r} has none: {why}; it offers "
        f"{', '.join(card.mechanisms)}",
        field="robustness.mechanism",
    )


def _asks_for_noise(robustness: Robustness) -> bool:
    return bool(given(robustness, (*OF_NOISE, "randomness")))
