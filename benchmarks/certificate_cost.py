"""What a certificate costs: its wall time over that of one plain generation. python -m benchmarks.certificate_cost

Both default models, in this process. Plain is one call of what is certified, without noise and without SmoothGen's
worker around it: transformers' `generate` of the prompt, or diffusers' pipeline of one picture. The certificate is a
whole job: embedding, noise, samples, features, looks, certificate. A plain call is timed before it and after it, and
the cost is the job's time over the mean of the two, in the median of the prompts. Passes: calls of the network, one
after the other, of the job and of the plain generation. An asked radius is half of what the whole job proved.
--smoke: one prompt and a dozen samples.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from tqdm import tqdm

from benchmarks.fashion import Silent, served
from benchmarks.smoke import parse_sizes
from smoothgen.contracts import GenerateRequest, JobResult, JobSpec
from smoothgen.planning.plan import plan
from workers.generators.batching import Batcher
from workers.generators.folders import SHIPPED
from workers.generators.language.adapter import LanguageModel
from workers.jobs.in_process import run_job
from workers.serving.loaded_model import LoadedModel

TEXTS = ("The capital of France is", "The main cause of the accident was", "My favourite food is")
PICTURES = ("a red sneaker", "a blue coat", "a green bag")
WORD = {"metric": {"name": "label", "extract": {"kind": "regex", "pattern": "[A-Z][a-z]+|[a-z]+"}}}
NOISE = {"mechanism": "embedding", **WORD}
"""Noise at the default level, snapped to tokens."""
SENTENCE = {"mechanism": "embedding", "snap": False, "metric": "sentence-chord"}
BATCH = 64
SEEDS = itertools.count(1)
"""Of the jobs, in order: the same samples in every run of this benchmark, and no job has another's drafts."""


@dataclass(frozen=True)
class Case:
    """A kind of request. model: its name. robustness: what it asks for. name: in the table."""

    name: str
    model: str
    robustness: Mapping[str, Any]


CASES = (
    Case("text, default mechanism, answer", "smollm2-135m", WORD),
    Case("text, default mechanism, edit distance", "smollm2-135m", {}),
    Case("text, noise, snapped, answer", "smollm2-135m", NOISE),
    Case("text, noise as drawn, sentences", "smollm2-135m", SENTENCE),
    Case("picture, default", "fashion-32", {}),
)


@dataclass(frozen=True)
class Cost:
    """One job against plain generations. runs: of the model. passes: None where the model counts none."""

    ratio: float
    runs: int
    radius: float
    passes: tuple[int, int] | None


def text_once(model: LanguageModel, prompt: str, tokens: int) -> None:
    """Generates one text by transformers alone."""
    ids = model.tokenizer(prompt, return_tensors="pt")
    ends = model.tokenizer.eos_token_id
    with torch.inference_mode():
        model.network.generate(**ids, max_new_tokens=tokens, do_sample=False, eos_token_id=ends, pad_token_id=ends)


def picture_once(pipeline: StableDiffusionPipeline, steps: int, guidance: float) -> None:
    """Draws one picture by diffusers alone."""
    width = pipeline.unet.config.cross_attention_dim
    pipeline(
        prompt_embeds=torch.randn(1, 1, width),
        negative_prompt_embeds=torch.zeros(1, 1, width),
        num_inference_steps=steps,
        guidance_scale=guidance,
        output_type="np",
    )


def plain_of(model: LoadedModel, prompt: str, tokens: int) -> Callable[[], None]:
    """Returns what generates one output without SmoothGen."""
    if isinstance(model.generator, LanguageModel):
        return partial(text_once, model.generator, prompt, tokens)
    pipeline = StableDiffusionPipeline.from_pretrained(
        SHIPPED / model.card.id, use_safetensors=True, text_encoder=None, tokenizer=None
    )
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    image = model.card.image
    assert image is not None
    return partial(picture_once, pipeline, image.num_inference_steps, image.guidance_scale)


def job(case: Case, prompt: str, tokens: int, asked: Mapping[str, Any]) -> JobSpec:
    """Returns the job as the gateway plans it."""
    parameters = {"max_new_tokens": tokens} if case.model == "smollm2-135m" else {}
    request = {"model": case.model, "prompt": prompt, "seed": next(SEEDS), "parameters": parameters}
    robustness = {**case.robustness, **asked}
    return plan(
        GenerateRequest.model_validate({**request, "robustness": robustness}),
        served(case.model).card,
        max_samples=100_000,
    )


def cost(spec: JobSpec, plain: Callable[[], None]) -> Cost:
    """Runs one job between two plain generations."""
    model = served(spec.request.model)

    def timed(call: Callable[[], Any]) -> tuple[float, int, Any]:
        before, started = getattr(model.generator, "passes", 0), time.perf_counter()
        made = call()
        return time.perf_counter() - started, getattr(model.generator, "passes", 0) - before, made

    first, plain_passes, _ = timed(plain)
    taken, passes, result = timed(
        partial(run_job, spec, model.generator, model.metric(spec.metric), batcher=Batcher(BATCH), watch=Silent())
    )
    second, _, _ = timed(plain)
    assert isinstance(result, JobResult)
    radius = 0.0 if result.certificate is None else float(result.certificate["radius"])
    counted = (passes, plain_passes) if isinstance(model.generator, LanguageModel) else None
    return Cost(2 * taken / (first + second), result.usage.samples, radius, counted)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=3, help="of each kind, at most 3")
    parser.add_argument("--tokens", type=int, default=16, help="the most new tokens of a text")
    parser.add_argument("--cases", type=int, nargs="+", default=range(len(CASES)), help="which, from 0")
    parser.add_argument("--samples", type=int, default=None, help="the most runs of a job; the default is the server's")
    parser.add_argument("--without-drafts", action="store_true", help="decode texts step by step")
    given = parse_sizes(parser, prompts=1, tokens=3, cases=[0, 3], samples=12)
    limited = {} if given.samples is None else {"samples": given.samples}
    if given.samples is not None:
        limited["selection_samples"] = min(32, given.samples)
    if given.without_drafts:
        vars(served("smollm2-135m").generator)["drafts"] = None
    print(f"{torch.get_num_threads()} threads, load average {os.getloadavg()[0]:.1f}\n")
    print(f"{'':40}  asked radius   cost   runs   passes: job, plain")
    for number in given.cases:
        case = CASES[number]
        prompts = (TEXTS if case.model == "smollm2-135m" else PICTURES)[: given.prompts]
        whole, asked = [], []
        for prompt in tqdm(prompts, leave=False, desc=case.name):
            plain = plain_of(served(case.model), prompt, given.tokens)
            plain()  # the first call pays for caches
            whole.append(cost(job(case, prompt, given.tokens, limited), plain))
            if whole[-1].radius > 0:
                epsilon = {"epsilon": whole[-1].radius / 2}
                asked.append(cost(job(case, prompt, given.tokens, {**limited, **epsilon}), plain))
        for name, found in (("none", whole), ("half", asked)):
            if found:
                print(line(case.name, name, found), flush=True)
    print(f"\nload average at the end {os.getloadavg()[0]:.1f}")


def line(case: str, asked: str, found: list[Cost]) -> str:
    """Returns a line of the table: medians over the prompts."""
    passes = [cost.passes for cost in found if cost.passes is not None]
    counted = "–" if not passes else ", ".join(str(round(statistics.median(of))) for of in zip(*passes, strict=True))
    ratios = [cost.ratio for cost in found]
    return (
        f"{case:40}  {asked:12}  {statistics.median(ratios):5.1f}  {statistics.median(c.runs for c in found):5.0f}   "
        f"{counted}   (cost from {min(ratios):.1f} to {max(ratios):.1f})"
    )


if __name__ == "__main__":
    main()
