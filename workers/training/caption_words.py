"""The words of the captions that place a garment or a colour, or deny one: what the text head has seen in use."""

from __future__ import annotations

import itertools

from workers.generators.vocabulary import words_of
from workers.training.captions import NO_COLOUR, NO_GARMENT, known_captions, phrase
from workers.training.negations import denied_captions
from workers.training.vocabulary import COLOUR_WORDS, GARMENT_WORDS


def caption_words() -> frozenset[str]:
    """Returns the words, in small letters. Left out are the nouns of captions that name neither garment nor colour: the
    head learnt of them only that they name nothing."""
    texts = [caption.text for caption in (*known_captions(), *denied_captions(seed=0))]
    alone = ((NO_COLOUR, "garment", GARMENT_WORDS), (NO_GARMENT, "colour", COLOUR_WORDS))
    for templates, name, meanings in alone:
        for template, meaning in itertools.product(templates, meanings):
            texts += [phrase(template, **{name: word}) for word in meaning.known]
    return frozenset(word for text in texts for word in words_of(text))
