"""A work item as an executor holds it: prepared from its claim, filled with outputs, finished with an outcome."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from smoothgen.contracts import TOKENS, JobSpec
from smoothgen.errors import GenerationFailed
from smoothgen.noise import Stream
from smoothgen.queue import Claim
from smoothgen.tracing import named, span, under
from workers.distances import require_same_metric
from workers.generators import Condition, Failure, Made
from workers.generators.batching import Batcher, FixedBatcher
from workers.jobs.measurement import measure
from workers.jobs.methods import method_of
from workers.jobs.neighbour_runs import condition_of_runs, with_equal_outputs_at_0, words_of
from workers.jobs.noisy_outputs import noisy_outputs
from workers.jobs.outcomes import Ended, Measured, Outcome
from workers.jobs.provenance import JobOnModel
from workers.jobs.sampling import Samples
from workers.jobs.selection import Draws, samples_to_draw, select_output
from workers.scores import claims_on, require_same_scores, scores_of
from workers.sensitivity import NOTHING_SENSED, Sensed, sense
from workers.serving.loaded_model import LoadedModel
from workers.serving.pacing import Speed
from workers.serving.recent_conditions import RecentConditions
from workers.serving.run_state import RunState
from workers.serving.slowness import Slowness


class ToldToStop(Exception):
    """Raised between batches of probes where the work item goes back to the queue or its job has ended."""


@dataclass
class WorkItem:
    """A selection or a chunk with the outputs drawn so far.

    place: among the work items of its run. batch_size: of all its batches, where it is fixed. seconds: of compute.
    """

    place: int
    claim: Claim
    condition: Condition
    samples: list[Samples]
    sensed: Sensed = NOTHING_SENSED
    batch_size: int | None = None
    outputs: list[Made | Failure] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def whole(self) -> bool:
        """Whether every sample is drawn."""
        return len(self.outputs) == sum(len(s.indices) for s in self.samples)

    def kind_of_batch(self, rows: int) -> Hashable:
        """Returns what batches that take about as long have in common.

        The parameters' hash stands for them: a kind is kept for long, and parameters may hold an image of megabytes.
        """
        return hash(self.claim.spec.parameters.for_batch()), self.condition.embedding.shape, rows


class WorkItems:
    """Prepares and finishes the work items of one model, and notes its batches."""

    def __init__(self, model: LoadedModel) -> None:
        self.model, self.speed = model, Speed()
        self._slowness = Slowness(model.card.id)
        self._conditions = RecentConditions(model.generator)

    def prepare(self, place: int, claim: Claim, state: RunState, batcher: Batcher) -> WorkItem:
        """Returns the work item with nothing drawn but the probes that its selection asks for.

        batcher: what runs its probes; a FixedBatcher also fixes its batches. Raises ToldToStop and InvalidInput.
        """
        spec, selection = claim.spec, claim.selection
        batch_size = batcher.batch_size if isinstance(batcher, FixedBatcher) else None
        if claim.is_selection:
            sensed = self._sensed(place, spec, state, batcher)
            condition = self._conditions.of(spec)
            if sensed.selection is not None:
                condition = self._conditions.of(spec, sensed.selection.sigma, condition.template)
            return WorkItem(place, claim, condition, samples_to_draw(spec, condition), sensed, batch_size)
        chosen = None if selection is None or selection.sigma_selection is None else selection.sigma_selection["sigma"]
        prompt = self._conditions.of(spec, chosen, None if selection is None else selection.template)
        condition = condition_of_runs(spec, self.model.generator, prompt, selection)
        chunk = range(claim.first, claim.first + claim.count)
        return WorkItem(place, claim, condition, [Samples(spec, condition, Stream.CERTIFICATION, chunk)])

    def note_batch(self, state: RunState, kind: Hashable, made: Sequence[Made | Failure], seconds: float) -> None:
        """Counts a batch, for the model's speed, for the warning when it slows down, and for Prometheus."""
        self.speed.measured(len(made), seconds)
        self._slowness.measured(kind, seconds)
        state.batch_done(len(made), sum(isinstance(output, Failure) for output in made), seconds)

    def finish(self, item: WorkItem, started: float) -> Outcome:
        """Returns the outcome of a whole work item. started: when it was claimed, Unix seconds."""
        spec = item.claim.spec
        metric, scores = self.model.metric(spec.metric), self.model.scores(spec)
        if not item.claim.is_selection:
            selection = item.claim.selection
            if selection is None:
                raise GenerationFailed(f"job {spec.id} has a chunk and no opening")
            require_same_metric(selection.provenance["metric"], metric)
            distances = measure(item.outputs, metric, metric.read_centre(selection.centre, selection.bound))
            require_same_scores(selection.claims or (), claims_on(spec, scores))
            scored = scores_of(item.outputs, scores)
            failures = [output.reason for output in item.outputs if isinstance(output, Failure)]
            failure = failures[-1] if failures else str(getattr(metric, "last_failure", ""))
            if spec.noised:
                made = noisy_outputs(spec, "certification", item.claim.first, item.outputs)
                return Measured(distances, item.seconds, failure, scores=scored, noisy_outputs=made)
            distances = with_equal_outputs_at_0(spec, distances, item.outputs, selection)
            indices = item.samples[0].indices
            words = words_of(item.condition, indices, item.outputs)
            pictures = self.model.run_pictures.of(indices, item.outputs) if spec.mechanism == TOKENS else None
            return Measured(distances, item.seconds, failure, words, scored, pictures=pictures)
        job = JobOnModel(
            spec,
            self.model.generator,
            metric,
            item.condition,
            precision=self.model.precision,
            batch_size=item.batch_size,
            scores=scores,
        )
        draws = Draws(item.outputs, device_s=item.seconds, started=started, sensed=item.sensed)
        selected = select_output(job, draws)
        with under(item.claim.traceparent), span("certification", job=spec.id, samples=0) as certifying:
            result = method_of(spec).after_selection(spec, selected)
            certifying.set_attributes(named(outcome="draw_on" if result is None else result.ending))
        return selected if result is None else Ended(selected, result)

    def _sensed(self, place: int, spec: JobSpec, state: RunState, batcher: Batcher) -> Sensed:
        """Returns what probes of the prompt show. Raises ToldToStop between two batches."""
        if not spec.probe_samples:
            return NOTHING_SENSED

        def on_batch(samples: int, failed: int, seconds: float) -> None:
            state.drawn[place] += samples
            self.speed.measured(samples, seconds)
            state.batch_done(samples, failed, seconds)
            if state.stop or spec.id in state.ended:
                raise ToldToStop

        return sense(
            spec,
            self.model.generator,
            self.model.metric(spec.metric),
            self._conditions.of(spec),
            batcher=batcher,
            on_batch=on_batch,
        )
