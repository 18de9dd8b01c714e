"""One certificate for each prompt, and the place of each edit relative to it. An edit costs an embedding and no
generation."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from smoothgen.certificates import Certificate, from_document
from smoothgen.contracts import (
    CoversCall,
    GenerateRequest,
    ImageParameters,
    JobSpec,
    Output,
    Parameters,
    PromptCover,
    TextParameters,
    metric_with_defaults,
)
from smoothgen.errors import InvalidInput, SmoothGenError, UnknownName
from smoothgen.mechanisms import SynonymClasses
from smoothgen.noise import Seed
from workers.generators.batching import Batcher
from workers.jobs.comparison import Embedding, by_class, compared
from workers.jobs.in_process import run_job
from workers.jobs.sampling import condition_of
from workers.research.coverage.edits import Edit
from workers.serving.loaded_model import LoadedModel


@dataclass(frozen=True)
class Asked:
    """The settings of every prompt's certificate.

    tolerance: None for a tenth of the metric's diameter.
    metric, sigma: None for the model's own.
    """

    samples: int = 500
    confidence: float = 0.999
    tolerance: float | None = None
    sigma: float | None = None
    metric: str | None = None
    mechanism: str = "embedding"
    synonyms: bool = False
    max_new_tokens: int = TextParameters().max_new_tokens
    seed: int = 0


@dataclass(frozen=True)
class Place:
    """The place of an edit. `radii` is its distance in certified radii, None where it cannot be compared."""

    edit: Edit
    answer: PromptCover
    radii: float | None

    @property
    def covered(self) -> bool:
        """Returns whether the edit lies inside the certified ball, or in the same synonym classes, where the law does
        not change at all."""
        return bool(self.answer.inside) or bool(self.answer.same_class)


@dataclass(frozen=True)
class Measured:
    """A prompt's certificate and all its edits."""

    prompt: str
    certificate: Certificate
    document: dict[str, Any] = field(repr=False)
    places: list[Place]


class Silent:
    """A watch that reports to a progress bar how many samples are done."""

    def __init__(self, samples_done: Callable[[int], object]) -> None:
        self._samples_done = samples_done

    def output_chosen(self, output: Output, sheet: bytes | None) -> None:
        """Ignores the chosen output, since nothing is shown."""

    def batch_done(self, samples: int, failed: int, seconds: float) -> None:
        """Reports the samples of a batch."""
        del failed, seconds
        self._samples_done(samples)


def job_of(model: LoadedModel, prompt: str, asked: Asked, place: int) -> JobSpec:
    """Returns the job of one prompt, with a seed of its own. Raises InvalidInput for what the model does not offer."""
    card = model.card
    if asked.mechanism not in card.mechanisms:
        raise UnknownName("mechanism", asked.mechanism, card.mechanisms)
    metric_card = card.metrics[0] if asked.metric is None else card.metric(asked.metric)
    if metric_card is None:
        raise UnknownName("metric of this model", str(asked.metric), [m.name for m in card.metrics])
    seed = Seed.from_client(asked.seed + place)
    robustness = {
        "samples": asked.samples,
        "confidence": asked.confidence,
        "mechanism": asked.mechanism,
        "synonyms": asked.synonyms,
    }
    request = GenerateRequest.model_validate({"model": card.id, "prompt": prompt, "robustness": robustness})
    default = card.default_betas.get(asked.mechanism, card.default_sigma)
    return JobSpec(
        id=uuid.UUID(int=seed.value).hex,
        request=request,
        parameters=_parameters(model, asked),
        sigma=default if asked.sigma is None else asked.sigma,
        metric=metric_with_defaults(metric_card.name),
        tolerance=metric_card.diameter / 10 if asked.tolerance is None else asked.tolerance,
        seed=str(seed),
        seed_origin=seed.origin,
        submitted_ms=int(time.time() * 1000),
        tenant="anyone",
        retention_s=60,
    )


def _parameters(model: LoadedModel, asked: Asked) -> Parameters:
    card = model.card.image
    if card is None:
        return TextParameters(max_new_tokens=asked.max_new_tokens)
    return ImageParameters(
        num_inference_steps=card.num_inference_steps,
        guidance_scale=card.guidance_scale,
        width=card.width,
        height=card.height,
        scheduler=card.scheduler,
    )


def measure_prompt(
    model: LoadedModel,
    job: JobSpec,
    edits: Sequence[Edit],
    *,
    batcher: Batcher,
    samples_done: Callable[[int], object] = lambda _: None,
) -> Measured:
    """Certifies one prompt and places its edits.

    Raises InvalidInput where the mechanism holds the prompt fixed or the model cannot take the prompt, and
    SmoothGenError where no certificate resulted.
    """
    condition = condition_of(job, model.generator)
    if "prompt" in condition.held_fixed:
        raise InvalidInput(
            f"mechanism {job.mechanism!r} protects the {condition.attack_on} and holds the prompt "
            "fixed, so it covers no other prompt; use mechanism 'embedding'"
        )
    result = run_job(job, model.generator, model.metric(job.metric), batcher=batcher, watch=Silent(samples_done))
    if result.certificate is None:
        detail = "no reason" if result.abstention is None else result.abstention.detail
        raise SmoothGenError(f"prompt {job.request.prompt!r:.80} got no certificate: {detail}")
    certificate = from_document(result.certificate)
    return Measured(job.request.prompt, certificate, result.certificate, placed(model, job, certificate, edits))


def placed(model: LoadedModel, job: JobSpec, certificate: Certificate, edits: Sequence[Edit]) -> list[Place]:
    """Returns where the edits lie relative to a certificate."""
    if not edits:
        return []
    texts = [edit.text for edit in edits]
    call = CoversCall(
        id=job.id,
        gateway="",
        certificate=job.id,
        model=job.request.model,
        prompts=texts,
        confidence=None,
        deadline_ms=0,
    )
    mechanism = certificate.mechanism
    if isinstance(mechanism, SynonymClasses):
        said = by_class(certificate, mechanism, call, job.request.prompt)
    else:
        said = compared(certificate, call, Embedding(job, model.generator)(texts))
    return [
        Place(edit, answer, None if answer.distance is None else answer.distance / certificate.radius)
        for edit, answer in zip(edits, said.answers, strict=True)
    ]
