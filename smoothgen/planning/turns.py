"""Attacks on all of the user's turns: what of a request goes with them."""

from __future__ import annotations

from smoothgen.contracts import EMBEDDING, TOKENS, Parameters, Robustness, TextParameters
from smoothgen.errors import InvalidInput


def require_turns_attackable(robustness: Robustness, parameters: Parameters) -> None:
    """Raises InvalidInput for attacks on all of the user's turns where the certificate would be about the prompt alone,
    or would not say which turns it is about."""
    if not isinstance(parameters, TextParameters) or parameters.attacked_turns == "last":
        return
    asked = f"attacked_turns={parameters.attacked_turns!r}"
    if robustness.mechanism not in (TOKENS, EMBEDDING):
        raise _refused(
            f"{asked} with mechanism {robustness.mechanism!r}, which alters the prompt or its context and no earlier "
            f"turn; use mechanism {TOKENS!r} or {EMBEDDING!r}, or attacked_turns 'last'"
        )
    if robustness.synonyms:
        raise _refused(
            f"{asked} with synonyms=true, which draws the words of the prompt alone; leave synonyms out, or use "
            "attacked_turns 'last'"
        )
    if robustness.tier == "fleet":
        raise _refused(
            f"{asked} with tier 'fleet', whose certificates do not say which turns of a request are attacked; use tier "
            "'request', or attacked_turns 'last'"
        )


def _refused(message: str) -> InvalidInput:
    return InvalidInput(message, field="parameters.attacked_turns")
