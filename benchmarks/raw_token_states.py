"""The default picture model with the noise where nobody should put it: on the sentence encoder's raw token states.

The same encoder, head and U-Net; x is 12 token states of 384 numbers, every one of them noised. From there on all is a
function of the noisy x: the states are pooled, the head places the mean, the pipeline draws it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from smoothgen.contracts import Parameters
from smoothgen.mechanisms import Gaussian
from workers.generators import Condition, Draw, Failure, Generator, Made, Smoothing

TOKENS = 12


class RawTokenStates:
    """A Generator around the shipped model. Prompts are cut, or padded with zeros, to 12 tokens."""

    mechanisms = ("embedding",)

    def __init__(self, inner: Any, default_sigma: float) -> None:
        self._inner: Generator = inner
        self._encoder, self._head = inner._prompts._encoder, inner._prompts._head
        self.identity = dataclasses.replace(inner.identity, name="fashion-32, raw token states")
        self.description, self.default_sigma, self.default_betas = inner.description, default_sigma, {}
        self.output_kind, self.for_learning = inner.output_kind, inner.for_learning
        self.image, self.classifier, self.longest_prompt_tokens = inner.image, inner.classifier, None

    def condition(self, prompt: str, parameters: Parameters, smoothing: Smoothing) -> Condition:
        inner = self._inner.condition(prompt, parameters, smoothing)
        return dataclasses.replace(
            inner,
            embedding=self._states(prompt),
            attack_on="token states of the sentence encoder",
            mechanism=Gaussian(smoothing.level),
            mixes=None,
            private=inner,
        )

    def generate(
        self, condition: Condition, noise: NDArray[np.float64], draws: Sequence[Draw], parameters: Parameters
    ) -> Sequence[Made | Failure]:
        pooled = condition.mechanism.noisy(condition.embedding, noise).sum(axis=1)
        sentences = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        placed = self._head.points(sentences).astype(np.float32)
        x = placed.reshape(-1, *condition.private.embedding.shape)
        inner = dataclasses.replace(condition.private, embedding=x)
        return self._inner.generate(inner, np.zeros(x.shape), draws, parameters)

    def _states(self, prompt: str) -> NDArray[np.float32]:
        tokens = self._encoder._tokenizer(prompt, truncation=True, max_length=TOKENS, return_tensors="pt")
        with torch.inference_mode():
            states = self._encoder._model(**tokens).last_hidden_state[0].float().cpu().numpy()
        padded = np.zeros((TOKENS, states.shape[1]), dtype=np.float32)
        padded[: len(states)] = states
        return padded
