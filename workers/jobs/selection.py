"""A job's selection: from the selection samples to the output that is served and the centre distances are from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from smoothgen.certificates import (
    Lipschitz,
    MetricIdentity,
    ModelIdentity,
    OutputIdentity,
    Provenance,
    RequestIdentity,
    Sampling,
)
from smoothgen.certificates.bounds.bands import TWO_VALUED
from smoothgen.certificates.bounds.rounding import round_up
from smoothgen.certificates.fleet.certify import fleet_bin
from smoothgen.certificates.format.score_claims import asked_to_dict
from smoothgen.certificates.meaning.metrics import METRICS
from smoothgen.certificates.score_claims import AskedClaim
from smoothgen.contracts import (
    EDITS,
    JobSpec,
    LipschitzEstimate,
    ListedEdits,
    ListedNeighbours,
    Note,
    Output,
    Selection,
    TokenCounts,
)
from smoothgen.errors import GenerationFailed
from smoothgen.noise import SCHEME, Stream
from smoothgen.scores import Score
from workers.distances import Centre, OutputMetric
from workers.generators import Condition, Failure, Generator, Made, Text
from workers.jobs.contact_sheet import sheet_of
from workers.jobs.edit_runs import listed_edits
from workers.jobs.measurement import measure
from workers.jobs.nearest_synonym import nearest_synonym
from workers.jobs.neighbour_runs import neighbours_of
from workers.jobs.notes import notes_of
from workers.jobs.sampling import Samples
from workers.jobs.threat import threat_of
from workers.jobs.unit_runs import UnitRuns
from workers.scores import claims_on, scores_of_output
from workers.sensitivity import NOTHING_SENSED, Sensed

Outputs = Sequence[Made | Failure]


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


@dataclass(frozen=True)
class Draws:
    """What was drawn for a selection.

    outputs: one for each of `samples_to_draw`, in order. device_s: seconds of compute for them. started: Unix seconds.
    sensed: what probes showed of the prompt before.
    """

    outputs: Outputs
    device_s: float
    started: float
    sensed: Sensed = NOTHING_SENSED


@dataclass(frozen=True)
class Selected:
    """A selection as objects. `stored` is what any other worker goes on from.

    centre: None where nothing is measured. sensed: what probes showed of the prompt; `condition` is at the level they
    selected. provenance: the certificate's. notes: what the client should know of prompt and samples. sheet: a picture
    of the noisy samples, PNG. fleet_bin: where R falls on the public grid, for tier fleet. batch_size: of all batches
    of the job, where it is fixed. device_s, queued_s: seconds. neighbours, edits: what the job runs without noise.
    claims: those on scores. scores: of the output, one for each claim. nearest_synonym: as in the record.
    """

    output: Output
    model: ModelIdentity
    metric: OutputMetric
    condition: Condition
    centre: Centre | None
    sensed: Sensed
    provenance: Provenance
    notes: list[Note] | None
    generations: int
    device_s: float
    queued_s: float
    sheet: bytes | None
    fleet_bin: int | None
    batch_size: int | None
    neighbours: ListedNeighbours | None = None
    edits: ListedEdits | None = None
    claims: tuple[AskedClaim, ...] = ()
    scores: list[float] | None = None
    nearest_synonym: float | None = None
    tokens: TokenCounts | None = None

    @property
    def lipschitz_estimate(self) -> LipschitzEstimate | None:
        """How steep the model is around the prompt. Nothing is certified by it."""
        return self.sensed.estimate

    @property
    def lipschitz(self) -> Lipschitz | None:
        """The proven constant, where it was proven for this metric. A cap keeps it: min(d, κ) is at most d."""
        proven = self.condition.lipschitz
        return proven if proven is not None and proven.metric == self.metric.name else None

    @property
    def bound(self) -> float:
        """D_c, metric units: no output is further from the centre."""
        return self.metric.diameter if self.centre is None else self.centre.bound

    @cached_property
    def stored(self) -> Selection:
        """The record of this selection in Redis. A job that ends with its selection needs none."""
        selection = self.sensed.selection
        return Selection(
            output=self.output,
            centre={} if self.centre is None else self.centre.document,
            bound=self.bound,
            diameter=self.metric.diameter,
            band=self.metric.band,
            mechanism=self.condition.mechanism.to_dict(),
            provenance=self.provenance.to_dict(),
            notes=self.notes,
            lipschitz_estimate=self.lipschitz_estimate,
            lipschitz=None if self.lipschitz is None else self.lipschitz.to_dict(),
            rounding_slack=self.condition.rounding_slack,
            sigma_selection=None if selection is None else selection.to_dict(),
            template=self.condition.template,
            generations=self.generations,
            device_s=self.device_s,
            queued_s=self.queued_s,
            batch_size=self.batch_size,
            neighbours=self.neighbours,
            edits=self.edits,
            claims=[asked_to_dict(claim) for claim in self.claims] or None,
            scores=self.scores,
            random=self.condition.random,
            nearest_synonym=self.nearest_synonym,
            tokens=self.tokens,
        )


def samples_to_draw(spec: JobSpec, condition: Condition) -> list[Samples]:
    """Returns what a selection draws.

    Tier request: the selection samples, and one further sample where that is what is served. The other tiers: the
    sample that is served and, for the fleet, another to compare it with.
    """
    robustness = spec.request.robustness

    def samples(stream: Stream, count: int = 1) -> Samples:
        return Samples(spec, condition, stream, range(count))

    if robustness.tier == "universal":
        return [samples(Stream.SERVED)]
    if robustness.tier == "fleet":
        return [samples(Stream.SERVED), samples(Stream.CERTIFICATION)]
    if isinstance(condition.of_sample, UnitRuns):
        return [samples(Stream.SELECTION, condition.of_sample.selection)]
    if not spec.noised:
        return [samples(Stream.SELECTION)]
    selection = samples(Stream.SELECTION, robustness.selection_samples)
    return [selection, samples(Stream.SERVED)] if spec.request.output == "sample" else [selection]


def select_output(job: JobOnModel, draws: Draws) -> Selected:
    """Fixes the centre and the output. Raises GenerationFailed where nothing could be served."""
    spec, metric, condition, outputs = job.spec, job.metric, job.condition, draws.outputs
    served, centre, drawn = _chosen(spec, metric, outputs)
    output = served.output(certified=False)
    claims = claims_on(spec, job.scores)
    return Selected(
        output=output,
        model=job.generator.identity,
        metric=metric,
        condition=condition,
        centre=centre,
        sensed=draws.sensed,
        provenance=_provenance(job, centre, served, output),
        notes=[*condition.notes, *notes_of(spec, metric, outputs, served)] or None,
        generations=draws.sensed.generations + len(outputs),
        device_s=draws.sensed.device_s + draws.device_s,
        queued_s=round(max(0.0, draws.started - spec.submitted_ms / 1000), 3),
        sheet=sheet_of(drawn) if spec.request.robustness.tier == "request" and spec.noised else None,
        fleet_bin=None
        if centre is None or spec.pool is None
        else fleet_bin(float(measure([outputs[1]], metric, centre)[0]), spec.pool.diameter),
        batch_size=job.batch_size,
        neighbours=neighbours_of(spec, job.generator, condition),
        edits=listed_edits(spec) if spec.mechanism == EDITS else None,
        claims=claims,
        scores=scores_of_output(served, claims, job.scores),
        nearest_synonym=nearest_synonym(spec, job.generator, condition),
        tokens=_tokens_of(served, condition),
    )


def _tokens_of(served: Made, condition: Condition) -> TokenCounts | None:
    """Returns the token counts of the output served, None for what is not made of tokens."""
    if not isinstance(served, Text) or served.tokens is None or condition.prompt_tokens is None:
        return None
    return TokenCounts(prompt=condition.prompt_tokens, output=served.tokens, ended=served.ended)


def _chosen(spec: JobSpec, metric: OutputMetric, outputs: Outputs) -> tuple[Made, Centre | None, list[Made]]:
    """Returns the output to serve, the centre (None where nothing is measured), and the outputs it was chosen from."""
    robustness = spec.request.robustness
    if robustness.tier != "request":
        served = _served(outputs[0])
        return served, metric.choose_centre([served.content]) if robustness.tier == "fleet" else None, [served]
    selection, extra = outputs[: robustness.selection_samples], outputs[robustness.selection_samples :]
    whole = [o for o in selection if not isinstance(o, Failure)]
    if not whole:
        raise GenerationFailed(_all_failed(spec, selection))
    centre = metric.choose_centre([o.content for o in whole])
    return _served(extra[0]) if extra else whole[centre.representative], centre, whole


def _all_failed(spec: JobSpec, selection: Outputs) -> str:
    first = next((o.reason for o in selection if isinstance(o, Failure)), "an unknown reason")
    if spec.units is not None:
        remedy = "name a smaller units.size, shorten the texts, or try others"
        return f"all {len(selection)} selection runs failed, the first with {first}; {remedy}"
    if not spec.noised:
        return f"the prompt's own run failed with {first}; try another prompt"
    return (
        f"all {len(selection)} selection samples failed, the first with {first}; try a smaller sigma, or another prompt"
    )


def _served(output: Made | Failure) -> Made:
    if isinstance(output, Failure):
        raise GenerationFailed(f"the sample to be served failed with {output.reason}; send the request again")
    return output


def _provenance(job: JobOnModel, centre: Centre | None, served: Made, output: Output) -> Provenance:
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
    return "representative" if spec.request.output == "samples" else spec.request.output


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
