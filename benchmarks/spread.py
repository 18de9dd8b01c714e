"""What spread/v2 changes in a radius, on the same distances: python -m benchmarks.spread

Two changes, apart and together: T2′ in place of min(T1, T2), which can only gain, and failures (and mass nobody has
seen) charged at the diameter, which costs where the centre lies nearer than that to every output. For laws known in
closed form, for fashion-32 in pixel RMSE, and for SmolLM2-135M in sentence chords and labels; n = 500, alpha = 0.001.
"""

from __future__ import annotations

import argparse
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.fashion import MEANINGS, Silent, certificate_of, run, served, spec
from benchmarks.smoke import parse_sizes
from smoothgen import Gaussian
from smoothgen.certificates.bounds.bands import band_by_name
from smoothgen.certificates.bounds.radius import BoundCurve, safe_radius
from smoothgen.certificates.bounds.shift_bounds import SPREAD_V1, SPREAD_V2, Method, ShiftBounds
from smoothgen.certificates.evidence import Evidence
from smoothgen.contracts import GenerateRequest
from smoothgen.planning.plan import plan
from workers.generators.batching import Batcher
from workers.jobs.in_process import run_job

SAMPLES, ALPHA = 500, 0.001
_SIGMA = Gaussian(1.0)
AT_THE_DIAMETER = Method("T2 alone", "", oscillation=False, failures_at_diameter=True, furthest=float("inf"))
METHODS = {"v1": SPREAD_V1, "failures at D": AT_THE_DIAMETER, "v2": SPREAD_V2}
TEXTS = ("The capital of France is", "Water boils at a temperature of", "The largest planet is", "My favourite food is")


@dataclass(frozen=True)
class Sample:
    """Distances and what they are distances in."""

    name: str
    distances: NDArray[np.float64]
    bound: float
    diameter: float
    band: str
    tolerance: float

    def radius(self, method: Method) -> float:
        """The certified radius in sigmas."""
        evidence = Evidence.from_measurements(self.distances, bound=self.bound, diameter=self.diameter)
        bounds = ShiftBounds(self.diameter, _SIGMA, method)
        worst = bounds.worst_distance(evidence)
        survival = bounds.survival(band_by_name(self.band), evidence.ordered(worst), worst, ALPHA)
        return safe_radius(BoundCurve(survival, bounds), self.tolerance)


def closed_forms() -> Iterator[Sample]:
    rng = np.random.default_rng(0)
    u, order = rng.standard_normal(SAMPLES), "order-statistics/v1"
    yield Sample("tanh, c = 1/2", np.abs(0.5 * np.tanh(2 * u)), 0.5, 1.0, order, 0.1)
    yield Sample("narrow, c = 1/2", np.abs(0.02 * u), 0.5, 1.0, order, 0.1)
    yield Sample("Beta(8, 24)", rng.beta(8, 24, SAMPLES), 1.0, 1.0, order, 0.1)
    yield Sample("Beta(2, 18)", rng.beta(2, 18, SAMPLES), 1.0, 1.0, order, 0.1)
    yield Sample("sentence-like", rng.beta(4, 6, SAMPLES) * 1.6, 1.6, 2.0, order, 0.2)
    for lost in (0, 5, 20, 50, 100):
        drawn = (np.arange(SAMPLES) < lost).astype(float)
        yield Sample(f"label, {lost / SAMPLES:.0%} lost", drawn, 1.0, 1.0, "two-valued/v1", 0.1)


def pictures(prompts: int) -> Iterator[Sample]:
    for k in tqdm(range(prompts), desc="pictures", leave=False):
        prompt = MEANINGS[(k * 17) % len(MEANINGS)].prompt
        certificate = certificate_of(run(spec(prompt, seed=k, samples=SAMPLES, confidence=0.999, tolerance=0.1)))
        evidence = certificate.evidence
        yield Sample(prompt, evidence.distances, evidence.bound, evidence.diameter, certificate.band, 0.1)


def texts(prompts: int, sigma: float) -> Iterator[Sample]:
    model = served("smollm2-135m")
    metrics = {"sentence-chord": 0.2, "label": 0.1}
    for k, prompt in enumerate(tqdm(TEXTS[:prompts], desc="texts", leave=False)):
        for name, tolerance in metrics.items():
            metric = {"name": name, **({"extract": {"kind": "first_line"}} if name == "label" else {})}
            asked = {"samples": SAMPLES, "confidence": 0.999, "tolerance": tolerance, "sigma": sigma, "metric": metric}
            request = GenerateRequest.model_validate(
                {
                    "model": model.card.id,
                    "prompt": prompt,
                    "seed": k,
                    "parameters": {"max_new_tokens": 8},
                    "robustness": asked,
                }
            )
            job = plan(request, model.card, max_samples=100_000).model_copy(
                update={"id": uuid.UUID(int=k).hex, "submitted_ms": 0}
            )
            result = run_job(job, model.generator, model.metric(job.metric), batcher=Batcher(64), watch=Silent())
            certificate = certificate_of(result)
            evidence = certificate.evidence
            yield Sample(
                f"{prompt!r}, {name}",
                evidence.distances,
                evidence.bound,
                evidence.diameter,
                certificate.band,
                tolerance,
            )


def show(title: str, samples: Iterator[Sample]) -> None:
    print(f"\n{title:42} {'v1':>8} {'failures at D':>14} {'v2':>8}   v2/v1   T2′ alone")
    ratios = []
    for sample in samples:
        before, at_diameter, after = (sample.radius(method) for method in METHODS.values())
        ratios.append((after / before, after / at_diameter))
        print(
            f"{sample.name[:42]:42} {before:8.4f} {at_diameter:14.4f} {after:8.4f} {after / before - 1:+7.1%} "
            f"{after / at_diameter - 1:+9.1%}",
            flush=True,
        )
    whole, alone = np.mean(ratios, axis=0)
    print(f"{'mean':42} {'':8} {'':14} {'':8} {whole - 1:+7.1%} {alone - 1:+9.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=8, help="prompts of fashion-32, 0 for none")
    parser.add_argument("--texts", type=int, default=4, help="prompts of SmolLM2-135M, 0 for none")
    parser.add_argument("--sigma", type=float, default=0.04, help="noise on the token embeddings of SmolLM2-135M")
    given = parse_sizes(parser, pictures=1, texts=0)
    print(f"certified radius in sigmas, n = {SAMPLES}, alpha = {ALPHA}")
    show("closed forms", closed_forms())
    if given.pictures:
        show("fashion-32, pixel RMSE, tolerance 0.1", pictures(given.pictures))
    if given.texts:
        show(f"SmolLM2-135M, sigma {given.sigma:g}", texts(given.texts, given.sigma))


if __name__ == "__main__":
    main()
