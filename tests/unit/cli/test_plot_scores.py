"""Pictures of certificates with claims on scores."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from smoothgen.certificates.score_claims import AskedClaim, ScoreIdentity
from smoothgen.cli.plot import plot_curve, plot_runs
from smoothgen.cli.plot_scores import draw_claim, panels
from tests.unit.certificates.test_exact_score_claims import exhausted
from tests.unit.certificates.test_score_claims import CLAIMS, FOUND, SCORES, certified

UNPROVEN = AskedClaim(FOUND, of="share", at_most=0.001)
STRANGE = AskedClaim(ScoreIdentity("plugin:$x", 0.0, 1.0, options={"said": "$\\frac{a}\n" * 20}), at_least=0.1)


def drawn(claim):
    axes = Figure().subplots()
    draw_claim(axes, claim, 2)
    return axes


def test_a_panel_has_the_curve_the_limit_and_the_radius() -> None:
    claim = certified().score_claims[1]
    axes = drawn(claim)
    proven, asked, radius = axes.lines
    assert [*zip(*proven.get_data(), strict=True)] == [*claim.curve]
    assert (set(asked.get_ydata()), set(radius.get_xdata())) == ({30.0}, {claim.radius})
    assert axes.get_title() == "claim 2: mean of length (words, 50) at most 30"


def test_the_bound_of_a_quantile_is_a_share() -> None:
    axes = drawn(certified().score_claims[2])
    assert axes.get_ylabel() == "share below 0.5"
    assert set(axes.lines[1].get_ydata()) == {0.1}


def test_a_claim_of_runs_is_a_step_function_that_ends_behind_the_last_run() -> None:
    [claim] = exhausted([5.0, 6.0, 9.0, 7.0, 8.0], next_cost=None).score_claims
    assert math.isinf(claim.radius)
    proven, _ = drawn(claim).lines
    assert proven.get_drawstyle() == "steps-post"
    assert proven.get_xdata()[-1] > claim.runs.costs[-1]


def test_every_claim_has_a_panel_below_the_curve() -> None:
    figure = Figure(figsize=(7, 4.2))
    main, below = panels(figure, certified().score_claims, height=4.2)
    assert figure.axes == [main, *below]
    assert len(below) == len(CLAIMS)
    assert panels(Figure(), (), height=4.2)[1] == []


@pytest.mark.parametrize("claim", [*CLAIMS, UNPROVEN, STRANGE])
def test_pictures_are_written(claim: AskedClaim, tmp_path: Path) -> None:
    scores = SCORES[:, CLAIMS.index(claim) if claim in CLAIMS else 2][:, None]
    plot_curve(certified(scores % 1 if claim is STRANGE else scores, [claim]), tmp_path / "curve.png")
    plot_runs(exhausted([0.0, 0.0, 1.0, 0.0, math.nan], claim), tmp_path / "runs.png")
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in tmp_path.iterdir())
