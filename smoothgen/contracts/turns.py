"""The turns of a conversation that stand before the prompt, which is its last turn."""

from __future__ import annotations

import hashlib
from typing import Annotated, Final, Literal

from pydantic import Field

from smoothgen.certificates.format.canonical import canonical
from smoothgen.contracts.base import Contract
from smoothgen.contracts.prompt import LONGEST_PROMPT

MOST_TURNS: Final = 128


class Turn(Contract):
    """One message of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str = Field(max_length=LONGEST_PROMPT)


AttackedTurns = Literal["last", "user"]
"""Which turns of a conversation attacks are certified on: the prompt, which is the last, or all of the user's."""

# A list of JSON is a tuple here; the turns in it stay strict.
History = Annotated[tuple[Turn, ...], Field(strict=False, min_length=1, max_length=MOST_TURNS)]


def history_digest(history: tuple[Turn, ...]) -> str:
    """Returns "sha256:<hex>" over the turns as canonical JSON: a list of {content, role} objects."""
    turns = [turn.model_dump() for turn in history]
    return f"sha256:{hashlib.sha256(canonical(turns).encode()).hexdigest()}"
