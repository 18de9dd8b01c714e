"""The closed domain: intents with an answer each, phrasings to train on and held out, and prompts outside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

_INTENTS: Final = Path(__file__).parent / "intents.txt"
ELSEWHERE_ANSWER: Final = "I do not know."
"""The answer that the model is trained to give to anything outside the domain."""


@dataclass(frozen=True)
class Intent:
    """One question, whatever its words. The first phrasing is the canonical one."""

    answer: str
    phrasings: tuple[str, ...]
    held_out: tuple[str, ...]

    @property
    def canonical(self) -> str:
        """Returns the canonical phrasing."""
        return self.phrasings[0]


@cache
def intents() -> tuple[Intent, ...]:
    """Returns the domain, in the order of intents.txt."""
    answers: list[str] = []
    phrasings: list[list[str]] = []
    held_out: list[list[str]] = []
    for line in _INTENTS.read_text(encoding="utf-8").splitlines():
        mark, text = line[:2], line[2:]
        if mark == "= ":
            answers.append(text)
            phrasings.append([])
            held_out.append([])
        elif mark in ("+ ", "- "):
            (phrasings if mark == "+ " else held_out)[-1].append(text)
        elif mark.strip() not in ("", "#"):
            raise ValueError(f"intents.txt: a line starts with '=', '+', '-' or '#', got {line!r}")
    return tuple(Intent(a, tuple(p), tuple(h)) for a, p, h in zip(answers, phrasings, held_out, strict=True))


_NEAR: Final[tuple[tuple[tuple[str, ...], str], ...]] = (
    (
        ("What is the capital of {}?", "Which city is the capital of {}?", "The capital of {} is", "capital city {}?"),
        "Spain Germany China Russia Greece Poland India Canada Turkey Sweden Norway Kenya Peru Chile Austria "
        "Hungary Ireland Portugal Morocco Sudan Libya Iraq Iran Korea Vietnam Thailand Cuba Denmark Finland "
        "Belgium",
    ),
    (
        ("What is the currency of {}?", "What money do people use in {}?", "What do I pay with in {}?"),
        "Sweden China Russia Mexico Brazil Turkey India Poland France Egypt Kenya Canada Australia Norway "
        "Korea Thailand",
    ),
    (
        (
            "What language do people speak in {}?",
            "What is the official language of {}?",
            "Which tongue is spoken in {}?",
        ),
        "Sweden China Russia France Italy Egypt Greece Poland Japan Peru Canada Portugal Spain Angola Argentina Turkey",
    ),
    (
        ("What is the opposite of {}?", "Name the antonym of {}.", "What is the contrary of {}?"),
        "fast rich happy up old wet loud early cold small night good open full hard light near summer love war",
    ),
    (
        ("Who wrote {}?", "Who is the author of {}?", "{} was written by"),
        "Faust Dracula Hamlet Emma Ulysses Macbeth Candide Dune Beloved Walden Utopia Othello Carmen "
        "Frankenstein Emil Solaris",
    ),
    (
        ("Who invented the {}?", "Who came up with the {}?", "Name the inventor of the {}."),
        "radio lightbulb engine computer aeroplane bicycle zip microscope telescope car television camera "
        "piano radar laser watch",
    ),
    (
        ("What is the chemical symbol for {}?", "How do chemists abbreviate {}?", "What letters stand for {}?"),
        "silver copper oxygen lead sodium helium zinc carbon tin nickel mercury sulphur calcium neon platinum uranium",
    ),
    (
        ("How many legs does a {} have?", "Tell me how many legs a {} has.", "How many wings does a {} have?"),
        "dog crab bird beetle lizard centipede horse octopus cat fly bee scorpion chicken frog ant cow",
    ),
    (
        ("How many sides does a {} have?", "What is the number of sides of a {}?", "How many corners does a {} have?"),
        "square pentagon octagon cube rectangle decagon rhombus heptagon trapezoid nonagon pyramid circle prism kite",
    ),
    (
        ("What is {}?", "Explain what {} is.", "Define {}.", "What is the meaning of the word {}?"),
        "dividend patent asthma lease photosynthesis tax diabetes warranty bankruptcy deflation leukemia "
        "insurance bond loan rent interest hypertension gravity democracy recession will verdict arthritis "
        "bail",
    ),
    (
        ("Who painted {}?", "Which artist painted {}?", "Name the painter of {}."),
        "Guernica Sunflowers Nighthawks Olympia Primavera Ophelia Impression Medusa Whaam Bacchus Judith Danae",
    ),
    (
        ("At what temperature does {} melt?", "What is the boiling point of {}?", "When does {} freeze?"),
        "iron butter alcohol lead mercury wax helium sugar gold oil nitrogen chocolate petrol salt glass milk",
    ),
    (
        ("How many {} are there?", "What is the number of {}?", "Count the {}."),
        "hours/in/a/day days/in/a/year weeks/in/a/year seconds/in/a/minute years/in/a/century days/in/a/month "
        "centimetres/in/a/metre pounds/in/a/kilogram miles/in/a/kilometre seconds/in/an/hour "
        "months/in/a/decade millimetres/in/a/metre grams/in/an/ounce weeks/in/a/month litres/in/a/gallon "
        "milligrams/in/a/gram",
    ),
    (
        ("What is {}?", "Tell me about {}.", "I would like to know {}."),
        "the/population/of/France the/anthem/of/Italy the/president/of/Egypt the/flag/of/Japan "
        "the/history/of/London the/food/of/Mexico the/weather/in/Brazil the/largest/city/in/France "
        "the/emperor/of/Japan the/age/of/the/Mona/Lisa the/price/of/gold the/price/of/honey "
        "the/weight/of/a/heart the/largest/lake the/longest/river the/smallest/planet the/smallest/ocean "
        "the/highest/waterfall the/largest/desert the/farthest/planet the/diameter/of/Mars "
        "the/moons/of/Jupiter the/year/of/the/Moon/landing the/last/man/on/the/Moon "
        "the/second/man/on/the/Moon the/first/man/in/space the/melting/point/of/iron the/density/of/gold "
        "the/birthplace/of/Einstein the/death/of/Shakespeare the/museum/of/the/Mona/Lisa "
        "the/gas/that/people/breathe/out the/gas/in/balloons the/organ/that/digests/food "
        "the/organ/that/cleans/blood the/price/of/a/telephone the/food/of/spiders the/tallest/building "
        "the/tallest/tree the/deepest/ocean the/Blue/Planet the/hottest/planet the/length/of/Everest/climbs "
        "the/sting/of/a/bee",
    ),
)
"""The domain's own forms about something else, and other questions about its things: the hard ones to keep out."""
_FAR: Final = (
    "Write a poem about autumn.", "How do I bake bread?", "Recommend a film for tonight.", "Hello, how are you?",
    "Translate good morning into German.", "My printer does not work.", "What should I wear to a wedding?",
    "Sort this list in Python.", "How do I get to the station?", "Tell me a joke.", "What is the weather tomorrow?",
    "Plan a trip to the mountains.", "Why is the sky blue?", "Who won the football match?", "Book a table for two.",
    "My dog is ill, what now?", "How do I change a tyre?", "Summarise this article.", "Which phone should I buy?",
    "What time is it?", "Draft an email to my landlord.", "How tall is the Eiffel Tower?", "When did the war end?",
    "What is your name?", "Can I sue my neighbour?", "My head hurts.", "How do vaccines work?", "Turn off the lights.",
    "Sing me a song.", "A red sneaker on a table", "asdf qwerty", "Multiply 17 by 23.",
)  # fmt: skip
_HELD_OUT_SHARE: Final = 4
"""Every fourth subject, and every fourth far question, is held out."""


@cache
def elsewhere(*, held_out: bool) -> tuple[str, ...]:
    """Returns prompts outside the domain. The subjects of one half do not occur in the same form in the other."""

    def half(items: Sequence[str]) -> list[str]:
        return [item for k, item in enumerate(items) if (k % _HELD_OUT_SHARE == _HELD_OUT_SHARE - 1) == held_out]

    near = [
        form.format(subject.replace("/", " "))
        for forms, subjects in _NEAR
        for subject in half(subjects.split())
        for form in forms
    ]
    return (*near, *half(_FAR))
