"""Run an evaluation in this process: python -m workers.evaluation (or `smoothgen evaluate --local`)."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from smoothgen.errors import InvalidInput, SmoothGenError
from smoothgen.studies.checked import check_tasks
from smoothgen.studies.gate import read_thresholds
from smoothgen.studies.plan import Chosen, builtin_plans, read_plan
from smoothgen.studies.progress import Shown
from smoothgen.studies.runner import Measured, in_words, run_study
from smoothgen.studies.store import Store, Task
from workers.evaluation.kinds import CHECKS, kind_of
from workers.evaluation.room import Room
from workers.settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 where every task is finished and every threshold reached, 1 where not, 2 for a plan or thresholds that
    cannot be read."""
    parser = argparse.ArgumentParser(prog="smoothgen evaluate --local", description="Run an evaluation in one process.")
    parser.add_argument("plan", help=f"a TOML file, or one of {', '.join(builtin_plans())}")
    parser.add_argument("--out", type=Path, required=True, help="the study's folder; an existing one is gone on with")
    parser.add_argument("--only", action="append", help="a kind of task; repeat for more")
    parser.add_argument("--study", action="append", help="a study of the plan, by its name; repeat for more")
    parser.add_argument("--model", action="append", help="a model of the plan; repeat for more")
    parser.add_argument("--thresholds", type=Path, help="what the finished study must reach: writes its report too")
    given = parser.parse_args(arguments)
    try:
        if given.thresholds is not None:
            read_thresholds(given.thresholds)  # a bad file is told now and not after the study
        plan, folder = read_plan(given.plan)
        check_tasks(plan.tasks(folder), CHECKS)
        room = Room(Settings(), plan)
        tasks = Chosen(given.only, given.study, given.model).of(plan, folder)
        with Shown() as shown:
            store = Store(given.out)
            store.keep_plan(plan.name, plan.tasks(folder))
            sitting = run_study(tasks, store, lambda task: _measured(room, task), shown, weights=room.weights_of)
    except (SmoothGenError, OSError, ValidationError) as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return 2
    print(in_words(sitting))
    if given.thresholds is None or not sitting.complete:
        return 0 if sitting.complete else 1
    from smoothgen.cli.evaluate_report import reported

    return reported(given.out, given.out, given.thresholds)


def _measured(room: Room, task: Task) -> Measured:
    try:
        rows = kind_of(task)(room, task)
    except ValidationError as error:  # of a request: what the plan says of this task is out of range
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InvalidInput(f"{where}: {first['msg']} (got {first['input']!r:.80})", field=where) from error
    weights = {task.model: room.weights_of(task)}
    return Measured(rows, weights, room.accelerator, room.certificates.pop(task.key, None))


if __name__ == "__main__":
    # Hugging Face's progress bars would stand between the lines of this one.
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    sys.exit(main())
