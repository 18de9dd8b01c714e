"""What of a prompt is attacked and what is held fixed, in the words of certificates."""

from __future__ import annotations

from smoothgen.certificates.exhaustive.threat import GIVEN_EMBEDDINGS, TOKEN_EMBEDDINGS
from smoothgen.certificates.meaning.held import MASK, held_template
from smoothgen.certificates.meaning.threats import DRAWN
from smoothgen.certificates.meaning.turns import USER_TURNS, held_beside_turns
from smoothgen.contracts import Template, TextParameters


def attacked_and_held(
    parameters: TextParameters, template: Template | None, prompt_tokens: int, *, words_drawn: bool
) -> tuple[str, tuple[str, ...]]:
    """Returns what is attacked, and all that is held fixed. words_drawn: whether every sample has words of its own."""
    history, fixed = parameters.history, fixed_tokens(template)
    if template is not None and parameters.attacked_turns == "user":
        counts = [*(len(turn.tokens) for turn in template.earlier), prompt_tokens]
        others = None if history is None else sum(turn.role != "user" for turn in history)
        return USER_TURNS, held_beside_turns(counts, fixed, others)
    counted = DRAWN if words_drawn else f"token count ({prompt_tokens})"
    held = [counted, MASK, *held_template(fixed)]
    if history is not None:
        held.append(f"earlier turns of the conversation ({len(history)})")
    return TOKEN_EMBEDDINGS if parameters.prompt_embeds is None else GIVEN_EMBEDDINGS, tuple(held)


def fixed_tokens(template: Template | None) -> int:
    """Returns how many tokens the chat template puts around what is attacked."""
    return 0 if template is None else template.fixed_tokens
