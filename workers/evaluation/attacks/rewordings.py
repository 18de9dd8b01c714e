"""Other texts in the prompt's place: typos, synonyms and paraphrases, placed at the norm of the move to them.

To an attacker of the embedding another text is one displacement: that from the prompt's embedding to the other text's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from smoothgen.edits import EditSet
from smoothgen.errors import InvalidInput
from workers.evaluation.attacks.ball import Array
from workers.evaluation.attacks.target import Target
from workers.research.coverage.edits import shipped_templates
from workers.research.coverage.endings import with_articles

KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "typo": ("typo",),
    "synonym swap": ("synonym",),
    "another layout": ("capitals", "spacing", "punctuation"),
}
"""Attacks by the kinds of edits ("edits/v1") they are made of."""
PARAPHRASE: Final = "paraphrase"
ANOTHER: Final = "another prompt"
_LISTED: Final = 64
"""Texts of a kind that are embedded; the nearest and the furthest of them are tried."""


@dataclass(frozen=True, eq=False)
class Rewording:
    """Another text that has an embedding of the same shape. norm: of the displacement to it, rounded up."""

    kind: str
    text: str
    delta: Array
    norm: float


def texts_of(prompt: str, modality: str, others: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yields (attack, text), each attack's texts spread over all that its kind has. No text is the prompt's."""
    for kind, made_of in KINDS.items():
        try:
            texts = EditSet(prompt, made_of).texts
        except InvalidInput:  # no edit of this kind changes the prompt
            continue
        places = np.unique(np.linspace(0, len(texts) - 1, min(_LISTED, len(texts))).astype(int))
        yield from ((kind, texts[place]) for place in places.tolist())
    for template in shipped_templates(modality):
        if template.kind == "template":
            yield PARAPHRASE, with_articles(template.text.replace("{prompt}", prompt))
    yield from ((ANOTHER, text) for text in others if text != prompt)


def rewordings(target: Target, others: Sequence[str], most: int) -> list[Rewording]:
    """Returns rewordings of the target's prompt, of each kind at most `most`: the nearest and the furthest in turn.

    Texts that the model cannot take, that have another number of tokens or the same embedding are left out.
    """
    placed: dict[str, list[Rewording]] = {}
    for kind, text in texts_of(target.prompt, target.loaded.card.modality, others):
        try:
            embedding = target.embedding_of(text)
        except InvalidInput:
            continue
        if embedding.shape != target.shape:
            continue
        delta = embedding.astype(np.float64) - target.x
        if delta.any():
            placed.setdefault(kind, []).append(Rewording(kind, text, delta, target.norm(delta)))
    return [reworded for found in placed.values() for reworded in _both_ends(found, most)]


def strongest_of_each_kind(target: Target, found: Sequence[Rewording]) -> list[Rewording]:
    """Returns of each kind the rewording that moves the search outputs most."""
    values = target.values([reworded.delta for reworded in found])
    best: dict[str, tuple[float, Rewording]] = {}
    for reworded, value in zip(found, values.tolist(), strict=True):
        if reworded.kind not in best or value > best[reworded.kind][0]:
            best[reworded.kind] = value, reworded
    return [reworded for _, reworded in best.values()]


def _both_ends(found: Sequence[Rewording], most: int) -> list[Rewording]:
    in_order = sorted(found, key=lambda reworded: reworded.norm)
    nearest, furthest = in_order[: (most + 1) // 2], in_order[(most + 1) // 2 :]
    return [*nearest, *furthest[len(furthest) - most // 2 :]] if most // 2 else nearest
