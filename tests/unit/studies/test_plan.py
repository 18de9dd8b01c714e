"""Plans: what a file may say, the tasks that follow, and what is said of a file that is no plan."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from smoothgen.errors import InvalidInput, UnknownName
from smoothgen.studies.answer import request_of
from smoothgen.studies.plan import Chosen, builtin_plans, read_plan

PARTS = ("default-models", "proposal")
SMALL = """
name = "small"
[[models]]
name = "one"
prompts = ["a", "b", { prompt = "c", context = ["d", "e"] }]
parameters = { max_new_tokens = 3 }
robustness = { samples = 10 }
[[models]]
name = "two"
source = "folder"
prompts = { file = "lines.txt", first = 2 }
[[studies]]
name = "protocol"
kind = "certificates"
settings = [{ name = "x", robustness = { sigma = 0.5 } }, { name = "y", robustness = { samples = 20 } }]
[[studies]]
name = "all"
kind = "fidelity"
models = ["one"]
prompts = 2
per_prompt = false
options = { samples = 8 }
settings = [{ name = "plain" }]
"""


def written(folder: Path, text: str = SMALL) -> str:
    (folder / "lines.txt").write_text("# a comment\np\n\nq\nr\n", "utf-8")
    file = folder / "plan.toml"
    file.write_text(text, "utf-8")
    return str(file)


def test_every_prompt_meets_every_setting_and_a_setting_wins_over_study_and_model(tmp_path: Path) -> None:
    plan, folder = read_plan(written(tmp_path))
    tasks = list(plan.tasks(folder))

    assert Counter((t.study, t.model, t.setting) for t in tasks) == {
        ("protocol", "one", "x"): 3,
        ("protocol", "one", "y"): 3,
        ("protocol", "two", "x"): 2,
        ("protocol", "two", "y"): 2,
        ("all", "one", "plain"): 1,
    }
    first, last = tasks[0], tasks[-1]
    assert first.settings["robustness"] == {"samples": 10, "sigma": 0.5}
    assert tasks[3].settings["robustness"] == {"samples": 20}
    assert tasks[2].settings["context"] == ["d", "e"]
    assert tasks[6].settings["source"] == "folder"
    assert last.prompt is None
    assert last.settings["prompts"] == ["a", "b"]
    assert last.settings["options"] == {"samples": 8}
    assert request_of(first).robustness.sigma == 0.5


def test_settings_of_a_prompt_share_its_seed_and_prompts_do_not(tmp_path: Path) -> None:
    plan, folder = read_plan(written(tmp_path))
    seeds = {(t.model, t.prompt): set() for t in plan.tasks(folder)}  # type: dict[tuple[str, str | None], set[int]]
    for task in plan.tasks(folder):
        seeds[task.model, task.prompt].add(task.settings["seed"])

    assert all(len(of_prompt) == 1 for of_prompt in seeds.values())
    assert len(set.union(*seeds.values())) == len(seeds)


def test_tasks_have_different_keys_which_another_reading_finds_again(tmp_path: Path) -> None:
    plan, folder = read_plan(written(tmp_path))
    keys = [task.key for task in plan.tasks(folder)]

    assert len(set(keys)) == len(keys)
    assert [task.key for task in read_plan(written(tmp_path))[0].tasks(folder)] == keys


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("[[models]]", "[[modells]]"), "models: Field required"),
        (('models = ["one"]', 'models = ["three"]'), "names model 'three', and the plan has"),
        (('name = "y"', 'name = "x"'), "two settings have the name 'x'"),
        (("prompts = 2", "prompts = 0"), "studies.1.prompts: Input should be greater than or equal to 1"),
        (('kind = "fidelity"', 'kind = "fidelity"\nwhat = 1'), "studies.1.what: Extra inputs"),
        (("[[studies]]", "[[studies"), "is no TOML file"),
    ],
)
def test_a_file_that_is_no_plan_is_refused_with_the_place(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    with pytest.raises(InvalidInput, match=said.replace("[", r"\[")):
        read_plan(written(tmp_path, SMALL.replace(*change)))


def test_a_missing_file_of_prompts_is_named(tmp_path: Path) -> None:
    plan, folder = read_plan(written(tmp_path))
    (tmp_path / "lines.txt").unlink()
    with pytest.raises(InvalidInput, match=r"lines.txt is no file"):
        list(plan.tasks(folder))


def test_an_unknown_plan_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="quick"):
        read_plan("quik")


def test_what_leaves_no_task_is_refused(tmp_path: Path) -> None:
    plan, folder = read_plan(written(tmp_path))
    assert {task.kind for task in Chosen(kinds=["fidelity"]).of(plan, folder)} == {"fidelity"}
    with pytest.raises(InvalidInput, match=r"no task of kinds \['attacks'\]"):
        Chosen(kinds=["attacks"]).of(plan, folder)


def test_captions_and_lines_of_json_are_prompts(tmp_path: Path) -> None:
    captions = [{"id": n, "image_id": n // 2, "caption": f"picture {n // 2}, said {n}"} for n in range(8)]
    (tmp_path / "captions.json").write_text(json.dumps({"annotations": captions}), "utf-8")
    (tmp_path / "of.jsonl").write_text('{"prompt": "p", "context": ["c"]}\n', "utf-8")
    text = SMALL.replace('"lines.txt", first = 2', '"captions.json", first = 3').replace(
        'prompts = ["a", "b", { prompt = "c", context = ["d", "e"] }]', 'prompts = { file = "of.jsonl" }'
    )
    tasks = list(read_plan(written(tmp_path, text))[0].tasks(tmp_path))

    of_captions = {task.prompt for task in tasks if task.model == "two"}
    assert len(of_captions) == 3
    assert all(prompt is not None and prompt.startswith("picture") for prompt in of_captions)
    assert tasks[0].settings["context"] == ["c"]


@pytest.mark.parametrize("name", ["default-models", "proposal", "quick"])
def test_plans_in_the_box_can_be_read_and_have_tasks(name: str) -> None:
    plan, folder = read_plan(name)
    tasks = list(plan.tasks(folder))

    assert name in builtin_plans()
    assert len({task.key for task in tasks}) == len(tasks) > 5
    for task in tasks:
        if task.prompt is not None and task.kind == "certificates":
            request_of(task)


def test_the_short_plan_is_a_part_of_the_proposals() -> None:
    short, whole = ({task.key for task in plan.tasks(folder)} for plan, folder in map(read_plan, PARTS))
    assert short < whole


def test_the_plan_that_the_page_shows_can_be_read(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "evaluation" / "README.md").read_text("utf-8")
    shown = page.split("```toml\n")[1].split("```")[0]
    (tmp_path / "prompts.txt").write_text("p\n", "utf-8")
    (tmp_path / "mine.toml").write_text(shown, "utf-8")

    plan, folder = read_plan(str(tmp_path / "mine.toml"))

    assert [(task.setting, request_of(task).output) for task in plan.tasks(folder)] == [
        ("sigma 0.1", "samples"),
        ("tokens", "representative"),
    ]
