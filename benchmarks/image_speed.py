"""Certified pictures against the bare pipeline, in one run: python -m benchmarks.image_speed

One job of 500 certified samples of 20 guided steps, end to end in the worker, against StableDiffusionPipeline called on
the same batches and nothing else; then the same job in batches of 1, 7 and 64.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time

import numpy as np
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline

from benchmarks.fashion import certificate_of, run, served, spec
from benchmarks.smoke import parse_sizes
from workers.generators.folders import SHIPPED

PROMPT = "a red sneaker"
SAMPLES, SELECTION, BATCH = 500, 32, 64


def bare(pipeline: StableDiffusionPipeline, embedding: torch.Tensor, guidance: float) -> float:
    """Seconds the plain pipeline takes for the job's batches."""
    started = time.perf_counter()
    for stage in (SELECTION, SAMPLES):
        for start in range(0, stage, BATCH):
            count = min(BATCH, stage - start)
            pipeline(
                prompt_embeds=embedding.expand(count, -1, -1),
                negative_prompt_embeds=torch.zeros(count, *embedding.shape[1:]),
                num_inference_steps=20,
                guidance_scale=guidance,
                output_type="np",
            )
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    given = parse_sizes(parser, rounds=1)
    card = served().card
    folder = SHIPPED / card.id
    pipeline = StableDiffusionPipeline.from_pretrained(folder, use_safetensors=True, text_encoder=None, tokenizer=None)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    job = spec(PROMPT, seed=1, parameters={"num_inference_steps": 20}, samples=SAMPLES, selection_samples=SELECTION)
    embedding = torch.randn(1, 1, pipeline.unet.config.cross_attention_dim)
    run(spec(PROMPT, seed=2, samples=64, selection_samples=8))  # warm both
    ours, theirs = [], []
    for k in range(given.rounds):
        # In turn, so that both see the same machine.
        for name in ("ours", "theirs") if k % 2 else ("theirs", "ours"):
            if name == "ours":
                started = time.perf_counter()
                run(job)
                ours.append(time.perf_counter() - started)
            else:
                theirs.append(bare(pipeline, embedding, card.image.guidance_scale))
        print(
            f"round {k + 1}: job {ours[-1]:.2f} s, bare pipeline {theirs[-1]:.2f} s, ratio {theirs[-1] / ours[-1]:.3f}"
        )
    ratio = statistics.median(t / o for t, o in zip(theirs, ours, strict=True))
    print(
        f"{SAMPLES} certified + {SELECTION} selection samples, 20 guided steps, batch {BATCH}: {min(ours):.1f} s at "
        f"best, {statistics.median(ours):.1f} s median; "
        f"{(SAMPLES + SELECTION) / statistics.median(ours):.0f} samples/s, "
        f"{ratio:.3f} of the bare pipeline's"
    )
    print(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    certificates = {size: certificate_of(run(job, size)) for size in (64, 7, 1)}
    first = certificates[64]
    for size, other in certificates.items():
        distances = np.abs(other.evidence.distances - first.evidence.distances)
        print(
            f"batches of {size:>2}: radius {other.radius!r}, largest difference of a distance {distances.max():.2e}, "
            f"{(distances > 0).sum()} of {len(distances)} distances differ"
        )


if __name__ == "__main__":
    main()
