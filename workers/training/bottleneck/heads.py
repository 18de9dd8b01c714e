"""Stage 2: x of a sentence. A trained head (shipped), and two linear maps without training steps to compare it with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  the name torch's users know
from numpy.typing import NDArray

from workers.generators.bottleneck.head import Head
from workers.training.stage import begin, steps

_BATCH = 256
_JITTER = 0.03
"""Noise a coordinate on the unit-norm sentence embeddings: words never seen lie between those that were."""
_ELSEWHERE_SHARE = 4  # of a batch, one in so many: prompts outside the domain are of many kinds

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Sentences:
    """Embedded phrasings: features (n, width) and the intent of each, −1 for one outside the domain."""

    features: Array
    intents: NDArray[np.int64]

    def points(self, head: Head | LinearHead) -> Sentences:
        """Returns the same phrasings in the space of x."""
        return Sentences(head.place(self.features), self.intents)


@dataclass(frozen=True)
class LinearHead:
    """A linear map to x = (sentence − mean) Wᵀ, scaled so that the nearest other intent lies √2 away on average."""

    mean: Array
    weight: Array

    def place(self, sentences: Array) -> Array:
        """Returns the x of each sentence, shape (n, k)."""
        placed: Array = (sentences - self.mean) @ self.weight.T
        return placed


def train_head(sentences: Sentences, *, count: int, hidden: int, seed: int, threads: int) -> Head:
    """Returns a head trained by cross-entropy to the intent, and to the uniform distribution, so to x = 0, for a prompt
    outside the domain."""
    generator = begin(seed, threads)
    features, labels = torch.from_numpy(sentences.features).float(), torch.from_numpy(sentences.intents)
    intents = int(labels.max()) + 1
    head = Head(features.shape[1], hidden, intents)
    targets = torch.full((len(labels), intents), 1 / intents)
    inside = labels >= 0
    targets[inside] = F.one_hot(labels[inside], intents).float()
    optimiser = torch.optim.AdamW(head.parameters(), lr=3e-3, weight_decay=5e-2)
    for step, bar in steps("head", count, optimiser):
        rows = draw_rows(labels, _BATCH, _BATCH // _ELSEWHERE_SHARE, generator)
        noisy = features[rows] + _JITTER * torch.randn((_BATCH, features.shape[1]), generator=generator)
        loss = F.cross_entropy(head(F.normalize(noisy, dim=-1)), targets[rows])
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        if step % 50 == 0:
            bar.set_postfix(loss=f"{loss.item():.4f}")
    return head.eval()


def draw_rows(labels: torch.Tensor, count: int, foreign: int, generator: torch.Generator) -> torch.Tensor:
    """Returns random rows, so many of them outside the domain."""
    inside, outside = (labels >= 0).nonzero()[:, 0], (labels < 0).nonzero()[:, 0]
    return torch.cat([
        inside[torch.randint(len(inside), (count - foreign,), generator=generator)],
        outside[torch.randint(len(outside), (foreign,), generator=generator)],
    ])  # fmt: skip


def principal_components(sentences: Sentences, width: int) -> LinearHead:
    """Returns the directions in which the training phrasings differ most, whatever they mean."""
    mean = sentences.features.mean(axis=0)
    _, _, directions = np.linalg.svd(sentences.features - mean, full_matrices=False)
    return _scaled(LinearHead(mean, directions[:width]), sentences)


def discriminant(sentences: Sentences, width: int) -> LinearHead:
    """Returns Fisher's discriminant: the directions in which meanings differ most against the differences of
    paraphrases.

    The within-class covariance of 7 phrasings an intent in 384 dimensions is shrunk by a fifth towards a multiple of 1.
    """
    inside = sentences.intents >= 0
    features, labels = sentences.features[inside], sentences.intents[inside]
    means = np.stack([features[labels == c].mean(axis=0) for c in range(labels.max() + 1)])
    within = features - means[labels]
    covariance = within.T @ within / len(within)
    size = len(covariance)
    covariance = 0.8 * covariance + 0.2 * np.trace(covariance) / size * np.eye(size)
    whiten = np.linalg.inv(np.linalg.cholesky(covariance))
    mean = means.mean(axis=0)
    _, _, directions = np.linalg.svd((means - mean) @ whiten.T, full_matrices=False)
    return _scaled(LinearHead(mean, directions[:width] @ whiten), sentences)


def _scaled(head: LinearHead, sentences: Sentences) -> LinearHead:
    means = class_means(head.place(sentences.features), sentences.intents)
    apart = np.linalg.norm(means[:, None] - means[None], axis=-1)
    np.fill_diagonal(apart, np.inf)
    return LinearHead(head.mean, head.weight * (np.sqrt(2) / apart.min(axis=1).mean()))


def class_means(points: Array, labels: Sequence[int] | NDArray[np.int64]) -> Array:
    """Returns the mean of every intent's points, shape (intents, k)."""
    labels = np.asarray(labels)
    return np.stack([points[labels == c].mean(axis=0) for c in range(labels.max() + 1)])
