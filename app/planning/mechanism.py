"""Which mechanism a request is certified by, where it names none."""

from __future__ import annotations

from smoothgen.contracts import EMBEDDING, ModelCard, Robustness


def with_mechanism(robustness: Robustness, card: ModelCard) -> Robustness:
    """Returns the robustness asked for, with its mechanism named: the request's own, else the model's default, else
    noise on the embedding where the request asks for something that only noise has."""
    if robustness.mechanism is not None:
        return robustness
    mechanism = EMBEDDING if _asks_for_noise(robustness) else card.default_mechanism
    return robustness.model_copy(update={"mechanism": mechanism})


def _asks_for_noise(robustness: Robustness) -> bool:
    return (
        robustness.sigma is not None
        or robustness.synonyms
        or robustness.adapt != "model"
        or robustness.lipschitz_estimate is not False
        or robustness.tier != "request"
        or robustness.randomness != "common"
    )
