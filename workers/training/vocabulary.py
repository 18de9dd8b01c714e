"""The words the shipped model knows: ten garments and eight colours, each under several names.

The names come from Princeton WordNet 3.0 (synonyms, and hyponyms that name the same picture) and everyday use. The
head is trained on `known` names, WordNet's among them; `held_out` names, everyday compounds, are seen by no training
and measure what it makes of new words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Meaning:
    """One garment or colour. `name` is the first of the known names."""

    known: tuple[str, ...]
    held_out: tuple[str, ...]

    @property
    def name(self) -> str:
        """Returns the name in the certificate and the pictures."""
        return self.known[0]


GARMENT_WORDS: Final = (
    Meaning(("t-shirt", "tee shirt", "tee", "crew-neck t-shirt"), ("T shirt", "cotton t-shirt")),
    Meaning(("trousers", "pair of trousers", "pants", "slacks", "jeans", "denims"), ("pair of pants", "pair of jeans")),
    Meaning(("pullover", "slipover", "sweater", "jumper", "knitted pullover"), ("woolen sweater", "knit jumper")),
    Meaning(("dress", "frock", "gown", "sundress"), ("summer dress", "evening gown")),
    Meaning(("coat", "overcoat", "topcoat", "greatcoat", "winter coat"), ("long coat", "trench coat")),
    Meaning(("sandal", "sandals", "pair of sandals", "flip-flop", "strappy sandal"), ("open sandal", "flip-flops")),
    Meaning(("shirt", "blouse", "dress shirt", "button-down shirt"), ("buttoned shirt", "collared shirt")),
    Meaning(("sneaker", "gym shoe", "tennis shoe", "running shoe", "trainer"), ("sneakers", "sports shoe")),
    Meaning(("bag", "handbag", "purse", "pocketbook", "shoulder bag"), ("tote bag", "lady's handbag")),
    Meaning(("ankle boot", "boot", "boots", "bootee", "leather boot"), ("ankle boots", "pair of boots")),
)
COLOUR_WORDS: Final = (
    Meaning(
        (
            "red",
            "crimson",
            "scarlet",
            "ruby",
            "cherry-red",
            "reddish",
            "ruddy",
            "cerise",
            "carmine",
            "blood-red",
            "bright red",
        ),
        ("tomato red", "deep red"),
    ),
    Meaning(
        ("orange", "orangish", "tangerine", "pumpkin-orange", "orangey", "light orange", "deep orange", "amber"),
        ("orange-coloured", "bright orange"),
    ),
    Meaning(
        (
            "yellow",
            "yellowish",
            "canary-yellow",
            "lemon-yellow",
            "lemon",
            "golden yellow",
            "pale yellow",
            "mustard yellow",
        ),
        ("lemon-coloured", "sunny yellow"),
    ),
    Meaning(
        ("green", "emerald", "greenish", "grass-green", "leaf-green", "olive-green", "light green", "viridian", "jade"),
        ("emerald-green", "dark green"),
    ),
    Meaning(
        ("blue", "azure", "navy blue", "cobalt-blue", "bluish", "cerulean", "sapphire", "light blue", "ultramarine"),
        ("royal blue", "sky-blue"),
    ),
    Meaning(
        ("purple", "violet", "purplish", "plum-coloured", "mauve", "lilac", "lavender", "amethyst", "dark purple"),
        ("violet-coloured", "deep purple"),
    ),
    Meaning(
        ("pink", "pinkish", "rose-pink", "hot pink", "light pink", "pale pink", "blush pink", "flamingo pink"),
        ("salmon pink", "rosy pink"),
    ),
    Meaning(
        ("white", "whitish", "snow-white", "milk-white", "ivory", "off-white", "bright white", "alabaster"),
        ("pure white", "chalk-white"),
    ),
)
GARMENTS: Final = tuple(meaning.name for meaning in GARMENT_WORDS)
COLOURS: Final = tuple(meaning.name for meaning in COLOUR_WORDS)
