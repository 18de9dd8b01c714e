"""How a job's claim follows from its runs: by noise and statistics, by running everything an attack can reach, by
running a set of edits or a sample of it, or by running subsets of the text's units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol

from smoothgen.certificates import Abstention
from smoothgen.contracts import EDITS, PASSAGES, TOKENS, WORDS, JobResult, JobSpec, Selection
from smoothgen.queue import CompleteLook
from workers.jobs import edits, exhaustion, units
from workers.jobs.certification import (
    NONE_DRAWN,
    after_selection,
    look_at,
    plan_of,
    proven_so_far,
    result_at_deadline,
    result_of_peek,
    universal_outcome,
)
from workers.jobs.certification import result_of as result_by_noise
from workers.jobs.selection import Selected


@dataclass(frozen=True)
class Taken:
    """What a look came to. result: where the job ends with it, None where it goes on. radius, w1_bound: proven so
    far."""

    result: JobResult | None
    radius: float = 0.0
    w1_bound: float = 0.0


class Method(Protocol):
    """What the rest of a worker asks of a method of certification."""

    def looks(self, spec: JobSpec, selection: Selection) -> tuple[int, ...]:
        """Returns how many samples or runs each look at the job has."""
        ...

    def after_selection(self, spec: JobSpec, selected: Selected) -> JobResult | None:
        """Returns the result where no sample or run can change it, None where they can."""
        ...

    def take(self, spec: JobSpec, selection: Selection, look: CompleteLook) -> Taken:
        """Returns what a complete look leads to. Raises GenerationFailed where the model gave nothing to certify."""
        ...

    def at_deadline(self, spec: JobSpec, selection: Selection, look: CompleteLook | None) -> JobResult:
        """Returns the result of a job out of time, from what it has. look: None where it has nothing."""
        ...


class SmoothingMethod:
    """Noise on what is attacked, and a bound from the spread of the samples."""

    def looks(self, spec: JobSpec, selection: Selection) -> tuple[int, ...]:
        """Returns the sizes of the plan and of what is peeked at before, which the request alone fixes."""
        del selection
        sizes = plan_of(spec).sizes
        return sizes if spec.peek is None else tuple(sorted({spec.peek, *sizes}))

    def after_selection(self, spec: JobSpec, selected: Selected) -> JobResult | None:
        """Returns the result of tiers without certification samples, and of claims futile from the start."""
        return after_selection(spec, selected)

    def take(self, spec: JobSpec, selection: Selection, look: CompleteLook) -> Taken:
        """Returns what the distances of the look prove, and whether that is enough; of a peek, the result where
        further samples can add nothing."""
        if len(look.distances) == spec.peek:
            ended = result_of_peek(spec, selection, look.distances, look.device_s)
            return Taken(ended, *proven_so_far(spec, universal_outcome(spec, selection)))
        taken = look_at(spec, selection, look.distances, look.failure, look.scores)
        if taken.stop is not None:
            return Taken(result_by_noise(spec, selection, taken.outcome, look.distances, look.device_s))
        return Taken(None, *proven_so_far(spec, taken.outcome))

    def at_deadline(self, spec: JobSpec, selection: Selection, look: CompleteLook | None) -> JobResult:
        """Returns the result of the last complete look, or of the bound that needs no samples."""
        if look is None:
            return result_at_deadline(spec, selection, NONE_DRAWN, "", selection.device_s)
        return result_at_deadline(spec, selection, look.distances, look.failure, look.device_s, look.scores)


class ExhaustionMethod:
    """A token snap, and the model run on the sequences that an attack can reach."""

    def looks(self, spec: JobSpec, selection: Selection) -> tuple[int, ...]:
        """Returns the sizes up to the last sequence that can change what is claimed."""
        return exhaustion.looks(spec, selection)

    def after_selection(self, spec: JobSpec, selected: Selected) -> JobResult | None:
        """Returns the result where nothing within the asked epsilon need be run, or too much."""
        return exhaustion.without_runs(spec, selected.stored, selected.device_s)

    def take(self, spec: JobSpec, selection: Selection, look: CompleteLook) -> Taken:
        """Returns what the runs prove, and whether further ones would change it."""
        outcome = exhaustion.certified(spec, selection, look.distances, look.scores)
        if exhaustion.decided(spec, selection, look.distances, outcome, look.scores):
            return Taken(exhaustion.result(spec, selection, outcome, look.distances, look.words, look.device_s))
        if isinstance(outcome, Abstention):
            return Taken(None)
        return Taken(None, outcome.radius, outcome.claims.w1_bound)

    def at_deadline(self, spec: JobSpec, selection: Selection, look: CompleteLook | None) -> JobResult:
        """Returns what the runs so far prove: every beginning of the list proves something."""
        if look is None:
            return exhaustion.result_at_deadline(spec, selection, NONE_DRAWN, (), selection.device_s)
        return exhaustion.result_at_deadline(spec, selection, look.distances, look.words, look.device_s, look.scores)


class EditSetMethod:
    """The model run on edits of the prompt: on all of a public set, or on texts drawn from it."""

    def looks(self, spec: JobSpec, selection: Selection) -> tuple[int, ...]:
        """Returns one look, at all runs."""
        return edits.looks(spec, selection)

    def after_selection(self, spec: JobSpec, selected: Selected) -> JobResult | None:
        """Returns the result where the prompt's own output fails a claim on a score."""
        return edits.without_runs(spec, selected.stored, selected.device_s)

    def take(self, spec: JobSpec, selection: Selection, look: CompleteLook) -> Taken:
        """Returns what the runs prove; with its one look the job ends."""
        return Taken(self.at_deadline(spec, selection, look))

    def at_deadline(self, spec: JobSpec, selection: Selection, look: CompleteLook | None) -> JobResult:
        """Returns an abstention where a run is missing: a beginning of the runs proves nothing of the set."""
        if look is None:
            return edits.result(spec, selection, NONE_DRAWN, (), selection.device_s)
        return edits.result(spec, selection, look.distances, look.words, look.device_s, look.scores)


class UnitsMethod:
    """The model run on texts that keep some units and leave the others out."""

    def looks(self, spec: JobSpec, selection: Selection) -> tuple[int, ...]:
        """Returns how many runs each look has: one at all of them, or doubling where a claim is asked for."""
        del selection
        return units.looks(spec)

    def after_selection(self, spec: JobSpec, selected: Selected) -> JobResult | None:
        """Returns the result where the output that is served fails a claim on a score."""
        return units.without_runs(spec, selected.stored, selected.device_s)

    def take(self, spec: JobSpec, selection: Selection, look: CompleteLook) -> Taken:
        """Returns what the runs prove, and whether further ones would change what was asked."""
        outcome = units.certified(spec, selection, look.distances, look.scores)
        if outcome is not None and units.decided(spec, selection, look.distances, outcome, look.scores):
            return Taken(units.result(spec, selection, outcome, look.distances, look.device_s))
        if outcome is None or isinstance(outcome, Abstention):
            return Taken(None)
        return Taken(None, float(outcome.radius), outcome.claims.w1_bound)

    def at_deadline(self, spec: JobSpec, selection: Selection, look: CompleteLook | None) -> JobResult:
        """Returns what the runs so far prove."""
        if look is None:
            return units.result_at_deadline(spec, selection, NONE_DRAWN, selection.device_s)
        return units.result_at_deadline(spec, selection, look.distances, look.device_s, look.scores)


_SMOOTHING: Final = SmoothingMethod()
_UNITS: Final = UnitsMethod()
_BY_MECHANISM: Final[Mapping[str, Method]] = MappingProxyType(
    {TOKENS: ExhaustionMethod(), EDITS: EditSetMethod(), PASSAGES: _UNITS, WORDS: _UNITS}
)


def method_of(spec: JobSpec) -> Method:
    """Returns the method by which a job is certified."""
    return _BY_MECHANISM.get(spec.mechanism, _SMOOTHING)
