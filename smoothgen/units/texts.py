"""The text that a run reads: a fixed part, and those of the units that the run keeps, in order.

Nothing in the text says how many units there are nor which of them are kept: a text that did would void the bound for
units that are inserted or left out (docs/theory/units.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from smoothgen.errors import InvalidInput, InvalidPrompt

MOST_UNITS: Final = 1_000
PLACE: Final = "{context}"
"""Where a prompt says this, the units that are kept stand; in other prompts they stand before it."""
_BLANK_LINE: Final = "\n\n"


@dataclass(frozen=True)
class UnitTexts:
    """The units of a request and the fixed part around them.

    fixed: the prompt; empty where the prompt itself is cut into words. joint: what stands between two units.
    """

    units: tuple[str, ...]
    fixed: str
    joint: str

    @classmethod
    def of_passages(cls, prompt: str, passages: Sequence[str]) -> UnitTexts:
        """Returns the passages as units, a blank line between two of them. Raises InvalidInput."""
        return cls(tuple(passages), _with_one_place(prompt), _BLANK_LINE)

    @classmethod
    def of_words(cls, prompt: str, passages: Sequence[str] | None) -> UnitTexts:
        """Returns the words of the passages as units, or without passages those of the prompt, one space between two.

        Raises InvalidInput for more than MOST_UNITS words.
        """
        words = tuple(word for text in (passages or [prompt]) for word in text.split())
        if len(words) > MOST_UNITS:
            where = "prompt" if passages is None else "context"
            raise InvalidInput(
                f"the {where} has {len(words)} words, and mechanism 'words' takes at most {MOST_UNITS}; shorten it, or "
                "send passages under mechanism 'passages'",
                field=where,
            )
        return cls(words, "" if passages is None else _with_one_place(prompt), " ")

    def text(self, kept: Sequence[bool]) -> str:
        """Returns what a run reads. kept: whether each unit is kept, shape (units,)."""
        told = self.joint.join(unit for unit, stays in zip(self.units, kept, strict=True) if stays)
        if PLACE in self.fixed:
            return self.fixed.replace(PLACE, told)
        separator = _BLANK_LINE if told and self.fixed else ""
        return f"{told}{separator}{self.fixed}"


def _with_one_place(prompt: str) -> str:
    """Returns the prompt. Raises InvalidPrompt where it has two places for the units."""
    if (places := prompt.count(PLACE)) > 1:
        raise InvalidPrompt(
            f"the prompt says {PLACE} {places} times, and the passages stand in one place; leave all but one out",
            field="prompt",
        )
    return prompt
