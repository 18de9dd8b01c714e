"""One job: selection, centre, certification, certificate (theory §3, design: life of a request).

Pure computation: no Redis, no clock but a stopwatch. Everything random comes from the job's seed, so running a job
twice gives the same certificate.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates import (
    Abstention,
    Certificate,
    MetricIdentity,
    OutputIdentity,
    Provenance,
    RequestIdentity,
    Sampling,
    Threat,
    certify,
    to_document,
)
from smoothgen.certificates.rounding import complement, round_up
from smoothgen.contracts import AbstentionView, JobResult, JobSpec, ModelRef, Output, Usage
from smoothgen.errors import GenerationFailed
from smoothgen.images import encode_png
from smoothgen.noise import SCHEME, Seed, Stream
from workers.batches import Batcher, Outputs
from workers.distances import Centre, OutputMetric
from workers.generators import Condition, Draw, Failure, Generator, Made, Picture, Smoothing
from workers.sheets import contact_sheet

_FRESH_DRAWS = {
    Stream.SELECTION: Stream.GENERATOR_SELECTION,
    Stream.CERTIFICATION: Stream.GENERATOR,
    Stream.SERVED: Stream.GENERATOR_SERVED,
}


_SHEET_PICTURES = 25


class Watch(Protocol):
    """Told what a job does as it runs. Any call may raise to stop it at this batch boundary."""

    def output_chosen(self, output: Output, sheet: bytes | None) -> None:
        """The output is fixed; the certificate is still to come. `sheet`: a picture of the noisy samples, PNG."""
        ...

    def batch_done(self, samples: int, failed: int, seconds: float) -> None:
        """A batch was generated and measured."""
        ...


def run_job(spec: JobSpec, generator: Generator, metric: OutputMetric, *, batcher: Batcher, watch: Watch) -> JobResult:
    """Run a job to its certificate or abstention.

    Raises InvalidInput for a prompt or parameters the model cannot take, GenerationFailed when the model gives nothing
    to certify, and whatever `watch` raises.
    """
    started = time.time()
    robustness = spec.request.robustness
    smoothing = Smoothing(robustness.mechanism, spec.sigma, Draw(_seed(spec), Stream.GENERATOR_COMMON, 0))
    condition = generator.condition(spec.request.prompt, spec.parameters, smoothing)
    sampler = _Sampler(spec, generator, condition, batcher, watch)

    selection = [o for outputs in sampler.draw(Stream.SELECTION, robustness.selection_samples) for o in outputs]
    whole = [o for o in selection if not isinstance(o, Failure)]
    if not whole:
        raise GenerationFailed(
            f"all {len(selection)} selection samples failed, the first with {_first_reason(selection)}; "
            "try a smaller sigma, or another prompt"
        )
    centre = metric.choose_centre([o.content for o in whole])
    served = whole[centre.representative]
    if spec.request.output == "sample":
        served = sampler.draw_one()
    watch.output_chosen(served.output(certified=False), _sheet(whole))

    distances = np.concatenate(
        [_measure(outputs, metric, centre) for outputs in sampler.draw(Stream.CERTIFICATION, robustness.samples)]
    )
    if np.isnan(distances).all():
        raise GenerationFailed(
            f"all {len(distances)} certification samples failed, the last with {sampler.last_failure}; "
            "try a smaller sigma, or another prompt"
        )
    outcome = certify(
        distances,
        bound=centre.bound,
        diameter=metric.diameter,
        mechanism=condition.mechanism,
        alpha=complement(robustness.confidence),
        tolerance=spec.tolerance,
        epsilon=robustness.epsilon,
        band=metric.band,
        provenance=_provenance(spec, generator, metric, condition, centre, served),
    )
    model = generator.identity
    return JobResult(
        model=ModelRef(name=model.name, revision=model.revision, digest=model.digest),
        output=served.output(certified=isinstance(outcome, Certificate)),
        notes=list(condition.notes) or None,
        certificate=_document(outcome, spec) if isinstance(outcome, Certificate) else None,
        abstention=_abstention(outcome) if isinstance(outcome, Abstention) else None,
        usage=Usage(
            samples=robustness.samples,
            device_s=round(sampler.device_s, 3),
            queued_s=round(max(0.0, started - spec.submitted_ms / 1000), 3),
            overhead=sampler.generations,
        ),
    )


class _Sampler:
    """Draws the job's outputs: noise by (seed, stream, index), batches as they fit."""

    def __init__(
        self, spec: JobSpec, generator: Generator, condition: Condition, batcher: Batcher, watch: Watch
    ) -> None:
        self.device_s, self.generations = 0.0, 0
        self.last_failure = "NaN features"
        self._spec, self._generator, self._condition = spec, generator, condition
        self._batcher, self._watch = batcher, watch
        self._seed = _seed(spec)

    def draw(self, stream: Stream, count: int) -> Iterator[Outputs]:
        """The outputs 0 … count−1 of a stream, batch by batch."""

        def generate(indices: Sequence[int]) -> Sequence[Made | Failure]:
            noise = self._condition.mechanism.draw(self._seed, stream, indices, self._condition.embedding.shape)
            draws = [self._draw(stream, index) for index in indices]
            return self._generator.generate(self._condition, noise, draws, self._spec.parameters)

        started = time.perf_counter()
        for indices, outputs in self._batcher.run(range(count), generate):
            self.generations += len(indices)
            yield outputs  # measuring the outputs is part of the batch's time
            failures = [o for o in outputs if isinstance(o, Failure)]
            if failures:
                self.last_failure = failures[-1].reason
            seconds, started = time.perf_counter() - started, time.perf_counter()
            self.device_s += seconds
            self._watch.batch_done(len(indices), len(failures), seconds)

    def draw_one(self) -> Made:
        """One exact draw from the smoothed generator, independent of all others."""
        [[output]] = list(self.draw(Stream.SERVED, 1))
        if isinstance(output, Failure):
            raise GenerationFailed(f"the sample to be served failed with {output.reason}; send the request again")
        return output

    def _draw(self, stream: Stream, index: int) -> Draw:
        if self._spec.request.robustness.randomness == "common":
            return Draw(self._seed, Stream.GENERATOR_COMMON, 0)
        return Draw(self._seed, _FRESH_DRAWS[stream], index)


def _measure(outputs: Outputs, metric: OutputMetric, centre: Centre) -> NDArray[np.float64]:
    """Distances in sample order; NaN for a sample that failed, which `certify` counts as the worst distance."""
    distances = np.full(len(outputs), np.nan)
    whole = {i: output.content for i, output in enumerate(outputs) if not isinstance(output, Failure)}
    if whole:
        distances[list(whole)] = metric.distances(list(whole.values()), centre)
    return distances


def _seed(spec: JobSpec) -> Seed:
    return Seed(int(spec.seed, 16), spec.seed_origin)


def _sheet(outputs: Sequence[Made]) -> bytes | None:
    """The noisy samples of a picture model side by side; None for texts."""
    pictures = [o.pixels for o in outputs if isinstance(o, Picture)]
    return encode_png(contact_sheet(pictures[:_SHEET_PICTURES])) if pictures else None


def _provenance(
    spec: JobSpec, generator: Generator, metric: OutputMetric, condition: Condition, centre: Centre, served: Made
) -> Provenance:
    robustness = spec.request.robustness
    dimension = condition.embedding.size
    to_centre = float(metric.distances([served.content], centre)[0])
    if np.isnan(to_centre):
        raise GenerationFailed(f"the output to be served cannot be measured: {served.content!r:.80}")
    output = served.output(certified=True)
    return Provenance(
        request=RequestIdentity(
            prompt_digest=f"sha256:{hashlib.sha256(spec.request.prompt.encode()).hexdigest()}",
            parameters=spec.parameters.for_certificate(),
        ),
        model=generator.identity,
        metric=MetricIdentity(
            name=metric.name,
            description=metric.description,
            cap=getattr(spec.metric, "cap", None),
            options=metric.options,
            centre=centre.document,
        ),
        sampling=Sampling(
            seed=spec.seed,
            seed_origin=spec.seed_origin,
            noise_scheme=SCHEME,
            randomness=robustness.randomness if condition.random else "none",
            selection_samples=robustness.selection_samples,
        ),
        output=OutputIdentity(
            kind=spec.request.output,
            media_type=output.media_type,
            digest=output.digest,
            distance_to_centre=min(round_up(to_centre), centre.bound),
        ),
        threat=Threat(
            attack_on=condition.attack_on,
            dimension=dimension,
            embedding_norm=round(float(np.linalg.norm(condition.embedding.astype(np.float64))), 6),
            noise_norm=condition.mechanism.effective_sigma * dimension**0.5,
            held_fixed=condition.held_fixed,
        ),
    )


def _document(certificate: Certificate, spec: JobSpec) -> dict[str, object]:
    # The time of the request, not of this run: a job run twice must give one certificate.
    requested_at = datetime.fromtimestamp(spec.submitted_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return to_document(certificate.identified(spec.id, requested_at))


def _abstention(outcome: Abstention) -> AbstentionView:
    return AbstentionView(reason=outcome.reason, detail=outcome.detail, curve=list(outcome.curve))


def _first_reason(outputs: Outputs) -> str:
    return next((o.reason for o in outputs if isinstance(o, Failure)), "an unknown reason")
