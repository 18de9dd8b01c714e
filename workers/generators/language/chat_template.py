"""A chat template rendered around one prompt: the token ids before and after it, or why it cannot be followed.

The turns before the prompt, where there are any, are rendered with it and belong to what stands before it.

Noise is put on the prompt's tokens and on no others, so a template can be followed where its rendering is before +
prompt + after, token by token, and neither side depends on what the prompt says: anything else of the prompt would
reach the network around the noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from transformers import PreTrainedTokenizerBase

from smoothgen.contracts import Template, Turn
from smoothgen.errors import InvalidParameters, InvalidPrompt
from workers.generators.language.prompt_tokens import PromptTokens

_NEUTRAL: Final = ("@@smoothgen-prompt@@", "Neutral text of another length, in two lines\nand with 7 digits: 1234567")
"""What stands for "another prompt". They differ in whatever a template might look at."""
_ATTEMPTS: Final = 5


@dataclass(frozen=True)
class _Framing:
    """The text around the prompt; `trims`: whether white space at the prompt's ends is taken off."""

    before: str
    after: str
    trims: bool


class ChatTemplates:
    """Renders the chat template of one model's tokenizer."""

    def __init__(self, name: str, tokenizer: PreTrainedTokenizerBase, tokens: PromptTokens) -> None:
        """Keeps the tokenizer whose template is rendered, and the model's name for messages."""
        self._name, self._tokenizer, self._tokens = name, tokenizer, tokens

    def around_any(self, history: Sequence[Turn] = ()) -> Template:
        """Returns the template around a prompt that says nothing particular. Raises InvalidParameters likewise."""
        return self.around(_NEUTRAL[0], history)

    def around(self, prompt: str, history: Sequence[Turn] = ()) -> Template:
        """Returns the template around this prompt, rendered now. history: the turns before it.

        The ids of the real rendering are before + the prompt's + after. Raises InvalidParameters (parameters.chat) with
        the template's own message where it cannot be rendered, and with the reason where it cannot be followed.
        """
        if not self._tokenizer.chat_template:
            raise InvalidParameters(
                f"chat=true, but model {self._name!r} has no chat template; send chat=false", field="parameters.chat"
            )
        for place, turn in enumerate(history):
            if self._tokens.spells_marker(turn.content):
                raise InvalidParameters(
                    f"turn {place} of the history spells a marker that only the chat template of model {self._name!r} "
                    f"may set: {turn.content!r:.80}; leave the marker out",
                    field=f"parameters.history.{place}.content",
                )
        framing, real = self._framing(prompt, history)
        given = prompt.strip() if framing.trims else prompt
        if real != framing.before + given + framing.after:
            raise self._refused(
                f"does not leave the prompt {prompt!r:.80} as it stands, or reads otherwise around it than around "
                "another prompt (it counts, cuts, escapes or branches on what the prompt says), so that the noise "
                "would not cover every path",
            )
        template = self._of_tokens(framing)
        spelt = self._tokens.within(given, template.encoded_after)
        # The real rendering would read a marker in the prompt as one: there a prompt's own ids mean its characters.
        if not self._tokens.spells_marker(given):
            whole = self._tokens.template(real)
            if whole != [*template.before, *spelt, *template.after]:
                raise self._refused(
                    f"shares a token with the prompt {prompt!r:.80}: the tokenizer joins the prompt's first or last "
                    "characters with the template's",
                    remedy="leave out white space at the prompt's ends, or send chat=false",
                )
        return template

    def _framing(self, prompt: str, history: Sequence[Turn]) -> tuple[_Framing, str]:
        """Returns the text around neutral prompts and the real rendering, made at one time of a template's clock."""
        for _ in range(_ATTEMPTS):
            real = self._rendered(prompt, history)
            neutral = [self._rendered(text, history) for text in _NEUTRAL]
            padded = self._rendered(f" {_NEUTRAL[0]}\n ", history)
            # Were the clock to tick in between, it would pass for something the prompt does.
            if self._rendered(prompt, history) == real:
                break
        else:
            raise self._refused("reads otherwise each time it is rendered")
        sides = {rendered.partition(text)[::2] for rendered, text in zip(neutral, _NEUTRAL, strict=True)}
        once = all(rendered.count(text) == 1 for rendered, text in zip(neutral, _NEUTRAL, strict=True))
        if not once:
            raise self._refused(
                "uses the prompt other than once and as it stands, so noise on it would not cover every path",
            )
        if len(sides) > 1:
            raise self._refused(
                "reads otherwise around one prompt than around another (it counts them, or branches on what they say), "
                "so noise on the prompt would not cover every path",
            )
        [(before, after)] = sides
        return _Framing(before, after, trims=padded == neutral[0]), real

    def _of_tokens(self, framing: _Framing) -> Template:
        """Returns the framing's ids.

        How the prompt's are found is tried on neutral prompts, so no prompt decides it.
        """
        ways = [(framing.before, ""), (framing.before, "\n")]
        if framing.before.endswith(" "):
            # Most tokenizers make a space part of the token it stands before, and some set one before every text.
            ways = [(framing.before[:-1], ""), (framing.before[:-1], " "), *ways]
        for before, encoded_after in ways:
            first = self._tokens.template(before)
            afters = {self._after(framing, text, first, encoded_after) for text in _NEUTRAL}
            after = afters.pop()
            if not afters and after is not None:
                return Template(before=tuple(first), after=after, encoded_after=encoded_after, trims=framing.trims)
        raise self._refused(
            "shares tokens with the prompt: the tokenizer joins the prompt's first or last characters with the "
            "template's, so that noise on the prompt would be noise on the template"
        )

    def _after(self, framing: _Framing, text: str, first: list[int], encoded_after: str) -> tuple[int, ...] | None:
        """Returns the ids behind `text`, where the rendering's are `first`, those of `text`, and others."""
        whole = self._tokens.template(framing.before + text + framing.after)
        try:
            expected = first + self._tokens.within(text, encoded_after)
        except InvalidPrompt:
            return None
        return tuple(whole[len(expected) :]) if whole[: len(expected)] == expected else None

    def _rendered(self, content: str, history: Sequence[Turn]) -> str:
        turns = [*(turn.model_dump() for turn in history), {"role": "user", "content": content}]
        try:
            return str(self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
        except Exception as error:  # a template is a program of the model's, and may raise anything
            said = str(error) or type(error).__name__
            raise self._refused(f"cannot be rendered: {said}") from error

    def _refused(self, reason: str, remedy: str = "send chat=false") -> InvalidParameters:
        return InvalidParameters(
            f"the chat template of model {self._name!r} {reason}; {remedy}", field="parameters.chat"
        )
