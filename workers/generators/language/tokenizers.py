"""The check that a tokenizer belongs to a model: it knows words, tells prompts apart, and names no token the model
lacks."""

from __future__ import annotations

from typing import Any, Final

_ASKED: Final = 64
"""Words of its own vocabulary a tokenizer is asked to encode, spread over it."""
_SMALLEST_SHARE: Final = 0.5
"""The least share of the embedding's rows that a tokenizer must name. Checkpoints round the number of rows up (Phi-2
has 51,200 for 50,295 tokens, a byte model 384 for 259), and no known one doubles it."""


def ordinary_ids(tokenizer: Any) -> list[int]:
    """Returns the ids of the vocabulary in order, without special and added tokens; all ids where no others exist."""
    every = set(tokenizer.get_vocab().values())
    marked = set(tokenizer.all_special_ids) | set(getattr(tokenizer, "added_tokens_decoder", {}))
    return sorted(every - marked) or sorted(every)


def require_tokenizer(where: str, tokenizer: Any, rows: int) -> None:
    """Raises OSError, in one line, for a tokenizer that cannot belong to an embedding of so many rows."""
    remedy = "put the tokenizer files that belong to the model into its folder (tokenizer.json, tokenizer_config.json)"
    vocabulary = tokenizer.get_vocab()
    marked = set(tokenizer.all_special_ids) | set(getattr(tokenizer, "added_tokens_decoder", {}))
    if not set(vocabulary.values()) - marked or not _tells_apart(tokenizer):
        raise OSError(
            f"the tokenizer of {where} is missing or empty: it knows {len(vocabulary)} tokens and encodes all prompts "
            f"alike; {remedy}"
        )
    highest = max(vocabulary, key=vocabulary.__getitem__)
    beyond = sum(index >= rows for index in vocabulary.values())
    if beyond:
        raise OSError(
            f"the tokenizer of {where} has {beyond} tokens outside the model's embedding of {rows} rows, among them "
            f"{highest!r} with id {vocabulary[highest]}; {remedy}, or resize the model's embedding and train the new "
            "rows"
        )
    if len(vocabulary) < _SMALLEST_SHARE * rows:
        raise OSError(
            f"the tokenizer of {where} knows {len(vocabulary)} tokens and the model's embedding has {rows} rows, so it "
            f"is another model's; {remedy}"
        )


def _tells_apart(tokenizer: Any) -> bool:
    """Returns whether two words of the tokenizer's own vocabulary are encoded differently, special and unknown tokens
    left aside."""
    ids = ordinary_ids(tokenizer)
    ignored = set(tokenizer.all_special_ids)
    seen = set()
    for index in ids[:: max(1, len(ids) // _ASKED)]:
        encoded = tokenizer(tokenizer.decode([index]), add_special_tokens=False)["input_ids"]
        seen.add(tuple(i for i in encoded if i not in ignored))
        if len(seen - {()}) > 1:
            return True
    return False
