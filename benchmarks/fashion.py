"""What the image benchmarks share: the shipped model, its prompts, and jobs on it without a server."""

from __future__ import annotations

import itertools
import time
import uuid
from dataclasses import dataclass
from functools import cache
from typing import Any

from smoothgen.certificates import Certificate, from_document
from smoothgen.contracts import GenerateRequest, JobResult, JobSpec
from smoothgen.planning.plan import plan
from workers.generators import load_generator
from workers.generators.batching import Batcher
from workers.jobs.in_process import run_job
from workers.serving.loaded_model import Encoders, LoadedModel
from workers.settings import Settings
from workers.training.captions import phrase
from workers.training.vocabulary import COLOURS, GARMENTS

MODEL = "fashion-32"


@dataclass(frozen=True)
class Meaning:
    """A garment in a colour, and the plain way to ask for it."""

    garment: int
    colour: int

    @property
    def prompt(self) -> str:
        return phrase("a {colour} {garment}", colour=COLOURS[self.colour], garment=GARMENTS[self.garment])

    @property
    def verdict(self) -> str:
        return f"{COLOURS[self.colour]} {GARMENTS[self.garment]}"


MEANINGS = [Meaning(g, c) for c, g in itertools.product(range(len(COLOURS)), range(len(GARMENTS)))]


@cache
def served(name: str = MODEL) -> LoadedModel:
    settings = Settings()
    return LoadedModel(load_generator(name, settings), Encoders(settings), settings)


def spec(prompt: str, *, seed: int, parameters: dict[str, Any] | None = None, **robustness: Any) -> JobSpec:
    """A job as the gateway plans it."""
    card = served().card
    request = GenerateRequest.model_validate(
        {"model": card.id, "prompt": prompt, "seed": seed, "parameters": parameters or {}, "robustness": robustness}
    )
    planned = plan(request, card, max_samples=100_000)
    return planned.model_copy(update={"id": uuid.UUID(int=seed).hex, "submitted_ms": int(time.time() * 1000)})


class Silent:
    """A watch that looks away."""

    def output_chosen(self, output: Any, sheet: bytes | None) -> None:
        pass

    def batch_done(self, samples: int, failed: int, seconds: float) -> None:
        pass


def run(job: JobSpec, batch_size: int = 64) -> JobResult:
    model = served()
    return run_job(job, model.generator, model.metric(job.metric), batcher=Batcher(batch_size), watch=Silent())


def certificate_of(result: JobResult) -> Certificate:
    if result.certificate is None:
        raise SystemExit(f"the job abstained: {result.abstention}")
    return from_document(result.certificate)
