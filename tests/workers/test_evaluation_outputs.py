"""Outputs and features of an evaluation: the samples of a job, and the metric's own distances."""

from __future__ import annotations

import numpy as np
import pytest

from smoothgen.contracts import TextParameters, metric_with_defaults
from smoothgen.errors import InvalidMetric, InvalidPrompt
from smoothgen.noise import Seed, Stream
from tests.support.workers.jobs import Recorded, run, spec
from tests.support.workers.settings import CPU
from workers.distances.pixels import PixelRmse
from workers.evaluation.outputs import (
    condition_for,
    default_parameters,
    features,
    label_features,
    labels,
    noise_on_embedding,
    outputs,
)
from workers.generators import Failure, Picture, Text, load_generator
from workers.serving.loaded_model import Encoders, LoadedModel

SEED = Seed(0x0123456789ABCDEF, "client")


@pytest.fixture(scope="module")
def closed() -> LoadedModel:
    return LoadedModel(load_generator("closed-form-tanh", CPU), Encoders(CPU), CPU)


def test_outputs_are_the_samples_of_a_job_of_the_same_seed(closed: LoadedModel) -> None:
    recorded = Recorded(closed.generator)
    run(spec("0.25", sigma=0.5, metric="absolute", samples=20, selection_samples=8), recorded)
    noise = noise_on_embedding(0.5, SEED)

    ours = [
        *outputs(closed, "0.25", TextParameters(), noise, SEED, Stream.SELECTION, 8, batch_size=3),
        *outputs(closed, "0.25", TextParameters(), noise, SEED, Stream.CERTIFICATION, 20, batch_size=7),
    ]

    assert ours == recorded.outputs


def test_a_displaced_embedding_is_answered_under_the_same_noise(closed: LoadedModel) -> None:
    noise = noise_on_embedding(0.5, SEED)
    moved = np.array([0.75])
    there = outputs(closed, "0.75", TextParameters(), noise, SEED, Stream.CERTIFICATION, 5, batch_size=8)

    displaced = outputs(
        closed, "0.25", TextParameters(), noise, SEED, Stream.CERTIFICATION, 5, batch_size=8, embedding=moved
    )

    assert displaced == there
    with pytest.raises(InvalidPrompt, match=r"\(1,\), got \(2,\)"):
        condition_for(closed, "0.25", TextParameters(), noise, embedding=np.zeros(2))


def test_without_noise_all_samples_are_the_models_own_answer(closed: LoadedModel) -> None:
    plain = outputs(closed, "0.25", TextParameters(), None, SEED, Stream.CERTIFICATION, 3, batch_size=8)

    assert len(set(plain)) == 1


def test_features_lie_as_far_apart_as_the_metric_says() -> None:
    settings = CPU
    loaded = LoadedModel(load_generator("fashion-32", settings), Encoders(settings), settings)
    parameters = default_parameters(loaded)
    noise = noise_on_embedding(loaded.generator.default_sigma, SEED)
    made = outputs(loaded, "a red dress", parameters, noise, SEED, Stream.CERTIFICATION, 6, batch_size=6)
    pictures = [each.content for each in made if isinstance(each, Picture)]
    for name in ("pixel-rmse", "feature-chord"):
        metric = loaded.metric(metric_with_defaults(name))
        rows = features(loaded, metric, [*made, Failure("no picture")])
        assert np.isnan(rows[-1]).all()
        centre = metric.choose_centre(pictures[:1])
        expected = metric.distances(pictures, centre)
        # A chord's centre is kept as float32.
        assert np.linalg.norm(rows[:6] - rows[0], axis=1) == pytest.approx(expected, abs=1e-6)


def test_labels_lie_one_apart_and_other_metrics_have_none(closed: LoadedModel) -> None:
    metric = closed.metric(spec("0", sigma=1, metric={"name": "label", "extract": {"kind": "first_line"}}).metric)
    found = labels(metric, [Text("a"), Failure("x"), Text("b"), Text("a")])
    first, second = label_features(found, ["c"])

    assert found == ["a", None, "b", "a"]
    assert np.linalg.norm(first - first[0], axis=1) == pytest.approx([0, 1, 1, 0])
    assert np.linalg.norm(first - second[0], axis=1) == pytest.approx([1, 1, 1, 1])
    with pytest.raises(InvalidMetric, match="has no labels"):
        labels(PixelRmse(), [])
    with pytest.raises(InvalidMetric, match="no features"):
        features(closed, metric, [Text("a")])
