"""Attacks on all of the user's turns: what they are called, what is held fixed then, and how a document is held to
it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from smoothgen.certificates.meaning.held import EMPTY_TEMPLATE, MASK, TEMPLATE, held_template
from smoothgen.certificates.provenance import RequestIdentity
from smoothgen.errors import InvalidCertificate

USER_TURNS: Final = "token embeddings of the user's turns"
"""What is attacked where a request asks for attacked_turns "user": all of the user's turns together, the prompt too."""
COUNTED_TURNS: Final = re.compile(r"token counts of the user's turns \(([1-9][0-9]{0,9}(?:, [1-9][0-9]{0,9}){0,128})\)")
OTHER_TURNS: Final = re.compile(r"turns that are not the user's \((0|[1-9][0-9]{0,2})\)")
PARAMETER: Final = "attacked_turns"
MOST_EARLIER_TURNS: Final = 128
"""The turns that a request may have before its prompt."""


def held_beside_turns(counts: Sequence[int], template_tokens: int, others: int | None) -> tuple[str, ...]:
    """Returns what is held fixed where all of the user's turns are attacked.

    counts: the tokens of each of these turns, in order. template_tokens: those around and between them, the tokens of
    the other turns included. others: how many turns of the history are not the user's, None without a history.
    """
    counted = f"token counts of the user's turns ({', '.join(map(str, counts))})"
    held = [counted, MASK, *held_template(template_tokens)]
    if others is not None:
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
    tokens around the turns, and the number of other turns exactly where there is a history.
    """
    counts = _counts(held_fixed)
    template_tokens, others = _number(TEMPLATE, held_fixed), _number(OTHER_TURNS, held_fixed)
    earlier = len(counts) - 1 + (others or 0)
    fits = held_fixed == held_beside_turns(counts, template_tokens or 0, others) and earlier <= MOST_EARLIER_TURNS
    fits = fits and (others is not None) == (earlier > 0)
    if request is not None:
        chat, history = request.parameters.get("chat") is True, "history" in request.parameters
        templated = request.template != EMPTY_TEMPLATE
        fits = fits and chat and history == (others is not None) and templated == (template_tokens is not None)
    if not counts or not fits:
        raise InvalidCertificate(
            f"threat: held_fixed must be \"token counts of the user's turns (N, …)\", {MASK!r}, behind them 'chat "
            "template (N tokens)' exactly where it puts tokens around them, and \"turns that are not the user's (N)\" "
            f"exactly where there is a history, got {[*held_fixed]!r:.300}",
            field="threat.held_fixed",
        )
    return sum(counts)


def _counts(held_fixed: tuple[str, ...]) -> list[int]:
    """Returns the tokens of each attacked turn, an empty list where they are not stated."""
    found = COUNTED_TURNS.fullmatch(held_fixed[0]) if held_fixed else None
    return [] if found is None else [int(count) for count in found[1].split(", ")]


def _number(pattern: re.Pattern[str], held_fixed: tuple[str, ...]) -> int | None:
    """Returns the number in the first words of this pattern, None where there are none."""
    return next((int(found[1]) for words in held_fixed if (found := pattern.fullmatch(words))), None)
