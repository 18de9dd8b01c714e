"""How far the nearest text lies that says the same in another word: a length that a radius can be read by."""

from __future__ import annotations

from itertools import islice
from typing import Final

import numpy as np

from smoothgen.contracts import EMBEDDING, TOKENS, JobSpec, TextParameters
from smoothgen.edits.synonym_swaps import synonym_swaps
from smoothgen.errors import InvalidInput
from workers.generators import Condition, Generator, TokenSnap
from workers.jobs.sampling import embedder_of

_MOST_SWAPS: Final = 256
_MOST_CHARACTERS: Final = 100_000
"""Of all swapped texts together: tokenizing them takes tens of milliseconds."""


def nearest_synonym(spec: JobSpec, generator: Generator, condition: Condition) -> float | None:
    """Returns the least l2 norm of an attack that turns the prompt into itself with one word swapped for another of its
    class in the published partition, in embedding units, rounded as the job's radius is.

    condition: of the prompt. None for models that read no tokens of a table, for mechanisms other than embedding and
    tokens, where words are drawn from their classes anyway, where no swap has as many tokens as the prompt, and where
    there are more swaps than can be looked at at once.
    """
    parameters, robustness = spec.parameters, spec.request.robustness
    if spec.mechanism not in (EMBEDDING, TOKENS) or robustness.synonyms or not isinstance(generator, TokenSnap):
        return None
    if not isinstance(parameters, TextParameters) or parameters.prompt_embeds is not None:
        return None
    prompt = spec.request.prompt
    most = min(_MOST_SWAPS, _MOST_CHARACTERS // len(prompt))
    swaps = list(islice(synonym_swaps(prompt), most + 1))
    if len(swaps) > most:
        return None
    embed, found = embedder_of(spec, generator), []
    for text in swaps:
        try:
            other = embed(condition.template, text)
        except InvalidInput:  # a longer text that does not fit the model
            continue
        if other.embedding.shape == condition.embedding.shape:
            moved = other.embedding.astype(np.float64) - condition.embedding
            by_tokens = spec.mechanism == TOKENS
            found.append(generator.cost(condition, other) if by_tokens else condition.mechanism.attack_norm(moved))
    return min(found, default=None)
