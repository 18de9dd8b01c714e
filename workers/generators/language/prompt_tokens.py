"""The token ids of a prompt: those of its characters, and never a marker that only the model's own template may set."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from transformers import PreTrainedTokenizerBase

from smoothgen.contracts import Note
from smoothgen.errors import InvalidPrompt
from workers.generators.vocabulary import note_on_unknown

_CONTROL: Final = re.compile(r"<[|｜].*[|｜]>|\[/?[A-Z_]+\]|<</?[A-Z_]+>>", re.DOTALL)
"""How turn markers are written: <|im_start|>, <｜User｜>, [INST], <<SYS>>."""
_LINE_BREAK: Final = "\n"
_ANY_TEXT: Final = "text"


class PromptTokens:
    """Encodes prompts and templates with one tokenizer.

    Markers are a tokenizer's special tokens and those of its other added tokens that its chat template contains or that
    are written as turn markers are. Other added tokens (runs of spaces, words, the tags of a document) are vocabulary.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._markers = dict(_markers(tokenizer))

    @property
    def marker_ids(self) -> frozenset[int]:
        """Returns the ids of the markers, which no prompt can hold."""
        return frozenset(self._markers)

    @property
    def surrounding_ids(self) -> frozenset[int]:
        """Returns the ids that the tokenizer sets around every text (<s> for example): of markers these alone stand in
        honest prompts."""
        body, whole = self._split(_ANY_TEXT), self._encoded(_ANY_TEXT, add_special_tokens=True)
        start = _place(body, whole)
        return frozenset() if start is None else frozenset(whole[:start] + whole[start + len(body) :])

    def template(self, text: str) -> list[int]:
        """Returns the ids of text that the model's own template wrote. The markers in it are markers."""
        return self._encoded(text)

    def completion(self, prompt: str) -> list[int]:
        """Returns the ids of a prompt that stands alone, with what the tokenizer sets around every text (<s> for
        example). The list is empty for a prompt without ids of its own. Raises InvalidPrompt."""
        body, whole = self._split(prompt), self._encoded(prompt, add_special_tokens=True, split_special_tokens=True)
        if not body:  # a model asked with <s> alone answers every such prompt alike
            return []
        start = _place(body, whole)
        if start is None:  # what is set around depends on the text, so nothing can be said of it
            self._require_no_marker(prompt, whole)
            return whole
        return whole[:start] + self.plain(prompt) + whole[start + len(body) :]

    def within(self, prompt: str, encoded_after: str) -> list[int]:
        """Returns the ids of a prompt in a template, under `Template.encoded_after`. Raises InvalidPrompt."""
        if encoded_after != _LINE_BREAK:
            return self.plain(encoded_after + prompt)
        first, both = self.plain(_LINE_BREAK), self.plain(_LINE_BREAK + prompt)
        if both[: len(first)] != first:
            raise InvalidPrompt(
                f"the prompt {prompt!r:.80} begins with white space that the tokenizer joins with the chat template's; "
                "leave it out, or send chat=false",
                field="prompt",
            )
        return both[len(first) :]

    def spells_marker(self, prompt: str) -> bool:
        """Returns whether the tokenizer by itself would see a marker in the prompt, where a prompt means its
        characters."""
        return self._encoded(prompt) != self.plain(prompt)

    def plain(self, text: str) -> list[int]:
        """Returns the ids of a text that means its characters. Raises InvalidPrompt where the vocabulary only has a
        marker's ids for it."""
        ids = self._split(text)
        if self._markers.keys() & set(ids) and getattr(self._tokenizer, "is_fast", False):
            ids = self._without_added_tokens(text)
        self._require_no_marker(text, ids)
        return ids

    def notes(self, prompt: str, ids: list[int]) -> tuple[Note, ...]:
        """Returns a note where the prompt, which is read as these ids, has words that the tokenizer does not know."""
        return tuple(note_on_unknown(self._tokenizer, prompt)) if self._tokenizer.unk_token_id in ids else ()

    def _require_no_marker(self, text: str, ids: list[int]) -> None:
        found = sorted({self._markers[token] for token in self._markers.keys() & set(ids)})
        if found:
            raise InvalidPrompt(
                f"the prompt {text!r:.80} contains {', '.join(map(repr, found))}, which this model's tokenizer reads "
                "as a marker of its own and not as these characters; leave it out, or write it with a space inside",
                field="prompt",
            )

    def _split(self, text: str) -> list[int]:
        """Returns the ids with special tokens read as characters. Added tokens that are not special are still found."""
        return self._encoded(text, split_special_tokens=True)

    def _encoded(self, text: str, **options: Any) -> list[int]:
        ids: list[int] = self._tokenizer(text, **{"add_special_tokens": False, **options})["input_ids"]
        return ids

    def _without_added_tokens(self, text: str) -> list[int]:
        """Runs the backend's steps one by one, because its own `encode` always looks for added tokens that are not
        special."""
        backend = self._tokenizer.backend_tokenizer
        if backend.normalizer is not None:
            text = backend.normalizer.normalize_str(text)
        pieces = [text]
        if backend.pre_tokenizer is not None:
            pieces = [piece for piece, _ in backend.pre_tokenizer.pre_tokenize_str(text)]
        return [token.id for piece in pieces for token in backend.model.tokenize(piece)]


def _place(part: list[int], whole: list[int]) -> int | None:
    """Returns where the part begins in the whole, None where it is not in it."""
    return next((k for k in range(len(whole) - len(part) + 1) if whole[k : k + len(part)] == part), None)


def _markers(tokenizer: PreTrainedTokenizerBase) -> Iterator[tuple[int, str]]:
    templates = tokenizer.chat_template or ""
    source = "\n".join(templates.values()) if isinstance(templates, dict) else templates
    special = set(tokenizer.all_special_ids)
    # What no text can be written without is no marker: spaces, or a "!" that serves as padding.
    for token, added in tokenizer.added_tokens_decoder.items():
        text = str(added.content)
        marks = added.special or token in special or text in source or _CONTROL.fullmatch(text)
        if marks and len(text.strip()) > 1 and token != tokenizer.unk_token_id:
            yield token, text
