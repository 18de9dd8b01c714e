"""Metrics of pictures: pixels, features and verdicts of the model's classifier, and what each puts in a certificate."""

from __future__ import annotations

import base64
import io
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from smoothgen.certificates import from_document, verify
from smoothgen.errors import GenerationFailed, UnknownName
from tests.support.workers import tiny_diffusion as tiny
from tests.support.workers.settings import CPU
from workers.distances import output_metric
from workers.distances.capped import Capped
from workers.distances.chord import FEATURE_CHORD, Chord
from workers.distances.label import Verdict
from workers.distances.pixels import PixelRmse
from workers.distances.protocol import Centre
from workers.features.picture_classifier import FEATURE_WIDTH, ClassifierNetwork, PictureClassifier
from workers.serving.loaded_model import Encoders, LoadedModel

PARTS = {"garment": ["sneaker", "coat", "bag"], "colour": ["red", "blue"]}
SHAPE = (3, 2, 3)
small = arrays(np.uint8, SHAPE)
samples = st.lists(small, min_size=1, max_size=5)


def slow(a: np.ndarray, b: np.ndarray) -> float:
    """√(mean of squares), exact until the root."""
    squares = [Fraction(int(p) - int(q), 255) ** 2 for p, q in zip(a.flat, b.flat, strict=True)]
    return math.sqrt(sum(squares) / len(squares))


def at(pixels: np.ndarray) -> Centre:
    return Centre(pixels, 1.0, {})


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(PixelRmse().distances([a], at(b))[0])


@given(small, small)
def test_pixel_rmse_is_the_root_mean_square_of_exact_differences(a: np.ndarray, b: np.ndarray):
    assert distance(a, b) == pytest.approx(slow(a, b), rel=1e-14)


@given(small, small, small)
def test_pixel_rmse_is_a_metric(a: np.ndarray, b: np.ndarray, c: np.ndarray):
    assert distance(a, b) == distance(b, a)
    assert distance(a, c) <= distance(a, b) + distance(b, c) + 1e-15
    assert (distance(a, b) == 0) == np.array_equal(a, b)
    assert 0 <= distance(a, b) <= PixelRmse.diameter


def test_pixel_rmse_from_black_to_white_is_the_diameter():
    assert distance(np.zeros(SHAPE, np.uint8), np.full(SHAPE, 255, np.uint8)) == 1.0


def test_a_large_pictures_squares_do_not_overflow():
    side = 1024  # 3·1024²·255² is beyond 32 bits
    assert distance(np.zeros((side, side, 3), np.uint8), np.full((side, side, 3), 255, np.uint8)) == 1.0


@given(samples, small)
def test_no_picture_lies_beyond_the_bound(contents: list[np.ndarray], other: np.ndarray):
    centre = PixelRmse().choose_centre(contents)
    furthest = np.where(centre.value < 128, 255, 0).astype(np.uint8)
    assert PixelRmse().distances([*contents, other, furthest], centre).max() <= centre.bound <= 1
    assert distance(furthest, centre.value) == pytest.approx(centre.bound, rel=1e-11)  # and the bound is met


@given(samples)
def test_the_centre_is_the_mean_and_its_representative_the_nearest(contents: list[np.ndarray]):
    centre = PixelRmse().choose_centre(contents)
    for place in np.ndindex(SHAPE):
        mean = Fraction(sum(int(c[place]) for c in contents), len(contents))
        assert abs(int(centre.value[place]) - mean) <= Fraction(1, 2)
    distances = PixelRmse().distances(contents, centre)
    assert distances[centre.representative] == distances.min()


@given(samples)
def test_the_certificates_centre_is_the_one_that_was_used(contents: list[np.ndarray]):
    centre = PixelRmse().choose_centre(contents)
    assert centre.document["kind"] == "mean picture"
    assert centre.document["encoding"] == "png/base64"
    read = np.asarray(Image.open(io.BytesIO(base64.b64decode(centre.document["value"]))))
    assert np.array_equal(read, centre.value)


def test_a_picture_of_another_size_cannot_be_measured():
    black = np.zeros(SHAPE, np.uint8)
    found = PixelRmse().distances([black, black[:2], black], at(black))
    assert np.array_equal(found, [0, np.nan, 0], equal_nan=True)
    with pytest.raises(GenerationFailed, match="differ in size"):
        PixelRmse().choose_centre([black, black[:2]])


@given(samples, small, st.floats(1e-6, 2))
def test_under_a_cap_distances_and_bound_end_there(contents: list[np.ndarray], other: np.ndarray, cap: float):
    inner, capped = PixelRmse(), Capped(PixelRmse(), cap)
    centre = capped.choose_centre(contents)
    assert centre.bound == min(cap, inner.choose_centre(contents).bound)
    assert capped.diameter == min(1.0, cap)
    found = capped.distances([other, other[:1]], centre)
    assert found[0] == min(cap, inner.distances([other], centre)[0]) <= centre.bound
    assert np.isnan(found[1])


@pytest.fixture(scope="module")
def network() -> ClassifierNetwork:
    torch.manual_seed(4)
    return ClassifierNetwork(PARTS).eval()


@pytest.fixture(scope="module")
def classifier(network: ClassifierNetwork) -> PictureClassifier:
    return PictureClassifier(network, "a classifier")


def pictures(count: int, side: int = 32) -> list[np.ndarray]:
    return [*np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)]


def test_a_saved_classifier_is_the_same_network(network: ClassifierNetwork, tmp_path: Path):
    network.save(tmp_path)
    loaded = ClassifierNetwork.load(tmp_path)
    assert loaded.parts == PARTS
    assert not loaded.training
    for one, other in zip(network.state_dict().values(), loaded.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_features_are_the_networks_own_on_the_unit_sphere(network: ClassifierNetwork, classifier: PictureClassifier):
    shown = pictures(5)
    found = classifier.features(shown)
    with torch.inference_mode():
        scaled = torch.from_numpy(np.stack(shown).transpose(0, 3, 1, 2).astype(np.float32) / 255 * 2 - 1)
        raw = network(scaled)[0].double().numpy()
    assert found.shape == (5, FEATURE_WIDTH)
    assert np.allclose(found, raw / np.linalg.norm(raw, axis=1, keepdims=True), atol=1e-6)
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-12)


def test_features_do_not_depend_on_the_batch(classifier: PictureClassifier):
    shown = pictures(300)  # more than one batch
    together = classifier.features(shown)
    assert np.allclose(together[[0, 255, 256, 299]], classifier.features([shown[k] for k in (0, 255, 256, 299)]),
                       atol=1e-5)  # fmt: skip
    assert len(classifier.verdicts(shown)) == 300


def test_larger_pictures_are_averaged_down_to_the_networks_size(classifier: PictureClassifier):
    shown = pictures(3)
    doubled = [picture.repeat(2, axis=0).repeat(2, axis=1) for picture in shown]
    assert np.allclose(classifier.features(doubled), classifier.features(shown), atol=1e-5)
    assert classifier.verdicts(doubled) == classifier.verdicts(shown)


def test_a_verdict_reads_as_english_wants_it(tmp_path: Path):
    network = ClassifierNetwork(PARTS)
    with torch.no_grad():
        for head, sure in zip(network.heads, (2, 1), strict=True):
            head.bias[sure] = 1e6
    assert PictureClassifier(network, "sure").verdicts(pictures(2)) == ["blue bag", "blue bag"]


def test_feature_chord_is_the_distance_on_the_sphere(classifier: PictureClassifier):
    metric, shown = Chord(classifier, FEATURE_CHORD), pictures(6)
    centre = metric.choose_centre(shown[:4])
    features = classifier.features(shown)
    expected = np.linalg.norm(features - features[:4].mean(axis=0), axis=1)
    found = metric.distances(shown, centre)
    assert np.allclose(found, expected, atol=1e-6)
    assert found.max() <= centre.bound <= metric.diameter
    assert centre.representative == int(np.argmin(found[:4]))
    stored = np.frombuffer(base64.b64decode(centre.document["value"]), "<f4")
    assert np.array_equal(stored.astype(np.float64), centre.value)
    assert metric.options == {"encoder": "a classifier"}


def test_the_verdict_metric_tells_equal_names_from_others(classifier: PictureClassifier):
    class Named:
        """Calls a picture by its first pixel."""

        name = "first pixel"

        def verdicts(self, shown):
            return [str(picture[0, 0, 0]) for picture in shown]

        def features(self, shown):
            return classifier.features(shown)

    shown = [np.full((8, 8, 3), level, np.uint8) for level in (3, 7, 7, 3, 7)]
    metric = Verdict(Named())
    centre = metric.choose_centre(shown)
    assert (centre.value, centre.representative, centre.bound) == ("7", 1, 1.0)
    assert metric.distances(shown, centre).tolist() == [1, 0, 0, 1, 0]
    assert metric.options == {"classifier": "first pixel"}


def test_a_model_with_a_judge_is_certified_in_its_metrics(tmp_path: Path, network: ClassifierNetwork):
    folder = tiny.save(tmp_path)
    network.save(folder / "judge")
    model = tiny.load(folder)
    served = LoadedModel(model, Encoders(CPU), CPU)
    assert [m.name for m in served.card.metrics] == ["pixel-rmse", "feature-chord", "verdict"]
    for asked in ("feature-chord", "verdict", {"name": "feature-chord", "cap": 0.5}, "pixel-rmse"):
        job = tiny.spec(tiny.parameters(), metric=asked, samples=60, tolerance=0.45)
        metric = output_metric(job.metric, served)
        certificate = tiny.run(job, model, metric=metric).certificate
        assert certificate is not None
        assert verify(certificate).valid
        assert certificate["metric"]["name"] == (asked if isinstance(asked, str) else asked["name"])
        if metric.options:
            [named] = metric.options.values()
            assert named.startswith("picture classifier sha256:")
        distances = from_document(certificate).evidence.distances
        assert 0 <= distances.min() <= distances.max() <= metric.diameter


def test_a_model_without_a_judge_offers_pixels_only(tmp_path: Path):
    model = tiny.load(tiny.save(tmp_path))
    served = LoadedModel(model, Encoders(CPU), CPU)
    assert [m.name for m in served.card.metrics] == ["pixel-rmse"]
    for asked in ("feature-chord", "verdict"):
        job = tiny.spec(tiny.parameters(), metric=asked)
        with pytest.raises(UnknownName, match=rf"{asked}.*GET /models"):
            output_metric(job.metric, served)
