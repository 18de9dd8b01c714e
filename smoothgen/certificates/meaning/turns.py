"""Attacks on all of the user's turns: what they are called, what is held fixed then, and how a document is held to
it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from smoothgen.certificates.meaning.held import EMPTY_TEMPLATE, MASK, TEMPLATE
from smoothgen.certificates.provenance import RequestIdentity
from smoothgen.errors import InvalidCertificate

USER_TURNS: Final = "token embeddings of the user's turns"
"""What is attacked where a request asks for attacked_turns "user": all of the user's turns together, the prompt too."""
COUNTED_TURNS: Final = re.compile(r"token counts of the user's turns \(([1-9][0-9]{0,9}(?:, [1-9][0-9]{0,9}){0,128})\)")
OTHER_TURNS: Final = re.compile(r"turns that are not the user's \(([1-9][0-9]{0,2})\)")
PARAMETER: Final = "attacked_turns"
MOST_EARLIER_TURNS: Final = 128
"""The turns that a request may have before its prompt."""


def held_beside_turns(counts: Sequence[int], template_tokens: int, others: int) -> tuple[str, ...]:
    """Returns what is held fixed where all of the user's turns are attacked.

    counts: the tokens of each of these turns, in order. template_tokens: those around and between them, the tokens of
    the other turns included. others: how many turns are not the user's.
    """
    held = [f"token counts of the user's turns ({', '.join(map(str, counts))})", MASK]
    if template_tokens:
        held.append(f"chat template ({template_tokens} tokens)")
    if others:
        held.append(f"turns that are not the user's ({others})")
    return tuple(held)


def attacks_user_turns(request: RequestIdentity | None) -> bool:
    """Returns whether a request asks for attacks on all of the user's turns."""
    return request is not None and request.parameters.get(PARAMETER) is not None


def require_turns_as_asked(attack_on: str, request: RequestIdentity | None) -> None:
    """Raises InvalidCertificate where a request asks for other turns than those that are attacked."""
    if request is not None and attacks_user_turns(request) != (attack_on == USER_TURNS):
        asked = request.parameters.get(PARAMETER)
        raise InvalidCertificate(
            f"threat: an attack on the {attack_on:.80} does not go with request.parameters.{PARAMETER} {asked!r:.80}: "
            f"it is 'user' exactly for the {USER_TURNS}",
            field="threat.attack_on",
        )


def require_last_turn(request: RequestIdentity | None) -> None:
    """Raises InvalidCertificate where a request asks for attacks on all turns under a method that knows of none."""
    if attacks_user_turns(request):
        raise InvalidCertificate(
            f"request.parameters.{PARAMETER} is stated, and this method alters the last turn alone",
            field=f"request.parameters.{PARAMETER}",
        )


def require_held_beside_turns(held_fixed: tuple[str, ...], request: RequestIdentity | None) -> int:
    """Returns how many tokens the attacked turns have together, by what is held fixed beside them.

    Raises InvalidCertificate unless it is the tokens of each turn, the mask, the chat template exactly where it puts
    tokens around the turns, and other turns; with a history exactly where there is more than the prompt.
    """
    counts, around = _counts(held_fixed), list(held_fixed[2:])
    templated = bool(around) and TEMPLATE.fullmatch(around[0]) is not None
    if templated:
        del around[0]
    other = OTHER_TURNS.fullmatch(around[0]) if len(around) == 1 else None
    earlier = len(counts) - 1 + (0 if other is None else int(other[1]))
    fits = held_fixed[1:2] == (MASK,) and (other is not None or not around) and earlier <= MOST_EARLIER_TURNS
    if fits and request is not None:
        chat, history = request.parameters.get("chat") is True, "history" in request.parameters
        fits = chat and history == bool(earlier) and templated == (request.template != EMPTY_TEMPLATE)
    if not counts or not fits:
        raise InvalidCertificate(
            f"threat: held_fixed must be \"token counts of the user's turns (N, …)\", {MASK!r}, behind them 'chat "
            "template (N tokens)' exactly where it puts tokens around them, and \"turns that are not the user's (N)\" "
            f"where there are some, with a history exactly where there are earlier turns, got {[*held_fixed]!r:.300}",
            field="threat.held_fixed",
        )
    return sum(counts)


def _counts(held_fixed: tuple[str, ...]) -> list[int]:
    """Returns the tokens of each attacked turn, an empty list where they are not stated."""
    found = COUNTED_TURNS.fullmatch(held_fixed[0]) if held_fixed else None
    return [] if found is None else [int(count) for count in found[1].split(", ")]
