"""Mistakes in a plan are told before its first task runs, with the place and the value."""

from __future__ import annotations

import pytest

from smoothgen.errors import InvalidInput
from smoothgen.studies.checked import KINDS, check_tasks
from smoothgen.studies.plan import builtin_plans, read_plan
from smoothgen.studies.store import Task
from workers.evaluation.kinds import CHECKS
from workers.evaluation.kinds import KINDS as RUN

GIVEN = {"kind": "certificates", "study": "s", "model": "m", "setting": "t", "prompt": "p"}


def task(**settings: object) -> Task:
    given = {name: settings.pop(name) for name in [*GIVEN] if name in settings}
    common = {"parameters": {}, "robustness": {}, "options": {}, "seed": 1}
    return Task.model_validate({**GIVEN, **given, "settings": {**common, **settings}})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kind": "baseline"}, r"kind of task \(study 's', setting 't', model 'm'\).*baseline.*baselines"),
        ({"options": {"baseline": True}}, "study 's', setting 't', model 'm'.*baseline: Extra inputs"),
        ({"options": {"output": "smaples"}}, "output: .*got 'smaples'"),
        ({"robustness": {"sigmaa": 0.5}}, "sigmaa: Extra inputs"),
        ({"robustness": {"metric": "pixel-rsme"}}, "metric.*pixel-rsme"),
        ({"kind": "attacks", "robustness": {"samples": 0}}, "samples: .*got 0"),
        ({"kind": "baselines"}, "metrics: Field required"),
        ({"kind": "baselines", "options": {"metrics": ["pixel"]}}, "metric.*'pixel'"),
        ({"parameters": {"max_new_token": 3}}, "max_new_token: Extra inputs"),
        ({"prompt": None}, "kind 'certificates' needs per_prompt = true"),
        ({"kind": "fidelity"}, "kind 'fidelity' needs per_prompt = false"),
        ({"kind": "fidelity", "prompt": None, "options": {"sample": 9}}, "sample: Extra inputs"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_place(given: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        check_tasks([task(), task(**given)], CHECKS)


@pytest.mark.parametrize("name", [name for name in builtin_plans() if name not in ("sd15-coco", "gpt2-wikitext")])
def test_plans_in_the_box_can_be_asked(name: str) -> None:
    plan, folder = read_plan(name)
    check_tasks(plan.tasks(folder), CHECKS)


def test_the_kinds_are_those_that_run() -> None:
    assert set(KINDS) == set(RUN)
