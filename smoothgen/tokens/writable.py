"""Which token sequences somebody can write: those whose text is read as the same tokens again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from smoothgen.errors import InvalidPrompt
from smoothgen.tokens.table import TokenTable


@dataclass(frozen=True)
class Written:
    """The text of a token sequence. `writable`: whether the tokenizer reads it as this sequence, so that a person can
    send it; otherwise only an attack on embeddings reaches the sequence."""

    text: str
    writable: bool


def written(
    table: TokenTable,
    sequences: Iterable[Sequence[int]],
    decode: Callable[[list[int]], str],
    encode: Callable[[str], Sequence[int]],
) -> list[Written]:
    """Returns the text of every sequence, and whether it is read as these tokens (or others with equal rows).

    decode: the text of token ids. encode: the token ids of a text, as the server reads a prompt; a text that it refuses
    with InvalidPrompt is not writable. Raises InvalidTokens for ids outside the table.
    """
    return [_written(table, list(ids), decode, encode) for ids in sequences]


def _written(
    table: TokenTable, ids: list[int], decode: Callable[[list[int]], str], encode: Callable[[str], Sequence[int]]
) -> Written:
    text = decode(ids)
    try:
        read = list(encode(text))
    except InvalidPrompt:
        return Written(text, writable=False)
    same = len(read) == len(ids) and bool((table.canonical(read) == table.canonical(ids)).all())
    return Written(text, same)
