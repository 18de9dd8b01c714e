"""Fields of a request that a mechanism has no use for, and how they are refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from smoothgen.contracts import Robustness
from smoothgen.errors import InvalidInput

OF_NOISE: Final = ("sigma", "snap", "synonyms", "adapt", "lipschitz_estimate", "tier")
"""The fields that are about noise, whatever the model and the randomness."""


def given(robustness: Robustness, names: Iterable[str]) -> list[str]:
    """Returns those of the named fields that ask for something: neither their default nor false."""
    fields = Robustness.model_fields
    return [name for name in names if getattr(robustness, name) not in (fields[name].default, None, False)]


def refuse_given(robustness: Robustness, names: Iterable[str], why: Callable[[str], str]) -> None:
    """Raises InvalidInput for the first of the named fields that asks for something.

    why: from the field's name to what follows its value: what is wrong with it, and the remedy.
    """
    for name in given(robustness, names):
        raise InvalidInput(f"{name}={getattr(robustness, name)!r} {why(name)}", field=f"robustness.{name}")
