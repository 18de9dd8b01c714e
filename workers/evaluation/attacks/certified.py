"""The certificate that a task attacks, made in this process by the code that jobs use."""

from __future__ import annotations

import hashlib
import math
import time
import uuid
from dataclasses import dataclass
from typing import Any

from smoothgen.certificates import Certificate, ExhaustiveCertificate, UnitsCertificate, read_certificate
from smoothgen.certificates.units import UnitChoice
from smoothgen.contracts import (
    EMBEDDING,
    PASSAGES,
    UNNOISED,
    GenerateRequest,
    JobResult,
    JobSpec,
    Label,
    Parameters,
    PlannedUnits,
    Units,
    Verdict,
    metric_with_defaults,
    read_parameters,
    unit_texts,
)
from smoothgen.errors import InvalidInput, UnknownName
from smoothgen.noise import Seed
from smoothgen.studies.store import Task
from workers.evaluation.attacks.settings import AttackSettings
from workers.evaluation.outputs import default_parameters
from workers.generators.batching import Batcher
from workers.jobs.in_process import run_job
from workers.research.coverage.measure import Silent
from workers.serving.loaded_model import LoadedModel

AnyCertificate = Certificate | ExhaustiveCertificate | UnitsCertificate


@dataclass(frozen=True)
class Certified:
    """A job, what came of it, and the certificate; None where the job abstained."""

    spec: JobSpec
    result: JobResult
    certificate: AnyCertificate | None

    @property
    def seed(self) -> Seed:
        """Returns the job's seed."""
        return Seed(int(self.spec.seed, 16), self.spec.seed_origin)


def seed_of_task(task: Task, seed: int) -> Seed:
    """Returns the seed of a task's job: another one for every model, setting, prompt and seed, so that certificates of
    different tasks rest on independent noise."""
    content = f"{task.study}/{task.model}/{task.setting}/{task.prompt}/{seed}"
    return Seed(int(hashlib.sha256(content.encode()).hexdigest()[:15], 16), "client")


def job_of(loaded: LoadedModel, task: Task, settings: AttackSettings) -> JobSpec:
    """Returns the task's job, with what a request leaves out filled in from the model's card.

    Raises InvalidInput for what the model does not offer and for what attacks cannot follow: texts drawn from synonym
    classes, edits, and noise that adapts to the prompt.
    """
    card, asked = loaded.card, {"mechanism": EMBEDDING, "snap": False, **settings.robustness}
    for name in ("synonyms", "edits", "budget", "adapt"):
        if asked.get(name):
            raise InvalidInput(
                f"attacks cannot follow robustness.{name}={asked[name]!r}; leave it out", field=f"robustness.{name}"
            )
    mechanism = str(asked["mechanism"])
    if mechanism not in card.mechanisms:
        raise UnknownName("mechanism", mechanism, card.mechanisms, field="robustness.mechanism")
    if mechanism in UNNOISED:
        asked["snap"] = None
    content: dict[str, Any] = {"model": card.id, "prompt": task.prompt, "robustness": asked}
    if settings.context is not None:
        content["context"] = list(settings.context)
    request = GenerateRequest.model_validate(content)
    metric = request.robustness.metric or metric_with_defaults(card.metrics[0].name)
    found = loaded.metric(metric)
    tolerance = found.diameter / 10 if request.robustness.tolerance is None else request.robustness.tolerance
    sigma = request.robustness.sigma or card.default_betas.get(mechanism, card.default_sigma)
    if request.robustness.snap and request.robustness.sigma is None:
        sigma = card.default_snapped_sigma or sigma
    seed = seed_of_task(task, settings.seed)
    units = _units(request, mechanism, isinstance(metric, Label | Verdict))
    if units is not None and request.robustness.tolerance is None and request.robustness.keep is None:
        robustness = request.robustness.model_copy(update={"keep": 0.5})
        request = request.model_copy(update={"robustness": robustness})
    return JobSpec(
        id=uuid.UUID(int=seed.value).hex,
        request=request,
        parameters=parameters_of(loaded, settings.parameters),
        sigma=None if mechanism in (*UNNOISED, "img2img") else sigma,
        metric=metric,
        tolerance=tolerance,
        seed=str(seed),
        seed_origin=seed.origin,
        submitted_ms=int(time.time() * 1000),
        tenant="anyone",
        retention_s=60,
        units=units,
    )


def certify(loaded: LoadedModel, spec: JobSpec, *, batch_size: int) -> Certified:
    """Runs a job in this process. Raises what `run_job` raises."""
    result = run_job(
        spec,
        loaded.generator,
        loaded.metric(spec.metric),
        batcher=Batcher(batch_size),
        watch=Silent(lambda _: None),
        scores=loaded.scores(spec),
    )
    certificate = None if result.certificate is None else read_certificate(result.certificate)
    if certificate is not None and not isinstance(certificate, AnyCertificate):
        raise InvalidInput(
            f"attacks are made on certificates of noise, tokens and units, and this is a {type(certificate).__name__}",
            field="robustness.mechanism",
        )
    return Certified(spec, result, certificate)


def parameters_of(loaded: LoadedModel, given: dict[str, Any]) -> Parameters:
    """Returns the model's default parameters with those that are given in their place."""
    default = default_parameters(loaded)
    return read_parameters(loaded.card.modality, {**default.model_dump(exclude_none=True), **given})


def _units(request: GenerateRequest, mechanism: str, two_valued: bool) -> PlannedUnits | None:
    if mechanism != PASSAGES:
        return None
    asked = request.robustness.units or Units()
    if asked.size is None or not two_valued:
        raise InvalidInput(
            "an attack on passages needs robustness.units.size and a metric of answers; give both",
            field="robustness.units.size",
        )
    count = len(unit_texts(request, mechanism).units)
    subsets = UnitChoice(count, size=asked.size, probability=None).subsets or math.comb(count, asked.size)
    few = subsets <= request.robustness.samples
    return PlannedUnits(
        units=count,
        size=asked.size,
        probability=None,
        altered=asked.altered,
        subsets=subsets,
        draws=None if few else request.robustness.samples,
        chosen="request",
    )
