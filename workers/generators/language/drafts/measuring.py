"""Whether a network's drafts can be checked, how far rounding moves its logits there, and what a pass costs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

import torch
from transformers import GenerationConfig

from workers.generators.language.drafts.gapped_cache import GappedCache
from workers.generators.language.drafts.job_drafts import JobDrafts, Measured
from workers.generators.language.drafts.prefix_tree import PrefixTree
from workers.generators.language.drafts.verification import decoded

_FAMILIES: Final = ("gpt2", "gpt_neox", "llama", "mistral", "qwen2", "qwen3")
"""Architectures whose cache is plain keys and values, each tested with drafts against decoding without
(tests/workers/test_drafts.py)."""
_STEPS: Final = 5
_WRONG_FROM: Final = (2, 3, 1)
"""For each row of the probe, the first token at which its draft is wrong, so that rows get different lengths."""
PROBE_ROWS: Final = len(_WRONG_FROM)
_SAFETY: Final = 4
"""How much more than was seen of any logit rounding may move one. A choice is clear beyond twice that."""
_LEAST: Final = 2.0**-22
"""The least that rounding is taken to move a logit, as a share of the largest difference between two: a few units in
the last place in float32, should the probe see none."""
_MOST: Final = 1e-4
"""The most, as the same share: what moves logits further is no rounding (`network_probe`)."""
_WIDE: Final = 64
_TIMED: Final = 3
_MOST_OVERHEAD: Final = 1e6


def job_drafts(network: Any, x: torch.Tensor) -> JobDrafts | None:
    """Returns what decodes with drafts; None for a network whose drafts cannot be checked: in 16 bits, of an
    architecture that was not tried, or one whose logits a draft moves by more than rounding.

    x: (rows, tokens, width), the noisy embeddings of a prompt, PROBE_ROWS rows.
    """
    if network.dtype != torch.float32 or not _is_plain(network.config):
        return None
    with torch.inference_mode():
        rounding = _rounding(network, x)
        return None if rounding is None else JobDrafts(network, Measured(rounding, _overhead(network, x)))


def _is_plain(config: Any) -> bool:
    """Returns whether every layer reads all tokens before, and positions mean the same in texts of any length."""
    rope = getattr(config, "rope_parameters", None) or {}
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    windowed = getattr(config, "sliding_window", None) is not None and getattr(config, "use_sliding_window", True)
    return (
        config.model_type in _FAMILIES
        and kinds == {"full_attention"}
        and not windowed
        and rope.get("rope_type", "default") not in ("dynamic", "longrope")
    )


class _Recorded:
    """Chooses greedily, and keeps the logits of every step of every row."""

    def __init__(self, rows: int) -> None:
        self.logits: list[dict[int, torch.Tensor]] = [{} for _ in range(rows)]

    def tokens(
        self, logits: torch.Tensor, rows: Sequence[int], steps: Sequence[int]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        for of_row, row, step in zip(logits, rows, steps, strict=True):
            self.logits[row] |= {step + place: at_place for place, at_place in enumerate(of_row)}
        chosen = logits.argmax(dim=-1)
        return chosen, torch.ones_like(chosen, dtype=torch.bool)


def _rounding(network: Any, x: torch.Tensor) -> float | None:
    """Returns how far rounding is taken to move a logit, None where drafts move it further: rows with drafts that turn
    out wrong at different tokens, against each row alone, token by token."""
    alone = [_alone(network, row[None]) for row in x]
    trees = []
    for (tokens, _), wrong in zip(alone, _WRONG_FROM, strict=True):
        tree = PrefixTree()
        tree.add([*tokens[:wrong], *((token + 1) % network.config.vocab_size for token in tokens[wrong:])])
        trees.append(tree)
    recorded = _Recorded(len(x))
    said = decoded(network, x, recorded, trees, ends=(), limit=_STEPS, overhead=_MOST_OVERHEAD)
    moved = spread = 0.0
    for (tokens, logits), found, texts in zip(alone, recorded.logits, said, strict=True):
        for step, (plain, token) in enumerate(zip(logits, tokens, strict=True)):
            moved = max(moved, float((found[step] - plain).abs().max()))
            spread = max(spread, float(plain.max() - plain.min()))
            if texts is None or texts[step] != token:
                break  # a tie, to rounding: from here on the two have different prompts
    if not moved <= _MOST * spread:
        return None
    return max(_SAFETY * moved, _LEAST * spread)


def _alone(network: Any, x: torch.Tensor) -> tuple[list[int], torch.Tensor]:
    """Returns what one row, (1, tokens, width), says greedily and token by token, and its logits, (steps,
    vocabulary)."""
    made = network.generate(
        inputs_embeds=x,
        attention_mask=torch.ones(x.shape[:2], dtype=torch.long, device=x.device),
        generation_config=GenerationConfig(
            max_new_tokens=_STEPS,
            do_sample=False,
            pad_token_id=0,
            return_dict_in_generate=True,
            output_logits=True,
        ),
    )
    logits = torch.stack(made.logits, dim=1)[0].float()
    return logits.argmax(dim=-1).tolist(), logits


def _overhead(network: Any, x: torch.Tensor) -> float:
    """Returns how many tokens are computed in the time that a pass takes whatever it computes."""
    narrow, wide = (_seconds(network, x[:1, :1].expand(1, count, -1)) for count in (1, _WIDE))
    of_token = (wide - narrow) / (_WIDE - 1)
    return min(max(0.0, narrow / of_token - 1), _MOST_OVERHEAD) if of_token > 0 else _MOST_OVERHEAD


def _seconds(network: Any, x: torch.Tensor) -> float:
    """Returns the time of a pass over (1, tokens, width), logits of all tokens included."""
    taken = []
    for _ in range(_TIMED):
        started = time.perf_counter()
        GappedCache(network, 1).logits(x, x.shape[1]).argmax(dim=-1).cpu()  # which waits for the device
        taken.append(time.perf_counter() - started)
    return min(taken)
