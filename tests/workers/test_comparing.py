"""What is answered to prompts held against a certificate, by kind of model and of noise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from smoothgen import Certificate
from smoothgen.certificates import from_document
from smoothgen.contracts import Covers, CoversCall, JobSpec, read_parameters
from smoothgen.errors import InvalidAlpha, InvalidParameters
from smoothgen.mechanisms import Gaussian, SynonymClasses
from smoothgen.synonyms import Partition
from tests.support.workers.jobs import run, spec
from tests.workers.test_adapt import adaptive
from workers.generators import Generator
from workers.generators.closed_form import ClosedForm
from workers.generators.diffusion import DiffusionModel
from workers.generators.language.adapter import LanguageModel
from workers.jobs.comparison import Embedding, by_class, compared

PROMPT, SWAPPED = "The capital of France is", "The France of capital is"


def call(*prompts: str, confidence: float | None = None) -> CoversCall:
    return CoversCall(
        id="1",
        gateway="2",
        certificate="job-1",
        model="any",
        prompts=list(prompts),
        confidence=confidence,
        deadline_ms=0,
    )


def certificate_of(job: JobSpec, generator: Generator) -> Certificate:
    document = run(job, generator).certificate
    assert document is not None
    return from_document(document)


def answered(job: JobSpec, generator: Generator, *prompts: str, confidence: float | None = None) -> Covers:
    asked = call(*prompts, confidence=confidence)
    return compared(certificate_of(job, generator), asked, Embedding(job, generator)(prompts))


def test_prompts_of_as_many_tokens_are_compared(llama: LanguageModel) -> None:
    metric: Any = "edit"
    job = spec(PROMPT, sigma=0.05, metric=metric, samples=40, selection_samples=4, parameters={"max_new_tokens": 4})
    same, other, longer = answered(job, llama, PROMPT, SWAPPED, PROMPT + " what").answers
    assert (same.distance, same.w1_bound) == (0.0, 0.0)
    embedding = Embedding(job, llama)([SWAPPED])
    original, [moved] = embedding
    assert not isinstance(moved, str)
    exact = np.linalg.norm(moved.embedding.astype(float) - original.embedding)
    assert other.distance == pytest.approx(exact, rel=1e-8)
    assert other.prompt_bound is not None
    assert not longer.comparable
    count = original.embedding.shape[0]
    assert f"token count ({count})" in str(longer.reason)
    assert "token count (" in str(longer.reason).split("this one", 1)[1]


def test_a_prompt_the_model_cannot_take_says_why(llama: LanguageModel) -> None:
    job = spec(PROMPT, sigma=0.05, metric="edit", samples=4, selection_samples=2, parameters={"max_new_tokens": 4})
    [long] = answered(job, llama, "one two three " * 100).answers
    assert not long.comparable
    assert "together" in str(long.reason)


def pictures(mechanism: str, sigma: float) -> JobSpec:
    job = spec("a cat", sigma=sigma, metric="pixel-rmse", samples=6, selection_samples=2, mechanism=mechanism)
    parameters = {
        "num_inference_steps": 4,
        "guidance_scale": 2.0,
        "width": 32,
        "height": 32,
        "scheduler": "DDIMScheduler",
    }
    return job.model_copy(update={"parameters": read_parameters("image", parameters)})


@pytest.mark.parametrize("mechanism", ["embedding", "embedding-per-step"])
def test_prompts_of_pictures_are_compared_where_the_embedding_is_noised(
    picture_model: DiffusionModel, mechanism: str
) -> None:
    [one] = answered(pictures(mechanism, 5.0), picture_model, "a dog").answers
    assert one.comparable
    assert one.prompt_bound is not None
    assert one.w1_bound == min(one.prompt_bound, one.ball_bound or 9)


def test_noise_on_the_latent_holds_the_prompt_fixed(picture_model: DiffusionModel) -> None:
    [one] = answered(pictures("latent-schedule", 1.0), picture_model, "a dog").answers
    assert (one.comparable, one.distance) == (False, None)
    assert "initial latent" in str(one.reason)


def test_the_confidence_is_split_over_the_prompts_asked() -> None:
    tanh = ClosedForm("closed-form-tanh")
    job = spec("0", sigma=1.0, metric="absolute", samples=200)
    alone, among = answered(job, tanh, "0.5"), answered(job, tanh, "0.5", "odd", "1", "2")
    assert among.answers[0].prompt_bound == answered(job, tanh, "0.5", confidence=0.99975).answers[0].prompt_bound
    assert (alone.answers[0].prompt_bound or 9) < (among.answers[0].prompt_bound or 0)
    with pytest.raises(InvalidAlpha):
        answered(job, tanh, "0.5", "1", "2", confidence=1 - 1e-12)


def test_the_statement_says_with_which_confidence_the_least_bound_holds() -> None:
    tanh, job = ClosedForm("closed-form-tanh"), spec("0", sigma=1.0, metric="absolute", samples=200)
    assert "w1_bound, the least of them, holds with confidence 0.998:" in answered(job, tanh, "0.5").statement
    assert "holds with confidence 0.899:" in answered(job, tanh, "0.5", confidence=0.9).statement


def test_a_certificate_whose_sigma_was_selected_is_compared_under_that_sigma() -> None:
    tanh, job = ClosedForm("closed-form-tanh"), adaptive()
    selection = certificate_of(job, tanh).sigma_selection
    assert selection is not None
    near, far = answered(job, tanh, repr(selection.radius / 2), repr(selection.radius * 2)).answers
    assert near.w1_bound == min(near.ball_bound or 9, near.prompt_bound or 9) < 1
    assert (far.ball_bound, far.universal_bound, far.w1_bound) == (1.0, 1.0, 1.0)
    assert far.prompt_bound is not None


def test_swaps_inside_classes_change_nothing_and_other_texts_are_not_compared() -> None:
    partition = Partition.load()
    mechanism = SynonymClasses(partition.name, partition.version, partition.digest, Gaussian(1.0))
    job = spec("0", sigma=1.0, metric="absolute", samples=50)
    certificate = replace(certificate_of(job, ClosedForm("closed-form-tanh")), mechanism=mechanism)
    answer = by_class(certificate, mechanism, call("a large sofa", "a big chair"), "a big couch")
    inside, outside = answer.answers
    assert (inside.same_class, inside.distance, inside.inside, inside.w1_bound) == (True, 0.0, True, 0.0)
    assert (outside.same_class, outside.comparable, outside.w1_bound) == (False, False, None)
    other = replace(mechanism, digest="sha256:" + "0" * 64)
    with pytest.raises(InvalidParameters, match="sha256:0000"):
        by_class(certificate, other, call("a large sofa"), "a big couch")
