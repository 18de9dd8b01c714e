"""What the commands print of a claim that is not proven: one form, with what is proven without an attack."""

from __future__ import annotations

import numpy as np
import pytest

from smoothgen.certificates import UnitsCertificate
from smoothgen.certificates.score_claims import AskedClaim, ScoreIdentity
from smoothgen.certificates.units import certify_units
from smoothgen.cli.show_scores import score_rows
from smoothgen.cli.show_worth import worth_lines
from smoothgen.contracts import Decision, JobView
from smoothgen.contracts.job import ModelRef, Progress
from tests.unit.certificates.test_exact_score_claims import exhausted
from tests.unit.certificates.test_score_claims import LENGTH, SCORES, certified
from tests.unit.certificates.test_scores_of_runs import CLAIMS, TEN, edits


def rows(*claims: AskedClaim) -> list[str]:
    made = certified(claims=claims, scores=SCORES[:, 1 : 1 + len(claims)])
    return [said for _, said in score_rows(made.score_claims)]


def test_a_row_says_that_nothing_is_proven_and_what_is_without_an_attack() -> None:
    [said] = rows(AskedClaim(LENGTH, at_most=5.0))
    assert ": not proven; without an attack, at most " in said
    assert said.endswith(" is proven")


def test_a_row_names_the_options_and_the_code_of_a_plug_in() -> None:
    options = {"distribution": "a-very-long-name-of-a-package-that-brings-scores 1.0", "options": {"cap": 50}}
    score = ScoreIdentity("plugin:words", 0.0, 50.0, options=options, digest="sha256:05ff8ceb1234" + 52 * "1")
    [said] = rows(AskedClaim(score, at_most=40.0))
    assert said.startswith('mean of plugin:words {"cap": 50} (code sha256:05ff8ceb1234…) at most 40.0: up to ')


@pytest.mark.parametrize(
    ("radius", "wanted", "words"),
    [
        (0.0, None, "decision: it stays: is not proven at any radius"),
        (0.0, 0.05, "decision: it stays: is not proven at any radius (asked for 0.05)"),
        (0.02, 0.05, "decision: it stays: is not proven (proven up to 0.02, asked for 0.05)"),
        (None, 0.05, "decision: it stays: is not proven"),
    ],
)
def test_a_decision_never_says_proven_up_to_nothing(radius: float | None, wanted: float | None, words: str) -> None:
    decision = Decision(claim="it stays", holds=False, radius=radius, wanted=wanted)
    view = JobView(
        id="job-1",
        status="succeeded",
        model=ModelRef(name="m", revision="1", digest=""),
        progress=Progress(done=1, total=1),
        decision=decision,
    )
    assert worth_lines(view) == [words]


def test_a_row_without_noise_says_that_the_prompts_own_output_breaks_it() -> None:
    [(_, said)] = score_rows(exhausted([31, 6, 9, 7, 8]).score_claims)
    assert said.endswith(": not so, even without an attack")


def test_a_row_of_units_says_whether_unaltered_ones_break_it() -> None:
    hopeless, narrow = AskedClaim(LENGTH, at_most=5.0), AskedClaim(LENGTH, at_most=6.5)
    told = certify_units(
        np.zeros(45), score_claims=[hopeless, narrow], scores=np.full((45, 2), 6.0),
        choice=TEN, seed=None, bound=1.0, diameter=1.0, keep=0.5, two_valued=True,
    )  # fmt: skip
    assert isinstance(told, UnitsCertificate)
    first, second = (said for _, said in score_rows(told.score_claims))
    assert first.endswith(": not proven even unaltered; unaltered, at most 6.0 is proven")
    assert second.endswith(": not proven with one altered; unaltered, at most 6.0 is proven")


def test_a_row_of_edits_says_what_holds_whatever_the_edit() -> None:
    claims = [CLAIMS[0], AskedClaim(LENGTH, at_most=1.0), CLAIMS[2]]
    _, (_, said), _ = score_rows(edits(claims).score_claims)
    assert ": not so for every edit; whatever the edit, at most " in said
