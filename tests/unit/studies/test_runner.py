"""The runner: finished tasks are not run again, a failure is told and tried again, rows say where they come from."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from smoothgen.errors import GenerationFailed, InvalidInput
from smoothgen.studies import CostRow, FidelityRow, Store, Task
from smoothgen.studies.provenance import command
from smoothgen.studies.runner import Measured, in_words, run_study
from smoothgen.studies.store import weights_of


def task(prompt: str) -> Task:
    return Task(kind="certificates", study="s", model="m", setting="t", prompt=prompt, settings={"seed": 7})


def rows(of: Task) -> Measured:
    row = CostRow(study="s", model="m", setting="t", prompt=of.prompt or "", seconds=1.0, samples=3)
    return Measured([row], {"m": "sha256:0"}, "an accelerator")


class Told:
    def __init__(self) -> None:
        self.begun: list[tuple[int, int]] = []
        self.done: list[str | None] = []
        self.lost: list[str | None] = []
        self.changed: dict[str, int] = {}

    def begins(self, done: int, left: int, changed: Mapping[str, int]) -> None:
        self.changed = dict(changed)
        self.begun.append((done, left))

    def finished(self, task: Task, seconds: float) -> None:
        self.done.append(task.prompt)

    def failed(self, task: Task, error: Exception) -> None:
        self.lost.append(task.prompt)


TASKS = [task(prompt) for prompt in "abcd"]


def test_a_second_sitting_runs_what_is_missing(tmp_path: Path) -> None:
    store, told, asked = Store(tmp_path), Told(), list[str | None]()

    def until_c(of: Task) -> Measured:
        asked.append(of.prompt)
        if of.prompt == "c":
            raise KeyboardInterrupt
        return rows(of)

    with pytest.raises(KeyboardInterrupt):
        run_study(TASKS, store, until_c, told)
    sitting = run_study([*TASKS, TASKS[0]], store, rows, told)

    assert asked == ["a", "b", "c"]
    assert told.begun == [(0, 4), (2, 2)]
    assert told.done == ["a", "b", "c", "d"]
    assert (sitting.before, sitting.finished, sitting.complete) == (2, 2, True)
    assert in_words(sitting).endswith("none is left")


def test_a_task_that_fails_is_told_and_tried_again(tmp_path: Path) -> None:
    store, told = Store(tmp_path), Told()

    def but_b(of: Task) -> Measured:
        if of.prompt == "b":
            raise GenerationFailed("no sample fits the memory")
        return rows(of)

    first = run_study(TASKS, store, but_b, told)
    second = run_study(TASKS, store, rows, told)

    assert told.lost == ["b"]
    assert not first.complete
    assert "'b': no sample fits the memory" in in_words(first)
    assert (second.before, second.finished) == (3, 1)


def test_rows_say_where_they_come_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMOOTHGEN_COMMAND", "smoothgen evaluate quick")
    command.cache_clear()  # an earlier test may have asked
    store = Store(tmp_path)
    run_study(TASKS[:1], store, rows, Told())
    command.cache_clear()
    [finished] = store

    made = finished.provenance
    assert made.seed == 7
    assert made.weights == {"m": "sha256:0"}
    assert made.machine.endswith(", an accelerator")
    assert made.command == "smoothgen evaluate quick"
    assert made.revision
    assert made.finished_at.endswith("+00:00")


@pytest.mark.parametrize("now", ["sha256:1", None])
def test_a_task_of_other_weights_is_run_again_and_replaced(tmp_path: Path, now: str | None) -> None:
    store, told = Store(tmp_path), Told()
    run_study(TASKS, store, rows, told)
    run_study(TASKS, store, rows, told, weights=lambda _: "sha256:0")
    assert (told.begun[-1], told.changed) == ((4, 0), {})

    def weights(of: Task) -> str:
        if now is None:
            raise GenerationFailed("the folder is gone")
        return now

    def on_new(of: Task) -> Measured:
        return Measured(rows(of).rows, {"m": weights(of)})

    sitting = run_study(TASKS, store, on_new, told, weights=weights)

    assert (told.begun[-1], told.changed, sitting.before) == ((0, 4), {"m": 4}, 0)
    assert sitting.complete == (now is not None)
    assert {one.weights for one in store} == {now or "sha256:0"}


def test_only_the_tasks_of_the_last_plan_are_judged_and_never_two_weights_of_a_model(tmp_path: Path) -> None:
    store = Store(tmp_path)
    run_study(TASKS[:3], store, rows, Told())
    assert len(store.judged()) == 3
    store.keep_plan("small", TASKS)
    assert store.unfinished() == 1
    run_study(TASKS[3:], store, lambda of: Measured(rows(of).rows, {"m": "sha256:1"}), Told())
    with pytest.raises(InvalidInput, match="'m' on different weights: sha256:0, sha256:1"):
        store.judged()

    store.keep_plan("small", TASKS[1:3])
    assert store.unfinished() == 0
    assert {one.task.prompt for one in store.judged()} == {"b", "c"}
    assert weights_of(store.judged()) == {"m": ["sha256:0"]}
    store.plan.write_text("{}")
    with pytest.raises(InvalidInput, match=r"plan\.json does not list the tasks"):
        store.judged()


def test_tasks_run_side_by_side_where_that_is_asked(tmp_path: Path) -> None:
    together = threading.Barrier(4, timeout=30)

    def waiting(of: Task) -> Measured:
        together.wait()  # broken, and so an error, unless all four run at once
        return rows(of)

    sitting = run_study(TASKS, Store(tmp_path), waiting, Told(), at_once=4)

    assert sitting.finished == 4


def test_a_measure_without_a_finite_value_is_told_and_the_other_tasks_are_stored(tmp_path: Path) -> None:
    def measured(of: Task) -> Measured:
        value = float("nan") if of.prompt == "b" else 1.0
        row = FidelityRow(study="s", model="m", setting="t", measure="perplexity", unit="", value=value, samples=1)
        return Measured([row])

    store, told = Store(tmp_path), Told()
    sitting = run_study(TASKS, store, measured, told)
    assert (told.lost, len(list(store))) == (["b"], 3)
    assert "value: Input should be a finite number (got nan)" in sitting.failed[0][1]
