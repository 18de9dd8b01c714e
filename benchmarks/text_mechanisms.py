"""What a text certificate reaches, by mechanism: python -m benchmarks.text_mechanisms

SmolLM2-135M completes factual prompts, greedily, and the answer is the first word or number it says. Two tables:

- "tokens": for every prompt, the radius below which the answer keeps, how many neighbours were run until a changed
  answer decided it, and the time of the certificate in plain generations of the same prompt.
- "side by side": noise on the embeddings, noise that is snapped to tokens (of level 0.2), and tokens, given the same
  number of runs.

--prompts, --compared: how many prompts of benchmarks/prompts/facts.txt each table takes. --smoke: one.
"""

from __future__ import annotations

import argparse
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.fashion import Silent, served
from benchmarks.smoke import parse_sizes
from smoothgen.contracts import GenerateRequest, JobResult
from smoothgen.planning.plan import plan
from workers.generators.batching import Batcher
from workers.jobs.in_process import run_job

FACTS = Path(__file__).parent / "prompts" / "facts.txt"
ANSWER = {"name": "label", "extract": {"kind": "regex", "pattern": "[A-Za-z]+|[0-9]+"}}
NEW_TOKENS = 4
MODEL = "smollm2-135m"
SNAPPED_SIGMA = 0.2


@dataclass(frozen=True)
class Ran:
    """A job's result and the seconds it took."""

    result: JobResult
    seconds: float

    @property
    def radius(self) -> float:
        """The certified radius, 0 where the job abstained."""
        certificate = self.result.certificate
        return 0.0 if certificate is None else float(certificate["radius"])


def ran(prompt: str, **robustness: Any) -> Ran:
    """Runs one job in this process, as a worker would."""
    model = served(MODEL)
    request = GenerateRequest.model_validate(
        {
            "model": MODEL,
            "prompt": prompt,
            "seed": 1,
            "parameters": {"max_new_tokens": NEW_TOKENS},
            "robustness": {"metric": ANSWER, "tolerance": 0.1, **robustness},
        }
    )
    job = plan(request, model.card, max_samples=100_000)
    job = job.model_copy(update={"id": uuid.UUID(int=1).hex})
    started = time.perf_counter()
    result = run_job(job, model.generator, model.metric(job.metric), batcher=Batcher(16), watch=Silent())
    return Ran(result, time.perf_counter() - started)


def plain_seconds(prompt: str) -> float:
    """Returns the seconds of one plain generation: the fastest of three."""
    return min(ran(prompt, mechanism="tokens", epsilon=1e-3, samples=1).seconds for _ in range(3))


def show_tokens(prompts: list[str], runs: int) -> None:
    """Prints a row a prompt, then medians and 90th percentiles."""
    print(f"tokens, at most {runs} runs")
    print(f"{'prompt':44} {'answer':>10} {'radius':>7} {'rank':>5} {'runs':>5} {'cost':>6}  broken by")
    radii, ranks, made, costs = [], [], [], []
    for prompt in tqdm(prompts, leave=False):
        one, plain = ran(prompt, mechanism="tokens", samples=runs), plain_seconds(prompt)
        broken = one.result.broken_by
        said = (one.result.output.content.decode().split() or [""])[0]
        radii.append(one.radius)
        ranks.append(runs if broken is None else broken.rank)
        made.append(one.result.usage.samples)
        costs.append(one.seconds / plain)
        named = "" if broken is None else f"{broken.text!r} → {broken.output!r}"
        print(
            f"{prompt[:44]:44} {said[:10]:>10} {one.radius:7.3f} {ranks[-1]:5} {made[-1]:5} {costs[-1]:6.1f}  {named}",
            flush=True,
        )
    for name, values in (("radius", radii), ("rank of the first change", ranks), ("runs made", made), ("cost", costs)):
        low, median, high = np.quantile(values, [0.1, 0.5, 0.9])
        print(f"{name}: median {median:.3g}, 10th and 90th percentile {low:.3g} and {high:.3g}")
    undecided = sum(rank == runs for rank in ranks)
    print(f"{len(prompts) - undecided} of {len(prompts)} decided by a changed answer within {runs} runs")


def show_side_by_side(prompts: list[str], runs: int) -> None:
    """Prints the radius of the answer by noise, by snapped noise and by tokens, with as many runs, and the ratios."""
    print(f"\nside by side, {runs} runs each at most")
    names = ("noise", "snapped", "tokens")
    print(f"{'prompt':44} " + " ".join(f"{name:>8} {'seconds':>8}" for name in names) + f" {'ratios':>13}")
    snapped_ratios, ratios = [], []
    for prompt in tqdm(prompts, leave=False):
        noise = ran(prompt, mechanism="embedding", snap=False, samples=runs - 32)
        snapped = ran(prompt, mechanism="embedding", snap=True, sigma=SNAPPED_SIGMA, samples=runs - 32)
        tokens = ran(prompt, mechanism="tokens", samples=runs)
        snapped_ratios.append(snapped.radius / noise.radius if noise.radius else np.inf)
        ratios.append(tokens.radius / noise.radius if noise.radius else np.inf)
        columns = " ".join(f"{one.radius:8.4f} {one.seconds:8.1f}" for one in (noise, snapped, tokens))
        print(f"{prompt[:44]:44} {columns} {snapped_ratios[-1]:6.1f} {ratios[-1]:6.0f}", flush=True)
    print(
        f"noise, snapped over noise: median {np.median(snapped_ratios):.1f} times, least {np.min(snapped_ratios):.1f}"
    )
    print(f"tokens over noise: median {np.median(ratios):.0f} times, least {np.min(ratios):.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=100, help="prompts of the first table")
    parser.add_argument("--compared", type=int, default=30, help="prompts of the second table")
    parser.add_argument("--runs", type=int, default=500, help="runs of the model a prompt, at most")
    given = parse_sizes(parser, prompts=1, compared=1, runs=64)
    prompts = FACTS.read_text("utf-8").splitlines()
    if given.prompts:
        show_tokens(prompts[: given.prompts], given.runs)
    if given.compared:
        show_side_by_side(prompts[:: max(1, len(prompts) // max(1, given.compared))][: given.compared], given.runs)


if __name__ == "__main__":
    main()
