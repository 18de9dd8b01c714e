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
_ASTRAY = 0.05
"""Nats a token: an entry that gives its answer less than this surely, unmixed, has not learned it."""


def train_table(
    model: Any, tokenizer: Any, phrasings: Sequence[Sequence[str]], answers: Sequence[str], *, tokens: int, count: int,
    seed: int, threads: int,
) -> torch.Tensor:  # fmt: skip
    """Returns soft prompts, shape (len(answers), tokens, width), after which the greedy continuation is the answer and
    its end.

    They begin as the embeddings of each intent's first phrasing. The model's own weights stay as they are.
    """
    begin(seed, threads)
    model.requires_grad_(False)
    targets = [answer_tokens(tokenizer, answer) for answer in answers]
    table = torch.stack([_first_guess(model, tokenizer, texts[0], tokens) for texts in phrasings])
    return _descend(model, table, targets, range(len(targets)), count=count, seed=seed)


def mend_table(
    model: Any, tokenizer: Any, table: torch.Tensor, phrasings: Sequence[Sequence[str]], answers: Sequence[str], *,
    count: int, seed: int, threads: int,
) -> torch.Tensor:  # fmt: skip
    """Returns the table after entries that went astray started again, from another phrasing, and were trained alone;
    the others stay."""
    begin(seed, threads)
    model.requires_grad_(False)
    targets = [answer_tokens(tokenizer, answer) for answer in answers]
    with torch.inference_mode():
        losses = answer_losses(model, table, targets)
    astray = [row for row, loss in enumerate(losses.tolist()) if loss > _ASTRAY]
    table = table.clone()
    for row in astray:
        table[row] = _first_guess(model, tokenizer, phrasings[row][-1], table.shape[1])
    return _descend(model, table, targets, astray, count=count, seed=seed) if astray else table


def _descend(
    model: Any, start: torch.Tensor, targets: Sequence[torch.Tensor], trained: Sequence[int], *, count: int, seed: int
) -> torch.Tensor:
    """Returns the table after `count` steps of Adam on the rows `trained`. Batches take them by turns in order and at
    random."""
    generator = torch.Generator().manual_seed(seed)
    choice = torch.tensor(list(trained))
    table = torch.nn.Parameter(start.clone())
    optimiser = torch.optim.Adam([table], lr=1e-2)
    for step, bar in steps("soft prompts", count, optimiser):
        places = torch.randint(len(choice), (_BATCH,), generator=generator)
        if step % 2 == 0:  # every intent within a few steps
            places = (torch.arange(_BATCH) + step // 2 * _BATCH) % len(choice)
        rows = choice[places]
        others = torch.randint(len(targets), (_BATCH,), generator=generator)
        share = _LARGEST_MIX * torch.rand((_BATCH, 1, 1), generator=generator) ** 2
        mixed = (1 - share) * table[rows] + share * table[others].detach()
        loss = answer_losses(model, mixed, [targets[int(r)] for r in rows]).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        bar.set_postfix(loss=f"{loss.item():.4f}")
    return table.detach()


def answer_tokens(tokenizer: Any, answer: str) -> torch.Tensor:
    """Returns an answer's tokens and the token that ends a turn."""
    return torch.tensor([*tokenizer(answer, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id])


def answer_losses(model: Any, prompts: torch.Tensor, answers: Sequence[torch.Tensor]) -> torch.Tensor:
    """Returns the mean negative log-likelihood per token of each answer after its soft prompt, shape (n,)."""
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
