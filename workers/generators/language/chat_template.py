"""A chat template rendered around the attacked turns of a conversation: the token ids around them, or why it cannot be
followed.

Attacked is the prompt, or every turn of the user's. All other turns are rendered with them and are held fixed.

Noise is put on the tokens of the attacked turns and on no others, so a template can be followed where its rendering is
s₀ + u₁ + s₁ + … + uₖ + sₖ, token by token, and no sᵢ depends on what any uⱼ says: anything else of these turns would
reach the network around the noise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from transformers import PreTrainedTokenizerBase

from smoothgen.contracts import Template, Turn
from smoothgen.errors import InvalidParameters
from workers.generators.language.conversation import (
    NEUTRAL,
    Conversation,
    Framing,
    holds_once,
    neutral,
    other_neutrals,
    with_turn,
)
from workers.generators.language.prompt_tokens import PromptTokens
from workers.generators.language.template_ids import TemplateIds, unfollowed

_ATTEMPTS: Final = 5


class ChatTemplates:
    """Renders the chat template of one model's tokenizer."""

    def __init__(self, name: str, tokenizer: PreTrainedTokenizerBase, tokens: PromptTokens) -> None:
        """Keeps the tokenizer whose template is rendered, and the model's name for messages."""
        self._name, self._tokenizer, self._tokens = name, tokenizer, tokens

    def around_any(self, history: Sequence[Turn] = ()) -> Template:
        """Returns the template around a prompt that says nothing particular. Raises InvalidParameters likewise."""
        return self.around(Conversation(NEUTRAL[0], history))

    def around(self, said: Conversation, require_room: Callable[[int], None] | None = None) -> Template:
        """Returns the template around the attacked turns of this conversation, rendered now.

        The ids of the real rendering are the template's, with those of the attacked turns in their places.
        require_room: raises InvalidPrompt for more tokens than the model takes. Raises InvalidParameters
        (parameters.chat) with the template's own message where it cannot be rendered, and with the reason where it
        cannot be followed.
        """
        if not self._tokenizer.chat_template:
            raise InvalidParameters(
                f"chat=true, but model {self._name!r} has no chat template; send chat=false", field="parameters.chat"
            )
        self._require_no_marker(said)
        # What is too long anyway is refused before it is rendered several times for every attacked turn.
        if require_room is not None:
            require_room(len(self._tokens.template(self._rendered(said, said.contents))))
        framing, real = self._framing(said)
        if real != framing.text(framing.given(said.contents)):
            raise unfollowed(
                self._name,
                f"does not leave {said} as it stands, or reads otherwise around it than around another (it counts, "
                "cuts, escapes or branches on what is said), so that the noise would not cover every path",
                said.remedy,
            )
        return TemplateIds(self._name, self._tokens, framing, said).template()

    def _require_no_marker(self, said: Conversation) -> None:
        """Raises InvalidParameters for a turn of the history that spells a marker."""
        for place, content in enumerate(said.history):
            if self._tokens.spells_marker(content):
                raise InvalidParameters(
                    f"turn {place} of the history spells a marker that only the chat template of model {self._name!r} "
                    f"may set: {content!r:.80}; leave the marker out",
                    field=f"parameters.history.{place}.content",
                )

    def _framing(self, said: Conversation) -> tuple[Framing, str]:
        """Returns the texts around neutral turns and the real rendering, made at one time of a template's clock."""
        count = len(said.places)
        first, others = neutral(count), tuple(other_neutrals(count))
        for _ in range(_ATTEMPTS):
            real = self._rendered(said, said.contents)
            plain = self._rendered(said, first)
            varied = [self._rendered(said, contents) for contents in others]
            padded = [self._rendered(said, with_turn(first, k, f" {NEUTRAL[0]}\n ")) for k in range(count)]
            # Were the clock to tick in between, it would pass for something that the turns do.
            if self._rendered(said, said.contents) == real:
                break
        else:
            raise unfollowed(self._name, "reads otherwise each time it is rendered")
        framing = Framing(tuple(plain.split(NEUTRAL[0])), trims=tuple(text == plain for text in padded))
        if len(framing.fixed) != count + 1 or not all(map(holds_once, varied, others)):
            raise unfollowed(
                self._name,
                f"uses {said} other than once and as it stands, so noise on it would not cover every path",
                said.remedy,
            )
        if any(rendered != framing.text(contents) for rendered, contents in zip(varied, others, strict=True)):
            raise unfollowed(
                self._name,
                f"reads otherwise around {said} than around another (it counts them, or branches on what they say), so "
                "noise on it would not cover every path",
                said.remedy,
            )
        return framing, real

    def _rendered(self, said: Conversation, contents: tuple[str, ...]) -> str:
        try:
            messages = said.saying(contents)
            return str(self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
        except Exception as error:  # a template is a program of the model's, and may raise anything
            raise unfollowed(self._name, f"cannot be rendered: {str(error) or type(error).__name__}") from error
