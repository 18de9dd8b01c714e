"""Noisy samples a second through the worker, against bare transformers `generate` on the same noisy embeddings.

    python -m benchmarks.worker_overhead [--samples 256] [--rounds 4] [--tokens 16] [--quick]

Both sides run in one process on the real default model, batch by batch in turns: other programs slow this machine for
seconds at a time, and would slow one side only. The worker's side is a whole job: noise, generation, decoding, sentence
features, centre, certificate. The bare side is `generate` alone, on the same batches, noised before its clock starts.
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

from smoothgen.contracts import GenerateRequest, JobSpec, Output, TextParameters, read_parameters
from smoothgen.mechanisms import Gaussian
from smoothgen.noise import Seed, Stream
from workers.generators import Draw, Smoothing, load_generator
from workers.generators.batching import Batcher
from workers.generators.language.adapter import LanguageModel
from workers.jobs import methods
from workers.jobs.in_process import run_job
from workers.serving.loaded_model import Encoders, LoadedModel
from workers.settings import Settings

PROMPT = "The main cause of the accident was"
SIGMA = 0.01
SELECTION = 64
TARGET = 0.90


class InTurns:
    """A watch that answers each of the worker's batches with the same batch through bare `generate`."""

    def __init__(self, model: LanguageModel, spec: JobSpec, batch_size: int) -> None:
        self.seconds = 0.0
        self._network = model._model
        self._batches = _noisy_batches(model, spec, batch_size)
        self._config = GenerationConfig(
            max_new_tokens=_text(spec).max_new_tokens, do_sample=False, eos_token_id=2, pad_token_id=2
        )

    def output_chosen(self, output: Output, sheet: bytes | None) -> None: ...

    def batch_done(self, samples: int, failed: int, seconds: float) -> None:
        del failed, seconds
        embeddings = self._batches.pop(0)
        assert len(embeddings) == samples
        started = time.perf_counter()
        with torch.inference_mode():
            self._network.generate(
                inputs_embeds=embeddings,
                attention_mask=torch.ones(embeddings.shape[:2], dtype=torch.long),
                generation_config=self._config,
            )
        self.seconds += time.perf_counter() - started


def _text(spec: JobSpec) -> TextParameters:
    assert isinstance(spec.parameters, TextParameters)
    return spec.parameters


def _noisy_batches(model: LanguageModel, spec: JobSpec, batch_size: int) -> list[torch.Tensor]:
    seed, robustness = Seed(int(spec.seed, 16), "server"), spec.request.robustness
    smoothing = Smoothing("embedding", SIGMA, Draw(seed, Stream.GENERATOR_COMMON, 0))
    condition = model.condition(spec.request.prompt, spec.parameters, smoothing)
    batches = []
    for stream, count in ((Stream.SELECTION, robustness.selection_samples), (Stream.CERTIFICATION, robustness.samples)):
        for start in range(0, count, batch_size):
            indices = range(start, min(start + batch_size, count))
            noise = condition.mechanism.draw(seed, stream, indices, condition.embedding.shape)
            batches.append(torch.from_numpy(condition.mechanism.noisy(condition.embedding, noise)).float())
    return batches


def job(samples: int, tokens: int, seed: int, selection: int) -> JobSpec:
    request = GenerateRequest.model_validate(
        {
            "model": "smollm2-135m",
            "prompt": PROMPT,
            "parameters": {"max_new_tokens": tokens},
            "robustness": {
                "sigma": SIGMA,
                "samples": samples - selection,
                "selection_samples": selection,
                "metric": "sentence-chord",
            },
        }
    )
    assert request.robustness.metric is not None
    return JobSpec(
        id="benchmark",
        request=request,
        parameters=read_parameters("text", request.parameters),
        sigma=SIGMA,
        metric=request.robustness.metric,
        tolerance=0.2,
        seed=f"{seed:032x}",
        seed_origin="client",
        submitted_ms=0,
        tenant="anyone",
        retention_s=60,
    )


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
    parser.add_argument("--quick", action="store_true", help="one round of 8 samples of 2 tokens, to see that it runs")
    given = parser.parse_args()
    selection = SELECTION
    if given.quick:
        selection, given.samples, given.rounds, given.tokens = 4, 8, 1, 2

    settings = Settings()
    model = load_generator("smollm2-135m", settings)
    assert isinstance(model, LanguageModel)
    encoders = Encoders(settings)
    loaded, encoder = LoadedModel(model, encoders, settings), encoders.sentence
    batcher = Batcher(settings.batch_size)

    parts = (
        ("noise", Gaussian, "draw"),
        ("generate", LanguageModel, "generate"),  # the worker's call: bare `generate` goes past it
        ("decode", model._tokenizer, "batch_decode"),
        ("features", encoder, "features"),
        ("certify", methods, "look_at"),
    )

    def both(spec: JobSpec) -> tuple[float, float, dict[str, float]]:
        """Seconds of the worker, of bare `generate`, and of the worker's parts."""
        metric = loaded.metric(spec.metric)
        watch = InTurns(model, spec, settings.batch_size)
        with timed(*parts) as seconds:
            started = time.perf_counter()
            run_job(spec, model, metric, batcher=batcher, watch=watch)
            elapsed = time.perf_counter() - started - watch.seconds
        seconds["generate"] -= seconds["decode"]  # which happens inside it
        return elapsed, watch.seconds, seconds

    both(job(2 * selection, given.tokens, seed=0, selection=selection))  # the first batches pay for caches

    print(f"smollm2-135m, {given.samples} samples of {given.tokens} tokens, batches of {settings.batch_size}, "
          f"{torch.get_num_threads()} threads\n")  # fmt: skip
    print("round   worker   bare generate   worker / bare    (samples a second)")
    ratios: list[float] = []
    breakdown: dict[str, float] = defaultdict(float)
    total = 0.0
    for number in range(1, given.rounds + 1):
        whole, plain, seconds = both(job(given.samples, given.tokens, seed=number, selection=selection))
        total += whole
        for part, spent in seconds.items():
            breakdown[part] += spent
        ratios.append(plain / whole)
        print(f"{number:5}   {given.samples / whole:6.2f}   {given.samples / plain:13.2f}   {ratios[-1]:13.3f}")

    print(f"\nratio: median {statistics.median(ratios):.3f}, from {min(ratios):.3f} to {max(ratios):.3f} "
          f"(target: at least {TARGET:.2f})")  # fmt: skip
    print("\nthe worker's time")
    for part, spent in breakdown.items():
        print(f"  {part:<10} {spent / total:7.2%}")
    print(f"  {'the rest':<10} {1 - sum(breakdown.values()) / total:7.2%}")


if __name__ == "__main__":
    main()
