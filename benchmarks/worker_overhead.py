"""Noisy samples a second through the worker, against bare transformers `generate` on the same noisy embeddings.

    python -m benchmarks.worker_overhead [--samples 256] [--rounds 4] [--tokens 16]

Both sides run in one process, round by round in turns, on the real default model. The worker's side is a whole job:
noise, generation, decoding, sentence features, centre, certificate. The bare side is `generate` alone, given
embeddings that were noised before its clock started, in batches of the same sizes.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import GenerationConfig

from smoothgen.contracts import GenerateRequest, JobSpec, Output
from smoothgen.mechanisms import Gaussian
from smoothgen.noise import Seed, Stream
from workers import job as job_module
from workers.batches import Batcher
from workers.distances import output_metric
from workers.generators import load_generator
from workers.generators.language import LanguageModel
from workers.job import run_job
from workers.served import Encoders
from workers.settings import Settings

PROMPT = "The main cause of the accident was"
SIGMA = 0.01
SELECTION = 64
TARGET = 0.90


class Unwatched:
    """Nobody listens to this job."""

    def output_chosen(self, output: Output) -> None: ...

    def batch_done(self, samples: int, failed: int, seconds: float) -> None: ...


def job(samples: int, tokens: int, seed: int) -> JobSpec:
    request = GenerateRequest.model_validate(
        {
            "model": "smollm2-135m",
            "prompt": PROMPT,
            "parameters": {"max_new_tokens": tokens},
            "robustness": {
                "sigma": SIGMA,
                "samples": samples - SELECTION,
                "selection_samples": SELECTION,
                "metric": "sentence-chord",
            },
        }
    )
    assert request.robustness.metric is not None
    return JobSpec(
        id="benchmark",
        request=request,
        sigma=SIGMA,
        metric=request.robustness.metric,
        tolerance=0.2,
        seed=f"{seed:032x}",
        seed_origin="server",
        submitted_ms=0,
    )


def bare(model: LanguageModel, spec: JobSpec, batch_size: int) -> float:
    """Seconds of `generate` over the job's own noisy embeddings."""
    condition = model.condition(spec.request.prompt, spec.request.parameters)
    seed, mechanism, robustness = Seed(int(spec.seed, 16), "server"), Gaussian(SIGMA), spec.request.robustness
    batches = []
    for stream, count in ((Stream.SELECTION, robustness.selection_samples), (Stream.CERTIFICATION, robustness.samples)):
        for start in range(0, count, batch_size):
            indices = range(start, min(start + batch_size, count))
            noise = mechanism.draw(seed, stream, indices, condition.embedding.shape)
            batches.append(torch.from_numpy(condition.embedding + noise))
    network = model._model
    config = GenerationConfig(
        max_new_tokens=spec.request.parameters.max_new_tokens, do_sample=False, eos_token_id=2, pad_token_id=2
    )
    started = time.perf_counter()
    with torch.inference_mode():
        for embeddings in batches:
            mask = torch.ones(embeddings.shape[:2], dtype=torch.long)
            network.generate(inputs_embeds=embeddings, attention_mask=mask, generation_config=config)
    return time.perf_counter() - started


@contextmanager
def timed(*methods: tuple[str, Any, str]) -> Iterator[dict[str, float]]:
    """Seconds spent in each (name, owner, method) while the block runs."""
    seconds: dict[str, float] = defaultdict(float)
    originals = [(owner, attribute, getattr(owner, attribute)) for _, owner, attribute in methods]

    def stopwatch(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            started = time.perf_counter()
            try:
                return call(*arguments, **options)
            finally:
                seconds[name] += time.perf_counter() - started

        return run

    for (name, owner, attribute), (_, _, original) in zip(methods, originals, strict=True):
        setattr(owner, attribute, stopwatch(name, original))
    try:
        yield seconds
    finally:
        for owner, attribute, original in originals:
            setattr(owner, attribute, original)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--samples", type=int, default=256, help="noisy samples a round, selection included")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=16)
    given = parser.parse_args()

    settings = Settings()
    model = load_generator("smollm2-135m", settings)
    assert isinstance(model, LanguageModel)
    encoder = Encoders(settings).sentence
    batcher = Batcher(settings.batch_size)

    def worker(spec: JobSpec) -> float:
        metric = output_metric(spec.metric, lambda: encoder)
        started = time.perf_counter()
        run_job(spec, model, metric, batcher=batcher, watch=Unwatched())
        return time.perf_counter() - started

    warm = job(2 * SELECTION, given.tokens, seed=0)
    worker(warm), bare(model, warm, settings.batch_size)

    print(f"smollm2-135m, {given.samples} samples of {given.tokens} tokens, batches of {settings.batch_size}, "
          f"{torch.get_num_threads()} threads\n")  # fmt: skip
    print("round   worker   bare generate   worker / bare    (samples a second)")
    ratios, breakdown, total = [], defaultdict(float), 0.0
    for number in range(1, given.rounds + 1):
        spec = job(given.samples, given.tokens, seed=number)
        parts = (
            ("noise", Gaussian, "draw"),
            ("generate", model._model, "generate"),
            ("decode", model._tokenizer, "batch_decode"),
            ("features", encoder, "features"),
            ("certify", job_module, "certify"),
        )

        def through_worker(spec: JobSpec = spec, parts: Any = parts) -> float:
            with timed(*parts) as seconds:
                elapsed = worker(spec)
            for part, spent in seconds.items():
                breakdown[part] += spent
            return elapsed

        # In turns, and each first every other round: this machine's speed drifts.
        if number % 2:
            served, plain = through_worker(), bare(model, spec, settings.batch_size)
        else:
            plain, served = bare(model, spec, settings.batch_size), through_worker()
        total += served
        ratios.append(plain / served)
        print(f"{number:5}   {given.samples / served:6.2f}   {given.samples / plain:13.2f}   {ratios[-1]:13.3f}")

    print(f"\nratio: median {statistics.median(ratios):.3f}, from {min(ratios):.3f} to {max(ratios):.3f} "
          f"(target: at least {TARGET:.2f})")  # fmt: skip
    print("\nthe worker's time")
    for part, spent in breakdown.items():
        print(f"  {part:<10} {spent / total:7.2%}")
    print(f"  {'the rest':<10} {1 - sum(breakdown.values()) / total:7.2%}")


if __name__ == "__main__":
    main()
