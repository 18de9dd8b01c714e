"""Writes the stored version 1 documents. Run with the code of commit 599a310, the last that made version 1:

git worktree add /tmp/v1 599a310 && cd /tmp/v1 && PYTHONPATH=$PWD python <this file> <folder>
"""

import base64
import dataclasses
import json
import math
import sys
from pathlib import Path

import numpy as np

from smoothgen.certificates import (
    Lipschitz,
    LookPlan,
    MetricIdentity,
    ModelIdentity,
    OutputIdentity,
    Provenance,
    RequestIdentity,
    Sampling,
    SigmaGrid,
    Threat,
    certify,
    certify_universal,
    select_sigma,
    to_document,
)
from smoothgen.certificates.fleet import NOT_SERVED, OUTSTANDING, certify_fleet, fleet_bin
from smoothgen.mechanisms import (
    ForwardDiffusion,
    Gaussian,
    GaussianPerStep,
    LatentSchedule,
    Shape,
    ShapedGaussian,
    SynonymClasses,
)

DIMENSION, SIGMA = 16, 0.5
RANDOM = np.random.default_rng(7)
CENTRE = np.full(8, 0.25, "<f4")
CHORD = MetricIdentity(
    "sentence-chord",
    "the chord distance of unit-norm sentence embeddings (0 to 2)",
    None,
    {"encoder": "minilm"},
    {
        "kind": "mean feature",
        "encoding": "float32-le/base64",
        "value": base64.b64encode(CENTRE.tobytes()).decode(),
        "norm": float(np.linalg.norm(CENTRE.astype(float))),
    },
)
LABEL = MetricIdentity(
    "label",
    "the share of outputs whose extracted answer differs (0 to 1)",
    None,
    {"extract": {"kind": "number"}},
    {"kind": "label", "label": 'O\'Neill said "Paris" \u0440'},
)
MECHANISMS = {
    "gaussian": Gaussian(SIGMA),
    "gaussian-per-step": GaussianPerStep(SIGMA, 20),
    "latent-schedule": LatentSchedule(SIGMA, 20),
    "forward-diffusion": ForwardDiffusion(signal=0.6, noise=0.8),
    "shaped-gaussian": ShapedGaussian(
        SIGMA, Shape.of("wide", np.tri(DIMENSION) * 0.01 + np.diag(np.linspace(1, 2, DIMENSION)))
    ),
    "synonym-classes": SynonymClasses("words", "1", "sha256:" + "0" * 64, Gaussian(SIGMA)),
}


def provenance(mechanism, metric=CHORD, output=0.4, **sampling):
    return Provenance(
        request=RequestIdentity("sha256:" + "a" * 64, {"max_new_tokens": 32, "temperature": 0.0, "chat": False}),
        model=ModelIdentity("toy", "r1", "sha256:" + "b" * 64),
        metric=metric,
        sampling=Sampling(
            **{
                "seed": "f" * 32,
                "seed_origin": "server",
                "noise_scheme": "philox4x64-10/ndtri/v1",
                "randomness": "common",
                "selection_samples": 32,
                **sampling,
            }
        ),
        output=OutputIdentity("representative", "text/plain; charset=utf-8", "sha256:" + "c" * 64, output),
        threat=Threat(
            "token embeddings of the prompt",
            DIMENSION,
            3.5,
            mechanism.noise_norm(DIMENSION),
            ("token count (2)", "attention mask and positions"),
        ),
    )


def distances(n):
    drawn = np.minimum(0.3 * np.exp(0.4 * RANDOM.standard_normal(n)), 1.7)
    drawn[5] = math.nan
    return drawn


def chord(mechanism, n=80, **asked):
    named = {"alpha": 1e-3, "tolerance": 0.2, "provenance": provenance(mechanism)}
    return certify(distances(n), bound=1.8, diameter=2.0, mechanism=mechanism, **{**named, **asked})


def documents():
    for name, mechanism in MECHANISMS.items():
        yield f"tier-request-{name}", chord(mechanism, epsilon=mechanism.effective_sigma / 16)
        yield (
            f"tier-universal-{name}",
            certify_universal(
                diameter=2.0,
                mechanism=mechanism,
                alpha=1e-3,
                tolerance=0.2,
                provenance=provenance(mechanism, output=None, selection_samples=0),
            ),
        )
    gaussian = MECHANISMS["gaussian"]
    yield (
        "tier-fleet",
        certify_universal(
            diameter=2.0,
            mechanism=gaussian,
            alpha=1e-3,
            tolerance=0.2,
            provenance=provenance(gaussian, output=0.0, selection_samples=0),
        ),
    )
    yield "bare", certify(np.abs(distances(40)), bound=2, diameter=2, mechanism=gaussian, alpha=0.01, tolerance=0.5)
    yield "one-sample", chord(gaussian, 8)
    answers = np.zeros(120)
    answers[:2] = 1.0
    yield (
        "two-valued",
        certify(
            answers,
            bound=1.0,
            diameter=1.0,
            mechanism=gaussian,
            alpha=1e-3,
            tolerance=0.1,
            band="two-valued/v1",
            provenance=provenance(gaussian, LABEL, output=0.0, seed="0" * 31 + "7", seed_origin="client"),
        ),
    )
    yield "looks", chord(gaussian, 125, plan=LookPlan.doubling(500, 1e-3), epsilon=SIGMA / 32)
    drawn = 0.17 * np.exp(0.1 * RANDOM.standard_normal(64))
    drawn[5] = math.inf
    selected = select_sigma(drawn, budget=0.1, grid=SigmaGrid(SIGMA, -4, 4), selection_sigma=SIGMA, alpha=1e-4)
    plan = LookPlan.doubling(500, 9e-4 * (1 - 1e-9))
    yield "sigma-selection", chord(Gaussian(selected.sigma), 125, plan=plan, sigma_selection=selected, tolerance=0.5)
    proven = Lipschitz(0.125, 0.01, (0.5, 0.25, 0.9), "sentence-chord")
    yield "lipschitz", chord(gaussian, lipschitz=proven, epsilon=SIGMA / 2)
    capped = dataclasses.replace(CHORD, description=f"{CHORD.description}, capped at 0.5", cap=0.5)
    yield (
        "capped",
        certify(
            np.minimum(distances(80), 0.5),
            bound=0.5,
            diameter=0.5,
            mechanism=gaussian,
            alpha=1e-3,
            tolerance=0.2,
            provenance=provenance(gaussian, capped),
        ),
    )


def fleets():
    bins = bytes(fleet_bin(float(d), 2.0) for d in np.minimum(0.4 * np.exp(0.5 * RANDOM.standard_normal(300)), 2.0))
    bins += bytes([NOT_SERVED, OUTSTANDING])
    for name in ("gaussian", "synonym-classes"):
        for closed in (True, False):
            made = certify_fleet(bins, diameter=2.0, mechanism=MECHANISMS[name], alpha=1e-3, closed=closed)
            yield f"fleet-{'closed' if closed else 'running'}-{name}", made
    yield "fleet-empty", certify_fleet(b"", diameter=2.0, mechanism=MECHANISMS["gaussian"], alpha=1e-3, closed=False)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for name, certificate in documents():
        document = to_document(certificate.identified(f"v1-{name}", "2026-11-27T09:30:00.000+00:00"))
        (folder / f"{name}.json").write_text(json.dumps(document) + "\n", encoding="utf-8")
    for name, certificate in fleets():
        (folder / f"{name}.json").write_text(json.dumps(certificate.to_dict()) + "\n", encoding="utf-8")
