"""What a job's answer is worth: the decision, the agreement, the gain and the scale, for every method."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from smoothgen import verify
from smoothgen.certificates import from_document
from smoothgen.cli import show
from smoothgen.client import Generation
from smoothgen.contracts import JobResult, JobView, Progress, Worth
from smoothgen.mechanisms import Gaussian
from tests.support.workers.closed_form_text import ClosedFormText
from tests.support.workers.jobs import run, spec
from tests.support.workers.token_attacks import tokens_job
from workers.generators.closed_form import ClosedForm
from workers.generators.language.adapter import LanguageModel

SIGN: Any = {"name": "label", "extract": {"kind": "regex", "pattern": "^-?[0-9]"}}
"""Of "0.25" the label is 0, of "1.0" it is 1."""


def step_job(output: str = "representative", samples: int = 200, prompt: str = "2.0", **asked: Any) -> JobResult:
    """The step model says 1.0 where the noisy number is above 2.5, as here every third sample."""
    return run(
        spec(prompt, sigma=1.0, metric=SIGN, samples=samples, output=output, **asked),
        ClosedForm("closed-form-step"),
    )


def test_agreement_counts_the_runs_and_gain_divides_the_radii() -> None:
    result = step_job(prompt="0.0")
    certificate = from_document(result.certificate)
    assert result.agreement is not None
    kept = int(np.count_nonzero(certificate.evidence.distances == 0))
    assert (result.agreement.of, result.agreement.runs) == (kept, 200)
    assert result.agreement.answer == certificate.provenance.metric.centre["label"]
    universal = certificate.radius / result.gain_over_universal
    assert certificate.universal_w1_bound(universal) == pytest.approx(0.1, rel=1e-4)
    assert result.scale.noise_norm == pytest.approx(Gaussian(1.0).noise_norm(1))
    assert result.scale.nearest_cost is None


def test_the_decision_is_about_the_share_that_was_asked() -> None:
    proven = step_job(prompt="0.0", keep=0.9, epsilon=0.3)
    assert proven.decision.claim == "the answer '0' keeps a share of at least 0.9 of the outputs"
    assert (proven.decision.holds, proven.decision.wanted) == (True, 0.3)
    assert proven.decision.radius == proven.certificate["radius"] >= 0.3
    assert proven.gain_over_universal is None
    assert proven.certificate["keep"] == 0.9
    assert verify(proven.certificate)
    refused = step_job(prompt="2.0", keep=0.9, epsilon=0.3)
    assert refused.certificate is None
    assert (refused.decision.holds, refused.decision.radius) == (False, 0.0)
    assert "the share kept" in refused.abstention.detail
    nothing = step_job(prompt="2.0", keep=0.9)
    assert nothing.certificate["radius"] == 0
    assert not nothing.decision.holds


def test_the_majority_is_served_and_claimed() -> None:
    result = step_job("majority", prompt="0.0", keep=0.5)
    assert result.decision.claim == "the answer '0' keeps its majority"
    assert result.decision.holds
    assert result.certificate["output"]["kind"] == "majority"
    assert "lose its majority" in result.certificate["statement"]
    assert verify(result.certificate).meaning == "checked"
    more = step_job("majority", prompt="0.0", keep=0.9)
    assert more.decision.claim.endswith("and with it its majority")


def test_without_samples_there_is_a_decision_and_no_gain() -> None:
    result = step_job(tier="universal", selection_samples=1)
    assert (result.agreement, result.gain_over_universal) == (None, None)
    assert result.decision.holds
    assert result.decision.claim == "the distribution of outputs moves by at most 0.1 in Wasserstein-1"
    futile = step_job(keep=0.9, epsilon=5.0)
    assert (futile.usage.samples, futile.agreement, futile.decision.holds) == (0, None, False)


def test_an_abstention_from_w1_says_how_far_it_came() -> None:
    result = run(
        spec("0.25", sigma=1.0, metric="absolute", samples=100, epsilon=1.0, tolerance=0.3),
        ClosedForm("closed-form-tanh"),
    )
    assert result.abstention is not None
    assert not result.decision.holds
    assert 0 < result.decision.radius < 1.0
    assert result.agreement is None


def test_tokens_keep_an_answer_whole(llama: LanguageModel) -> None:
    rule = {"name": "label", "extract": {"kind": "first_line"}}
    job = tokens_job("A triangle has", metric=rule, samples=30, parameters={"max_new_tokens": 6}, keep=0.9)
    result = run(job, llama)
    assert result.decision.claim.startswith("the answer '")
    assert result.decision.claim.endswith(" stays")
    assert result.decision.radius == result.certificate["radius"]
    assert result.scale.nearest_cost > 0
    assert result.certificate["keep"] == 0.9
    asked = run(tokens_job("A triangle has", metric=rule, samples=30, epsilon=50.0, keep=0.9), llama)
    assert (asked.decision.holds, asked.decision.wanted) == (False, 50.0)


@pytest.mark.parametrize(("tolerance", "holds"), [(0.99, True), (0.01, False)])
def test_a_decision_about_edits_counts_them(tolerance: float, holds: bool) -> None:
    job = spec(
        "the cap", sigma=1.0, metric="edit", mechanism="edits", tolerance=tolerance, edits={"kinds": ["capitals"]}
    )
    result = run(job, ClosedFormText())
    assert (result.decision.holds, result.decision.wanted) == (holds, 1)
    assert result.decision.radius == (1 if holds else 0)
    assert result.decision.claim == f"the output stays within {tolerance} of the prompt's own under one edit of the set"


def test_a_sample_of_edits_proves_nothing_of_the_others() -> None:
    edits = {"kinds": ["capitals", "typo"]}
    result = run(
        spec("the cap", sigma=1.0, metric="edit", mechanism="edits", tolerance=0.99, samples=20, edits=edits),
        ClosedFormText(),
    )
    assert result.certificate["draws"]
    assert (result.decision.holds, result.decision.radius) == (False, None)


def test_commands_print_three_digits_and_the_document_has_nine(monkeypatch: pytest.MonkeyPatch) -> None:
    result = step_job(prompt="0.0")
    view = JobView(
        id="1",
        status="succeeded",
        progress=Progress(done=1, total=1),
        **{name: getattr(result, name) for name in ("model", "output", "certificate", "usage", *Worth.model_fields)},
    )
    out = Console(record=True, width=300)
    monkeypatch.setattr(show, "_out", out)
    show.show_generation(Generation(view))
    said = out.export_text()
    assert f"agreement: {result.agreement.of} of 200 noisy runs answer '0'" in said
    radius = result.certificate["radius"]
    row = next(line for line in said.splitlines() if line.startswith("certified radius"))
    assert repr(radius) not in row
    assert float(row.split()[2]) <= radius < float(row.split()[2]) + 1e-2
    assert repr(radius) in said  # in the sentence, which is the document's
    assert "answer keeps" in said


def test_the_fields_are_left_out_of_a_job_that_has_not_ended() -> None:
    view = JobView(id="1", status="queued", model=step_job().model, progress=Progress(done=0, total=1))
    assert not set(Worth.model_fields) & set(json.loads(view.model_dump_json(exclude_none=True)))
