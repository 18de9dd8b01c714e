"""Attacks through gradients of real architectures, on tokens, passages and latents: tiny models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from smoothgen.errors import InvalidInput
from smoothgen.studies.falsified import UNPROTECTED, falsification, reached
from smoothgen.studies.store import Task
from tests.support.workers import tiny_diffusion
from tests.support.workers.settings import CPU
from workers.evaluation.attacks.certified import certify, job_of
from workers.evaluation.attacks.directions import AWAY, LINE, REGRESSED, SHIFT, TOWARDS
from workers.evaluation.attacks.gradients import Through
from workers.evaluation.attacks.on_noise import target_of
from workers.evaluation.attacks.passages import places_of, planted
from workers.evaluation.attacks.settings import KIND, AttackSettings
from workers.evaluation.attacks.target import Target
from workers.evaluation.attacks.task import run
from workers.generators.diffusion import DiffusionModel
from workers.generators.language.adapter import LanguageModel
from workers.serving.loaded_model import Encoders, LoadedModel

PICTURE = tiny_diffusion.parameters().model_dump(exclude_none=True)
FEW: dict[str, Any] = {"fresh": 8, "search": 4, "rows": 2, "steps": 2, "pairs": 1, "directions": 2, "regression": 8}


def loaded(generator: Any) -> LoadedModel:
    return LoadedModel(generator, Encoders(CPU), CPU)


def task(prompt: str, **settings: Any) -> Task:
    return Task(
        kind=KIND,
        study="attacks",
        model="tiny",
        setting="s",
        prompt=prompt,
        settings={**FEW, "rewordings": 1, **settings},
    )


def attacked(model: LoadedModel, asked: Task) -> Target:
    settings = AttackSettings.model_validate(asked.settings)
    made = certify(model, job_of(model, asked, settings), batch_size=16)
    assert made.certificate is not None
    return target_of(model, made, made.certificate, settings)  # type: ignore[arg-type]


def test_gradients_through_a_pipeline_raise_its_loss(picture_model: DiffusionModel) -> None:
    target = attacked(
        loaded(picture_model),
        task("a red dress", robustness={"samples": 20, "selection_samples": 8, "sigma": 0.5}, parameters=PICTURE),
    )
    through = Through(target, 2)
    rng = np.random.default_rng(0)
    start = rng.normal(size=target.shape)
    start *= 0.1 / np.linalg.norm(start)
    gradient = through.gradient("away from the centre")(start, 0)
    step = 0.1 * gradient / np.linalg.norm(gradient)

    def loss(delta: Any) -> float:
        rows = through._at(0)
        with torch.no_grad():
            there = rows.call(torch.tensor(rows.inputs + delta).float()).flatten(1)
        return float(torch.linalg.vector_norm(there - rows.honest.mean(dim=0), dim=1).mean())

    assert loss(start + step) > loss(start) > 0


def test_all_attacks_run_on_a_pipeline_and_cross_nothing(picture_model: DiffusionModel) -> None:
    rows = run(
        task(
            "a red dress",
            robustness={"samples": 30, "selection_samples": 8, "sigma": 0.5},
            parameters=PICTURE,
            others=["a blue coat"],
            multiples=[1.0],
        ),
        loaded(picture_model),
    )

    assert {row.attack for row in rows} >= {AWAY, SHIFT, TOWARDS, LINE, REGRESSED}
    assert {row.claim for row in rows} == {"W1", "deviation"}
    assert falsification(rows).crossings == ()
    assert any(row.method == UNPROTECTED and row.estimate > 0 for row in rows)


def test_the_latent_of_a_seed_image_is_attacked(picture_model: DiffusionModel) -> None:
    asked = tiny_diffusion.parameters(image=tiny_diffusion.seed_image()).model_dump(exclude_none=True)
    rows = run(
        task(
            "a red dress",
            robustness={"mechanism": "img2img", "samples": 30, "selection_samples": 8},
            parameters=asked,
            multiples=[1.0],
        ),
        loaded(picture_model),
    )

    assert {row.attack for row in rows} >= {REGRESSED, AWAY, SHIFT}
    assert falsification(rows).sound


def test_a_prompt_behind_the_snap_is_attacked_past_its_planes(llama: LanguageModel) -> None:
    rows = run(
        task(
            "The capital",
            robustness={"mechanism": "tokens", "metric": "edit", "samples": 60, "tolerance": 0.5},
            parameters={"max_new_tokens": 6},
            multiples=[0.5, 0.99, 2.0],
            runs=12,
        ),
        loaded(llama),
    )

    assert falsification(rows).crossings == ()
    assert all(row.estimate <= row.certified for row in rows)
    assert {row.alpha for row in rows} == {0.0}
    assert max(row.estimate for row in rows if row.multiple == 2.0) > 0
    [found] = reached(rows)
    assert found.multiple in (None, 2.0)


def test_noise_on_texts_is_attacked_through_the_network(llama: LanguageModel) -> None:
    rule = {"name": "label", "extract": {"kind": "first_line"}}
    rows = run(
        task(
            "The capital",
            robustness={
                "mechanism": "embedding",
                "snap": False,
                "metric": rule,
                "keep": 0.5,
                "samples": 60,
                "selection_samples": 8,
                "sigma": 0.02,
            },
            parameters={"max_new_tokens": 2},
            multiples=[1.0],
            others=["The country"],
        ),
        loaded(llama),
    )

    assert {row.claim for row in rows if row.method == "SmoothGen"} == {"W1", "the answer"}
    assert falsification(rows).sound


def test_claims_on_scores_are_attacked(llama: LanguageModel) -> None:
    claim = {"score": {"name": "length", "cap": 100}, "of": "mean", "at_most": 90}
    rows = run(
        task(
            "The capital",
            robustness={
                "mechanism": "embedding",
                "snap": False,
                "metric": "edit",
                "claims": [claim],
                "samples": 60,
                "selection_samples": 8,
                "sigma": 0.02,
            },
            parameters={"max_new_tokens": 2},
            multiples=[1.0],
            attacks=[REGRESSED],
        ),
        loaded(llama),
    )

    scored = [row for row in rows if row.claim == "score length"]
    assert scored
    assert all(row.lower <= row.certified for row in scored)


def test_planted_passages_are_counted_in_every_run_that_reads_them(llama: LanguageModel) -> None:
    passages = [f"The capital is town {k}." for k in range(5)]
    rows = run(
        task(
            "The capital is",
            robustness={
                "mechanism": "passages",
                "metric": {"name": "label", "extract": {"kind": "first_line"}},
                "units": {"size": 1},
                "selection_samples": 5,
            },
            parameters={"max_new_tokens": 2},
            context=passages,
            wrong="Velmor",
            altered=[1, 2],
        ),
        loaded(llama),
    )

    assert falsification(rows).crossings == ()
    assert {row.epsilon for row in rows} == {1.0, 2.0}
    assert {row.unit for row in rows} == {"passages"}
    assert {row.lower for row in rows if row.method == UNPROTECTED} <= {0.0, 1.0}


def test_passages_need_what_is_planted(llama: LanguageModel) -> None:
    with pytest.raises(InvalidInput, match="wrong"):
        run(
            task(
                "The capital is",
                robustness={
                    "mechanism": "passages",
                    "metric": {"name": "label", "extract": {"kind": "first_line"}},
                    "units": {"size": 1},
                },
                context=["a", "b", "c"],
            ),
            loaded(llama),
        )


def test_places_of_planted_passages() -> None:
    assert places_of(10, 1) == {"first": (0,), "last": (9,)}
    assert places_of(10, 3) == {"first": (0, 1, 2), "last": (7, 8, 9), "spread": (0, 4, 9)}
    attacks = list(planted("Q:", ["p"] * 4, "wrong", 2))
    assert len(attacks) == 6
    assert all(sum(text != "p" for text in attack.passages) == 2 for attack in attacks)
