"""Synonym classes: where they may be drawn from, and what certificates call them."""

from __future__ import annotations

from smoothgen.contracts import ModelCard, PartitionCard, Robustness
from smoothgen.errors import InvalidInput
from smoothgen.mechanisms import Gaussian, Mechanism, SynonymClasses
from smoothgen.planning.images import EMBEDDING


def plan_partition(robustness: Robustness, card: ModelCard) -> PartitionCard | None:
    """The partition of words a job is drawn with, None where none is asked for. Raises InvalidInput where it could not
    be certified."""
    if not robustness.synonyms:
        return None
    if robustness.mechanism != EMBEDDING:
        raise InvalidInput(
            f"synonyms=true draws the text anew for every sample, and mechanism {robustness.mechanism!r} speaks of "
            f"attacks on something else, or in a norm made for one text; use mechanism {EMBEDDING!r}, or leave "
            "synonyms out",
            field="robustness.synonyms",
        )
    if robustness.adapt == "prompt":
        raise InvalidInput(
            "synonyms=true with adapt='prompt': the noise level would be chosen at one text and the words drawn anew "
            "for every sample; leave adapt out (one noise level for all prompts), or synonyms",
            field="robustness.synonyms",
        )
    if card.synonyms is None:
        raise InvalidInput(
            f"synonyms=true, but model {card.id!r} takes no words as its prompt, or its worker has no partition of "
            "them; leave synonyms out",
            field="robustness.synonyms",
        )
    return card.synonyms


def pooled_mechanism(sigma: float, partition: PartitionCard | None) -> Mechanism:
    """Returns the noise that the requests of a fleet pool have in common."""
    noise = Gaussian(sigma)
    return noise if partition is None else SynonymClasses(partition.name, partition.version, partition.digest, noise)
