"""Attacks on a prompt behind the token snap: displacements aimed at other token sequences, and what is read of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates import ExhaustiveCertificate
from smoothgen.contracts import JobSpec, PromptEmbeds, TextParameters
from smoothgen.errors import InvalidInput
from smoothgen.noise import Seed, Stream
from workers.evaluation.attacks.ascent import Ascent, ascend
from workers.evaluation.attacks.ball import Array, length, onto
from workers.evaluation.attacks.gradients import Through
from workers.evaluation.attacks.target import Target
from workers.generators import Condition, Draw, TokenSnap
from workers.jobs.measurement import measure
from workers.jobs.sampling import condition_of
from workers.serving.loaded_model import LoadedModel

PAST: Final = 1 + 1e-3
"""Of the way to the plane between two rows: how far an aimed attack goes."""
AIMED, ALONG, RANDOM = "aimed at token neighbours", "PGD through the snap", "random directions"


@dataclass(frozen=True, eq=False)
class Read:
    """An attack as the model reads it. tokens: the sequence. distance: of its output from the prompt's own, metric
    units. words: its text."""

    attack: str
    tokens: tuple[int, ...]
    distance: float
    words: str | None


class Snapped:
    """A prompt that every embedding is snapped around, its neighbours, and the outputs of what attacks turn it into."""

    def __init__(
        self, loaded: LoadedModel, spec: JobSpec, certificate: ExhaustiveCertificate, own: Any, *, listed: int
    ) -> None:
        """own: the content of the prompt's own output. listed: how many of the nearest sequences attacks are aimed at.

        Raises InvalidInput for a model that reads no embeddings in its prompt's place.
        """
        generator: Any = loaded.generator
        if generator.output_kind != "text" or not isinstance(generator, TokenSnap):
            raise InvalidInput(
                f"attacks on tokens send embeddings in the prompt's place, and model {loaded.card.id!r} takes none",
                field="robustness.mechanism",
            )
        if isinstance(spec.parameters, TextParameters) and spec.parameters.attacked_turns != "last":
            raise InvalidInput(
                f"attacks on tokens send embeddings in the last turn's place, and attacked_turns is "
                f"{spec.parameters.attacked_turns!r}; leave attacked_turns out",
                field="parameters.attacked_turns",
            )
        self._generator: Any = generator
        self._spec, self._certificate, self._metric = spec, certificate, loaded.metric(spec.metric)
        self.centre = self._metric.choose_centre([own])
        self.condition = condition_of(spec, loaded.generator)
        self.own: Array = self.condition.embedding.astype(np.float64)
        self._seed = Seed(int(spec.seed, 16), spec.seed_origin)
        self._distances: dict[tuple[int, ...], float] = {self.condition.tokens: 0.0}
        neighbours = self._generator.listed(self.condition, listed)
        self.costs: NDArray[np.float64] = neighbours.cost_array
        shifts = [self._of(changes).embedding - self.own for changes in neighbours.change_lists]
        self.shifts: Array = np.stack(shifts) if shifts else np.zeros((0, *self.own.shape))

    def read(self, embeddings: NDArray[np.float32]) -> Condition:
        """Returns what the generator makes of embeddings that a request brings in the prompt's place."""
        given = PromptEmbeds.of(embeddings).model_dump(mode="json")
        named = {k: v for k, v in self._spec.parameters.model_dump().items() if k != "prompt_embeds"}
        parameters = TextParameters.model_validate({**named, "prompt_embeds": given})
        return condition_of(self._spec.model_copy(update={"parameters": parameters}), self._generator)

    def attacked(self, attack: str, delta: Array, norm: float) -> Read:
        """Returns what the model makes of an attack of norm at most `norm`. The embeddings are sent as float32, rounded
        towards the prompt's own where the norm would be exceeded."""
        sent = (self.own + delta).astype(np.float32)
        while length(sent.astype(np.float64) - self.own) >= norm:
            delta = delta * (1 - 1e-6)
            sent = (self.own + delta).astype(np.float32)
        condition = self.read(sent)
        words = self._generator.words(condition).text
        return Read(attack, condition.tokens, self._distance(condition), words)

    def aimed(self, norm: float, runs: int, slope: Array | None) -> Iterator[Array]:
        """Yields displacements just past the plane to sequences that this norm reaches, `runs` of them: the nearest,
        and those by which the prompt's own next token loses most, as far as its gradient tells."""
        count = int(np.searchsorted(self.costs * PAST * (1 + 1e-6), norm))
        if not count:
            if len(self.shifts):  # as far towards the nearest as this norm goes
                yield onto(self.shifts[0], norm)
            return
        nearest = list(range(min(count, (runs + 1) // 2)))
        furthest = list(range(max(0, count - runs // 2), count))
        losing: list[int] = []
        if slope is not None:
            losing = np.argsort(self.shifts[:count].reshape(count, -1) @ slope.ravel())[: runs // 2].tolist()
        for place in dict.fromkeys([*losing, *nearest, *furthest]):
            yield self.shifts[place] / 2 * PAST

    def climbing(self, target: Target, norm: float, ascent: Ascent, rng: np.random.Generator) -> tuple[Array, Array]:
        """Returns the end of an ascent on the log-probability of another next token, the snap left out of the gradient,
        and the gradient of the prompt's own next token at the prompt."""
        through = Through(target.unprotected(), 1)
        gradient = through.gradient("another answer")
        losing = -gradient(np.zeros(self.own.shape), 0)
        found = ascend(
            gradient,
            lambda deltas: np.array([float((delta * -losing).sum()) for delta in deltas]),
            (),
            norm,
            shape=self.own.shape,
            ascent=ascent,
            rng=rng,
        )
        return found.delta, losing

    def w1_bound(self, norm: float) -> float:
        """Returns what the certificate says of attacks of this norm."""
        return self._certificate.w1_bound(norm)

    def _of(self, changes: Sequence[tuple[int, int]]) -> Condition:
        condition: Condition = self._generator.changed(self.condition, changes)
        return condition

    def _distance(self, condition: Condition) -> float:
        """Of the output on these tokens to the prompt's own; a failure lies at the diameter."""
        if condition.tokens not in self._distances:
            noise = condition.mechanism.draw(self._seed, Stream.CERTIFICATION, [0], condition.embedding.shape)
            draw = Draw(self._seed, Stream.GENERATOR_COMMON, 0)
            made = self._generator.generate(condition, noise, [draw], self._spec.parameters)
            [distance] = measure(made, self._metric, self.centre)
            self._distances[condition.tokens] = float(np.nan_to_num(distance, nan=self._metric.diameter))
        return self._distances[condition.tokens]
