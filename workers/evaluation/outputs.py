"""Noisy outputs of a prompt in this process, and their features: what attacks, baselines and fidelity measure.

Outputs are made by the code that jobs use (conditions, mechanisms, batches, the generator's own randomness), so what is
evaluated is what is served. Embeddings may be displaced, as an attack does.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from smoothgen.contracts import EMBEDDING, Parameters
from smoothgen.errors import InvalidMetric, InvalidPrompt
from smoothgen.noise import Seed, Stream
from workers.distances import OutputMetric
from workers.distances.capped import Capped
from workers.distances.chord import Chord
from workers.distances.label import LabelMetric, Verdict
from workers.generators import Condition, Draw, Failure, Made, Smoothing
from workers.generators.batching import Batcher
from workers.generators.unnoised import Unnoised
from workers.jobs.sampling import FRESH_DRAWS
from workers.serving.default_parameters import default_parameters as default_parameters
from workers.serving.loaded_model import LoadedModel

Output = Made | Failure
Features = NDArray[np.float64]

_COMMON_STREAM: Final = Stream.GENERATOR_COMMON


def noise_on_embedding(sigma: float, seed: Seed, *, mechanism: str = EMBEDDING, snapped: bool = False) -> Smoothing:
    """Returns the noise of a job with this seed, as `outputs` takes it."""
    return Smoothing(mechanism, sigma, Draw(seed, _COMMON_STREAM, 0), snapped=snapped)


def condition_for(
    loaded: LoadedModel,
    prompt: str,
    parameters: Parameters,
    smoothing: Smoothing | None,
    *,
    embedding: NDArray[np.floating] | None = None,
) -> Condition:
    """Returns the prompt as the generator sees it, with another embedding in the place of its own where one is given.

    smoothing: None for the model without noise. embedding: of the shape of `condition.embedding`. Raises InvalidPrompt
    for one of another shape, InvalidInput as the generator's `condition` does.
    """
    generator = loaded.generator
    asked = smoothing or noise_on_embedding(generator.default_sigma, Seed(0, "client"))
    condition = generator.condition(prompt, parameters, asked)
    if smoothing is None:
        condition = dataclasses.replace(condition, mechanism=Unnoised())
    if embedding is None:
        return condition
    if embedding.shape != condition.embedding.shape:
        raise InvalidPrompt(
            f"a displaced embedding of {prompt!r:.80} must have the shape of the prompt's, "
            f"{condition.embedding.shape}, got {embedding.shape}",
            field="embedding",
        )
    return dataclasses.replace(condition, embedding=np.asarray(embedding))


def outputs(
    loaded: LoadedModel,
    prompt: str,
    parameters: Parameters,
    smoothing: Smoothing | None,
    seed: Seed,
    stream: Stream,
    count: int,
    *,
    embedding: NDArray[np.floating] | None = None,
    batch_size: int,
    first: int = 0,
    randomness: Literal["common", "fresh"] = "common",
) -> list[Output]:
    """Returns samples `first` to `first + count - 1` of a stream: the noisy outputs that a job of this seed would draw.

    smoothing: `noise_on_embedding`, or None for the model without noise. stream: SELECTION, CERTIFICATION or SERVED.
    randomness: whether all samples share the generator's own ω (`smoothing.common`, or of `seed` without noise), or
    each has its own. Two calls that differ in `embedding` alone draw the same noise and the same ω, sample by sample.
    Raises InvalidInput as `condition_for` does, KeyError for another stream under fresh randomness, GenerationFailed
    where not even one sample fits the memory.
    """
    condition = condition_for(loaded, prompt, parameters, smoothing, embedding=embedding)
    common = Draw(seed, _COMMON_STREAM, 0) if smoothing is None else smoothing.common

    def one_batch(indices: Sequence[int]) -> Sequence[Output]:
        noise = condition.mechanism.draw(seed, stream, indices, condition.embedding.shape)
        fresh = randomness == "fresh"
        draws = [Draw(seed, FRESH_DRAWS[stream], i) if fresh else common for i in indices]
        return loaded.generator.generate(condition, noise, draws, parameters)

    batches = Batcher(batch_size).run(range(first, first + count), one_batch)
    return list(chain.from_iterable(made for _, made in batches))


def features(loaded: LoadedModel, metric: OutputMetric, outputs: Sequence[Output]) -> Features:
    """Returns features whose Euclidean distance is the output metric, shape (len(outputs), d); NaN for failed outputs.

    For pictures under pixel-rmse and the chord metrics, texts under sentence-chord, numbers under absolute. Labels have
    no features of their own: `label_features` needs all groups of outputs at once. Raises InvalidMetric for labels, for
    edit (no Euclidean distance), for a capped metric, and where all outputs failed.
    """
    del loaded  # the metric holds its instruments
    contents = [output.content for output in outputs if not isinstance(output, Failure)]
    if not contents:
        raise InvalidMetric(f"none of {len(outputs)} outputs can be measured; all failed", field="metric")
    whole = _features_of(metric, contents)
    rows = np.full((len(outputs), whole.shape[1]), np.nan)
    rows[[not isinstance(output, Failure) for output in outputs]] = whole
    return rows


def _features_of(metric: OutputMetric, contents: Sequence[Any]) -> Features:
    if isinstance(metric, Chord):
        return metric.features(contents)
    if metric.name == "absolute" and not isinstance(metric, Capped):
        return np.array([[float(text)] for text in contents])  # they are spelled out
    if metric.name == "pixel-rmse" and not isinstance(metric, Capped):
        pictures = np.stack([np.asarray(picture, dtype=np.float64).ravel() for picture in contents])
        scaled: Features = pictures / (255 * math.sqrt(pictures.shape[1]))
        return scaled
    raise InvalidMetric(
        f"outputs have no features in which their Euclidean distance is {metric.name!r}"
        f"{' under a cap' if isinstance(metric, Capped) else ''}; use pixel-rmse, a chord metric or absolute, or "
        "label_features for answers",
        field="metric",
    )


def labels(metric: OutputMetric, outputs: Sequence[Output]) -> list[str | None]:
    """Returns the answer of every output under metric label or verdict; None for an output without one and for a
    failed one. Raises InvalidMetric for another metric."""
    if not isinstance(metric, LabelMetric | Verdict):
        raise InvalidMetric(f"metric {metric.name!r} has no labels; use label or verdict", field="metric")
    whole = iter(metric.labels([output.content for output in outputs if not isinstance(output, Failure)]))
    return [None if isinstance(output, Failure) else next(whole) for output in outputs]


def label_features(*groups: Sequence[str | None]) -> list[Features]:
    """Returns features of labels for several groups of outputs at once: unit vectors divided by √2, so that two labels
    lie 1 apart. One column a label, "no label" included, in the order in which they sort."""
    known = sorted(set(chain.from_iterable(groups)), key=lambda label: (label is not None, label or ""))
    place = {label: column for column, label in enumerate(known)}
    table = np.eye(len(known)) * math.sqrt(0.5)  # rounded up: no two labels lie less than 1 apart
    return [table[[place[label] for label in group]].reshape(len(group), len(known)) for group in groups]
