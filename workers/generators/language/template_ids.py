"""The token ids of a chat template around the attacked turns of a conversation, from the texts around them."""

from __future__ import annotations

from collections.abc import Sequence

from smoothgen.contracts import EarlierTurn, EncodedAfter, Template
from smoothgen.errors import InvalidParameters, InvalidPrompt
from workers.generators.language.conversation import NEUTRAL, Conversation, Framing, neutral, with_turn
from workers.generators.language.prompt_tokens import PromptTokens


def unfollowed(model: str, reason: str, remedy: str = "send chat=false") -> InvalidParameters:
    """Returns the error of a chat template that cannot be followed. reason: what stands behind "the chat template"."""
    return InvalidParameters(f"the chat template of model {model!r} {reason}; {remedy}", field="parameters.chat")


class TemplateIds:
    """Finds the ids of one framing of one conversation.

    How the ids of a turn are found is tried on neutral turns, so that no turn decides it.
    """

    def __init__(self, model: str, tokens: PromptTokens, framing: Framing, said: Conversation) -> None:
        """model: its name, for messages."""
        self._model, self._tokens, self._framing, self._said = model, tokens, framing, said
        self._neutral = neutral(len(framing.trims))

    def template(self) -> Template:
        """Returns the ids around the attacked turns, with those of the turns before the prompt.

        Raises InvalidParameters where the tokenizer joins a turn with what is around it, and (parameters.history) for
        an earlier turn without tokens; InvalidPrompt.
        """
        given, trims = self._framing.given(self._said.contents), self._framing.trims
        fixed, ways, after = self._located()
        template = Template(
            before=fixed[-1],
            after=after,
            encoded_after=ways[-1],
            trims=trims[-1],
            earlier=tuple(
                EarlierTurn(
                    before=fixed[k],
                    tokens=self._earlier(given[k], ways[k], self._said.places[k]),
                    encoded_after=ways[k],
                    trims=trims[k],
                )
                for k in range(len(given) - 1)
            ),
        )
        # The real rendering would read a marker in the prompt as one: there a prompt's own ids mean its characters.
        checked = NEUTRAL[0] if self._tokens.spells_marker(given[-1]) else given[-1]
        own = self._tokens.within(checked, template.encoded_after)
        whole = self._tokens.template(self._framing.text((*given[:-1], checked)))
        if whole != _filled(template, own):
            raise unfollowed(
                self._model,
                f"shares a token with {self._said}: the tokenizer joins its first or last characters with the "
                "template's",
                f"leave out white space at its ends, or {self._said.remedy}",
            )
        return template

    def _located(self) -> tuple[list[tuple[int, ...]], list[EncodedAfter], tuple[int, ...]]:
        """Returns the ids before each turn and what each is encoded behind, and the ids behind the last."""
        fixed, ways, after = list[tuple[int, ...]](), list[EncodedAfter](), tuple[int, ...]()
        read = list[int]()
        for place in range(len(self._neutral)):
            until, way, after = self._found(place, read)
            if place and until == read:
                raise unfollowed(
                    self._model,
                    "puts nothing between two turns of the user's, so that they cannot be told apart",
                    self._said.remedy,
                )
            fixed.append(tuple(until[len(read) :]))
            ways.append(way)
            read = until + self._tokens.within(NEUTRAL[0], way)
        return fixed, ways, after

    def _found(self, place: int, read: Sequence[int]) -> tuple[list[int], EncodedAfter, tuple[int, ...]]:
        """Returns the ids of all that stands before a turn, what the turn's text is encoded behind, and the ids behind
        it, the other turns being neutral. read: the ids up to the end of the turn before it."""
        text = self._framing.text(self._neutral[:place])
        ways: list[tuple[str, EncodedAfter]] = [(text, ""), (text, "\n")]
        if text.endswith(" "):
            # Most tokenizers make a space part of the token it stands before, and some set one before every text.
            ways = [(text[:-1], ""), (text[:-1], " "), *ways]
        for before, way in ways:
            until = self._tokens.template(before)
            afters = {self._after(place, said, until, way) for said in NEUTRAL}
            after = afters.pop()
            if until[: len(read)] == list(read) and not afters and after is not None:
                return until, way, after
        raise unfollowed(
            self._model,
            "shares tokens with what is said: the tokenizer joins its first or last characters with the template's, so "
            "that noise on it would be noise on the template",
            self._said.remedy,
        )

    def _after(self, place: int, text: str, until: list[int], way: EncodedAfter) -> tuple[int, ...] | None:
        """Returns the ids behind a turn that says `text`, where the rendering's are `until`, those of `text`, and
        others."""
        whole = self._tokens.template(self._framing.text(with_turn(self._neutral, place, text)))
        try:
            expected = until + self._tokens.within(text, way)
        except InvalidPrompt:
            return None
        return tuple(whole[len(expected) :]) if whole[: len(expected)] == expected else None

    def _earlier(self, text: str, way: EncodedAfter, place: int) -> tuple[int, ...]:
        """Returns the ids of an attacked turn of the history. Raises InvalidParameters for one without tokens."""
        field = f"parameters.history.{place}.content"
        try:
            ids = self._tokens.within(text, way)
        except InvalidPrompt as error:
            raise InvalidParameters(f"turn {place} of the history: {error}", field=field) from error
        if not ids:
            raise InvalidParameters(
                f"turn {place} of the history, {text!r:.80}, has no tokens that could be attacked; leave the turn out, "
                "or use attacked_turns 'last'",
                field=field,
            )
        return tuple(ids)


def _filled(template: Template, prompt: list[int]) -> list[int]:
    """Returns the ids of the whole conversation, with these of the prompt."""
    earlier = [token for turn in template.earlier for token in (*turn.before, *turn.tokens)]
    return [*earlier, *template.before, *prompt, *template.after]
