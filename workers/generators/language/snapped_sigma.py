"""The noise level of a language model whose noisy embeddings are snapped, where a request names none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from smoothgen.errors import InvalidPrompt
from workers.generators.language.prompt_tokens import PromptTokens
from workers.generators.language.token_rows import without_targets

PROMPTS: Final = (
    "The capital of France is",
    "Water freezes at a temperature of",
    "A short poem about the sea:",
    "Translate to French: Good morning.",
    "What should I cook for dinner tonight?",
    "The patient was given 400 mg of ibuprofen with",
    "def add(a, b):\n    return",
    "Dear customer, thank you for your letter of",
)
_STEPS: Final = (1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.2, 2.5, 2.8, 3.2, 3.6, 4.0, 4.5, 5.0, 5.6, 6.3, 7.0, 8.0, 9.0)
GRID: Final = tuple(float(f"{step}e{power}") for power in range(-6, 4) for step in _STEPS)
"""The public levels that a default is chosen from."""
CHANCE: Final = 1 / 200
"""How likely a draw may be to change any token of a prompt."""
_NEAREST: Final = 1024
_ROWS_AT_A_TIME: Final = 4096


def snapped_sigma(network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> float | None:
    """Returns the largest level of GRID at which ideal noise changes a token of each of PROMPTS with a chance of at
    most CHANCE; None where the least level does more, or the tokenizer reads none of them.

    The chance is bounded by the sum, over the tokens t of a prompt and all other rows j that are targets of the snap,
    of Q(‖e_j − e_t‖/(2σ)), Q the tail of a normal number: what a row beyond the bisector takes. So nothing is drawn.
    """
    prompts = _token_ids(tokenizer)
    if not prompts:
        return None
    tokens = sorted({token for ids in prompts for token in ids})
    distances = dict(zip(tokens, _nearest(network, tokenizer, tokens), strict=True))
    first, last = 0, len(GRID)
    while first < last:
        middle = (first + last) // 2
        changed = {t: _chance(near, others, GRID[middle]) for t, (near, others) in distances.items()}
        if max(sum(changed[t] for t in ids) for ids in prompts) <= CHANCE:
            first = middle + 1
        else:
            last = middle
    return GRID[first - 1] if first else None


def _token_ids(tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    read, found = PromptTokens(tokenizer), []
    for prompt in PROMPTS:
        try:
            found.append(read.completion(prompt))
        except InvalidPrompt:  # a vocabulary without some of its characters
            continue
    return [ids for ids in found if ids]


def _nearest(
    network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, tokens: Sequence[int]
) -> list[tuple[torch.Tensor, int]]:
    """Returns for every token the distances to the nearest other targets, and how many targets are no nearer than the
    last."""
    layer = network.get_input_embeddings()
    device = layer.weight.device
    count = int(layer.weight.shape[0])
    closed = torch.zeros(count, dtype=torch.bool, device=device)
    closed[sorted(without_targets(network, tokenizer))] = True
    kept = min(_NEAREST, count - int(closed.sum()))
    with torch.inference_mode():
        own = layer(torch.tensor(tokens, device=device)).float()
        blocks = []
        for start in range(0, count, _ROWS_AT_A_TIME):
            ids = torch.arange(start, min(start + _ROWS_AT_A_TIME, count), device=device)
            rows = layer(ids).float()
            squared = rows.square().sum(-1) - 2 * own @ rows.T  # but for ‖own‖², which changes no order
            blocks.append(squared.masked_fill(closed[ids], torch.inf))
        nearest = torch.cat(blocks, dim=1).topk(kept, largest=False).indices
        found = []
        for row, ids in zip(own, nearest, strict=True):
            distances = (layer(ids).float() - row).cpu().double().square().sum(-1).sqrt()
            found.append((distances[distances > 0], count - int(closed.sum()) - kept))
    return found


def _chance(near: torch.Tensor, others: int, sigma: float) -> float:
    """Returns a bound of the chance that noise of this level takes one token to another row."""
    if not len(near):
        return 0.0
    tails = torch.special.erfc(near / (2 * sigma * 2**0.5)) / 2
    furthest = float(torch.special.erfc(near.max() / (2 * sigma * 2**0.5)) / 2)
    return float(tails.sum()) + others * furthest
