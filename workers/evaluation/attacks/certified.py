"""The certificate that a task attacks, made in this process by the code that jobs use."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from typing import Any

from smoothgen.certificates import Certificate, ExhaustiveCertificate, UnitsCertificate, read_certificate
from smoothgen.contracts import GenerateRequest, JobResult, JobSpec, Parameters, read_parameters
from smoothgen.errors import InvalidInput
from smoothgen.noise import Seed
from smoothgen.planning.plan import plan
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
    """Returns the task's job, planned as the gateway plans it.

    Raises InvalidInput for what the model does not offer and for what attacks cannot follow: texts drawn from synonym
    classes, edits, and noise that adapts to the prompt.
    """
    for name in ("synonyms", "edits", "budget", "adapt"):
        if settings.robustness.get(name):
            raise InvalidInput(
                f"attacks cannot follow robustness.{name}={settings.robustness[name]!r}; leave it out",
                field=f"robustness.{name}",
            )
    seed = seed_of_task(task, settings.seed)
    content: dict[str, Any] = {
        "model": loaded.card.id,
        "prompt": task.prompt,
        "parameters": settings.parameters,
        "robustness": settings.robustness,
        "seed": seed.value,
    }
    if settings.context is not None:
        content["context"] = list(settings.context)
    request = GenerateRequest.model_validate(content)
    spec = plan(request, loaded.card, max_samples=max(request.robustness.samples, 1))
    return spec.model_copy(update={"id": uuid.UUID(int=seed.value).hex})


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
