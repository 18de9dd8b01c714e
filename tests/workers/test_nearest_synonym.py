"""The scale of a text's answer names how far the nearest synonym lies, where that is cheap to say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from smoothgen.cli.show_worth import down, worth_lines
from smoothgen.contracts import JobResult, JobSpec, JobView, Progress, Selection
from smoothgen.edits.synonym_swaps import synonym_swaps
from tests.support.workers.jobs import ON_EMBEDDING, run, spec
from tests.support.workers.token_attacks import tokens_job
from tests.workers.test_executor import executor_of, run_state_of, selection_of
from workers.generators.closed_form import ClosedForm
from workers.generators.language.adapter import LanguageModel
from workers.jobs import nearest_synonym as module
from workers.jobs.selection import Selected

PROMPT = "the fearless hoggish cap"
"""Two words with a synonym of as many letters, which is of as many tokens for a tokenizer of bytes."""


def asked(prompt: str = PROMPT, **robustness: Any) -> JobSpec:
    return spec(
        prompt, sigma=1.0, metric="edit", samples=20, tolerance=0.9, parameters={"max_new_tokens": 2}, **robustness
    )


def expected(model: LanguageModel, job: JobSpec) -> float:
    """By the definition: every swap, embedded from scratch, of the prompt's number of tokens."""
    own = model.condition(PROMPT, job.parameters, ON_EMBEDDING).embedding.astype(np.float64)
    others = [model.condition(text, job.parameters, ON_EMBEDDING).embedding for text in synonym_swaps(PROMPT)]
    same = [other for other in others if other.shape == own.shape]
    assert same
    return min(float(np.linalg.norm(other - own)) for other in same)


def scale_of(result: JobResult) -> float | None:
    assert result.scale is not None
    return result.scale.nearest_synonym


@pytest.mark.parametrize("snap", [False, True])
def test_under_noise_it_is_the_norm_to_the_nearest_swap(llama: LanguageModel, snap: bool) -> None:
    job = asked(snap=snap, mechanism="embedding")
    result = run(job, llama)
    assert scale_of(result) == pytest.approx(expected(llama, job), rel=1e-9)
    assert result.certificate is not None
    assert "nearest_synonym" not in str(result.certificate)


def test_it_is_kept_with_the_selection_for_the_worker_that_ends_the_job(llama: LanguageModel) -> None:
    job = asked(mechanism="embedding")
    [selected] = executor_of(llama).run(run_state_of([selection_of(job)]))
    assert isinstance(selected, Selected)
    stored = Selection.model_validate_json(selected.stored.model_dump_json())
    assert stored.nearest_synonym == pytest.approx(expected(llama, job), rel=1e-9)


def test_under_tokens_it_is_the_cost_of_the_nearest_swap(llama: LanguageModel) -> None:
    job = tokens_job(PROMPT, metric="edit", samples=10, tolerance=0.9, parameters={"max_new_tokens": 2})
    result = run(job, llama)
    cost = scale_of(result)
    assert cost is not None
    assert result.scale is not None
    assert result.scale.nearest_cost is not None
    # An attack that makes the snap read another row needs half of the way to it.
    assert cost == pytest.approx(expected(llama, job) / 2, rel=1e-6)
    assert cost >= result.scale.nearest_cost
    view = JobView(id="1", status="succeeded", progress=Progress(done=1, total=1), **dict(result))
    assert f"scale: the nearest text with one word for a synonym lies {down(cost)} away" in worth_lines(view)


@pytest.mark.parametrize(
    ("prompt", "robustness"),
    [
        ("xyzzy plugh", {"mechanism": "embedding"}),  # no word of the partition
        ("the big cap", {"mechanism": "embedding"}),  # "large" has more tokens
        (PROMPT, {"mechanism": "embedding", "synonyms": True}),  # drawn from the classes anyway
        (PROMPT, {"mechanism": "edits", "edits": {"kinds": ["capitals"]}}),
    ],
)
def test_where_there_is_none_it_is_left_out(llama: LanguageModel, prompt: str, robustness: dict[str, Any]) -> None:
    result = run(asked(prompt, **robustness), llama)
    assert result.scale is None or scale_of(result) is None
    assert "nearest_synonym" not in result.model_dump_json()


def test_it_is_left_out_where_there_are_too_many_swaps(llama: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of some of the swaps the nearest would be no nearest synonym."""
    monkeypatch.setattr(module, "_MOST_SWAPS", 1)
    assert scale_of(run(asked(mechanism="embedding"), llama)) is None


def test_models_that_read_no_tokens_have_none() -> None:
    assert scale_of(run(spec("0.5", sigma=1.0, metric="absolute", samples=20), ClosedForm("closed-form-tanh"))) is None
