"""The average request of a fleet of texts, with the snap to tokens and without: python -m benchmarks.text_fleet

Factual prompts to SmolLM2-135M, greedily, the answer being the first word or number, tier fleet: one draw is served and
one more is compared with it. Requests go through a worker's own code, and the pool's certificate is that of a closed
window. --requests: how many, the prompts of benchmarks/prompts/facts.txt in turn. --smoke: two.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from benchmarks.fashion import served
from benchmarks.smoke import parse_sizes
from benchmarks.text_mechanisms import ANSWER, FACTS, MODEL, NEW_TOKENS
from smoothgen.certificates import universal_w1_bound
from smoothgen.certificates.bounds.theorems import total_variation_radius
from smoothgen.certificates.fleet.certify import FleetCertificate, FleetSubject, certify_fleet
from smoothgen.contracts import GenerateRequest, JobSpec
from smoothgen.mechanisms import mechanism_from_dict
from smoothgen.planning.plan import plan
from smoothgen.queue import Claim
from workers.jobs.outcomes import Ended
from workers.serving.executor import Executor
from workers.serving.metrics import Metrics
from workers.serving.run_state import RunState

ALPHA, TOLERANCE, BATCH = 0.001, 0.1, 32
WINDOW = "hour:2026-01-01T00"


def job(prompt: str, number: int, snap: bool) -> JobSpec:
    """A request as the gateway plans it, with a seed that is the same in every run."""
    asked = {
        "model": MODEL,
        "prompt": prompt,
        "parameters": {"max_new_tokens": NEW_TOKENS},
        "robustness": {"tier": "fleet", "metric": ANSWER, "snap": snap, "mechanism": "embedding"},
    }
    planned = plan(GenerateRequest.model_validate(asked), served(MODEL).card, max_samples=500)
    return planned.model_copy(update={"seed": f"{2**64 + number:032x}"})


def bins_of(jobs: Sequence[JobSpec]) -> bytes:
    """Serves the requests, BATCH at a time: a byte for each."""
    runner, bins = Executor(served(MODEL), BATCH), bytearray()
    for start in range(0, len(jobs), BATCH):
        some = jobs[start : start + BATCH]
        claims = [Claim(MODEL, "", str(n), each, None, -1, each.samples_to_draw, 1) for n, each in enumerate(some)]
        done = [each for each in runner.run(RunState(MODEL, Metrics([MODEL]), claims)) if isinstance(each, Ended)]
        found = [each.selected.fleet_bin for each in done if each.selected.fleet_bin is not None]
        if len(found) != len(some):
            raise SystemExit(f"{len(some) - len(found)} of {len(some)} requests were not measured")
        bins += bytes(found)
    return bytes(bins)


def certified(jobs: Sequence[JobSpec], bins: bytes) -> FleetCertificate:
    """The certificate of the pool that these requests are in."""
    pool = jobs[0].pool
    if pool is None or pool.largest_dimension is None:
        raise SystemExit("a fleet request has no pool")
    noise = mechanism_from_dict(pool.mechanism)
    return certify_fleet(
        bins,
        diameter=pool.diameter,
        mechanism=noise,
        alpha=ALPHA,
        closed=True,
        rounding_slack=noise.rounding_slack(pool.largest_dimension),
        subject=FleetSubject.of_pool(pool.model_dump(mode="json"), pool.id, WINDOW),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1000)
    given = parse_sizes(parser, requests=2)
    facts = FACTS.read_text("utf-8").splitlines()
    for snap in (True, False):
        jobs = [job(facts[n % len(facts)], n, snap) for n in range(given.requests)]
        begun = time.perf_counter()
        bins = bins_of(jobs)
        seconds = time.perf_counter() - begun
        made = certified(jobs, bins)
        sigma = made.mechanism.effective_sigma
        print(
            f"{'noise, snapped' if snap else 'noise'}, sigma {sigma:g}: {made.requests} requests, of which "
            f"{made.counts[0]} differ from their second draw; radius at {TOLERANCE}: {made.radius(TOLERANCE):.4g}, of "
            f"any generator {made.mechanism.epsilon(total_variation_radius(TOLERANCE)):.4g}; W1 at half a sigma "
            f"{made.w1_bound(sigma / 2):.4g}, of any generator {universal_w1_bound(1.0, 0.5):.4g}; "
            f"{1000 * seconds / made.requests:.0f} ms a request",
            flush=True,
        )


if __name__ == "__main__":
    main()
