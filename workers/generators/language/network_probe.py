"""What is checked of a language model's network when it is loaded, and not taken on trust.

1. Its own output. Called with the embeddings of some tokens, without noise, it says what it says to the tokens
   themselves. A network that also reads token ids would be another model under noise.
2. Rows of their own. What it says in one row of a batch does not change with what the other rows hold, with the
   number of rows, nor with what it was called with before. The proofs need samples that do not read each other.

Equal means equal up to rounding: a batch of another size, and a mixture of experts sorted otherwise, add the same
numbers in another order. Rounding can also tip a choice between two near equal experts, and then it is not small; such
a choice depends on the noise, so a fault is one only when it shows under three draws of noise in a row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import GenerationConfig

from smoothgen.errors import InvalidParameters
from smoothgen.noise import Seed, Stream, normals
from workers.generators.language.tokenizers import ordinary_ids

_TOKENS: Final = 4
"""Tokens of the probe's prompt: enough for a token to have neighbours on both sides."""
_STEPS: Final = 3
"""New tokens: the first comes from the prompt, the later ones from a network that remembers it."""
_DRAWS: Final = 3
_BATCH, _LARGER_BATCH = 3, 7
_SEED: Final = Seed(0x9B0BE, "server")
_ROUNDING: Final = {torch.float32: 1e-4, torch.bfloat16: 2.0**-4, torch.float16: 2.0**-6}
"""The largest error allowed, as a share of the largest difference between two logits of a row: about 10³ units in the
last place in float32, some ten in 16 bits, where a network of a few dozen layers loses no more to another order of
summation. What depends on content moves logits by a tenth and more."""

_SENSITIVITY_ROWS: Final = 16
_SENSITIVITY_TOKENS: Final = 8
_SENSITIVITY_BATCHES: Final = (1, 4, 16)
_SENSITIVITY_PROMPT: Final = "The capital of France is"


@dataclass(frozen=True)
class _Answer:
    """Holds the logits of the new tokens, (rows, steps, vocabulary), the tokens chosen, (rows, steps), and what the
    rounding of the network's own precision may change of them (`_ROUNDING`)."""

    logits: torch.Tensor
    tokens: torch.Tensor
    rounding: float

    def row(self, index: int) -> _Answer:
        return _Answer(self.logits[index : index + 1], self.tokens[index : index + 1], self.rounding)


def require_sound(name: str, network: Any, tokenizer: Any) -> None:
    """Raises InvalidParameters, in one line, for a network that fails one of the checks above in every draw.

    The network is as it is served: its checkpoint's generation defaults are gone, so it is never asked to stop early.
    """
    for draw in range(_DRAWS):
        try:
            fault = _fault(network, tokenizer, draw)
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            fault = (
                f"it fails when it is called with noisy embeddings ({type(error).__name__}: {reason}); serve a decoder "
                "that needs embeddings only"
            )
        if fault is None:
            return
    raise InvalidParameters(f"model {name!r} ({type(network).__name__}) cannot be certified: {fault}")


def batch_sensitivity(network: Any, tokenizer: Any, sigma: float) -> float | None:
    """Returns the share of 16 noisy rows whose 8 tokens are not the same in batches of 1, 4 and 16; None in float32,
    where a token changes only in a tie to some 10⁻⁶."""
    if network.dtype == torch.float32:
        return None
    rows = noisy_rows(network, tokenizer, sigma, _SENSITIVITY_ROWS)
    with torch.inference_mode():
        answers = [
            torch.cat([_ask(network, part, _SENSITIVITY_TOKENS).tokens for part in torch.split(rows, size)])
            for size in _SENSITIVITY_BATCHES
        ]
    differs = torch.stack([(answer != answers[0]).any(dim=1) for answer in answers]).any(dim=0)
    return float(differs.double().mean())


def noisy_rows(network: Any, tokenizer: Any, sigma: float, count: int) -> torch.Tensor:
    """Returns noisy embeddings of a probe's prompt, (count, tokens, width)."""
    ids = tokenizer(_SENSITIVITY_PROMPT, add_special_tokens=False)["input_ids"] or _ids(tokenizer, 0)
    with torch.inference_mode():
        x = _embed(network, ids)
        return x + sigma * _noise(count, x, draw=_DRAWS)


def _fault(network: Any, tokenizer: Any, draw: int) -> str | None:
    """Returns what is wrong, with the remedy; None where all is well."""
    ids = _ids(tokenizer, draw)
    with torch.inference_mode():
        x = _embed(network, ids)
        plain = _ask(network, x)
        if not torch.isfinite(plain.logits.float()).all():
            return (
                f"its logits are not finite in {str(network.dtype).removeprefix('torch.')}; serve it in another dtype"
            )
        if not _same(plain, _ask(network, torch.tensor([ids], device=network.device))):
            return (
                "given the embeddings of a prompt's tokens, without noise, it does not say what it says to the tokens: "
                "it reads token ids beside the embeddings, which noise cannot reach; serve a decoder that needs "
                "embeddings only"
            )
        scale = x.float().square().mean().sqrt()
        kept, others = (x + scale * _noise(_LARGER_BATCH, x, draw=draw, part=part) for part in range(2))
        kept[0] = x[0]
        together = _ask(network, kept[:_BATCH])
        company = _ask(network, torch.stack([others[0], kept[1], others[2]]))
        larger = _ask(network, torch.stack([kept[0], others[1], kept[2], *others[3:]]))
        if not _same(together.row(1), company.row(1)) or not all(_same(together.row(k), larger.row(k)) for k in (0, 2)):
            return (
                "what it says in one row of a batch changes with what the other rows hold or how many there are, so "
                "its samples are not independent; serve an architecture whose rows do not read each other"
            )
        if not _same(plain, together.row(0)) or not _same(plain, _ask(network, x)):
            return (
                "it answers one row otherwise alone, in a batch, or a second time, by more than rounding: it remembers "
                "earlier calls, reads other rows, or draws randomness of its own; serve a deterministic architecture"
            )
    return None


def _ask(network: Any, prompt: torch.Tensor, steps: int = _STEPS) -> _Answer:
    """Returns the greedy answers to token ids, (rows, tokens), or to embeddings, (rows, tokens, width)."""
    embedded = prompt.is_floating_point()
    made = network.generate(
        inputs_embeds=prompt if embedded else None,
        input_ids=None if embedded else prompt,
        attention_mask=torch.ones(prompt.shape[:2], dtype=torch.long, device=prompt.device),
        generation_config=GenerationConfig(
            max_new_tokens=steps,
            do_sample=False,
            pad_token_id=0,
            return_dict_in_generate=True,
            output_logits=True,
        ),
    )
    logits = torch.stack(made.logits, dim=1)
    return _Answer(logits, logits.argmax(dim=-1), _ROUNDING[network.dtype])


def _same(one: _Answer, other: _Answer) -> bool:
    """Returns whether logits agree up to rounding, up to the first token that was chosen otherwise."""
    steps = min(one.tokens.shape[1], other.tokens.shape[1])
    for step in range(steps):
        ours, theirs = one.logits[:, step].float(), other.logits[:, step].float()
        spread = ours.amax() - ours.amin()
        if not bool((ours - theirs).abs().amax() <= one.rounding * spread):
            return False
        if not torch.equal(one.tokens[:, step], other.tokens[:, step]):
            return True  # a tie, to rounding: from here on the two have different prompts
    return True


def _ids(tokenizer: Any, draw: int) -> list[int]:
    ordinary = ordinary_ids(tokenizer)
    places = np.linspace(0, len(ordinary) - 1, _TOKENS * _DRAWS).round().astype(int)
    return [ordinary[place] for place in places[draw::_DRAWS]]


def _embed(network: Any, ids: list[int]) -> torch.Tensor:
    embedded: torch.Tensor = network.get_input_embeddings()(torch.tensor([ids], device=network.device))
    return embedded


def _noise(rows: int, x: torch.Tensor, *, draw: int, part: int = 0) -> torch.Tensor:
    shape = (rows, *x.shape[1:])
    drawn: NDArray[np.float64] = normals(_SEED, Stream.GENERATOR_COMMON, 2 * draw + part, math.prod(shape))
    return torch.from_numpy(drawn.reshape(shape)).to(x.device, x.dtype)
