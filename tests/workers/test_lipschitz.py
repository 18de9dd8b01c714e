"""The picture network with a proven constant: its norms, its offset, its certificates, and attacks on them."""

import json
import math
from dataclasses import replace
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy.linalg import hilbert

from smoothgen.certificates import Lipschitz, from_document, verify
from smoothgen.contracts import GenerateRequest
from smoothgen.errors import InvalidParameters, UnknownName
from smoothgen.mechanisms.grid import grid_step
from smoothgen.noise import Seed, Stream
from smoothgen.planning.plan import plan
from tests.support.workers.jobs import Silent
from workers.generators import Draw, Smoothing, load_generator
from workers.generators.batching import Batcher
from workers.generators.folders import SHIPPED
from workers.generators.lipschitz.network import CLAMP, Layer, LipschitzNetwork, max_min, network_of
from workers.generators.lipschitz.norms import frobenius_bound, gamma, product_up, spectral_norm_bound
from workers.jobs.in_process import run_job
from workers.serving.loaded_model import Encoders, LoadedModel
from workers.settings import Settings
from workers.training.captions import phrase
from workers.training.lipschitz import LIPSCHITZ, Decoder, styles_of, train_lipschitz
from workers.training.pictures import Garments
from workers.training.vocabulary import COLOURS, GARMENTS

MODEL = "fashion-lipschitz-32"
SEED = Seed(11, "server")


@pytest.fixture(scope="module")
def served():
    settings = Settings()
    return LoadedModel(load_generator(MODEL, settings), Encoders(settings), settings)


@pytest.fixture(scope="module")
def network(served):
    return served.generator.network


def planned(served, prompt="a red sneaker", parameters=None, **robustness):
    body = {"model": MODEL, "prompt": prompt, "seed": 1, "parameters": parameters or {}, "robustness": robustness}
    return plan(GenerateRequest.model_validate(body), served.card, max_samples=10_000)


def certified(served, batch=64, **robustness):
    spec = planned(served, **robustness)
    return run_job(spec, served.generator, served.metric(spec.metric), batcher=Batcher(batch), watch=Silent())


def rmse(a, b):
    """Of uint8 pictures, (n, …): exact sums."""
    squares = np.square(a.astype(np.int64) - b.astype(np.int64)).reshape(len(a), -1)
    return np.sqrt(squares.mean(axis=1)) / 255


def exact_norm(matrix):
    with mpmath.workdps(60):
        return mpmath.svd_r(mpmath.matrix(matrix.tolist()), compute_uv=False)[0]


def adversarial_matrices():
    rng = np.random.default_rng(0)
    orthogonal = np.linalg.qr(rng.standard_normal((12, 12)))[0]
    yield "hilbert", hilbert(12)
    yield "orthogonal: all singular values equal", orthogonal
    yield "two largest singular values 1e-15 apart", orthogonal * np.r_[1, 1 - 1e-15, np.logspace(0, -12, 10)]
    yield "rank one", np.outer(rng.standard_normal(9), rng.standard_normal(14))
    yield "one row", rng.standard_normal((1, 11))
    yield "one column", rng.standard_normal((11, 1))
    yield "zero", np.zeros((5, 7))
    yield "huge", rng.standard_normal((8, 6)) * 1e300
    yield "tiny, its squares underflow", rng.standard_normal((8, 6)) * 1e-300
    yield "subnormal", np.full((4, 4), 5e-324)
    yield "rows of very different size", rng.standard_normal((10, 10)) * np.logspace(-160, 160, 10)[:, None]
    yield "all the same sign", np.abs(rng.standard_normal((20, 15)))


@pytest.mark.parametrize(
    ("name", "matrix"), list(adversarial_matrices()), ids=lambda v: v if isinstance(v, str) else ""
)
def test_the_norm_bound_lies_above_sixty_digits_and_hardly_above(name, matrix):
    bound, exact = spectral_norm_bound(matrix), exact_norm(matrix)
    assert mpmath.mpf(bound) >= exact, name
    # Below 1e-290 the shift of the exponent costs a few subnormal units.
    assert bound <= float(exact) * (1 + 1e-11) + 1e-322, name


def test_the_norm_bound_is_right_for_an_svd_that_is_wrong(monkeypatch):
    """It must not trust the library: a factorisation that is a little off still gives a bound, a worse one."""
    rng = np.random.default_rng(1)
    matrix = rng.standard_normal((12, 8))
    svd = np.linalg.svd

    def wrong(w, full_matrices=True):
        u, s, vt = svd(w, full_matrices=full_matrices)
        return u + 1e-3 * rng.standard_normal(u.shape), 0.999 * s, vt

    monkeypatch.setattr(np.linalg, "svd", wrong)
    assert exact_norm(matrix) <= spectral_norm_bound(matrix) <= 1.2 * float(exact_norm(matrix))


def test_matrices_without_a_norm_are_refused():
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="no spectral norm"):
            spectral_norm_bound(np.array([[1.0, bad]]))


def test_scalar_bounds_against_fractions():
    rng = np.random.default_rng(2)
    for _ in range(200):
        factors = np.exp(rng.normal(0, 3, 7)).tolist()
        exact = math.prod(map(Fraction, factors), start=Fraction(1))
        assert exact <= Fraction(product_up(factors)) <= exact * (1 + Fraction(1, 2**51))
        row = np.exp(rng.normal(0, 5, 40))
        squares = sum(Fraction(v) ** 2 for v in row.tolist())
        assert squares <= Fraction(frobenius_bound(row)) ** 2 <= squares * (1 + Fraction(1, 10**12))
        n = int(rng.integers(1, 10**6))
        exact_gamma = Fraction(n, 2**53) / (1 - Fraction(n, 2**53))
        assert exact_gamma <= Fraction(gamma(n)) <= exact_gamma * (1 + Fraction(1, 2**50))


def test_max_min_sorts_pairs_and_moves_no_two_points_apart():
    assert max_min(np.array([[1.0, 3.0, 5.0, 2.0]])).tolist() == [[3.0, 1.0, 5.0, 2.0]]
    a, b = np.random.default_rng(3).standard_normal((2, 5000, 6))
    assert (np.linalg.norm(max_min(a) - max_min(b), axis=1) <= np.linalg.norm(a - b, axis=1) * (1 + 1e-15)).all()


def small_network(scale, seed=4):
    """Hidden layers of any size, and a last one that brings most pixels into [0, 1]."""
    rng = np.random.default_rng(seed)

    def layer(out, given, size, bias):
        return Layer(size * rng.standard_normal((out, given)), size * rng.standard_normal((out, 2)), np.full(out, bias))

    hidden = [layer(8, 3, scale, 1.0), layer(8, 8, scale, 1.0)]
    return LipschitzNetwork([*hidden, layer(12, 8, 0.02 / scale**2, 0.5)], side=2)


@pytest.mark.parametrize("scale", [0.1, 1.0, 100.0])
def test_the_floating_point_error_lies_below_its_bound(scale):
    """Against the same network in 60 digits, inputs of every size and x + η rounded."""
    network = small_network(scale)
    rng = np.random.default_rng(5)
    worst = 0.0
    for size in (1e-3, 1.0, 5.0, 100.0):
        for _ in range(25):
            x, eta, omega = (size * rng.standard_normal(k) for k in (3, 3, 2))
            computed = network((x + eta)[None], omega[None])[0]
            with mpmath.workdps(60):
                exact = _in_sixty_digits(
                    network, [mpmath.mpf(a) + mpmath.mpf(b) for a, b in zip(x, eta, strict=True)], omega
                )
                worst = max(
                    worst, float(mpmath.norm([mpmath.mpf(c) - e for c, e in zip(computed, exact, strict=True)]))
                )
    assert 0 < worst / math.sqrt(12) <= network.float_error
    assert network.float_error < 1e-11


def _in_sixty_digits(network, x, omega):
    def clamp(values, low, high):
        return [min(max(mpmath.mpf(v), low), high) for v in values]

    h, omega = clamp(x, -CLAMP, CLAMP), clamp(omega, -CLAMP, CLAMP)
    for k, layer in enumerate(network.layers):
        z = [
            mpmath.fdot(zip(w, h, strict=True)) + mpmath.fdot(zip(u, omega, strict=True)) + b
            for w, u, b in zip(layer.weight.tolist(), layer.style.tolist(), layer.bias.tolist(), strict=True)
        ]
        last = k + 1 == len(network.layers)
        h = z if last else [f(z[2 * i : 2 * i + 2]) for i in range(len(z) // 2) for f in (max, min)]
    return clamp(h, 0, 1)


def test_a_linear_network_reaches_its_constant():
    """Tightness: where all layers stretch the same direction nothing is lost but rounding."""
    down, up = np.array([[0.6, 0.8]]), np.full((12, 2), 0.05)
    first = Layer(np.vstack([down, down]), np.zeros((2, 1)), np.array([0.0, 0.0]))
    network = LipschitzNetwork([first, Layer(up, np.zeros((12, 1)), np.full(12, 0.5))], side=2)
    a, b = np.array([[0.0, 0.0]]), np.array([[0.6, 0.8]])
    moved = np.linalg.norm(network(a, np.zeros((1, 1))) - network(b, np.zeros((1, 1)))) / math.sqrt(12)
    assert moved <= network.constant <= moved * (1 + 1e-7)  # nine digits a factor


def test_the_certificate_lists_factors_whose_product_is_the_constant(served, network):
    proven = served.generator.lipschitz
    assert math.prod(map(Fraction, proven.factors)) <= Fraction(proven.constant)
    assert proven.constant <= LIPSCHITZ
    assert 1 / 255 < proven.offset < 1 / 255 + 1e-7
    # A slower independent norm: power iteration from below.
    product = 1.0
    for layer in network.layers:
        v = np.ones(layer.weight.shape[1])
        for _ in range(300):
            v = layer.weight.T @ (layer.weight @ v)
            v /= np.linalg.norm(v)
        product *= float(np.linalg.norm(layer.weight @ v))
    assert 0.99 * proven.constant <= product / math.sqrt(network.pixels) <= proven.constant


def test_finite_differences_never_exceed_the_constant(served, network):
    """4,000 pairs: near and far, along the first layer's strongest directions, between meanings; served pixels too."""
    rng = np.random.default_rng(6)
    points = np.stack(
        [embedded(served, phrase("a {c} {g}", c=c, g=g)) for c, g in zip(COLOURS, GARMENTS, strict=False)]
    )
    x = points[rng.integers(len(points), size=4000)] + 0.3 * rng.standard_normal((4000, network.width))
    step = rng.standard_normal(x.shape)
    step *= (10 ** rng.uniform(-6, 0.5, 4000) / np.linalg.norm(step, axis=1))[:, None]
    y = np.where(rng.random((4000, 1)) < 0.3, points[rng.integers(len(points), size=4000)], x + step)
    omega = rng.standard_normal((4000, network.styles))
    distance = np.linalg.norm(x - y, axis=1)
    moved = np.linalg.norm(network(x, omega) - network(y, omega), axis=1) / math.sqrt(network.pixels)
    assert (moved <= network.constant * distance + 2 * network.float_error).all()
    assert (
        rmse(network.pictures(x, omega), network.pictures(y, omega)) <= network.constant * distance + network.offset
    ).all()
    assert moved.max() > 0.1  # the pairs do move


def embedded(served, prompt):
    smoothing = Smoothing("embedding", 1.0, Draw(SEED, Stream.GENERATOR_COMMON, 0))
    parameters = planned(served, prompt).parameters
    return served.generator.condition(prompt, parameters, smoothing).embedding.astype(np.float64).ravel()


def as_torch(network, x, omega):
    """The same formulas for torch to differentiate: before the clamp to [0, 1], which hides gradients."""
    h = x.clamp(-CLAMP, CLAMP)
    for k, layer in enumerate(network.layers):
        weight, style, bias = (torch.from_numpy(part) for part in (layer.weight, layer.style, layer.bias))
        h = h @ weight.T + omega @ style.T + bias
        if k + 1 < len(network.layers):
            pairs = h.unflatten(-1, (-1, 2))
            h = torch.stack([pairs.amax(-1), pairs.amin(-1)], dim=-1).flatten(-2)
    return h


@pytest.mark.parametrize("epsilon", [0.05, 0.3, 1.0])
def test_gradient_attacks_within_epsilon_stay_below_the_bound(served, network, epsilon):
    """Projected gradient ascent on the smoothed mean displacement, whose mean over shared noise is at least W₁ of a
    coupling; and on one sample's, which every coupled pair obeys."""
    rng = np.random.default_rng(7)
    x = embedded(served, "a red sneaker")
    sigma = served.card.default_sigma
    eta = sigma * rng.standard_normal((16, network.width))
    omega = np.repeat(rng.standard_normal((1, network.styles)), 16, axis=0)
    clean = torch.from_numpy(network(x + eta, omega))
    delta = torch.from_numpy(1e-3 * rng.standard_normal((16, network.width))).requires_grad_()
    for _ in range(60):
        attacked = as_torch(network, torch.from_numpy(x + eta) + delta, torch.from_numpy(omega))
        gradient = torch.autograd.grad((attacked - clean).square().sum(), delta)[0]
        with torch.no_grad():
            delta += epsilon * 0.2 * gradient / gradient.norm(dim=1, keepdim=True)
            delta *= (epsilon / delta.norm(dim=1, keepdim=True)).clamp(max=1.0)
    found = delta.detach().numpy()
    norms = np.linalg.norm(found, axis=1)
    moved = rmse(network.pictures(x + eta, omega), network.pictures(x + found + eta, omega))
    assert (norms > 0.9 * epsilon).all()
    assert (moved <= network.constant * norms + network.offset).all()
    assert moved.max() > 0.2 * network.constant * epsilon  # an attack that finds nothing would prove nothing


def test_a_jobs_certificate_verifies_and_its_bound_is_the_smaller_of_t2_and_t4(served):
    spec = planned(served, samples=255, tolerance=0.1)  # too few to stop at an eighth of them
    result = run_job(spec, served.generator, served.metric(spec.metric), batcher=Batcher(64), watch=Silent())
    verdict = verify(result.certificate)
    assert verdict, [check for check in verdict.checks if not check.passed]
    certificate = from_document(result.certificate)
    exact, proven = served.generator.lipschitz, Lipschitz.from_dict(result.certificate["lipschitz"])
    # What the rounding of 16 numbers to the grid of this level may add.
    added = exact.constant * 4 * grid_step(certificate.mechanism.sigma)
    assert proven.offset == pytest.approx(exact.offset + added, rel=1e-8)
    assert proven.offset > exact.offset + added
    assert replace(proven, offset=exact.offset) == exact
    without = spread_only(served, result, spec)
    assert certificate.radius >= proven.radius(0.1) > without.radius
    t4 = {e: proven.constant * e + proven.offset for e, _ in certificate.claims.curve}
    for epsilon, bound in certificate.claims.curve:
        assert bound <= t4[epsilon] * (1 + 1e-8)
    assert without.w1_bound(0.001) < proven.offset  # and there T2 is the smaller one
    assert certificate.w1_bound(0.001) < proven.offset


def spread_only(served, result, spec):
    """The certificate of the same distances without T4."""
    from smoothgen.certificates import certify

    certificate = from_document(result.certificate)
    evidence = certificate.evidence
    assert result.output.content.startswith(b"\x89PNG")
    return certify(
        evidence.distances,
        bound=evidence.bound,
        diameter=evidence.diameter,
        mechanism=certificate.mechanism,
        alpha=certificate.alpha,
        tolerance=spec.tolerance,
    )


def test_a_tampered_constant_is_found(served):
    document = json.loads(json.dumps(certified(served, samples=100).certificate))
    document["lipschitz"]["constant"] /= 2
    assert not verify(document)


@pytest.mark.parametrize("metric", ["feature-chord", "verdict"])
def test_other_metrics_get_no_constant(served, metric):
    """The constant is of pixels: a classifier's features of them may move further."""
    assert certified(served, samples=100, metric=metric).certificate.get("lipschitz") is None


def test_a_capped_rmse_keeps_the_constant(served):
    asked = {"name": "pixel-rmse", "cap": 0.3}
    assert certified(served, samples=100, metric=asked, tolerance=0.1).certificate["lipschitz"] is not None


def test_fresh_styles_keep_the_constant_and_make_other_pictures(served):
    """The coupling shares ω, so the bound holds for the mixture over styles as well."""
    common, fresh = (certified(served, samples=100, randomness=r).certificate for r in ("common", "fresh"))
    assert common["lipschitz"] == fresh["lipschitz"]
    assert common["sampling"]["randomness"] == "common"
    assert fresh["sampling"]["randomness"] == "fresh"
    assert verify(fresh)


def test_tier_universal_certifies_with_the_constant_alone(served):
    """One draw, no samples: T1 alone would give 0.25 sigma."""
    certificate = certified(served, tier="universal").certificate
    proven = Lipschitz.from_dict(certificate["lipschitz"])
    assert served.generator.lipschitz.offset < proven.offset < 1.001 * served.generator.lipschitz.offset
    assert certificate["radius"] >= proven.radius(0.1)
    assert verify(certificate)


def test_batches_give_the_same_pictures_up_to_a_level(served):
    """The same noise to the bit; products of another shape may round differently, within the offset."""
    one, many = (certified(served, batch=b, samples=100).certificate for b in (1, 64))
    assert one["radius"] == pytest.approx(many["radius"], rel=1e-6)


@pytest.mark.parametrize(
    "parameters", [{"num_inference_steps": 20}, {"guidance_scale": 4.0}, {"negative_prompt": "blue"}]
)
def test_what_one_pass_has_no_use_for_is_refused(served, parameters):
    spec = planned(served, parameters=parameters)
    smoothing = Smoothing("embedding", 0.1, Draw(SEED, Stream.GENERATOR_COMMON, 0))
    with pytest.raises(InvalidParameters, match=next(iter(parameters))):
        served.generator.condition("a red sneaker", spec.parameters, smoothing)


def test_other_mechanisms_are_refused(served):
    with pytest.raises(UnknownName):
        planned(served, mechanism="latent-schedule")


def test_the_pictures_are_recognised(served):
    """One of every garment in every colour, at the default sigma; benchmarks.lipschitz measures ten of each."""
    right = 0
    for k, (g, c) in enumerate((g, c) for g in GARMENTS for c in COLOURS):
        prompt = phrase("a {c} {g}", c=c, g=g)
        spec = planned(served, prompt)
        smoothing = Smoothing("embedding", served.card.default_sigma, Draw(SEED, Stream.GENERATOR_COMMON, 0))
        condition = served.generator.condition(prompt, spec.parameters, smoothing)
        noise = condition.mechanism.draw(SEED, Stream.CERTIFICATION, [k], condition.embedding.shape)
        draws = [Draw(SEED, Stream.GENERATOR, k)]
        [picture] = served.generator.generate(condition, noise, draws, spec.parameters)
        right += served.classifier.verdicts([picture.pixels]) == [f"{c} {g}"]
    assert right / 80 >= 0.4  # some three standard errors of 80 pictures below what the benchmark found


def test_the_shipped_folder_is_small_and_holds_no_code():
    files = [path for path in (SHIPPED / MODEL).rglob("*") if path.is_file()]
    assert {path.name for path in files} == {"lipschitz.json", "network.safetensors"}
    assert sum(path.stat().st_size for path in files) < 5e6


def test_a_broken_folder_is_named_with_the_remedy(tmp_path):
    (tmp_path / "lipschitz.json").write_text(json.dumps({"side": 32, "text_head": "nowhere", "default_sigma": 0.1}))
    save_file({"0.weight": torch.zeros(3, 2)}, tmp_path / "network.safetensors")
    with pytest.raises(OSError, match=r"workers\.training\.lipschitz"):
        load_generator(f"mine={tmp_path}", Settings())


def test_layers_that_do_not_fit_or_are_not_finite_are_refused(network):
    tensors = {
        f"{k}.{part}": getattr(layer, part)
        for k, layer in enumerate(network.layers)
        for part in ("weight", "style", "bias")
    }
    assert network_of(tensors, 32).constant == network.constant
    for change in ({"1.bias": np.zeros(3)}, {"0.weight": np.full_like(tensors["0.weight"], np.nan)}):
        with pytest.raises(ValueError, match="layer"):
            network_of({**tensors, **change}, 32)


def test_training_keeps_every_norm_and_repeats_itself():
    rng = torch.Generator().manual_seed(0)
    data = Garments(torch.rand(200, 32, 32, generator=rng), torch.arange(200) % 10)
    try:
        runs = [train_lipschitz(data, count=4, seed=0, threads=1).tensors() for _ in range(2)]
    finally:
        torch.use_deterministic_algorithms(False)
    assert all(torch.equal(runs[0][key], runs[1][key]) for key in runs[0])
    proven = network_of({key: tensor.numpy() for key, tensor in runs[0].items()}, 32)
    assert 0.9 * LIPSCHITZ < proven.constant <= LIPSCHITZ


def test_projection_gives_the_nearest_weights_of_norm_one():
    torch.manual_seed(0)
    decoder = Decoder(16)
    wild = 2 * torch.randn(decoder.weights[1].shape)
    with torch.no_grad():
        decoder.weights[1].copy_(wild)
    decoder.project()
    u, s, vt = torch.linalg.svd(wild)
    assert torch.allclose(decoder.weights[1], (u * s.clamp(max=1.0)) @ vt, atol=1e-4)


def test_styles_say_nothing_of_the_garment():
    rng = torch.Generator().manual_seed(1)
    data = Garments(torch.rand(500, 32, 32, generator=rng), torch.arange(500) % 10)
    styles = styles_of(data)
    for kind in range(10):
        of_kind = styles[data.kinds == kind].sort(dim=0).values
        assert torch.allclose(of_kind, of_kind[:, :1].expand_as(of_kind))  # the same normal scores for every garment
        assert torch.allclose(of_kind[:, 0], styles[data.kinds == 0].sort(dim=0).values[:, 0])
