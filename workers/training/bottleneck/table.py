"""Stage 1: a soft prompt for every intent, trained through the frozen language model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  the name torch's users know

from workers.training.stage import begin, steps

_BATCH = 20
_LARGEST_MIX = 0.4
"""Noise makes the condition ambiguous, and the soft prompt a mixture: answers are trained to survive mixtures."""


def train_table(
    model: Any, tokenizer: Any, canonical: Sequence[str], answers: Sequence[str], *, tokens: int, count: int, seed: int,
    threads: int,
) -> torch.Tensor:  # fmt: skip
    """Soft prompts, shape (len(answers), tokens, width), after which the greedy continuation is the answer and its end.

    They begin as the embeddings of the canonical prompts. The model's own weights stay as they are.
    """
    generator = begin(seed, threads)
    model.requires_grad_(False)
    targets = [answer_tokens(tokenizer, answer) for answer in answers]
    table = torch.nn.Parameter(torch.stack([_first_guess(model, tokenizer, text, tokens) for text in canonical]))
    optimiser = torch.optim.Adam([table], lr=1e-2)
    for step, bar in steps("soft prompts", count, optimiser):
        rows = torch.randint(len(targets), (_BATCH,), generator=generator)
        if step % 2 == 0:  # every intent within a few steps
            rows = (torch.arange(_BATCH) + step // 2 * _BATCH) % len(targets)
        others = torch.randint(len(targets), (_BATCH,), generator=generator)
        share = _LARGEST_MIX * torch.rand((_BATCH, 1, 1), generator=generator) ** 2
        mixed = (1 - share) * table[rows] + share * table[others].detach()
        loss = answer_losses(model, mixed, [targets[int(r)] for r in rows]).mean()
        loss.backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        bar.set_postfix(loss=f"{loss.item():.4f}")
    return table.detach()


def answer_tokens(tokenizer: Any, answer: str) -> torch.Tensor:
    """An answer's tokens and the token that ends a turn."""
    return torch.tensor([*tokenizer(answer, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id])


def answer_losses(model: Any, prompts: torch.Tensor, answers: Sequence[torch.Tensor]) -> torch.Tensor:
    """Mean negative log-likelihood a token of each answer after its soft prompt, shape (n,)."""
    longest = max(len(a) for a in answers)
    padded = torch.stack([F.pad(a, (0, longest - len(a)), value=-100) for a in answers]).to(prompts.device)
    read = model.get_input_embeddings()(padded[:, :-1].clamp(min=0))
    # Padding stands at the right, where no answer's token looks: causal attention needs no mask.
    states = model.model(inputs_embeds=torch.cat([prompts, read], dim=1)).last_hidden_state[:, prompts.shape[1] - 1 :]
    wanted = padded != -100
    losses = F.cross_entropy(model.lm_head(states[wanted]).float(), padded[wanted], reduction="none")
    rows = wanted.nonzero()[:, 0]
    sums = torch.zeros(len(answers), device=prompts.device).index_add(0, rows, losses)
    return sums / wanted.sum(dim=1)


def _first_guess(model: Any, tokenizer: Any, text: str, tokens: int) -> torch.Tensor:
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    spread = [ids[round(k * (len(ids) - 1) / (tokens - 1))] for k in range(tokens)]
    with torch.no_grad():
        embedded: torch.Tensor = model.get_input_embeddings()(torch.tensor(spread)).clone()
    return embedded
