"""What a fleet's certificate says and costs: python -m benchmarks.fleet

2,000 requests of mixed prompts on the default picture model, tier fleet: one draw is served, one more is compared with
it. Beside the fleet's bound stand T1, and for a subset of the requests the mean of their own certificates' bounds (n =
500 each). Cost: seconds a request against the same prompts generated once, without noise or certificate, in turns and
in batches of the same size.

Requests go through the workers' own code, hand by hand as if they had come from the queue, prompts mixed in a batch.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

from benchmarks.fashion import MEANINGS, MODEL, certificate_of, run, served, spec
from smoothgen.certificates import Certificate, universal_w1_bound
from smoothgen.certificates.fleet.certify import FleetCertificate, certify_fleet
from smoothgen.contracts import JobSpec
from smoothgen.mechanisms import mechanism_from_dict
from smoothgen.noise import Stream
from smoothgen.planning.plan import plan
from smoothgen.queue import Claim
from workers.generators import Draw, Failure, joined
from workers.jobs.outcomes import Ended
from workers.jobs.sampling import condition_of, seed_of
from workers.serving.executor import Executor
from workers.serving.metrics import Metrics
from workers.serving.run_state import RunState
from workers.training.captions import held_out_captions

PICTURE = Path("docs/pictures/fleet.png")
ALPHA, TOLERANCE, SAMPLES = 0.001, 0.1, 500
BATCH = HAND = 64
SHOWN_SIGMAS = (0.25, 0.5, 1.0)


def prompts(count: int) -> list[str]:
    """Plain prompts and held-out phrasings, as different people would write them."""
    random = np.random.default_rng(0)
    said = [meaning.prompt for meaning in MEANINGS] + [caption.text for caption in held_out_captions()]
    return [said[int(i)] for i in random.integers(0, len(said), count)]


def job(prompt: str, seed: int) -> JobSpec:
    """A request as the gateway plans it; its seed is set afterwards, since a fleet takes no client's seed."""
    plain = spec(prompt, seed=seed, tier="universal")
    robustness = plain.request.robustness.model_copy(update={"tier": "fleet"})
    request = plain.request.model_copy(update={"robustness": robustness, "seed": None})
    pooled = plan(request, served().card, max_samples=SAMPLES)
    return plain.model_copy(update={"request": request, "pool": pooled.pool})


def hand_of(jobs: Sequence[JobSpec]) -> RunState:
    """Openings as a worker holds them."""
    claims = [Claim(MODEL, "", str(n), each, None, -1, each.samples_to_draw, 1) for n, each in enumerate(jobs)]
    return RunState(MODEL, Metrics([MODEL]), claims)


def ended(runner: Executor, jobs: Sequence[JobSpec]) -> list[Ended]:
    """What came of every job; all of them end at their opening."""
    done = runner.run(hand_of(jobs))
    whole = [each for each in done if isinstance(each, Ended)]
    if len(whole) != len(jobs):
        raise SystemExit(f"{len(jobs) - len(whole)} of {len(jobs)} requests failed: {done}")
    return whole


def bins_of(runner: Executor, jobs: Sequence[JobSpec]) -> bytes:
    """Serve the fleet's requests: a byte for each."""
    bins = [each.selected.fleet_bin for each in ended(runner, jobs)]
    if None in bins:
        raise SystemExit("a fleet request was not measured")
    return bytes(b for b in bins if b is not None)


def unprotected(jobs: Sequence[JobSpec]) -> None:
    """What a server without protection does for the same prompts: embed, generate once, encode the picture."""
    generator = served().generator
    conditions = [condition_of(each, generator) for each in jobs]
    draws = [Draw(seed_of(each), Stream.GENERATOR_COMMON, 0) for each in jobs]
    noise = np.zeros((len(jobs), *conditions[0].embedding.shape))
    together = joined([(condition, 1) for condition in conditions])
    for made in generator.generate(together, noise, draws, jobs[0].parameters):
        if isinstance(made, Failure):
            raise SystemExit(f"a plain generation failed: {made.reason}")
        made.output(certified=False)


def measured(texts: Sequence[str]) -> tuple[bytes, list[float], list[float], JobSpec]:
    """Bins by order of submission, and seconds a request of each hand: fleet, and unprotected."""
    runner = Executor(served(), BATCH)
    bins, fleet_s, plain_s = bytearray(), [], []
    one = job(texts[0], len(texts))
    ended(runner, [one])  # warm
    for start in tqdm(range(0, len(texts), HAND), desc="hands", leave=False):
        jobs = [job(text, start + n) for n, text in enumerate(texts[start : start + HAND])]
        # In turn, so that both see the same machine.
        for protected in (True, False) if start // HAND % 2 else (False, True):
            begun = time.perf_counter()
            if protected:
                bins += bins_of(runner, jobs)
            else:
                unprotected(jobs)
            (fleet_s if protected else plain_s).append((time.perf_counter() - begun) / len(jobs))
    return bytes(bins), fleet_s, plain_s, one


def own_certificates(texts: Sequence[str]) -> list[Certificate]:
    """Each request's own certificate."""
    return [
        certificate_of(run(spec(text, seed=10_000 + n, samples=SAMPLES, confidence=1 - ALPHA, tolerance=TOLERANCE)))
        for n, text in enumerate(tqdm(texts, desc="own certificates", leave=False))
    ]


def draw(fleet: FleetCertificate, own: Sequence[Certificate], path: Path) -> None:
    """Bounds against the attack, in noise levels."""
    sigma = fleet.mechanism.effective_sigma
    r = np.linspace(0, 1.5, 61)
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.plot(
        r,
        [universal_w1_bound(fleet.diameter, float(x)) for x in r],
        "--",
        color="#888",
        label="T1: any generator, no sample",
    )
    axes.plot(r, [fleet.w1_bound(float(x) * sigma) for x in r], color="#b5482a", lw=2.2,
              label=f"fleet: average of {fleet.requests:,} requests, 2 draws each")  # fmt: skip
    axes.plot(r, [np.mean([c.w1_bound(float(x) * sigma) for c in own]) for x in r], color="#2a5db5", lw=2.2,
              label=f"mean of {len(own)} requests' own certificates, {SAMPLES} draws each")  # fmt: skip
    axes.axhline(TOLERANCE, color="#bbb", lw=0.8)
    axes.annotate(
        f"tolerance {TOLERANCE}", (1.5, TOLERANCE), xytext=(0, 3), textcoords="offset points", ha="right", color="#777"
    )
    axes.set_xlabel("attack norm, in noise levels (ε/σ)")
    axes.set_ylabel("certified W₁ bound, pixel RMSE")
    axes.set_xlim(0, 1.5)
    axes.set_ylim(0, 0.6)  # room for the legend above T1
    axes.legend(frameon=False, loc="upper left")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--subset", type=int, default=16, help="requests that get a certificate of their own")
    parser.add_argument("--picture", type=Path, default=PICTURE)
    given = parser.parse_args()
    texts = prompts(given.requests)
    bins, fleet_s, plain_s, one = measured(texts)
    if one.pool is None:
        raise SystemExit("a fleet request has no pool")
    mechanism = mechanism_from_dict(one.pool.mechanism)
    fleet = certify_fleet(bins, diameter=one.pool.diameter, mechanism=mechanism, alpha=ALPHA, closed=True)
    own = own_certificates(texts[: given.subset])
    sigma = mechanism.effective_sigma
    print(f"{MODEL}, sigma {sigma:g}, pixel RMSE, alpha {ALPHA}, {fleet.requests} requests, {len(own)} on their own")
    print("attack/sigma   T1       fleet    own certificates, mean (least to largest)")
    for r in SHOWN_SIGMAS:
        bounds = [c.w1_bound(r * sigma) for c in own]
        print(
            f"{r:<14} {universal_w1_bound(fleet.diameter, r):.4f}   {fleet.w1_bound(r * sigma):.4f}   "
            f"{statistics.mean(bounds):.4f} ({min(bounds):.4f} to {max(bounds):.4f})"
        )
    radii = [c.radius / sigma for c in own]
    print(
        f"radius at tolerance {TOLERANCE}, in sigmas: fleet {fleet.radius(TOLERANCE) / sigma:.3f}, own "
        f"{statistics.mean(radii):.3f} ({min(radii):.3f} to {max(radii):.3f})"
    )
    ratios = [f / p for f, p in zip(fleet_s, plain_s, strict=True)]
    print(
        f"cost a request, median of {len(ratios)} rounds: fleet {1e3 * statistics.median(fleet_s):.1f} ms, unprotected "
        f"{1e3 * statistics.median(plain_s):.1f} ms; ratio median {statistics.median(ratios):.2f} (2 draws to 1), "
        f"of the sums {sum(fleet_s) / sum(plain_s):.2f}; its own certificate: {SAMPLES + 32} generations"
    )
    draw(fleet, own, given.picture)
    print(json.dumps({"counts": list(fleet.counts)}))


if __name__ == "__main__":
    main()
