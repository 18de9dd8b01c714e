"""The plan "baselines": every method gets the same samples of eight prompts."""

from __future__ import annotations

from smoothgen.studies.plan import builtin_plans, read_plan


def test_the_plan_asks_three_models_for_eight_prompts_at_four_levels() -> None:
    assert "baselines" in builtin_plans()
    plan, folder = read_plan("baselines")
    tasks = list(plan.tasks(folder))
    assert len(tasks) == 3 * 8 * 4
    assert {task.kind for task in tasks} == {"baselines"}
    asked = [task.settings["robustness"] for task in tasks]
    assert {each["sigma"] for each in asked} == {0.2, 0.5, 1.0, 1.5}
    assert all(each["samples"] == each["selection_samples"] == 500 for each in asked)  # Center Smoothing needs both
    assert {len({task.prompt for task in tasks if task.model == model.name}) for model in plan.models} == {8}
