"""Attacks on the embeddings of a prompt that is certified under mechanism tokens, each sent as a request would send it:
in `prompt_embeds`, through the same reading and the same snap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from smoothgen import ExhaustiveCertificate
from smoothgen.certificates import read_certificate
from smoothgen.contracts import JobSpec, PromptEmbeds, read_parameters
from smoothgen.noise import Stream
from tests.support.workers.jobs import Silent, metric_of, spec
from workers.generators import Condition, Draw
from workers.generators.batching import Batcher
from workers.generators.language.adapter import LanguageModel
from workers.jobs.in_process import run_job
from workers.jobs.measurement import measure
from workers.jobs.sampling import Samples, condition_of, generate, seed_of

PAST = 1 + 1e-3
"""Of the way to the plane between two rows: how far an aimed attack goes."""
STEPS = 3
GRADIENTS_AT_ONCE = 32
Array = NDArray[np.float64]


def tokens_job(prompt: str, *, metric: Any, **asked: Any) -> JobSpec:
    """A job of mechanism tokens."""
    job = spec(prompt, sigma=1.0, metric=metric, mechanism="tokens", **asked)
    robustness = job.request.robustness.model_copy(update={"sigma": None})
    return job.model_copy(update={"sigma": None, "request": job.request.model_copy(update={"robustness": robustness})})


def with_embeddings(job: JobSpec, embeddings: NDArray[np.float32]) -> JobSpec:
    """The job, with embeddings in its prompt's place as JSON brings them."""
    given = PromptEmbeds.of(embeddings).model_dump(mode="json")
    named = {name: value for name, value in job.parameters.model_dump().items() if name != "prompt_embeds"}
    return job.model_copy(update={"parameters": read_parameters("text", {**named, "prompt_embeds": given})})


@dataclass
class Tally:
    """What attacks came to. left: how many were read as other tokens than the prompt's. beyond: how many led to an
    output further away than the certificate's bound at their norm. unlisted: how many were read as a sequence that the
    list has not below their norm. furthest: the largest distance that was reached. read: the sequences."""

    tries: int = 0
    left: int = 0
    beyond: int = 0
    unlisted: int = 0
    furthest: float = 0.0
    read: set[tuple[int, ...]] = field(default_factory=set)


class AttackedPrompt:
    """A prompt, its certificate by `run_job`, and attacks on its embeddings."""

    def __init__(self, generator: LanguageModel, job: JobSpec, *, batch_size: int = 16) -> None:
        self.generator, self.job, self.metric = generator, job, metric_of(job)
        result = run_job(job, generator, self.metric, batcher=Batcher(batch_size), watch=Silent())
        assert result.certificate is not None, result.abstention
        certificate = read_certificate(result.certificate)
        assert isinstance(certificate, ExhaustiveCertificate)
        self.certificate, self.result = certificate, result
        self.condition = condition_of(job, generator)
        self.own: Array = self.condition.embedding.astype(np.float64)
        self._centre = self.metric.choose_centre([result.output.text])  # type: ignore[union-attr]
        self._listed = generator.listed(self.condition, job.request.robustness.samples)
        self._costs = dict(zip(map(self._ids, self._listed.change_lists), self._listed.cost_array, strict=True))
        self._shifts: Array = np.stack([self._of(ids).embedding - self.own for ids in self._costs])
        self._distances = {self.condition.tokens: 0.0}

    def read(self, embeddings: NDArray[np.float32]) -> Condition:
        """What the generator makes of embeddings that a request brings."""
        return condition_of(with_embeddings(self.job, embeddings), self.generator)

    def attacked(self, sent: Sequence[NDArray[np.float32]], read: Sequence[tuple[int, ...]] | None = None) -> Tally:
        """Sends embeddings and holds what comes back to the certificate. read: the tokens they are read as, where that
        is known already; otherwise each goes the whole way."""
        tally = Tally()
        for k, embeddings in enumerate(sent):
            norm = float(np.linalg.norm(embeddings - self.own))
            ids = self.read(embeddings).tokens if read is None else read[k]
            distance = self._distance(ids)
            tally.tries += 1
            tally.left += ids != self.condition.tokens
            tally.beyond += distance > self.certificate.w1_bound(norm)
            tally.unlisted += ids != self.condition.tokens and not self._costs.get(ids, np.inf) <= norm
            tally.furthest = max(tally.furthest, distance)
            tally.read.add(ids)
        return tally

    def snapped(self, sent: Sequence[NDArray[np.float32]]) -> list[tuple[int, ...]]:
        """The tokens that embeddings are read as, by one call of the snap for all of them."""
        ids = self.generator._snapping.snapped(np.concatenate(sent))
        return [tuple(ids[k : k + len(self.own)]) for k in range(0, len(ids), len(self.own))]

    def attacks(self, count: int, norm: float, seed: int) -> list[NDArray[np.float32]]:
        """Attacked embeddings of this norm: five of eight are aimed just past planes to other rows, half of these where
        the gradient points. The others go along random directions and along the gradient.

        Every second aimed one is no longer than it must be.
        """
        rng = np.random.default_rng(seed)
        aimed = count * 5 // 8
        gradient = self._gradients(np.zeros((1, *self.own.shape)))[0]
        found = [self._aimed(rng, norm, gradient if k % 2 else None, filled=k % 4 < 2) for k in range(aimed)]
        along = self._along_gradients(rng, (count - aimed) // 2, norm)
        random = [_scaled(rng.normal(size=self.own.shape), norm) for _ in range(count - aimed - len(along))]
        return [(self.own + delta).astype(np.float32) for delta in (*found, *along, *random)]

    def _ids(self, changes: Sequence[tuple[int, int]]) -> tuple[int, ...]:
        return self.generator.changed(self.condition, changes).tokens

    def _of(self, ids: tuple[int, ...]) -> Condition:
        return self.generator.changed(self.condition, list(enumerate(ids)))

    def _distance(self, ids: tuple[int, ...]) -> float:
        """Of the output on these tokens to the prompt's own; a failure lies at the diameter."""
        if ids not in self._distances:
            samples = Samples(self.job, self._of(ids), Stream.CERTIFICATION, range(1))
            [distance] = measure(list(generate(self.generator, [(samples, 0)])), self.metric, self._centre)
            self._distances[ids] = float(np.nan_to_num(distance, nan=self.metric.diameter))
        return self._distances[ids]

    def _aimed(self, rng: np.random.Generator, norm: float, gradient: Array | None, *, filled: bool) -> Array:
        """Past the planes to the rows of a sequence that this norm reaches: any, or one of those by which the
        prompt's own answer loses most, as far as the gradient tells."""
        count = int(np.searchsorted(self._listed.cost_array * PAST * (1 + 1e-6), norm))
        if not count:  # as far towards the nearest as this norm goes
            return _scaled(self._shifts[0], norm)
        places = np.arange(count)
        if gradient is not None:
            places = np.argsort(self._shifts[:count].reshape(count, -1) @ gradient.ravel())[:8]
        shift = self._shifts[rng.choice(places)]
        delta = shift / 2 * PAST
        if not filled:
            return delta
        rest = rng.normal(size=delta.shape)
        squared = np.square(shift).sum(axis=1, keepdims=True)
        along = (rest * shift).sum(axis=1, keepdims=True) / np.where(squared > 0, squared, 1)
        # The filling is orthogonal to the way to the other row, so that the row stays nearer than the prompt's own.
        return delta + _scaled(rest - along * shift, float(np.sqrt(norm**2 - np.square(delta).sum())))

    def _along_gradients(self, rng: np.random.Generator, count: int, norm: float) -> list[Array]:
        """Steps down the gradient from random starts, projected onto the sphere; half of them move one token alone."""
        found: list[Array] = []
        for start in range(0, count, GRADIENTS_AT_ONCE):
            size = min(GRADIENTS_AT_ONCE, count - start)
            masks = np.ones((size, len(self.own), 1))
            for k in range(0, size, 2):
                masks[k] = np.arange(len(self.own))[:, None] == rng.integers(len(self.own))
            deltas = np.stack([_scaled(d, norm) for d in rng.normal(size=(size, *self.own.shape)) * masks])
            for _ in range(STEPS):
                steps = self._gradients(deltas) * masks
                deltas = np.stack([_scaled(d - _scaled(g, norm), norm) for d, g in zip(deltas, steps, strict=True)])
            found += list(deltas)
        return found

    def _gradients(self, deltas: Array) -> Array:
        """Of the log-probability of the prompt's own next token, without the snap, shape as the deltas."""
        call = self.generator.smooth_map(
            self.condition, Draw(seed_of(self.job), Stream.GENERATOR_COMMON, 0), self.job.parameters
        ).call
        x = torch.tensor(self.own + deltas, dtype=torch.float32, requires_grad=True)
        with torch.no_grad():
            token = call(torch.tensor(self.own[None], dtype=torch.float32)).argmax()
        [gradient] = torch.autograd.grad(call(x)[:, token].sum(), x)
        return gradient.double().numpy()


def _scaled(delta: Array, norm: float) -> Array:
    length = np.linalg.norm(delta)
    return delta if length == 0 else delta * (norm / length)
