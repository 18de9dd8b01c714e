"""Jobs with claims on scores under passages, words and edits: the scores are those of the runs, attacks found by hand
prove no more, and workers give the certificate of the plain loop."""

from __future__ import annotations

import math
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest

from smoothgen.certificates import EditsCertificate, read_certificate, verify
from smoothgen.contracts import JobResult, JobSpec
from smoothgen.edits import EditSet
from smoothgen.errors import InvalidInput
from smoothgen.queue import CompleteLook
from tests.support.workers.closed_form_text import ClosedFormText, answer
from tests.workers.test_edits import PROMPT, VARIANTS
from tests.workers.test_edits import job_of as edits_job
from tests.workers.test_executor import run_state_of, selection_of, without_times
from tests.workers.test_score_jobs import by_executors, model_of, plain
from tests.workers.test_units import BAD, CARD, Reader, certificate_of, context_of, said, texts_of_subsets
from tests.workers.test_units import job_of as units_job
from workers.jobs.methods import method_of
from workers.jobs.selection import Selected
from workers.serving.executor import Executor

POISONED: dict[str, Any] = {"score": {"name": "pattern", "pattern": "900"}, "of": "share", "at_most": 0.5}
SHORT: dict[str, Any] = {"score": {"name": "length", "cap": 9}, "at_most": 4.0}
CARD.scores.extend(["pattern", "json_schema", "length"])


def units_with(*claims: dict[str, Any], count: int = 10, others: tuple[str, ...] = (), **asked: Any) -> JobSpec:
    return units_job(context_of(count, *others), **{"units": {"size": 2}, "claims": list(claims), **asked})


def length(text: str | None) -> float:
    """The worst length where the model fails."""
    return 9.0 if text is None else min(9.0, len(text))


@pytest.mark.parametrize(("count", "size"), [(4, 1), (5, 2), (6, 3)])
@pytest.mark.parametrize("others", [(), (BAD,), ("crash",)])
def test_no_attack_beats_what_every_subset_proves_of_scores(count: int, size: int, others: tuple[str, ...]) -> None:
    """All attacks that replace m passages by any of three texts; the crash reaches the worst score."""
    asked = {"count": count, "others": others, "units": {"size": size}}
    job = units_with({**POISONED, "at_most": 0.9}, {**SHORT, "at_most": 8.0}, **asked)
    result = plain(job, Reader())
    found, short = certificate_of(result).score_claims
    context = context_of(count, *others)
    for altered in (0, 1, 2):
        share, mean = 0.0, 0.0
        for places in combinations(range(count), altered):
            for texts in product([BAD, "crash", "The dose is 7 mg."], repeat=altered):
                attacked = [*context]
                for place, text in zip(places, texts, strict=True):
                    attacked[place] = text
                answers = [said(text) for text in texts_of_subsets(attacked, size)]
                share = max(share, sum(a is None or "900" in a for a in answers) / len(answers))
                mean = max(mean, sum(map(length, answers)) / len(answers))
        for claim, worst in ((found, share), (short, mean)):
            stated = dict(claim.curve).get(altered, claim.asked.stated(claim.asked.width))
            assert stated >= worst - 1e-15
            assert stated == pytest.approx(worst, rel=1e-8, abs=1e-15)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"units": {"size": 2, "altered": 1}},
        {"units": {"size": 3}, "samples": 60},
        {"units": {"probability": 0.2, "altered": 1}, "samples": 300, "keep": 0.3, "mechanism": "words"},
    ],
)
def test_executors_give_the_result_of_the_plain_loop(asked: dict[str, Any]) -> None:
    job = units_with(POISONED, SHORT, others=(BAD,), **asked)
    result = plain(job, Reader())
    assert without_times(by_executors(job, Reader())) == without_times(result)
    assert result.certificate is not None or result.abstention is not None


def test_the_decision_names_the_claims_with_whole_numbers() -> None:
    result = plain(units_with(POISONED, SHORT, units={"size": 2, "altered": 1}), Reader())
    made = certificate_of(result)
    decision = result.decision
    assert decision is not None
    assert decision.claims is not None
    assert (decision.holds, decision.wanted) == (True, 1.0)
    assert [each.radius for each in decision.claims[1:]] == [claim.radius for claim in made.score_claims]
    assert "the answer '5' keeps a share" in decision.claims[0].claim
    assert "'900' is found" in decision.claims[1].claim
    assert decision.radius == min(made.radius, *(claim.radius or 0 for claim in made.score_claims))
    assert made.asks_shift


def test_an_asked_number_stops_the_runs_when_a_claim_cannot_hold_any_more() -> None:
    tight = {**POISONED, "at_most": 0.25}
    result = plain(units_with(tight, others=(BAD,), units={"size": 2, "altered": 1}), Reader())
    assert result.abstention is not None
    assert "the claim on score 'pattern' (share) is proven to" in result.abstention.detail
    assert result.usage.samples < 45
    assert result.decision is not None
    assert result.decision.claims is not None
    assert [each.holds for each in result.decision.claims] == [False, False]


def test_a_metric_without_answers_leaves_the_claims_alone() -> None:
    job = units_with(POISONED, metric="edit", units={"size": 2, "altered": 2})
    assert not job.request.robustness.asks_shift
    made = certificate_of(plain(job, Reader()))
    assert (made.asks_shift, made.radius < 2) == (False, True)
    assert made.score_claims[0].holds_at(2)


def test_an_output_that_already_fails_ends_the_job_before_a_run_is_paid_for() -> None:
    wrong = {"score": {"name": "pattern", "pattern": "^5"}, "of": "share", "at_most": 0.5}
    for result in (by_executors(units_with(wrong), Reader()), plain(units_with(wrong), Reader())):
        assert result.abstention is not None
        assert "no run was made: claim 1 asks for the share of score 'pattern' at most 0.5" in result.abstention.detail
        assert result.usage.samples == 0
        assert not result.output.certified


def test_a_deadline_counts_the_scores_of_what_was_not_run_as_the_worst() -> None:
    job = units_with(SHORT)
    [selected] = Executor(model_of(Reader()), 64).run(run_state_of([selection_of(job)]))
    assert isinstance(selected, Selected)
    look = CompleteLook(np.zeros(40), 0.0, "", (), np.full((40, 1), 1.0))
    made = certificate_of(method_of(job).at_deadline(job, selected.stored, look))
    assert made.score_claims[0].curve[0] == (0, math.ceil((40 + 5 * 9) / 45 * 1e8) / 1e8)


def test_the_default_size_leaves_the_claims_provable() -> None:
    def size(*claims: dict[str, Any], **asked: Any) -> int | None:
        job = units_with(**{"claims": list(claims) or None, "units": {"altered": 1}, **asked})
        assert job.units is not None
        return job.units.size

    strict = {**POISONED, "at_most": 0.2}
    assert size() == 4  # of 5, half of the runs miss a passage, which is no majority
    assert size({**POISONED, "at_most": 0.9}) == 4
    assert size(strict) == 2
    assert size({**POISONED, "at_most": 0.9}, metric="edit") == 9
    with pytest.raises(InvalidInput, match="what is asked of scores cannot be proven"):
        size({**POISONED, "at_most": 0.05})


# Edits.


def edits_with(*claims: dict[str, Any], **asked: Any) -> JobSpec:
    return edits_job(claims=list(claims), **asked)


FEW = {"score": {"name": "pattern", "pattern": "caps"}, "of": "share", "at_most": 0.1}
BRIEF = {"score": {"name": "length", "cap": 40}, "at_most": 13.0}


def edited(result: JobResult) -> EditsCertificate:
    assert result.certificate is not None, result.abstention
    verdict = verify(result.certificate)
    assert verdict, verdict.checks
    assert verdict.meaning == "checked"
    made = read_certificate(result.certificate)
    assert isinstance(made, EditsCertificate)
    return made


@pytest.mark.parametrize("at_once", [1, 2])
def test_claims_of_a_set_run_whole_are_brute_force(at_once: int) -> None:
    kinds = ["capitals", "punctuation", "spacing"]
    job = edits_with(FEW, BRIEF, kinds=kinds, at_once=at_once)
    result = plain(job, ClosedFormText())
    edits = EditSet(PROMPT, tuple(kinds), at_once=at_once, variants=tuple(VARIANTS))
    said = [answer(text) for text in (PROMPT, *edits.texts)]
    few, brief = edited(result).score_claims
    assert few.kept == sum(text is not None and "caps" not in text for text in said[1:])
    lengths = [40.0 if text is None else min(40.0, len(text)) for text in said]
    assert brief.kept == sum(each <= 13 for each in lengths[1:])
    assert brief.curve[0] == (1, max(lengths[: 1 + edits.singles]))
    assert brief.bound == max(lengths)
    assert without_times(by_executors(job, ClosedFormText())) == without_times(result)
    decision = result.decision
    assert decision is not None
    assert decision.claims is not None
    assert (decision.holds, decision.wanted, len(decision.claims)) == (False, at_once, 3)


def test_claims_of_a_sample_are_shares_of_the_set() -> None:
    job = edits_with(FEW, BRIEF, samples=25, at_once=2, tolerance=None)
    result = plain(job, ClosedFormText())
    made = edited(result)
    assert made.sampled
    for claim in made.score_claims:
        assert (claim.radius, claim.bound) == (None, None)
    assert without_times(by_executors(job, ClosedFormText())) == without_times(result)
    assert result.decision is not None
    assert result.decision.claims is not None
    assert [(each.holds, each.radius) for each in result.decision.claims] == [(False, None)] * 2
    assert (result.decision.holds, result.decision.radius) == (False, None)


def test_the_prompts_own_output_that_fails_a_claim_ends_the_job() -> None:
    result = by_executors(edits_with({**BRIEF, "at_most": 2.0}), ClosedFormText())
    assert result.abstention is not None
    assert "no run was made: claim 1" in result.abstention.detail
    assert result.usage.samples == 0
