"""Shaped noise: its covariance, its norm on the safe side, and a shape that reads back or is refused."""

from __future__ import annotations

import base64
import json
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothgen.certificates import Certificate, certify, verify
from smoothgen.certificates.format.document import content_digest, from_document, to_document
from smoothgen.certificates.provenance import Provenance, Threat
from smoothgen.errors import InvalidCertificate, InvalidEpsilon, InvalidParameters, InvalidSigma
from smoothgen.mechanisms import Gaussian, Mechanism, Shape, ShapedGaussian, mechanism_from_dict
from smoothgen.mechanisms.grid import grid_step
from smoothgen.mechanisms.protocol import Projecting
from smoothgen.noise import Seed, Stream

SEED = Seed(2024, "server")
PLANE = Shape.of("plane", np.array([[2.0, 0.0], [1.5, 0.5]]))


def lower(rows: int, seed: int, off: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.tril(off * rng.normal(size=(rows, rows)), -1) + np.diag(rng.uniform(0.5, 2.0, rows))


def shapes():
    return st.builds(
        lambda rows, seed: Shape.of("drawn", lower(rows, seed, off=0.5 / rows)), st.integers(1, 12), st.integers(0, 999)
    )


def exact_square(shape: Shape, delta: np.ndarray) -> Fraction:
    """‖A⁻¹δ‖² in exact arithmetic."""
    matrix = [[Fraction(float(a)) for a in row] for row in shape.matrix]
    solved: list[Fraction] = []
    for i, value in enumerate(delta.tolist()):
        known = sum((matrix[i][j] * solved[j] for j in range(i)), Fraction(0))
        solved.append((Fraction(value) - known) / matrix[i][i])
    return sum((y * y for y in solved), Fraction(0))


def packed(matrix: np.ndarray) -> bytes:
    return matrix[np.tril_indices(len(matrix))].astype("<f8").tobytes()


def test_it_is_a_mechanism_that_can_project():
    mechanism = ShapedGaussian(0.3, PLANE)
    assert isinstance(mechanism, Mechanism)
    assert isinstance(mechanism, Projecting)
    assert mechanism.norm != "l2"
    assert hash(mechanism) == hash(ShapedGaussian(0.3, Shape("plane", PLANE.packed)))
    assert len(str(mechanism)) < 100


@pytest.mark.parametrize("rows", [1, 2, 16, 64])
def test_the_json_form_reads_back_as_the_same_mechanism(rows):
    mechanism = ShapedGaussian(0.3, Shape.of("some", lower(rows, rows, off=0.01)))
    document = json.loads(json.dumps(mechanism.to_dict()))
    read = mechanism_from_dict(document)
    assert read == mechanism
    assert hash(read) == hash(mechanism)
    assert read.shape.dimension == document["shape"]["dimension"] == rows
    assert np.array_equal(read.shape.matrix, mechanism.shape.matrix)


def test_a_shape_is_scaled_to_determinant_one_and_keeps_its_form():
    matrix = lower(8, 1)
    shape = Shape.of("some", matrix)
    assert np.linalg.det(shape.matrix) == pytest.approx(1.0, rel=1e-12)
    ratio = shape.matrix[np.tril_indices(8)] / matrix[np.tril_indices(8)]
    assert np.allclose(ratio, ratio[0], rtol=1e-14)


def test_the_noise_has_the_covariance_and_the_length_it_says():
    shape, count = Shape.of("some", lower(6, 3)), 20_000
    mechanism = ShapedGaussian(0.7, shape)
    drawn = mechanism.draw(SEED, Stream.CERTIFICATION, range(count), (2, 3))
    noise = mechanism.noisy(np.zeros((2, 3)), drawn).reshape(count, 6)
    covariance = 0.49 * shape.matrix @ shape.matrix.T
    scale = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    # An entry of a sample covariance is off by at most √2·scale/√n standard deviations; 5 of them, 21 entries.
    assert (np.abs(noise.T @ noise / count - covariance) < 5 * math.sqrt(2 / count) * scale).all()
    assert mechanism.noise_norm(6) ** 2 == pytest.approx(np.trace(covariance), rel=1e-12)


def test_whitened_noise_is_the_round_noise_of_the_same_seed_on_its_grid():
    shape, x = Shape.of("some", lower(6, 3)), np.linspace(-1, 1, 6)
    mechanism = ShapedGaussian(0.7, shape)
    noisy = mechanism.noisy(x, mechanism.draw(SEED, Stream.SELECTION, range(5), (6,)))
    round_ = Gaussian(0.7).draw(SEED, Stream.SELECTION, range(5), (6,))
    whitened = np.linalg.solve(shape.matrix, (noisy - x).T).T
    assert np.allclose(whitened, round_, rtol=0, atol=0.51 * grid_step(0.7))
    points = np.linalg.solve(shape.matrix, noisy.T).T / grid_step(0.7)
    assert np.allclose(points, np.rint(points), rtol=0, atol=1e-6)


@pytest.mark.parametrize("batch", [1, 3, 20])
def test_batches_draw_the_same_noise(batch):
    mechanism, indices = ShapedGaussian(0.7, Shape.of("some", lower(16, 5, off=0.1))), list(range(20))
    whole = mechanism.draw(SEED, Stream.CERTIFICATION, indices, (4, 4))
    parts = [mechanism.draw(SEED, Stream.CERTIFICATION, indices[k : k + batch], (4, 4)) for k in range(0, 20, batch)]
    assert np.array_equal(np.concatenate(parts), whole)


@settings(max_examples=150, deadline=None)
@given(shape=shapes(), seed=st.integers(0, 999), exponent=st.integers(-250, 250))
def test_the_norm_is_never_below_the_exact_one_and_hardly_above(shape, seed, exponent):
    delta = np.random.default_rng(seed).normal(size=shape.dimension) * 10.0**exponent
    norm, exact = Fraction(ShapedGaussian(1.0, shape).attack_norm(delta)), exact_square(shape, delta)
    assert exact <= norm**2 <= exact * (1 + Fraction(1, 10**9))


def test_the_norm_is_safe_at_the_worst_condition_a_shape_may_have():
    rows = 24
    matrix = np.diag(np.geomspace(70, 0.02, rows)) + np.tril(np.full((rows, rows), 0.01), -1)
    shape = Shape.of("bad", matrix)
    assert shape.half_axes[1] / shape.half_axes[0] > 3000
    rng = np.random.default_rng(0)
    for _ in range(20):
        delta = shape.matrix @ rng.normal(size=rows)
        norm = Fraction(ShapedGaussian(1.0, shape).attack_norm(delta))
        assert exact_square(shape, delta) <= norm**2 <= exact_square(shape, delta) * (1 + Fraction(1, 10**6))


def test_the_identity_measures_and_draws_as_round_noise():
    shape = Shape.of("round", np.eye(3))
    mechanism, delta = ShapedGaussian(0.5, shape), np.array([3.0, 4.0, 12.0])
    assert mechanism.attack_norm(delta) == pytest.approx(13, rel=1e-12)
    assert shape.half_axes == pytest.approx((1, 1))
    drawn = mechanism.draw(SEED, Stream.SERVED, [0, 1], (3,))
    assert np.array_equal(drawn, Gaussian(0.5).draw(SEED, Stream.SERVED, [0, 1], (3,)))


@given(shape=shapes(), seed=st.integers(0, 999))
def test_the_half_axes_bound_the_norm_from_both_sides(shape, seed):
    shortest, longest = shape.half_axes
    delta = np.random.default_rng(seed).normal(size=shape.dimension)
    l2, norm = np.linalg.norm(delta), ShapedGaussian(1.0, shape).attack_norm(delta)
    assert l2 / longest <= norm * (1 + 1e-12)
    assert norm <= l2 / shortest * (1 + 1e-9)


def test_the_remark_prints_the_half_axes_outward():
    shape = Shape.of("some", lower(6, 3))
    shortest, longest = shape.half_axes
    words = ShapedGaussian(0.3, shape).remark.split("half-axes from ")[1].split("·epsilon")
    assert float(words[0]) <= shortest
    assert float(words[1].removeprefix(" to ")) >= longest
    assert ShapedGaussian(0.3, shape).remark.endswith(".")


def test_project_gives_the_likelihood_ratio_of_the_shaped_densities():
    shape, sigma = Shape.of("some", lower(4, 9)), 0.6
    mechanism, delta = ShapedGaussian(sigma, shape), np.array([0.3, -0.1, 0.2, 0.4])
    noise = mechanism.draw(SEED, Stream.CERTIFICATION, range(50), (2, 2))
    u, r = mechanism.project(noise, delta.reshape(2, 2))
    precision = np.linalg.inv(sigma**2 * shape.matrix @ shape.matrix.T)
    flat = noise.reshape(50, 4) @ shape.matrix.T
    exact = flat @ precision @ delta - delta @ precision @ delta / 2
    assert np.allclose(r * u - r * r / 2, exact, rtol=1e-9)
    assert r * sigma == pytest.approx(mechanism.attack_norm(delta.reshape(2, 2)), rel=1e-9)


@pytest.mark.parametrize("delta", [np.zeros(3), np.zeros((2, 2)), np.array([1.0, math.nan]), np.array([1.0, math.inf])])
def test_an_attack_that_is_no_shift_of_x_is_refused(delta):
    with pytest.raises(InvalidEpsilon):
        ShapedGaussian(0.3, PLANE).attack_norm(delta)


def test_zero_is_exact():
    assert ShapedGaussian(0.3, PLANE).attack_norm(np.zeros(2)) == 0.0


def test_another_dimension_than_the_shape_has_is_refused():
    mechanism = ShapedGaussian(0.3, PLANE)
    with pytest.raises(InvalidParameters, match="x has 3"):
        mechanism.draw(SEED, Stream.SERVED, [0], (3,))
    with pytest.raises(InvalidParameters, match="x has 3"):
        mechanism.noise_norm(3)


def test_a_sigma_out_of_range_is_refused():
    with pytest.raises(InvalidSigma, match="-1"):
        ShapedGaussian(-1, PLANE)


NOT_SHAPES = {
    "no bytes": b"",
    "half a number": packed(np.eye(2))[:-4],
    "no triangle": np.ones(2).tobytes(),
    "too many rows": packed(np.eye(65)),
    "not finite": packed(np.array([[1.0, 0.0], [math.nan, 1.0]])),
    "negative diagonal": packed(np.diag([-1.0, -1.0])),
    "zero on the diagonal": packed(np.diag([1.0, 0.0])),
    "determinant": packed(np.diag([1.0, 1.001])),
    "eccentric": packed(np.diag([101.0, 1 / 101.0])),
    "eccentric off the diagonal": packed(np.array([[1.0, 0.0], [1e300, 1.0]])),
}


@pytest.mark.parametrize("bad", NOT_SHAPES.values(), ids=NOT_SHAPES)
def test_bytes_that_are_no_shape_are_refused(bad):
    with pytest.raises(InvalidCertificate):
        Shape("bad", bad)
    document = ShapedGaussian(0.3, PLANE).to_dict()
    document["shape"]["cholesky"] = base64.b64encode(bad).decode()
    with pytest.raises(InvalidCertificate):
        mechanism_from_dict(document)


@pytest.mark.parametrize(
    "matrix", [np.ones((2, 2)), np.ones(4), np.ones((2, 3)), np.diag([1.0, math.inf]), np.diag([1.0, -2.0])]
)
def test_a_matrix_that_is_no_triangle_is_refused(matrix):
    with pytest.raises(InvalidCertificate):
        Shape.of("bad", matrix)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("name", ""),
        ("name", 3),
        ("name", "x" * 201),
        ("dimension", 3),
        ("dimension", 2.0),
        ("dimension", True),
        ("sha256", "sha256:" + "0" * 64),
        ("sha256", None),
        ("cholesky", None),
        ("cholesky", "not base64!"),
        ("cholesky", base64.b64encode(PLANE.packed).decode() + "\n"),
        ("surprise", 1),
    ],
)
def test_a_field_that_contradicts_the_others_is_refused(field, wrong):
    document = ShapedGaussian(0.3, PLANE).to_dict()
    document["shape"][field] = wrong
    with pytest.raises(InvalidCertificate):
        mechanism_from_dict(document)


@pytest.mark.parametrize("field", ["name", "dimension", "sha256", "cholesky"])
def test_a_missing_field_is_refused(field):
    document = ShapedGaussian(0.3, PLANE).to_dict()
    del document["shape"][field]
    with pytest.raises(InvalidCertificate, match="cholesky"):
        mechanism_from_dict(document)


@pytest.mark.parametrize("wrong", [None, "x", [], 3])
def test_a_shape_or_sigma_of_another_type_is_refused(wrong):
    document = ShapedGaussian(0.3, PLANE).to_dict()
    with pytest.raises(InvalidCertificate):
        mechanism_from_dict({**document, "shape": wrong})
    with pytest.raises(InvalidCertificate):
        mechanism_from_dict({key: value for key, value in document.items() if key != "shape"})
    if wrong != 3:
        with pytest.raises(InvalidCertificate):
            mechanism_from_dict({**document, "sigma": wrong})


def made(dimension: int = 2, noise_norm: float | None = None) -> dict:
    mechanism = ShapedGaussian(0.3, PLANE)
    length = mechanism.noise_norm(2) if noise_norm is None else noise_norm
    certificate = certify(
        np.linspace(0, 0.2, 500),
        bound=1.0,
        diameter=1.0,
        mechanism=mechanism,
        alpha=1e-3,
        tolerance=0.1,
        provenance=Provenance(threat=Threat("plugin:point of the plane", dimension, 1.0, length, ())),
    )
    assert isinstance(certificate, Certificate)
    return to_document(certificate)


def test_a_certificate_carries_the_shape_says_its_norm_and_verifies():
    document = json.loads(json.dumps(made()))
    assert verify(document)
    assert (
        "in ellipsoid norm, with the numbers that the generator reads, the distribution of outputs moves by no more"
        in document["statement"]
    )
    assert PLANE.digest in document["statement"]
    assert from_document(document).mechanism == ShapedGaussian(0.3, PLANE)


@pytest.mark.parametrize("wrong", [{"dimension": 3}, {"noise_norm": 0.3 * math.sqrt(2)}], ids=repr)
def test_verify_refuses_another_dimension_and_the_length_of_round_noise(wrong):
    failed = [check.name for check in verify(made(**wrong)).checks if not check.passed]
    assert failed == ["noise_norm"]


def test_verify_refuses_a_swapped_shape_even_with_a_fresh_digest():
    document = made()
    document["mechanism"]["shape"] = Shape.of("plane", np.eye(2)).to_dict()
    document["digest"] = content_digest(document)
    assert {c.name for c in verify(document).checks if not c.passed} >= {"statement", "noise_norm"}


def test_what_is_served_is_served_under_every_attack_within_128_sigmas():
    """A refusal at the border would be a jump that no bound knows: served at x, refused at x + δ."""
    mechanism = ShapedGaussian(0.01, Shape.of("some", lower(3, 4)))
    direction = mechanism.shape.matrix @ np.array([1.0, 0.0, 0.0])  # of ellipsoid norm 1
    near, far = direction * 0.01 * 895.9, direction * 0.01 * 896.1
    mechanism.require_near(near)
    attacked = near + direction * 0.01 * 127.9
    assert mechanism.noisy(attacked, np.zeros((1, 3))).shape == (1, 3)
    with pytest.raises(InvalidSigma, match=r"896 times sigma=0\.01"):
        mechanism.require_near(far)
    with pytest.raises(InvalidSigma, match=r"1024 times sigma=0\.01"):
        mechanism.noisy(direction * 0.01 * 1024.1, np.zeros((1, 3)))
