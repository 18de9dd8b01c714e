"""Certificates for the unit tests: the smallest, and one with every field filled in."""

import math
from dataclasses import replace

import numpy as np

from smoothgen import (
    ForwardDiffusion,
    Gaussian,
    GaussianPerStep,
    LatentSchedule,
    Lipschitz,
    LookPlan,
    SigmaGrid,
    SigmaSelection,
    certify,
    certify_universal,
    select_sigma,
)
from smoothgen.certificates import (
    Certificate,
    MetricIdentity,
    ModelIdentity,
    OutputIdentity,
    Provenance,
    Sampling,
    Threat,
)
from smoothgen.mechanisms import Mechanism, Shape, ShapedGaussian, SynonymClasses

SIGMA, DIMENSION = 0.5, 64

MECHANISMS = {
    mechanism.name: mechanism
    for mechanism in (
        Gaussian(SIGMA),
        GaussianPerStep(SIGMA, 20),
        LatentSchedule(SIGMA, 20),
        ForwardDiffusion(signal=0.6, noise=0.8),
        ShapedGaussian(SIGMA, Shape.of("wide", np.tri(DIMENSION) * 0.01 + np.diag(np.linspace(1, 2, DIMENSION)))),
        SynonymClasses("words", "1", "sha256:" + "0" * 64, Gaussian(SIGMA)),
    )
}

METRIC = "plugin:chord"
PROVENANCE = Provenance(
    model=ModelIdentity(name="toy", revision="r1", digest="sha256:" + "0" * 64),
    metric=MetricIdentity(
        name=METRIC,
        description="sentence-encoder chord",
        cap=1.0,
        options={"pooling": "mean", "layers": [1, 2]},
        centre={"label": "Paris", "vector": [0.25, -0.5]},
    ),
    sampling=Sampling(
        seed="f" * 31 + "7",
        seed_origin="server",
        noise_scheme="philox4x64-10/ndtri/v1",
        randomness="common",
        selection_samples=20,
    ),
    output=OutputIdentity(
        kind="representative", media_type="text/plain", digest="sha256:" + "1" * 64, distance_to_centre=0.125
    ),
    threat=Threat(
        attack_on="plugin:prompt embedding",
        dimension=DIMENSION,
        embedding_norm=3.5,
        noise_norm=SIGMA * math.sqrt(DIMENSION),
        held_fixed=("token count", "negative prompt"),
    ),
)


def distances(n: int = 200, seed: int = 0) -> np.ndarray:
    """Spread around a tenth of the diameter, with ties."""
    return np.round(np.random.default_rng(seed).beta(2, 18, size=n), 3)


def plain(n: int = 200, **asked) -> Certificate:
    """A certificate on bare distances."""
    settings = {"bound": 1.0, "diameter": 1.0, "mechanism": Gaussian(SIGMA), "alpha": 1e-3, "tolerance": 0.1}
    made = certify(distances(n), **{**settings, **asked})
    assert isinstance(made, Certificate)
    return made


def full(mechanism: Mechanism = MECHANISMS["gaussian"]) -> Certificate:
    """Every field filled in, a failed sample, and an asked epsilon of half a sigma."""
    sigma = mechanism.effective_sigma
    threat = replace(PROVENANCE.threat, noise_norm=mechanism.noise_norm(DIMENSION))
    measured = distances()
    measured[17] = math.nan
    made = certify(
        measured,
        bound=1.5,
        diameter=1.25,
        mechanism=mechanism,
        alpha=1e-3,
        tolerance=0.2,
        epsilon=sigma / 2,
        provenance=replace(PROVENANCE, threat=threat),
    )
    assert isinstance(made, Certificate)
    return made.identified("c-1", "2026-01-01T00:00:00Z")


def label() -> Certificate:
    """A label metric: distances are 0 or 1, and the certificate says how likely the answer stays."""
    measured = np.zeros(300)
    measured[:3] = 1.0
    made = certify(
        measured,
        bound=1.0,
        diameter=1.0,
        mechanism=Gaussian(SIGMA),
        alpha=1e-3,
        tolerance=0.1,
        band="two-valued/v1",
        provenance=replace(PROVENANCE, output=None),
    )
    assert isinstance(made, Certificate)
    return made


PLAN = LookPlan.doubling(500, 1e-3)


def early() -> Certificate:
    """A job that stopped at the third of five looks, after 125 of 500 samples."""
    made = certify(
        distances(500)[:125],
        bound=1.5,
        diameter=1.25,
        mechanism=Gaussian(SIGMA),
        alpha=1e-3,
        tolerance=0.2,
        epsilon=SIGMA / 4,
        provenance=PROVENANCE,
        plan=PLAN,
    )
    assert isinstance(made, Certificate)
    return made


def universal() -> Certificate:
    """No samples, and so no centre that the output could have a distance to."""
    made = certify_universal(
        diameter=1.25,
        mechanism=Gaussian(SIGMA),
        alpha=1e-3,
        tolerance=0.2,
        provenance=replace(PROVENANCE, output=replace(PROVENANCE.output, distance_to_centre=None)),
    )
    assert isinstance(made, Certificate)
    return made.identified("c-2", "2026-01-01T00:00:00Z")


GRID = SigmaGrid(SIGMA, -4, 4)


def selection(m: int = 64, alpha: float = 1e-4) -> SigmaSelection:
    """σ = 0.5 for a budget of 0.1: median sensitivity 0.17, between 0.141 and 0.2; one draw failed."""
    drawn = 0.17 * np.exp(0.1 * np.random.default_rng(3).standard_normal(m))
    drawn[5] = math.inf
    made = select_sigma(drawn, budget=0.1, grid=GRID, selection_sigma=SIGMA, alpha=alpha)
    assert isinstance(made, SigmaSelection)
    return made


def selected() -> Certificate:
    """σ chosen for the prompt, which limits the radius; looks that share what the selection left of alpha."""
    chosen = selection()
    made = certify(
        distances(500)[:125],
        bound=1.5,
        diameter=1.25,
        mechanism=Gaussian(chosen.sigma),
        alpha=1e-3,
        tolerance=0.35,
        epsilon=SIGMA / 8,
        provenance=PROVENANCE,
        plan=LookPlan.doubling(500, 9e-4 * (1 - 1e-9)),
        sigma_selection=chosen,
    )
    assert isinstance(made, Certificate)
    return made


PROVEN = Lipschitz(constant=0.125, offset=0.01, factors=(0.5, 0.25, 0.9), metric=METRIC)


def proven() -> Certificate:
    """A generator with a proven constant, which is what its radius comes from."""
    made = certify(
        distances(),
        bound=1.5,
        diameter=1.25,
        mechanism=Gaussian(SIGMA),
        alpha=1e-3,
        tolerance=0.2,
        epsilon=SIGMA / 2,
        provenance=PROVENANCE,
        lipschitz=PROVEN,
    )
    assert isinstance(made, Certificate)
    return made
