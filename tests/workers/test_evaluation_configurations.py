"""The plans for weights and data of the hub, on folders and files of the same shape: Stable Diffusion with COCO
captions, GPT-2 with WikiText. Sizes are cut; models, prompts, settings and kinds of tasks are the plans' own."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from smoothgen.studies import CertificateRow, FidelityRow
from smoothgen.studies.plan import Plan, read_plan
from smoothgen.studies.rows import Row
from smoothgen.studies.store import Task
from tests.support.workers import tiny, tiny_diffusion
from tests.support.workers.settings import CPU
from workers.evaluation.kinds import kind_of
from workers.evaluation.room import Room

N = 24


def cut(plan: str, source: Path, **parameters: object) -> Plan:
    """The plan with the model of a folder, two prompts, and few samples."""
    whole, _ = read_plan(plan)
    [model] = whole.models
    few = {"samples": N, "selection_samples": N}
    studies = tuple(
        study.model_copy(
            update={
                "robustness": {},
                "options": {"samples": 4} if study.kind == "fidelity" else study.options,
                "settings": tuple(
                    s.model_copy(update={"robustness": {**study.robustness, **s.robustness, **few}})
                    for s in study.settings[:2]
                ),
            }
        )
        for study in whole.studies
    )
    model = model.model_copy(
        update={
            "source": str(source),
            "prompts": model.prompts.model_copy(update={"first": 2}),  # type: ignore[union-attr]
            "parameters": {**model.parameters, **parameters},
        }
    )
    return Plan.model_validate(whole.model_copy(update={"models": (model,), "studies": studies}).model_dump())


def rows_of(plan: Plan, folder: Path) -> list[tuple[Task, list[Row]]]:
    room = Room(CPU, plan)
    return [(task, kind_of(task)(room, task)) for task in plan.tasks(folder)]


def test_stable_diffusion_with_captions(tmp_path: Path) -> None:
    source = tiny_diffusion.save(tmp_path / "sd15")
    captions = [{"id": k, "image_id": k // 5, "caption": f"A cat {k // 5} on a mat."} for k in range(20)]
    (tmp_path / "captions_val2017.json").write_text(json.dumps({"annotations": captions}), "utf-8")

    done = rows_of(cut("sd15-coco", source, num_inference_steps=2), tmp_path)

    certified = [r for t, rows in done for r in rows if t.study == "protocol" and isinstance(r, CertificateRow)]
    ours = [row for row in certified if row.ours and row.study == "protocol"]
    assert len(ours) == 4
    assert all(row.samples == N and row.prompt.startswith("A cat") for row in ours)
    assert {row.method for row in certified if not row.ours} > {"no defence (noisy augmentation)"}
    assert any(isinstance(row, FidelityRow) for _, rows in done for row in rows)


def test_gpt2_with_articles(tmp_path: Path) -> None:
    source = tiny.save(tiny.gpt2(), tmp_path / "gpt2", chat_template=None)
    texts = [" = Heading = \n", *(f" {k} " + "a b " * 30 + "\n" for k in range(4))]
    parquet.write_table(pyarrow.table({"text": texts}), tmp_path / "wikitext-103-test.parquet")

    done = rows_of(cut("gpt2-wikitext", source, max_new_tokens=2), tmp_path)

    ours = [r for _, rows in done for r in rows if isinstance(r, CertificateRow) and r.study == "protocol" and r.ours]
    assert {row.method for row in ours} == {"SmoothGen, tokens", "SmoothGen"}
    assert len({row.prompt for row in ours}) == 2
    assert any(isinstance(row, FidelityRow) for _, rows in done for row in rows)


@pytest.mark.parametrize("name", ["sd15-coco", "gpt2-wikitext"])
def test_without_the_data_the_file_is_named(name: str, tmp_path: Path) -> None:
    plan, _ = read_plan(name)
    with pytest.raises(Exception, match="is no file; put the plan's prompts there"):
        list(plan.tasks(tmp_path))
