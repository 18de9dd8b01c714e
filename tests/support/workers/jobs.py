"""Jobs as the gateway submits them, and the two things a test hangs on a job: a watch and a record of its noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smoothgen.contracts import GenerateRequest, JobResult, JobSpec, Output, Parameters, read_parameters
from smoothgen.errors import UnknownName
from smoothgen.noise import Seed, Stream
from workers.distances import OutputMetric, output_metric
from workers.features import FeatureMap
from workers.generators import Condition, Draw, Failure, Generator, Made, Smoothing
from workers.generators.batching import Batcher
from workers.jobs.in_process import run_job

SEED = f"{0x0123456789ABCDEF:032x}"


def spec(
    prompt: str,
    *,
    sigma: float,
    metric: Any,
    tolerance: float | None = 0.1,
    samples: int = 100,
    selection_samples: int = 16,
    output: str = "representative",
    parameters: dict[str, Any] | None = None,
    **robustness: Any,
) -> JobSpec:
    request = GenerateRequest.model_validate(
        {
            "model": "any",
            "prompt": prompt,
            "output": output,
            "parameters": parameters or {},
            "robustness": {
                "sigma": sigma,
                "metric": metric,
                "tolerance": tolerance,
                "samples": samples,
                "selection_samples": selection_samples,
                **robustness,
            },
        }
    )
    assert request.robustness.metric is not None
    return JobSpec(
        id="job-1",
        request=request,
        parameters=read_parameters("text", request.parameters),
        sigma=sigma,
        metric=request.robustness.metric,
        tolerance=0.1 if tolerance is None else tolerance,
        seed=SEED,
        seed_origin="client",
        submitted_ms=1_760_000_000_000,
        tenant="anyone",
        retention_s=60,
    )


class Measures:
    """What a text model's outputs can be measured with: a sentence encoder, or nothing."""

    classifier = clip = None

    def __init__(self, sentence: FeatureMap | None = None) -> None:
        self.sentence = sentence

    def vision(self, name: str) -> FeatureMap:
        raise UnknownName("vision model here", name, [])


def metric_of(job: JobSpec, encoder: FeatureMap | None = None) -> OutputMetric:
    return output_metric(job.metric, Measures(encoder))


ON_EMBEDDING = Smoothing("embedding", 1.0, Draw(Seed(7, "server"), Stream.GENERATOR_COMMON, 0))
"""For tests that bring their own noise."""


class Silent:
    """A watch that only counts."""

    def __init__(self) -> None:
        self.samples, self.failed = 0, 0
        self.output: Output | None = None
        self.sheet: bytes | None = None

    def output_chosen(self, output: Output, sheet: bytes | None) -> None:
        self.output, self.sheet = output, sheet

    def batch_done(self, samples: int, failed: int, seconds: float) -> None:
        self.samples += samples
        self.failed += failed


def run(job: JobSpec, generator: Generator, *, batch_size: int = 64, encoder: FeatureMap | None = None) -> JobResult:
    return run_job(job, generator, metric_of(job, encoder), batcher=Batcher(batch_size), watch=Silent())


class Recorded:
    """A generator that keeps the noise and the outputs of every sample it is asked for, by place in the noise."""

    def __init__(self, inner: Generator, fails: Callable[[int], Exception | None] = lambda batch: None) -> None:
        self._inner, self._fails = inner, fails
        self.noise: list[NDArray[np.float64]] = []
        self.outputs: list[Made | Failure] = []
        self.batches: list[int] = []
        self.identity, self.description = inner.identity, inner.description
        self.default_sigma, self.longest_prompt_tokens = inner.default_sigma, inner.longest_prompt_tokens
        self.default_betas, self.mechanisms, self.image = inner.default_betas, inner.mechanisms, inner.image
        self.classifier = inner.classifier
        self.output_kind, self.for_learning = inner.output_kind, inner.for_learning
        self.precision, self.batch_sensitivity = inner.precision, inner.batch_sensitivity
        self.largest_dimension = inner.largest_dimension

    def condition(self, prompt: str, parameters: Parameters, smoothing: Smoothing) -> Condition:
        return self._inner.condition(prompt, parameters, smoothing)

    def generate(
        self, condition: Condition, noise: NDArray[np.float64], draws: Sequence[Draw], parameters: Parameters
    ) -> Sequence[Made | Failure]:
        self.batches.append(len(noise))
        if error := self._fails(len(noise)):
            raise error
        outputs = self._inner.generate(condition, noise, draws, parameters)
        self.noise.extend(noise)
        self.outputs.extend(outputs)
        return outputs
