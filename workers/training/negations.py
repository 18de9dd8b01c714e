"""Captions that deny a garment, a colour or both; a list of phrasings, so the file is over 300 lines.

What is denied is not placed. What is asked for is still placed.

"not a red sneaker" says nothing of what to draw, so both parts go to their simplex's centre; "a sneaker that is not
red" asks for a sneaker. "Not only a red sneaker" and double negations are not taught.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from workers.training.captions import UNPLACED, Caption, phrase
from workers.training.vocabulary import COLOUR_WORDS, GARMENT_WORDS, Meaning


@dataclass(frozen=True)
class Forms:
    """Phrasings by what they deny, each with {colour} and {garment}."""

    both: tuple[str, ...]
    colour: tuple[str, ...]
    garment: tuple[str, ...]

    def __iter__(self) -> Iterator[tuple[str, bool, bool]]:
        """Returns every form, and whether its garment and its colour are asked for."""
        yield from ((form, False, False) for form in self.both)
        yield from ((form, True, False) for form in self.colour)
        yield from ((form, False, True) for form in self.garment)


KNOWN_FORMS: Final = Forms(
    both=(
        "no {colour} {garment}",
        "not a {colour} {garment}",
        "not the {colour} {garment}",
        "not one {colour} {garment}",
        "not even one {colour} {garment}",
        "without a {colour} {garment}",
        "without the {colour} {garment}",
        "a picture without a {colour} {garment}",
        "a photo without any {colour} {garment}",
        "a picture with no {colour} {garment}",
        "a photo of no {colour} {garment}",
        "an image that shows no {colour} {garment}",
        "an image that does not show a {colour} {garment}",
        "do not draw a {colour} {garment}",
        "please do not sketch a {colour} {garment}",
        "please don't draw a {colour} {garment}",
        "don't show me a {colour} {garment}",
        "you must not draw a {colour} {garment}",
        "you should not show the {colour} {garment}",
        "I would not like to see a {colour} {garment}.",
        "I don't need a {colour} {garment}",
        "never a {colour} {garment}",
        "never show a {colour} {garment}",
        "there is no {colour} {garment}",
        "there isn't a {colour} {garment} here",
        "there was never a {colour} {garment}",
        "this is not a {colour} {garment}",
        "this isn't a {colour} {garment}",
        "it is no {colour} {garment}",
        "it cannot be a {colour} {garment}",
        "it must not be a {colour} {garment}",
        "avoid a {colour} {garment}",
        "avoid drawing a {colour} {garment}",
        "leave out the {colour} {garment}",
        "omit the {colour} {garment}",
        "remove the {colour} {garment}",
        "hide the {colour} {garment}",
        "get rid of the {colour} {garment}",
        "the {colour} {garment} is gone",
        "the {colour} {garment} is not there",
        "the {colour} {garment} has vanished",
        "the {colour} {garment} is nowhere to be seen",
        "the {colour} {garment} has been taken away",
        "a place where there is no {colour} {garment}",
        "a room in which you find no {colour} {garment}",
        "a shelf with no {colour} {garment} on it",
        "a scene with no {colour} {garment} in it",
        "a scene in which there is no {colour} {garment}",
        "a picture with the {colour} {garment} removed",
        "the absence of a {colour} {garment}",
        "draw something that is not a {colour} {garment}",
        "show me something other than a {colour} {garment}",
        "a thing other than a {colour} {garment}",
        "a picture of something else than a {colour} {garment}",
        "something instead of a {colour} {garment}",
        "whatever you draw, no {colour} {garment}",
        "all things but no {colour} {garment}",
        "all but a {colour} {garment}",
        "any thing besides a {colour} {garment}",
        "nothing like a {colour} {garment}",
        "different from a {colour} {garment}",
        "unlike a {colour} {garment}",
        "by no means a {colour} {garment}",
        "certainly not a {colour} {garment}",
        "rather not a {colour} {garment}, please",
        "neither {colour} nor a {garment}",
        "nobody has a {colour} {garment}",
        "no {garment} that is {colour}",
        "not a {garment} in {colour}",
        "is this not a {colour} {garment}? No, it is not.",
    ),
    colour=(
        "a {garment} that is not {colour}",
        "a {garment} that isn't {colour}",
        "a {garment} which is not {colour}",
        "a {garment}, but not {colour}",
        "a {garment}, but no {colour} one",
        "a {garment}, not a {colour} one",
        "a {garment}, though not in {colour}",
        "a {garment} of any colour but {colour}",
        "a {garment} of all colours but {colour}",
        "a {garment} in a colour other than {colour}",
        "a {garment} of another colour than {colour}",
        "a {garment} whose colour is not {colour}",
        "a {garment} without any {colour}",
        "a {garment} with no {colour} on it",
        "a {garment} with no {colour} at all",
        "a photo of a {garment}, not {colour}",
        "a not {colour} {garment}",
        "this {garment} is not {colour}",
        "the {garment} isn't {colour}",
        "the {garment} must not be {colour}",
        "the {garment} should never be {colour}",
        "please draw a {garment}, not in {colour}",
        "please draw a {garment} and avoid {colour}",
        "show me a {garment}, don't make it {colour}",
        "a {garment} that is never {colour}",
        "any {garment} as long as it is not {colour}",
        "some {garment}, only not {colour}",
        "a {garment} in something other than {colour}",
    ),
    garment=(
        "something {colour} that is not a {garment}",
        "something {colour} that isn't a {garment}",
        "something {colour}, but not a {garment}",
        "something {colour}, though no {garment}",
        "something in {colour} instead of a {garment}",
        "something {colour} other than a {garment}",
        "a {colour} thing that is no {garment}",
        "a {colour} thing that is not the {garment}",
        "a {colour} thing other than a {garment}",
        "any {colour} thing besides a {garment}",
        "a {colour} object, not a {garment}",
        "a {colour} object, but never a {garment}",
        "{colour}, but no {garment}",
        "{colour}, but not a {garment}",
        "all in {colour}, without a {garment}",
        "all in {colour}, no {garment} to be seen",
        "please draw something {colour}, never a {garment}",
        "please draw something {colour}, don't draw a {garment}",
        "this is {colour}, but it is no {garment}",
        "not a {garment}, but something {colour}",
        "whatever is {colour} and not a {garment}",
        "a picture all {colour} with no {garment}",
    ),
)
"""The head is trained on these."""
HELD_OUT_FORMS: Final = Forms(
    both=(
        "anything but a {colour} {garment}",
        "everything except a {colour} {garment}",
        "I do not want a {colour} {garment}",
        "a photo free of any {colour} {garment}",
        "a photo lacking a {colour} {garment}",
        "I'd rather have anything than a {colour} {garment}",
        "skip the {colour} {garment}",
        "a scene from which the {colour} {garment} is missing",
        "under no circumstances a {colour} {garment}",
        "I refuse to look at a {colour} {garment}",
    ),
    colour=(
        "a non-{colour} {garment}",
        "a {garment} in every shade except {colour}",
        "a {garment}, anything but {colour}",
        "I want the {garment} to have nothing {colour} about it",
    ),
    garment=(
        "anything {colour} except a {garment}",
        "a {colour} item, anything but a {garment}",
        "{colour} things, excluding every {garment}",
        "a {colour} picture free of any {garment}",
    ),
)
"""No training caption uses them, but captions were added after a look at which of them the head got wrong."""
BLIND_FORMS: Final = Forms(
    both=(
        "a picture devoid of any {colour} {garment}",
        "I have no wish to see a {colour} {garment}",
        "please refrain from showing a {colour} {garment}",
        "exclude the {colour} {garment}",
        "keep the {colour} {garment} out of the picture",
        "let there be no {colour} {garment}",
        "ban every {colour} {garment}",
        "a world in which the {colour} {garment} does not exist",
    ),
    colour=(
        "a {garment}, just not a {colour} one",
        "a {garment} in whichever colour apart from {colour}",
        "could I have the {garment} without {colour}?",
    ),
    garment=(
        "a {colour} something, certainly no {garment}",
        "{colour} stuff apart from a {garment}",
        "make it {colour} and not a {garment}",
    ),
)
"""Written when the captions were final: nothing was changed after a look at these."""
_NO_GARMENT: Final = (
    "no {garment}",
    "not a {garment}",
    "a picture without a {garment}",
    "do not draw a {garment}",
    "this is not a {garment}",
    "something that is not a {garment}",
)
_NO_COLOUR: Final = (
    "not {colour}",
    "nothing {colour}",
    "a picture without any {colour}",
    "do not draw it in {colour}",
    "this is not {colour}",
    "something that is not {colour}",
)
_AFFIRMED: Final = (
    "draw a {colour} {garment}",
    "paint me a {colour} {garment}",
    "please paint a {colour} {garment}",
    "can you draw a {colour} {garment}?",
    "will you sketch a {colour} {garment}?",
    "may I see a {colour} {garment}?",
    "look at this {colour} {garment}",
    "can you show me a {colour} {garment}?",
    "would you make a picture of a {colour} {garment}?",
    "do you have a {colour} {garment}?",
    "what does a {colour} {garment} look like?",
    "is this a {colour} {garment}? Yes, it is.",
    "I want a {colour} {garment}",
    "I need a {colour} {garment} now",
    "I like a {colour} {garment}",
    "give me a {colour} {garment}",
    "make a {colour} {garment}, quick",
    "there is a {colour} {garment} here",
    "this is a {colour} {garment}",
    "it is a {colour} {garment}",
    "it must be a {colour} {garment}",
    "the {colour} {garment} is there",
    "the {colour} {garment} is here to be seen",
    "a room in which you find a {colour} {garment}",
    "a shelf with a {colour} {garment} on it",
    "a scene with a {colour} {garment} in it",
    "here you see a {colour} {garment}",
    "always a {colour} {garment}",
    "certainly a {colour} {garment}",
    "my new {colour} {garment}",
    "a beautiful {colour} {garment}",
    "an ordinary {colour} {garment}",
    "one {colour} {garment} on a table",
    "a sketch of a {colour} {garment}",
    "a drawing that shows a {colour} {garment}",
    "a picture with a {colour} {garment} in it",
    "an advertisement for a {colour} {garment}",
    "an online shop sells this {colour} {garment}",
    "item on sale: {colour} {garment}",
    "{garment}: {colour}",
    "{garment}, {colour}",
    "a {garment}, in {colour}",
    "a {garment} dyed {colour}",
    "a {garment} with a {colour} colour",
    "a {garment} whose colour is {colour}",
    "the {garment} should be {colour}",
    "make the {garment} {colour}",
    "just a {colour} {garment}, nothing more",
    "a {colour} {garment} with nothing around it",
    "only a {colour} {garment}, no other things",
    "a {colour} {garment} and no more",
    "a {colour} {garment}, no doubt about it",
    "nothing but a {colour} {garment}",
    "a picture showing a {colour} {garment} alone",
    "a photo with a {colour} {garment} and nothing besides",
    "a {colour} {garment} by itself, nothing else",
)
"""Many ways to ask for something: a head that meets rare wordings in denials only takes every rare wording for one."""


_AFFIRMED_NAMES: Final = 10


def denied_captions(*, seed: int, names: int = 6) -> list[Caption]:
    """Returns captions of every known form for every garment and colour, under `names` of their known names each, and
    captions that deny a garment or a colour alone."""
    random = np.random.default_rng(seed)
    captions = list(_denied(KNOWN_FORMS, lambda options: _some(random, options.known, names)))
    for (g, garment), (c, colour) in itertools.product(enumerate(GARMENT_WORDS), enumerate(COLOUR_WORDS)):
        for form in _AFFIRMED:
            pairs = zip(*(_some(random, meaning.known, _AFFIRMED_NAMES) for meaning in (garment, colour)), strict=True)
            captions += [Caption(phrase(form, garment=one, colour=other), g, c) for one, other in pairs]
    captions += [
        Caption(phrase(form, garment=word), UNPLACED, UNPLACED)
        for form, meaning in itertools.product(_NO_GARMENT, GARMENT_WORDS)
        for word in meaning.known
    ]
    captions += [
        Caption(phrase(form, colour=word), UNPLACED, UNPLACED)
        for form, meaning in itertools.product(_NO_COLOUR, COLOUR_WORDS)
        for word in meaning.known
    ]
    return captions


def _denied(forms: Forms, names: Callable[[Meaning], Sequence[str]]) -> Iterator[Caption]:
    for (g, garment), (c, colour) in itertools.product(enumerate(GARMENT_WORDS), enumerate(COLOUR_WORDS)):
        for form, of_garment, of_colour in forms:
            for one, other in zip(names(garment), names(colour), strict=True):
                text = phrase(form, garment=one, colour=other)
                yield Caption(text, g if of_garment else UNPLACED, c if of_colour else UNPLACED)


def _some(random: np.random.Generator, options: Sequence[str], count: int) -> list[str]:
    return [options[int(k)] for k in random.integers(len(options), size=count)]
