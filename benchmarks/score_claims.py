"""What claims on scores add to a job: seconds of scoring and of certifying, beside the seconds that the samples take.

    python -m benchmarks.score_claims --samples 100

One job on the language model by noise on the embedding, with three claims (a pattern, a JSON schema, a length).
"""

from __future__ import annotations

import argparse
import time
from typing import Any

from smoothgen.contracts import GenerateRequest
from smoothgen.planning.plan import plan
from smoothgen.queue import CompleteLook
from smoothgen.scores import Score
from workers.generators import load_generator
from workers.generators.batching import Batcher
from workers.jobs.in_process import run_job
from workers.jobs.methods import SmoothingMethod, Taken
from workers.serving.loaded_model import Encoders, LoadedModel
from workers.settings import Settings

CLAIMS: list[dict[str, Any]] = [
    {"score": {"name": "pattern", "pattern": "(?i)berlin"}, "of": "share", "at_most": 0.9},
    {"score": {"name": "json_schema", "must_meet": {"type": "object"}}, "at_most": 0.9},
    {"score": {"name": "length", "cap": 2000}, "at_most": 1900},
]


class _Timed:
    """A score that counts the seconds it takes."""

    def __init__(self, score: Score, spent: list[float]) -> None:
        self._score, self._spent, self.identity = score, spent, score.identity

    def values(self, contents: Any) -> Any:
        started = time.perf_counter()
        found = self._score.values(contents)
        self._spent.append(time.perf_counter() - started)
        return found


class _Deaf:
    def output_chosen(self, output: Any, sheet: bytes | None) -> None: ...

    def batch_done(self, samples: int, failed: int, seconds: float) -> None: ...


def _certifying(spent: list[float]) -> None:
    """Makes the looks of all jobs count the seconds they take."""
    take = SmoothingMethod.take

    def timed(self: SmoothingMethod, spec: Any, selection: Any, look: CompleteLook) -> Taken:
        started = time.perf_counter()
        taken = take(self, spec, selection, look)
        spent.append(time.perf_counter() - started)
        return taken

    SmoothingMethod.take = timed  # type: ignore[method-assign]


def main() -> None:
    """Prints the seconds of one job with claims, and of one without."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--samples", type=int, default=100)
    options.add_argument("--model", default="smollm2-135m")
    asked = options.parse_args()
    model = LoadedModel(load_generator(asked.model, Settings()), Encoders(Settings()), Settings())
    looks: list[float] = []
    _certifying(looks)
    for claims in (None, CLAIMS):
        robustness = {
            "mechanism": "embedding",
            "sigma": 0.01,
            "metric": "edit",
            "samples": asked.samples,
            "claims": claims,
        }
        body = {"model": asked.model, "prompt": "The capital of France is", "seed": 1, "robustness": robustness}
        body["parameters"] = {"max_new_tokens": 16}
        spec = plan(GenerateRequest.model_validate(body), model.card, max_samples=10_000)
        scoring: list[float] = []
        scores = [_Timed(score, scoring) for score in model.scores(spec)]
        looks.clear()
        started = time.perf_counter()
        run_job(spec, model.generator, model.metric(spec.metric), batcher=Batcher(32), watch=_Deaf(), scores=scores)
        seconds = time.perf_counter() - started
        print(
            f"{len(scores)} claims: job {seconds:.3f} s, of which scoring {sum(scoring):.4f} s, "
            f"looks {sum(looks):.4f} s"
        )


if __name__ == "__main__":
    main()
