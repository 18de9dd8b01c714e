"""Runs the tasks of a study that are not finished, and stores each as soon as it is.

A process that is killed loses the task it was at, and nothing else: the same command goes on with what is missing.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, Protocol

from pydantic import ValidationError

from smoothgen.errors import InvalidInput, SmoothGenError
from smoothgen.studies.provenance import provenance
from smoothgen.studies.rows import Row
from smoothgen.studies.store import Finished, Store, Task

_LISTED: Final = 5


@dataclass(frozen=True)
class Measured:
    """The rows of one task. weights: digests of the models that ran, by name. accelerator: in words. certificate: the
    document that the rows are of, which is published beside them; None where there is none or there are several."""

    rows: Sequence[Row]
    weights: Mapping[str, str] = field(default_factory=dict)
    accelerator: str | None = None
    certificate: Mapping[str, Any] | None = None


Measure = Callable[[Task], Measured]
"""Runs a task. Raises SmoothGenError for a task that cannot be run; others are run all the same."""

Weights = Callable[[Task], str]
"""Returns the digest of the weights that a task would run on now. Raises SmoothGenError where it cannot be told."""


class Watch(Protocol):
    """Hears how a study goes on."""

    def begins(self, done: int, left: int, changed: Mapping[str, int]) -> None:
        """Hears how many tasks were finished before, and how many are left. changed: how many of these were finished on
        other weights than those of now, by model."""
        ...

    def finished(self, task: Task, seconds: float) -> None:
        """Hears that a task was stored."""
        ...

    def failed(self, task: Task, error: Exception) -> None:
        """Hears that a task could not be run: the next sitting tries it again."""
        ...


@dataclass(frozen=True)
class Sitting:
    """What one run of a study came to. before: tasks that were finished already. failed: with the reason, in words."""

    before: int
    finished: int
    failed: tuple[tuple[Task, str], ...]

    @property
    def complete(self) -> bool:
        """Whether no task is left."""
        return not self.failed


def run_study(
    tasks: Iterable[Task],
    store: Store,
    measure: Measure,
    watch: Watch,
    *,
    at_once: int = 1,
    weights: Weights | None = None,
) -> Sitting:
    """Runs what is not in the store, in order, `at_once` tasks at a time.

    weights: a finished task that ran on others than these, or on weights that are not known, is run again and replaced;
    None compares no weights. A task that fails with SmoothGenError, or whose numbers no row can state, is told and left
    for the next sitting. Any other error ends the sitting, after the tasks that run beside it have been stored.
    """
    planned = list(dict.fromkeys(_keyed(tasks)))
    found = [(each.task, store.get(each.task)) for each in planned]
    changed = [task for task, before in found if before is not None and not _holds(before, weights)]
    again = {task.key for task in changed}
    left = [task for task, before in found if before is None or task.key in again]
    watch.begins(len(planned) - len(left), len(left), Counter(task.model for task in changed))
    failed: list[tuple[Task, str]] = []
    for task, outcome, seconds in _outcomes(left, measure, at_once):
        if isinstance(outcome, Measured):
            from_here = provenance(
                seed=int(task.settings.get("seed", 0)),
                seconds=seconds,
                weights=outcome.weights,
                accelerator=outcome.accelerator,
            )
            if outcome.certificate is not None:  # before the task counts as finished
                store.keep_certificate(task, outcome.certificate)
            store.add(Finished(task=task, provenance=from_here, rows=tuple(outcome.rows)))
            watch.finished(task, seconds)
        else:
            failed.append((task, str(outcome)))
            watch.failed(task, outcome)
    return Sitting(len(planned) - len(left), len(left) - len(failed), tuple(failed))


def _holds(finished: Finished, weights: Weights | None) -> bool:
    """Returns whether a finished task ran on the weights of now. Where these cannot be told it does not: running it
    says why."""
    if weights is None:
        return True
    try:
        return finished.weights == weights(finished.task)
    except SmoothGenError:
        return False


@dataclass(frozen=True)
class _Keyed:
    """A task that is equal to another of the same key: its settings are a dictionary, which cannot be hashed."""

    key: str
    task: Task = field(compare=False)


def _keyed(tasks: Iterable[Task]) -> Iterator[_Keyed]:
    for task in tasks:
        yield _Keyed(task.key, task)


Outcome = tuple[Task, Measured | SmoothGenError, float]


def _outcomes(tasks: Sequence[Task], measure: Measure, at_once: int) -> Iterator[Outcome]:
    """Yields (task, rows or error, seconds) as tasks end."""
    if at_once == 1:
        for task in tasks:
            yield _one(task, measure)
        return
    with ThreadPoolExecutor(at_once) as threads:
        waiting: set[Future[Outcome]] = set()
        following = iter(tasks)
        while True:
            waiting |= {threads.submit(_one, each, measure) for each in islice(following, at_once - len(waiting))}
            if not waiting:
                return
            ended, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for each in ended:
                yield each.result()


def _one(task: Task, measure: Measure) -> Outcome:
    started = time.perf_counter()
    try:
        outcome: Measured | SmoothGenError = measure(task)
    except SmoothGenError as error:
        outcome = error
    except ValidationError as error:  # a measure without a finite value, above all
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        outcome = InvalidInput(
            f"no row can state what was measured: {place}: {first['msg']} (got {first['input']!r:.80})"
        )
    return task, outcome, time.perf_counter() - started


def in_words(sitting: Sitting, elsewhere: Sequence[Task] = ()) -> str:
    """Returns what a sitting came to, for a person. elsewhere: tasks that are not finished and that it cannot run."""
    said = f"{sitting.finished} tasks finished, {sitting.before} were before"
    if elsewhere:
        kinds = ", ".join(f"{count} of kind {kind}" for kind, count in Counter(t.kind for t in elsewhere).items())
        said += f"; {len(elsewhere)} are left that need the model in the process ({kinds}): run them with --local"
    if not sitting.failed:
        return said if elsewhere else f"{said}; none is left"
    shown = [f"  {t.study}, {t.model}, {t.setting}, {t.prompt!r:.60}: {why}" for t, why in sitting.failed[:_LISTED]]
    more = f"\n  and {len(sitting.failed) - _LISTED} more" if len(sitting.failed) > _LISTED else ""
    return f"{said}; {len(sitting.failed)} failed, and are tried again by the same command:\n" + "\n".join(shown) + more
