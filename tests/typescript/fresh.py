"""Certificates made for the comparison: from jobs of real models, and from the library across its parameters."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from smoothgen import Gaussian, LookPlan, certify, certify_exhaustive, certify_universal
from smoothgen.certificates import Certificate, ExhaustiveCertificate, to_document
from smoothgen.certificates.score_claims import AskedClaim, ScoreIdentity
from smoothgen.contracts import GenerateRequest
from smoothgen.mechanisms import ForwardDiffusion, GaussianPerStep, LatentSchedule, SynonymClasses
from smoothgen.planning.plan import plan
from tests.golden.cases import CASES
from tests.golden.digests import SETTINGS
from tests.support.certificates import exhaustive, served
from tests.typescript.fresh_fleets import of_fleets
from tests.typescript.fresh_runs import LENGTH, PATTERN, of_edits, of_scored_runs, of_units
from tests.typescript.fresh_words import of_shapes, of_texts
from workers.generators import load_generator
from workers.generators.batching import Batcher
from workers.jobs.in_process import run_job
from workers.serving.loaded_model import Encoders, LoadedModel

REAL_CASES = [
    name
    for name in CASES
    if name.startswith(("number-", "proven-", "picture-verdict", "picture-per-step", "picture-img2img"))
]
CLOSED_FORM = ("closed-form-tanh", "closed-form-step", "closed-form-three-valued")
ROBUSTNESS: tuple[dict[str, Any], ...] = (
    {"samples": 80, "confidence": 0.9},
    {"samples": 500},
    {"samples": 300, "metric": {"name": "label", "extract": {"kind": "number"}}, "keep": 0.6},
    {"samples": 200, "metric": {"name": "label", "extract": {"kind": "first_line"}}},
    {"samples": 1000, "epsilon": 0.05, "tolerance": 0.25},
    {"samples": 200, "metric": {"name": "absolute", "cap": 0.3}, "tolerance": 0.1},
    {"samples": 300, "claims": [{"score": {"name": "length", "unit": "characters", "cap": 9}, "at_most": 8.0}]},
)
MECHANISMS = (
    Gaussian(0.5),
    GaussianPerStep(0.7, 12),
    LatentSchedule(0.9, 30),
    ForwardDiffusion(0.6, 0.8),
    SynonymClasses("words", "1", "sha256:" + "0" * 64, Gaussian(1.3)),
)


class Silent:
    """Told what a job does, and does nothing."""

    def output_chosen(self, output: Any, sheet: Any) -> None: ...
    def batch_done(self, samples: int, failed: int, seconds: float) -> None: ...


def documents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields a name and a document for every fresh certificate. Abstentions are left out."""
    yield from _of_jobs()
    yield from ((name, made.to_dict()) for name, made in of_fleets())
    of_runs = (_of_runs(), of_units(), of_edits(), of_scored_runs().items(), of_texts())
    for name, certificate in itertools.chain(_of_kinds(), _of_distances(), _of_scores(), of_shapes(), *of_runs):
        yield name, to_document(certificate)


def _of_jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    """Jobs as a gateway plans them: fixed requests of every kind, and requests to models whose law is known."""
    for name in REAL_CASES:
        model, body = CASES[name]
        robustness = {key: value for key, value in body["robustness"].items() if key != "batch_size"}
        yield from _of_job(name, model, {**body, "robustness": {"mechanism": "embedding", **robustness}})
    asked = itertools.product(CLOSED_FORM, ROBUSTNESS, (0.4, 1.1), (1, 2**62))
    for number, (model, robustness, sigma, seed) in enumerate(asked):
        body = {"prompt": "0.5", "seed": seed, "robustness": {**robustness, "sigma": sigma}}
        yield from _of_job(f"job {number}", model, body)


def _of_job(name: str, model: str, body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    loaded = _loaded(model)
    spec = plan(GenerateRequest.model_validate({**body, "model": model}), loaded.card, max_samples=10_000)
    metric, scores = loaded.metric(spec.metric), loaded.scores(spec)
    result = run_job(
        spec, loaded.generator, metric, batcher=Batcher(64), watch=Silent(), precision=loaded.precision, scores=scores
    )
    if result.certificate is not None:
        yield f"{name} of {model}", result.certificate


@cache
def _loaded(model: str) -> LoadedModel:
    return LoadedModel(load_generator(model, SETTINGS), Encoders(SETTINGS), SETTINGS)


def _of_kinds() -> Iterator[tuple[str, Certificate]]:
    for kind in served.KINDS:
        yield f"served {kind}", served.served(kind)
        yield f"universal {kind}", served.universal(kind)
    for metric in ("edit", "label", "absolute"):
        yield f"metric {metric}", served.served("language", metric)
    yield "one pass", served.one_pass()


def _of_distances() -> Iterator[tuple[str, Certificate]]:
    """Certificates of bare distances: small and large n, every band, bounds of any size, with and without looks."""
    random = np.random.default_rng(27)
    for number in range(200):
        n = int(random.choice([1, 2, 3, 7, 30, 64, 200, 500, 1500]))
        bound = float(random.choice([0.5, 1.0, 2.0, 3.7e-5, 812.5]))
        diameter = bound * float(random.choice([0.4, 1.0, 1.7]))
        alpha = float(random.choice([1e-9, 1e-3, 0.05, 0.4]))
        two_valued = number % 4 == 0
        drawn = random.beta(0.6, random.choice([2, 8, 60]), n)
        distances = bound * (drawn > 0.3 if two_valued else drawn)
        if number % 7 == 0:
            distances[random.random(n) < 0.1] = math.nan if not two_valued else bound
        mechanism = MECHANISMS[number % len(MECHANISMS)]
        made = certify(
            distances,
            bound=bound,
            diameter=diameter,
            mechanism=mechanism,
            alpha=alpha,
            tolerance=diameter * float(random.choice([0.003, 0.1, 0.123456789123, 0.5, 0.97])),
            band="two-valued/v1" if two_valued and bound >= diameter else "order-statistics/v1",
            rounding_slack=0.0 if number % 3 else mechanism.rounding_slack(16),
            plan=LookPlan.doubling(n, alpha) if n >= 64 and number % 2 else None,
            keep=0.7 if two_valued and bound >= diameter and number % 8 == 0 else None,
        )
        if isinstance(made, Certificate):
            yield f"distances {number}", made
    for number in range(20):
        diameter = float(10 ** random.uniform(-6, 3))
        tolerance = diameter * float(random.uniform(0.01, 0.99))
        made = certify_universal(diameter=diameter, mechanism=MECHANISMS[number % 5], alpha=1e-3, tolerance=tolerance)
        assert isinstance(made, Certificate)
        yield f"universal {number}", made


def _of_scores() -> Iterator[tuple[str, Certificate]]:
    random = np.random.default_rng(28)
    asked = (
        AskedClaim(PATTERN, "share", at_least=0.5),
        AskedClaim(PATTERN, "mean", at_most=0.95),
        AskedClaim(LENGTH, "mean", at_most=30.0),
        AskedClaim(LENGTH, "share", at_most=0.4, above=20.0),
        AskedClaim(LENGTH, "quantile:0.9", at_most=35.0),
        AskedClaim(ScoreIdentity("plugin:mine", -1.0, 2.5, options={"a": 1, "b": 1.0}), "mean", at_least=-0.5),
    )
    for number in range(30):
        claims = [asked[k] for k in range(len(asked)) if (number >> (k % 3)) & 1 or k == number % 6]
        n = 200
        values = {PATTERN.name: (random.random(n) < 0.9).astype(float), LENGTH.name: random.integers(2, 30, n)}
        scores = [values.get(claim.score.name, random.uniform(-1, 2.5, n)) for claim in claims]
        made = certify(
            random.beta(1, 20, n),
            bound=1.0,
            diameter=1.0,
            mechanism=MECHANISMS[0],
            alpha=1e-2,
            tolerance=0.2,
            score_claims=claims,
            scores=np.column_stack(scores),
        )
        if isinstance(made, Certificate):
            yield f"scores {number}", made


def _of_runs() -> Iterator[tuple[str, ExhaustiveCertificate]]:
    yield from ((f"runs {name}", make()) for name, make in exhaustive.EXAMPLES.items())
    random = np.random.default_rng(29)
    for number in range(60):
        n = int(random.integers(1, 120))
        costs = np.concatenate(([0.0], np.sort(random.gamma(4, 0.2, n - 1))))
        whole = number % 2 == 0
        far = random.random(n) < 0.05
        distances = np.where(far, 1.0, 0.0) if whole else np.round(random.beta(0.4, 6, n), 12)
        distances[0] = 0.0
        if number % 9 == 0 and n > 3:
            distances[n // 2] = math.nan
        made = certify_exhaustive(
            costs,
            distances,
            diameter=1.0,
            tolerance=float(random.choice([0.05, 0.1, 0.4, 0.123456789123])),
            next_cost=None if number % 11 == 0 else float(costs[-1] + random.random()),
            score_claims=[AskedClaim(LENGTH, "mean", at_most=20.0)] if number % 5 == 0 else (),
            scores=random.integers(3, 25, (n, 1)).astype(float) if number % 5 == 0 else None,
            keep=0.9 if whole and number % 4 == 0 else None,
        )
        if isinstance(made, ExhaustiveCertificate):
            yield f"runs {number}", made
