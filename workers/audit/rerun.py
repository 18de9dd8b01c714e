"""Runs samples of a certificate again, as a worker would, and measures them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from smoothgen.certificates import AnyCertificate, Certificate
from smoothgen.certificates.provenance import MetricIdentity
from smoothgen.contracts import JobSpec
from smoothgen.errors import GenerationFailed, InvalidInput
from smoothgen.noise import Stream
from workers.audit.comparison import Comparison
from workers.audit.job import Given, job_of
from workers.audit.runs import runs_of
from workers.distances import Centre, OutputMetric
from workers.generators import Condition, Failure, Made
from workers.generators.batching import Batcher, FixedBatcher
from workers.jobs.measurement import measure
from workers.jobs.sampling import Samples, blocks_of, generate
from workers.serving.loaded_model import LoadedModel


def audit(
    certificate: AnyCertificate,
    model: LoadedModel,
    given: Given,
    *,
    samples: int,
    tolerance: float,
    batch_size: int,
    choice: np.random.Generator,
) -> Comparison:
    """Runs some samples of a certificate again and compares their distances with those it states.

    samples: how many, all where there are no more; `choice` draws which. tolerance: metric units.
    Raises InvalidInput for another model or precision than the certificate's, for what is given of the request where
    the certificate has other digests, and for certificates that do not say enough; GenerationFailed.
    """
    require_same_weights(certificate, model)
    spec = job_of(certificate, model.card.modality, given)
    metric = model.metric(spec.metric)
    _require_same_metric(certificate.provenance.metric, metric)
    runs = runs_of(certificate, spec, model.generator)
    if not len(runs.stated):
        raise InvalidInput("the certificate rests on no samples, so there is nothing to run again")
    chosen = choice.choice(len(runs.stated), size=min(samples, len(runs.stated)), replace=False)
    indices = tuple(sorted(chosen.tolist()))
    drawing = _Drawing(spec, model, certificate, batch_size)
    own = None if runs.own is None else drawing.own_output(runs.own)
    centre = _centre(certificate, metric, own)
    made = drawing.outputs(runs.condition, Stream.CERTIFICATION, indices)
    measured = measure(made, metric, centre)
    if own is not None:  # features that are computed in batches may differ in their last bits
        measured = np.where(
            [not isinstance(each, Failure) and _digest(each) == _digest(own) for each in made], 0.0, measured
        )
    stated = certificate.provenance.output
    return Comparison(
        samples=len(runs.stated),
        indices=indices,
        stated=runs.stated[[*indices]],
        measured=np.where(np.isnan(measured), np.inf, measured),
        tolerance=tolerance,
        output=None if own is None or stated is None else stated.digest,
        own_output=None if own is None or stated is None else _digest(own),
    )


def require_same_weights(certificate: AnyCertificate, model: LoadedModel) -> None:
    """Raises InvalidInput for a model of other weights, or one that computes in another precision, where the
    certificate states it."""
    stated, own = certificate.provenance.model, model.generator.identity
    if stated is None:
        raise InvalidInput("the certificate names no model, so no sample of it can be run again")
    if stated.digest != own.digest:
        raise InvalidInput(
            f"model {own.name!r} is {own.digest}, and the certificate's {stated.name!r} is {stated.digest:.80}; give "
            "--model NAME=SOURCE of that one"
        )
    precision = stated_precision(certificate)
    if precision is not None and precision != model.precision:
        raise InvalidInput(
            f"the model computes in {model.precision or 'float64'} here, and the certificate's samples in {precision}; "
            "set SMOOTHGEN_DTYPE"
        )


def stated_precision(certificate: AnyCertificate) -> str | None:
    """Returns what the certificate's samples were computed in; None where it does not say: certificates without noise
    never do."""
    sampling = certificate.provenance.sampling
    return None if sampling is None else sampling.precision


class _Drawing:
    """Draws samples in batches as the certificate's job did: of one size where outputs depend on it."""

    def __init__(self, spec: JobSpec, model: LoadedModel, certificate: AnyCertificate, batch_size: int) -> None:
        self._spec, self._generator = spec, model.generator
        sampling = certificate.provenance.sampling
        self._fixed = None if sampling is None else sampling.batch_size
        if model.fixes_batches and not isinstance(certificate, Certificate):
            self._fixed = 1  # as jobs without noise do
        self._batch_size = batch_size

    def outputs(self, condition: Condition, stream: Stream, indices: Sequence[int]) -> list[Made | Failure]:
        """Returns the outputs of these samples, in order."""
        run = partial(generate, self._generator)
        if self._fixed is None:
            samples = Samples(self._spec, condition, stream, range(0))
            rows = [(samples, index) for index in indices]
            return [each for _, made in Batcher(self._batch_size).run(rows, run) for each in made]
        batcher, found = FixedBatcher(self._fixed), list[Made | Failure]()
        for index in indices:
            samples = Samples(self._spec, condition, stream, range(index, index + 1))
            for rows, ours in blocks_of(samples, self._fixed):
                found += batcher.survive(rows, run)[ours.start : ours.stop]
        return found

    def own_output(self, condition: Condition) -> Made:
        """Returns the output of the prompt's own run. Raises GenerationFailed where it fails."""
        [own] = self.outputs(condition, Stream.SELECTION, [0])
        if isinstance(own, Failure):
            raise GenerationFailed(f"the prompt's own run failed here: {own.reason}")
        return own


def _centre(certificate: AnyCertificate, metric: OutputMetric, own: Made | None) -> Centre:
    """Returns what distances are from: the prompt's own output, or the centre that the certificate states."""
    if own is not None:
        return metric.choose_centre([own.content])
    stated = certificate.provenance.metric
    bound = getattr(certificate.evidence, "bound", None)
    if stated is None or bound is None or not stated.centre:
        raise InvalidInput("the certificate states no centre that distances are from")
    return metric.read_centre(stated.centre, bound)


def _require_same_metric(stated: MetricIdentity | None, metric: OutputMetric) -> None:
    if stated is None or (metric.description, metric.options) != (stated.description, stated.options):
        raise InvalidInput(
            f"the certificate's distances are in {stated and stated.description!r} under {stated and stated.options}, "
            f"and the metric here is {metric.description!r} under {metric.options}"
        )


def _digest(made: Made) -> str:
    return made.output(certified=False).digest
