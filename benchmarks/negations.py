"""Does fashion-32's text head hear what is denied? python -m benchmarks.negations

Embeddings only, all 80 garments in colours. Inside: x of the edit lies within a radius of x of "a {colour} {garment}",
the thing denied; by default the least radius that benchmarks.image_radius found, so that no certificate there is
smaller. "another thing": it lies as near to one of the 79 others. Forms the head was trained on, forms it was not, and
forms written when the head was finished, apart.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from benchmarks.fashion import MEANINGS, Meaning, served
from benchmarks.smoke import parse_sizes
from workers.research.coverage import shipped_templates
from workers.research.coverage.endings import with_articles
from workers.research.wordnet_files import WORDNET
from workers.training.captions import BLIND_TEMPLATES, HELD_OUT_TEMPLATES, TEMPLATES, held_out_captions, phrase
from workers.training.foreign import ForeignNames, colour_names, garment_names
from workers.training.negations import BLIND_FORMS, HELD_OUT_FORMS, KNOWN_FORMS
from workers.training.vocabulary import COLOUR_WORDS, COLOURS, GARMENT_WORDS, GARMENTS

RADIUS = 0.125
BATCH = 4096
Texts = list[tuple[str, int]]
"""A text and the number of its meaning."""


def points(texts: Iterable[str]) -> NDArray[np.float64]:
    """x of prompts, as HeadPrompts makes it."""
    prompts = served().generator._prompts
    whole = list(texts)
    parts = [whole[start : start + BATCH] for start in range(0, len(whole), BATCH)]
    return np.concatenate([prompts._head.points(prompts._encoder.features(part)) for part in parts])


def plain(meaning: Meaning) -> list[tuple[str, str]]:
    return [(GARMENTS[meaning.garment], COLOURS[meaning.colour])]


def held_out(meaning: Meaning) -> list[tuple[str, str]]:
    return list(itertools.product(GARMENT_WORDS[meaning.garment].held_out, COLOUR_WORDS[meaning.colour].held_out))


def filled(templates: Iterable[str], names: Callable[[Meaning], list[tuple[str, str]]]) -> Texts:
    return [
        (phrase(template, garment=garment, colour=colour), place)
        for place, meaning in enumerate(MEANINGS)
        for template in templates
        for garment, colour in names(meaning)
    ]


def row(name: str, texts: Texts, radius: float, *, same: bool = False, show: int = 4) -> None:
    """One line, and some of the texts that lie on the wrong side."""
    distances = np.linalg.norm(points(text for text, _ in texts)[:, None] - centres()[None], axis=-1)
    own = distances[np.arange(len(texts)), [place for _, place in texts]]
    inside = own <= radius
    elsewhere = (distances <= radius).sum(axis=1) - inside
    print(
        f"  {name:<44} inside {inside.sum():>5} of {len(texts):<6} {inside.mean():>6.1%}   least {own.min():.2f}, "
        f"median {np.median(own):.2f}   another thing {np.count_nonzero(elsewhere):>3}"
    )
    wrong = [text for (text, _), within in zip(texts, inside, strict=True) if within != same]
    if wrong and len(wrong) <= len(texts) / 2:
        print("      " + "; ".join(repr(text) for text in wrong[:: max(1, len(wrong) // show)][:show]))


@cache
def centres() -> NDArray[np.float64]:
    return points(meaning.prompt for meaning in MEANINGS)


def foreign(name: str, names: ForeignNames, radius: float, *, garments: bool) -> None:
    for kind, some in (("trained on", names.known), ("held out", names.held_out)):
        texts = [
            phrase("a {colour} {garment}", garment=word, colour=colour)
            if garments
            else phrase("a {colour} {garment}", garment=garment, colour=word)
            for word in some
            for garment, colour in ([("", c) for c in COLOURS] if garments else [(g, "") for g in GARMENTS])
        ]
        least = np.linalg.norm(points(texts)[:, None] - centres()[None], axis=-1).min(axis=1)
        print(f"  {name + ', ' + kind:<44} inside one of the 80: {(least <= radius).sum()} of {len(texts)}")
        print("      " + "; ".join(sorted({t for t, d in zip(texts, least, strict=True) if d <= radius})[:6]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--radius", type=float, default=RADIUS)
    given = parse_sizes(parser)
    print(f"{served().card.id} {served().card.digest[:19]}, radius {given.radius:g}")
    print("the same thing asked for")
    for name, templates in (("held-out", HELD_OUT_TEMPLATES), ("blind", BLIND_TEMPLATES)):
        texts = [(c.text, c.colour * len(GARMENTS) + c.garment) for c in held_out_captions(templates)]
        row(f"{name} templates, held-out names", texts, given.radius, same=True)
    row("training templates, plain names", filled(TEMPLATES, plain), given.radius, same=True)
    for template in shipped_templates("image"):
        if template.kind == "template":
            texts = [(with_articles(template.text.replace("{prompt}", m.prompt)), k) for k, m in enumerate(MEANINGS)]
            row(template.text, texts, given.radius, same=True)
    print("denied")
    for name, forms in (("trained on", KNOWN_FORMS), ("held out", HELD_OUT_FORMS), ("blind", BLIND_FORMS)):
        for part, some in (("both", forms.both), ("the colour", forms.colour), ("the garment", forms.garment)):
            for said, names in (("plain names", plain), ("held-out names", held_out)):
                row(f"{name}, {part}, {len(some)} forms, {said}", filled(some, names), given.radius)
    print("of another kind (WordNet)")
    foreign("garments", garment_names(WORDNET), given.radius, garments=True)
    foreign("colours", colour_names(WORDNET), given.radius, garments=False)


if __name__ == "__main__":
    main()
