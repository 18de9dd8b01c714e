"""The conditions that are compared: where a prompt is noised on its way into the same frozen language model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from smoothgen.certificates import ModelIdentity
from smoothgen.contracts import TextParameters
from smoothgen.noise import Seed, Stream
from workers.features.sentence_encoder import SentenceEncoder
from workers.generators import Condition, Draw, Failure, Smoothing
from workers.generators.bottleneck import BottleneckModel
from workers.generators.bottleneck.loading import read_bottleneck
from workers.generators.language.adapter import LanguageModel
from workers.generators.language.loading import load_smollm2
from workers.settings import Settings
from workers.training.bottleneck.__main__ import READING_HIDDEN, training_sentences
from workers.training.bottleneck.domain import intents
from workers.training.bottleneck.heads import discriminant, principal_components
from workers.training.bottleneck.reading import train_reading
from workers.training.bottleneck.table import answer_losses

ANSWER_TOKENS = 12
SEED = Seed(5, "client")
_BATCH = 64


@dataclass
class Design:
    """One way in. `sigmas`: the grid on which the perplexity is measured."""

    name: str
    generator: Any
    language: LanguageModel
    chat: bool
    sigmas: tuple[float, ...]

    @cached_property
    def parameters(self) -> TextParameters:
        return TextParameters(max_new_tokens=ANSWER_TOKENS, chat=self.chat)

    def condition(self, text: str, sigma: float = 1.0) -> Condition:
        return self.generator.condition(
            text, self.parameters, Smoothing("embedding", sigma, Draw(SEED, Stream.GENERATOR_COMMON, 0))
        )

    def place(self, text: str) -> np.ndarray:
        """x of a prompt."""
        return self.condition(text).embedding.astype(np.float64)

    def say(self, text: str, sigma: float, stream: Stream, count: int) -> list[str]:
        """`count` noisy answers; a failed one is an empty text."""
        condition = self.condition(text, sigma)
        said: list[str] = []
        for first in range(0, count, _BATCH):
            rows = range(first, min(first + _BATCH, count))
            noise = condition.mechanism.draw(SEED, stream, rows, condition.embedding.shape)
            draws = [Draw(SEED, Stream.GENERATOR_COMMON, 0)] * len(rows)
            made = self.generator.generate(condition, noise, draws, self.parameters)
            said += ["" if isinstance(m, Failure) else m.text for m in made]
        return said

    def say_still(self, text: str) -> str:
        """What it says when there is no noise."""
        condition = self.condition(text)
        still = np.zeros((1, *condition.embedding.shape))
        [made] = self.generator.generate(condition, still, [Draw(SEED, Stream.GENERATOR_COMMON, 0)], self.parameters)
        return made.text

    @cached_property
    def answers(self) -> list[str]:
        """What it says to the canonical prompts when there is no noise."""
        return [self.say_still(intent.canonical) for intent in intents()]

    def same(self) -> list[int]:
        """Of the held-out phrasings: how many get the canonical prompt's answer to the letter, no noise; and all."""
        said = [(self.say_still(text), self.answers[k]) for k, i in enumerate(intents()) for text in i.held_out]
        return [sum(a == b for a, b in said), len(said)]

    def loss(self, sigma: float, which: Sequence[int], draws: int) -> float:
        """Mean negative log-likelihood a token of its own clean answers, when σ noise lies on the canonical prompt."""
        losses = []
        for k in which:
            condition = self.condition(intents()[k].canonical, 1.0)
            noise = sigma * condition.mechanism.draw(SEED, Stream.CALIBRATION, range(draws), condition.embedding.shape)
            ids = self.language.tokenizer(self.answers[k], add_special_tokens=False)["input_ids"]
            with torch.inference_mode():
                inputs = self.generator.inputs(condition, noise)
                losses += answer_losses(self.language.network, inputs, [torch.tensor(ids)] * draws).tolist()
        return float(np.mean(losses))


def designs(folder: Path) -> list[Design]:
    """The shipped head, two linear maps of the same width read in the same way, and raw token embeddings."""
    language = load_smollm2("smollm2-135m", Settings(device="cpu"))
    encoder = SentenceEncoder.packaged()
    sentences = training_sentences(encoder)
    config, head, soft_prompt = read_bottleneck(folder)
    grid = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5)

    def bottleneck(name: str, place: Any, reads: Any) -> Design:
        identity = ModelIdentity(name, "benchmark", language.identity.digest)
        model = BottleneckModel(
            encoder, place, reads, language, identity=identity, description=name, default_sigma=config.default_sigma
        )
        return Design(name, model, language, False, grid)

    found = [bottleneck(f"trained head ({head.width})", head, soft_prompt)]
    for name, linear in (
        (f"discriminant ({head.width})", discriminant(sentences, head.width)),
        (f"principal components ({head.width})", principal_components(sentences, head.width)),
    ):
        points = sentences.points(linear)
        reads = train_reading(points, soft_prompt.table, count=1500, hidden=READING_HIDDEN, seed=0, threads=1)
        found.append(bottleneck(name, linear, reads))
    raw = Design("raw token embeddings", language, language, True, (0.005, 0.01, 0.02, 0.03, 0.05, 0.08))
    return [*found, raw]
