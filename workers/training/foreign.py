"""Captions of garments and colours of other kinds than the model's, so that a hat is no coat and brown no red.

The names are WordNet's; every fifth is held out, to see whether the head has learnt the words or the idea.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workers.training.captions import NO_COLOUR, NO_GARMENT, TEMPLATES, UNPLACED, Caption, phrase, pick
from workers.training.foreign_nouns import foreign_colours, foreign_containers, foreign_garments
from workers.training.vocabulary import COLOUR_WORDS, GARMENT_WORDS

_PLURALS = 0.3
"""Share of singular names that are put into the plural."""


@dataclass(frozen=True)
class ForeignNames:
    """Names to train on, and names held out."""

    known: Sequence[str]
    held_out: Sequence[str]


def garment_names(wordnet: Path) -> ForeignNames:
    """Returns names of things that are worn and are none of the ten garments."""
    return _parted(foreign_garments(wordnet, _vocabulary()))


def container_names(wordnet: Path) -> ForeignNames:
    """Returns names of things that hold something and are no bags."""
    return _parted(foreign_containers(wordnet, _vocabulary()))


def colour_names(wordnet: Path) -> ForeignNames:
    """Returns names of colours that are none of the eight."""
    return _parted(foreign_colours(wordnet, _vocabulary()))


def foreign_captions(wordnet: Path, *, count: int, seed: int) -> list[Caption]:
    """Returns `count` captions of each of four kinds: a foreign garment in a known colour, a foreign garment, a known
    garment in a foreign colour, a foreign colour. What is known is placed."""
    random = np.random.default_rng(seed)
    garments, containers = garment_names(wordnet).known, container_names(wordnet).known
    colours = colour_names(wordnet).known
    # A walking shoe is the more easily taken for a tennis shoe: names that share a word with the model's come oftener.
    words = {part for word in _vocabulary() for part in word.split()}
    alike = [name for name in garments if words & set(name.split())]
    kinds: tuple[Sequence[str], ...] = (garments, alike, garments, containers)
    captions = []
    for k in range(count):
        foreign = kinds[k % 4][k // 4 % len(kinds[k % 4])]
        if not foreign.endswith("s") and random.random() < _PLURALS:
            foreign += "s"
        garment, colour = int(random.integers(len(GARMENT_WORDS))), int(random.integers(len(COLOUR_WORDS)))
        one, other = pick(random, GARMENT_WORDS[garment].known), pick(random, COLOUR_WORDS[colour].known)
        brown = colours[k % len(colours)]
        template = pick(random, TEMPLATES)
        captions += [
            Caption(phrase(template, garment=foreign, colour=other), UNPLACED, colour),
            Caption(phrase(pick(random, NO_COLOUR), garment=foreign), UNPLACED, UNPLACED),
            Caption(phrase(template, garment=one, colour=brown), garment, UNPLACED),
            Caption(phrase(pick(random, NO_GARMENT), colour=brown), UNPLACED, UNPLACED),
        ]
    return captions


def _parted(names: Sequence[str]) -> ForeignNames:
    return ForeignNames([name for k, name in enumerate(names) if k % 5], names[::5])


def _vocabulary() -> list[str]:
    return [word for meaning in (*GARMENT_WORDS, *COLOUR_WORDS) for word in (*meaning.known, *meaning.held_out)]
