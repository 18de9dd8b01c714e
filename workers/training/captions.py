"""Captions: every garment in every colour under many names and phrasings, and prompts the model should not place."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from workers.training.foreign_nouns import foreign_nouns
from workers.training.vocabulary import COLOUR_WORDS, GARMENT_WORDS, Meaning

UNPLACED: Final = -1
"""The class of a caption that names no garment, or no colour."""

TEMPLATES: Final = (
    "a {colour} {garment}",
    "{colour} {garment}",
    "the {colour} {garment}",
    "a photo of a {colour} {garment}",
    "a picture of a {colour} {garment}",
    "an image of one {colour} {garment} on a black background",
    "a {garment} in {colour}",
    "a {garment} that is {colour}",
    "a {garment} of {colour} colour",
    "please draw a {colour} {garment}",
    "show me a {colour} {garment}",
    "I would like to see a {colour} {garment}.",
    "this {garment} is {colour}",
)
HELD_OUT_TEMPLATES: Final = (
    "a product photo of a {colour} {garment}",
    "a {garment} coloured {colour}",
    "generate a {colour} {garment} for me",
    "a nice {colour} {garment}",
    "could you paint a {colour} {garment}?",
    "a catalogue picture: {garment}, {colour}",
)
BLIND_TEMPLATES: Final = (
    "an illustration of a {colour} {garment}",
    "do you mind drawing a {colour} {garment}?",
    "the {garment} I bought is {colour}",
    "a close-up of a {colour} {garment}",
    "let us see a {garment} in {colour}",
    "would love a {colour} {garment}",
)
"""Held out as well, and written when the captions were final: nothing was changed after a look at these."""
NO_COLOUR: Final = ("a {garment}", "{garment}", "a photo of a {garment}", "please draw a {garment}", "some {garment}")
NO_GARMENT: Final = ("something {colour}", "{colour}", "the colour {colour}", "a {colour} thing", "all in {colour}")
_FOREIGN: Final = ("a {noun}", "a photo of a {noun}", "{noun}", "the {noun} in the garden", "tell me about the {noun}")


@dataclass(frozen=True)
class Caption:
    """A text and the indices of its garment and colour, UNPLACED where it names none."""

    text: str
    garment: int
    colour: int


def known_captions() -> list[Caption]:
    """Returns every known name in every training template."""
    return list(_placed(TEMPLATES, lambda meaning: meaning.known))


def held_out_captions(templates: Sequence[str] = HELD_OUT_TEMPLATES) -> list[Caption]:
    """Returns held-out names in held-out templates: no word-template pair of them was trained on."""
    return list(_placed(templates, lambda meaning: meaning.held_out))


def unplaced_captions(wordnet: Path, *, count: int, seed: int) -> list[Caption]:
    """Returns captions that name one of the two, or neither, or a coloured thing of another kind."""
    captions = [
        *(
            Caption(phrase(template, garment=word), garment, UNPLACED)
            for garment, meaning in enumerate(GARMENT_WORDS)
            for word, template in itertools.product(meaning.known, NO_COLOUR)
        ),
        *(
            Caption(phrase(template, colour=word), UNPLACED, colour)
            for colour, meaning in enumerate(COLOUR_WORDS)
            for word, template in itertools.product(meaning.known, NO_GARMENT)
        ),
    ]
    random = np.random.default_rng(seed)
    nouns = foreign_nouns(wordnet)
    for k in range(count):
        noun = nouns[random.integers(len(nouns))]
        if k % 2:
            colour = int(random.integers(len(COLOUR_WORDS)))
            word = pick(random, COLOUR_WORDS[colour].known)
            template = pick(random, TEMPLATES)
            captions.append(Caption(phrase(template, garment=noun, colour=word), UNPLACED, colour))
        else:
            captions.append(Caption(phrase(pick(random, _FOREIGN), noun=noun), UNPLACED, UNPLACED))
    return captions


def phrase(template: str, **words: str) -> str:
    """Fills a template, with "an" before a vowel sound."""
    filled = template.format(**words).split(" ")
    for k, (article, following) in enumerate(itertools.pairwise(filled)):
        if article == "a" and following[:1].lower() in set("aeio"):
            filled[k] = "an"
    return " ".join(filled)


def _placed(templates: Sequence[str], names: Callable[[Meaning], Sequence[str]]) -> Iterator[Caption]:
    for (g, garment), (c, colour) in itertools.product(enumerate(GARMENT_WORDS), enumerate(COLOUR_WORDS)):
        for template, one, other in itertools.product(templates, names(garment), names(colour)):
            yield Caption(phrase(template, garment=one, colour=other), g, c)


def pick(random: np.random.Generator, options: Sequence[str]) -> str:
    """Returns one of the entries, drawn at random."""
    return options[int(random.integers(len(options)))]
