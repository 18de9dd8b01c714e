"""Decoding a batch with the help of drafts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Protocol

import torch

from workers.generators.language.drafts.gapped_cache import GappedCache
from workers.generators.language.drafts.policy import worthwhile
from workers.generators.language.drafts.prefix_tree import Draft, PrefixTree


class Chooses(Protocol):
    """Chooses tokens from logits, (rows, places, vocabulary); see `Choice.tokens`."""

    def tokens(
        self, logits: torch.Tensor, rows: Sequence[int], steps: Sequence[int]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the tokens chosen, and whether each was chosen clearly."""
        ...


def decoded(
    network: Any,
    embeddings: torch.Tensor,
    choice: Chooses,
    drafts: Sequence[PrefixTree],
    *,
    ends: Collection[int],
    limit: int,
    overhead: float,
) -> list[list[int] | None]:
    """Returns the tokens that each row says, its end token included; None for a row with a choice that was not clear.

    embeddings: (rows, tokens, width), the prompts. drafts: of each row; its output joins them. limit: the most tokens.
    overhead: of a pass, in tokens (`worthwhile`). The tokens do not depend on the drafts, nor on the other rows.
    """
    said: list[list[int]] = [[] for _ in embeddings]
    unclear: set[int] = set()
    cache, active = GappedCache(network, len(embeddings)), list(range(len(embeddings)))
    given = embeddings
    while active:
        guesses = [drafts[row].after(said[row], limit - len(said[row]) - 1) for row in active]
        width = worthwhile(guesses, overhead=overhead, vocabulary=network.config.vocab_size)
        guessed = _padded(guesses, width, embeddings.device)
        inputs = torch.cat([given, network.get_input_embeddings()(guessed)], dim=1) if width else given
        logits = cache.logits(inputs, width + 1)
        chosen, clearly = choice.tokens(logits, active, [len(said[row]) for row in active])
        del logits
        counts, going_on, last = [], [], []
        for place, (row, tokens, clear) in enumerate(zip(active, chosen.tolist(), clearly.tolist(), strict=True)):
            new, sure = _agreed(tokens, clear, guesses[place].tokens[:width], ends, limit - len(said[row]))
            said[row] += new
            counts.append(given.shape[1] + len(new) - 1)
            if not sure:
                unclear.add(row)
            elif said[row][-1] in ends or len(said[row]) == limit:
                drafts[row].add(said[row])
            else:
                going_on.append(place)
                last.append([new[-1]])
        if not going_on:
            break
        cache.keep(torch.tensor(counts, device=embeddings.device), torch.tensor(going_on, device=embeddings.device))
        active = [active[place] for place in going_on]
        given = network.get_input_embeddings()(torch.tensor(last, device=embeddings.device))
    return [None if row in unclear else tokens for row, tokens in enumerate(said)]


def _padded(guesses: Sequence[Draft], width: int, device: torch.device) -> torch.Tensor:
    """Returns the first tokens of every draft, (rows, width); a shorter one is filled up with token 0, which is never
    kept."""
    rows = [[*guess.tokens[:width], *[0] * (width - len(guess.tokens[:width]))] for guess in guesses]
    return torch.tensor(rows, dtype=torch.long, device=device).view(len(guesses), width)


def _agreed(
    chosen: Sequence[int], clearly: Sequence[bool], guess: Sequence[int], ends: Collection[int], room: int
) -> tuple[list[int], bool]:
    """Returns the tokens a row goes on with, and whether each was chosen clearly.

    chosen: after the last token of the row and after each token of the guess, as far as it goes. The row goes on as
    long as it chooses what was guessed; what it chooses next is its own token still.
    """
    new: list[int] = []
    for place, (token, clear) in enumerate(zip(chosen, clearly, strict=True)):
        new.append(token)
        if not clear:
            return new, False
        if token in ends or len(new) == room or place >= len(guess) or guess[place] != token:
            break
    return new, True
