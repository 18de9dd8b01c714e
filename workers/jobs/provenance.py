"""A job on the model that selects its output, and what its certificate says it is about."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smoothgen.certificates import MetricIdentity, OutputIdentity, Provenance, RequestIdentity, Sampling
from smoothgen.certificates.bounds.bands import TWO_VALUED
from smoothgen.certificates.bounds.rounding import round_up
from smoothgen.certificates.meaning.metrics import METRICS
from smoothgen.contracts import SAMPLES, JobSpec, Output
from smoothgen.errors import GenerationFailed
from smoothgen.noise import SCHEME
from smoothgen.scores import Score
from workers.distances import Centre, OutputMetric
from workers.generators import Condition, Generator, Made
from workers.jobs.threat import threat_of


@dataclass(frozen=True)
class JobOnModel:
    """A job on the model that selects its output.

    condition: the prompt as the generator sees it, at the level that sensing selected. precision: what the model
    computes in, where that is known. batch_size: of all batches of the job, where it is fixed. scores: of the job's
    claims, one for each.
    """

    spec: JobSpec
    generator: Generator
    metric: OutputMetric
    condition: Condition
    precision: str | None = None
    batch_size: int | None = None
    scores: Sequence[Score] = ()


def provenance_of(job: JobOnModel, centre: Centre | None, served: Made, output: Output) -> Provenance:
    """Returns what the certificate is about. centre: None where nothing is measured. Raises GenerationFailed where the
    output to be served cannot be measured."""
    spec, metric, condition = job.spec, job.metric, job.condition
    # Without noise nothing is sampled and the prompts run say what is attacked. Distances are then from the output,
    # but for units, whose runs have no output that is the prompt's own. Its answer, where there is one, is named.
    noised = spec.noised
    from_centre = centre if noised or spec.units is not None else None
    named = from_centre if from_centre is not None or not _compares_answers(metric) else centre
    return Provenance(
        request=RequestIdentity(
            prompt_digest=f"sha256:{hashlib.sha256(spec.request.prompt.encode()).hexdigest()}",
            parameters=spec.parameters.for_certificate(),
            template=None if condition.template is None else condition.template.digest,
            context_digest=spec.request.context_digest,
        ),
        model=job.generator.identity,
        metric=_metric_identity(metric, getattr(spec.metric, "cap", None), named),
        sampling=_sampling(job) if noised else None,
        output=OutputIdentity(
            kind=_served_kind(spec),
            media_type=output.media_type,
            digest=output.digest,
            distance_to_centre=None if from_centre is None else _to_centre(served, metric, from_centre),
        ),
        threat=threat_of(condition) if noised else None,
    )


def _served_kind(spec: JobSpec) -> str:
    """Returns what the one output is that is served: beside all samples, the representative."""
    if spec.request.robustness.tier != "request":
        return "sample"
    return "representative" if spec.request.output == SAMPLES else spec.request.output


def _sampling(job: JobOnModel) -> Sampling:
    spec, robustness = job.spec, job.spec.request.robustness
    return Sampling(
        seed=spec.seed,
        seed_origin=spec.seed_origin,
        noise_scheme=SCHEME,
        randomness=robustness.randomness if job.condition.random else "none",
        selection_samples=robustness.selection_samples if robustness.tier == "request" else 0,
        precision=job.precision,
        batch_size=job.batch_size,
        batch_sensitivity=getattr(job.generator, "batch_sensitivity", None),
        snap=job.condition.snap,
    )


def _metric_identity(metric: OutputMetric, cap: float | None, centre: Centre | None) -> MetricIdentity:
    document = {} if centre is None else centre.document
    return MetricIdentity(metric.name, metric.description, cap, options=metric.options, centre=document)


def _compares_answers(metric: OutputMetric) -> bool:
    known = METRICS.get(metric.name)
    return known is not None and known.band == TWO_VALUED.name


def _to_centre(served: Made, metric: OutputMetric, centre: Centre) -> float:
    distance = float(metric.distances([served.content], centre)[0])
    if np.isnan(distance):
        raise GenerationFailed(f"the output to be served cannot be measured: {served.content!r:.80}")
    return min(round_up(distance), centre.bound)
