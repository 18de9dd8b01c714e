"""The selection of σ as data: where it places a prompt, what it refuses, and what a certificate makes of it."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import beta

from smoothgen import (
    Abstention,
    Certificate,
    Gaussian,
    GaussianPerStep,
    LookPlan,
    Reason,
    SigmaGrid,
    SigmaSelection,
    certify,
    certify_universal,
    select_sigma,
    verify,
)
from smoothgen.certificates import (
    from_document,
    remaining_alpha,
    selection_alpha,
    to_document,
)
from smoothgen.certificates.format.document import content_digest
from smoothgen.errors import InvalidAlpha, InvalidBudget, InvalidCertificate, InvalidSigma
from tests.support.certificates.examples import GRID, SIGMA, distances, plain, selected, selection
from tests.support.certificates.looking import futile, look_at

ASKED = {"budget": 0.1, "grid": GRID, "selection_sigma": SIGMA, "alpha": 1e-4}
SETTING = {"bound": 1.0, "diameter": 1.0, "mechanism": Gaussian(SIGMA), "alpha": 1e-3, "tolerance": 0.3}
DOCUMENT = to_document(selected())


def place(sensitivities, **asked) -> SigmaSelection | Abstention:
    return select_sigma(sensitivities, **{**ASKED, **asked})


def reason(sensitivities, **asked) -> str:
    outcome = place(sensitivities, **asked)
    assert isinstance(outcome, Abstention)
    assert outcome.reason is Reason.SIGMA_NOT_PLACED
    return outcome.detail


def failed(document) -> set[str]:
    return {c.name for c in verify({**document, "digest": content_digest(document)}).checks if not c.passed}


def tampered(**fields) -> set[str]:
    return failed({**DOCUMENT, "sigma_selection": {**DOCUMENT["sigma_selection"], **fields}})


def test_levels_are_half_octaves_and_whole_octaves_are_exact():
    levels = SigmaGrid(0.3, -4, 4).levels
    assert levels[::2] == (0.075, 0.15, 0.3, 0.6, 1.2)
    assert np.allclose(levels, [0.3 * 2 ** (k / 2) for k in range(-4, 5)], rtol=1e-15)


@pytest.mark.parametrize("k", range(-3, 4))
def test_the_level_served_is_the_largest_that_keeps_within_the_budget(k):
    # In the middle of cell k: budget / (σ_k · 2^¼).
    chosen = place([0.1 / (GRID.level(k) * 2**0.25)] * 100)
    assert isinstance(chosen, SigmaSelection)
    assert chosen.cell == k
    assert chosen.sigma == GRID.level(k)


def test_the_last_cell_is_open_to_zero_and_the_first_to_nothing():
    assert place([0.0] * 100).sigma == GRID.level(4)
    assert place([1e-9] * 100).radius == place([0.0] * 100).radius
    assert "larger budget" in reason([0.1 / GRID.level(-4) * 1.001] * 100)
    assert "larger budget" in reason([math.inf] * 100)


def test_an_edge_belongs_to_the_larger_level():
    edge = 0.1 / GRID.level(1)
    assert place([edge] * 100).cell == 1
    assert place([math.nextafter(edge, 1)] * 100).cell == 0


def test_what_lies_across_an_edge_or_rests_on_too_few_draws_is_not_placed():
    edge = 0.1 / GRID.level(1)
    across = [edge * 0.99] * 50 + [edge * 1.01] * 50
    assert "too close to the edge" in reason(across)
    assert "100 draws at alpha=0.0001" in reason(across)
    # (α/3)^(1/m) < ½ from m = 15 on.
    assert isinstance(place([0.17] * 14), Abstention)
    assert isinstance(place([0.17] * 15), SigmaSelection)


def test_the_radius_is_that_of_the_clopper_pearson_bound_of_the_heavier_tail():
    drawn = [0.17] * 90 + [0.25] * 7 + [0.1] * 3
    tail = beta.isf(1e-4 / 3, 8, 93)
    assert place(drawn).radius == pytest.approx(-SIGMA * ndtri(tail), rel=1e-7)
    assert place(drawn).radius <= -SIGMA * ndtri(tail)
    assert place(drawn, selection_sigma=2 * SIGMA).radius == pytest.approx(2 * place(drawn).radius, rel=1e-8)


def test_a_failed_draw_counts_as_infinitely_sensitive():
    assert place([0.17] * 90 + [math.inf] * 10).radius == place([0.17] * 90 + [0.25] * 10).radius
    assert place([0.17] * 90 + [math.inf] * 10).radius < place([0.17] * 100).radius


def proven_cells(drawn, alpha, budget) -> list[int]:
    """The cells that a document could claim with a radius above 0."""
    cells = range(-4, 5)
    return [cell for cell in cells if SigmaSelection(budget, GRID, SIGMA, tuple(drawn), alpha, cell).radius > 0]


sensitivities = st.floats(0, 2) | st.just(math.inf)
alphas, budgets = st.sampled_from([1e-3, 0.05, 0.5]), st.floats(0.01, 2)


@settings(max_examples=200, deadline=None)
@given(st.floats(0, 2), st.integers(1, 50), st.lists(sensitivities, max_size=10), alphas, budgets)
def test_where_a_cell_is_selected_it_is_the_only_one_that_can_be_proven(most, count, others, alpha, budget):
    drawn = [most] * count + others
    outcome = place(drawn, alpha=alpha, budget=budget)
    assume(isinstance(outcome, SigmaSelection))
    assert proven_cells(drawn, alpha, budget) == [outcome.cell]


@settings(max_examples=200, deadline=None)
@given(st.lists(sensitivities, min_size=1, max_size=60), alphas, budgets)
def test_where_no_cell_is_selected_none_can_be_proven(drawn, alpha, budget):
    assume(isinstance(place(drawn, alpha=alpha, budget=budget), Abstention))
    assert proven_cells(drawn, alpha, budget) == []


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"budget": 0.0}, InvalidBudget),
        ({"budget": -1.0}, InvalidBudget),
        ({"budget": math.inf}, InvalidBudget),
        ({"budget": math.nan}, InvalidBudget),
        ({"selection_sigma": 0.0}, InvalidSigma),
        ({"selection_sigma": math.nan}, InvalidSigma),
        ({"alpha": 0.0}, InvalidAlpha),
        ({"alpha": 1.0}, InvalidAlpha),
        ({"alpha": 2e-12}, InvalidAlpha),  # a third of it is below what the arithmetic holds
    ],
    ids=repr,
)
def test_what_is_asked_must_be_numbers_in_range(asked, error):
    with pytest.raises(error):
        place([0.17] * 100, **asked)


@pytest.mark.parametrize("drawn", [[], [math.nan], [-0.1], [0.1, -math.inf]], ids=repr)
def test_sensitivities_must_be_numbers_of_at_least_zero(drawn):
    with pytest.raises(InvalidSigma, match="sensitivities"):
        place(drawn)


@pytest.mark.parametrize(
    "grid", [(0.5, 1, 0), (0.5, -201, 0), (0.5, 0, 1.5), (0.0, 0, 1), (1e30, 0, 4), (0.5, 0, True)]
)
def test_a_grid_holds_noise_levels(grid):
    with pytest.raises(InvalidSigma):
        SigmaGrid(*grid)


def test_a_tenth_of_alpha_goes_to_the_selection_and_the_sum_stays_within():
    for alpha in (0.001, 0.05, 0.3, 1e-6, 0.7):
        spent = selection_alpha(alpha)
        assert spent == pytest.approx(alpha / 10)
        assert math.fsum((spent, remaining_alpha(alpha, spent))) <= alpha
        assert remaining_alpha(alpha, spent) == pytest.approx(0.9 * alpha)
    with pytest.raises(InvalidAlpha, match="leaves nothing"):
        remaining_alpha(0.001, 0.001)


def certified(chosen=None, **asked) -> Certificate | Abstention:
    return certify(distances(), **{**SETTING, "sigma_selection": chosen or selection(), **asked})


def test_the_radius_is_the_smaller_of_the_two():
    chosen, without = selection(), plain(tolerance=0.3).radius
    assert chosen.radius < without
    assert certified().radius == chosen.radius
    low = certified(tolerance=0.03)
    assert low.radius < chosen.radius
    assert low.radius == pytest.approx(plain(tolerance=0.03).radius, rel=0.03)  # nine tenths of alpha


def test_beyond_the_selection_every_bound_is_the_trivial_one():
    made = certified()
    beyond = made.reach * (1 + 1e-8)
    assert made.w1_bound(made.reach) < 0.3
    assert made.w1_bound(beyond) == 1.0
    assert made.deviation(beyond, 0.5) == 1.0 > made.deviation(made.reach, 0.5)
    assert made.exceedance(beyond, 0.9) == 1.0 > made.exceedance(made.reach, 0.9)
    assert all(bound == 1.0 for epsilon, bound in made.curve if epsilon > made.reach)
    kept = certify(
        np.zeros(300), **{**SETTING, "tolerance": 0.5}, band="two-valued/v1", sigma_selection=selection()
    ).claims.stays
    assert all((probability == 0) == (epsilon > made.reach) for epsilon, probability in kept)


def test_within_it_the_bounds_are_those_of_what_is_left_of_alpha():
    made, left = certified(), remaining_alpha(1e-3, 1e-4)
    assert made.look_alpha == left
    assert made.w1_bound(0.2) == plain(tolerance=0.3, alpha=left).w1_bound(0.2) > plain(tolerance=0.3).w1_bound(0.2)
    assert made.confidence == 0.999


def test_an_epsilon_beyond_it_abstains_and_says_why():
    beyond = selection().radius * 1.01
    outcome = certified(epsilon=beyond)
    assert outcome.reason is Reason.RADIUS_OUT_OF_REACH
    assert repr(selection().radius) in outcome.detail
    early = futile(**SETTING, plan=LookPlan.doubling(500, 8e-4), epsilon=beyond, sigma_selection=selection())
    assert "no certification sample was drawn" in early.detail
    assert repr(selection().radius) in early.detail
    within = {"plan": LookPlan.doubling(500, 8e-4), "epsilon": selection().radius, "sigma_selection": selection()}
    assert futile(**SETTING, **within) is None


def test_looks_share_what_the_selection_left():
    with pytest.raises(InvalidAlpha):
        certified(plan=LookPlan.doubling(200, 1e-3))
    left = remaining_alpha(1e-3, 1e-4)
    assert certified(plan=LookPlan.single(200, left)).looks is None
    doubling = certified(plan=LookPlan.doubling(200, left))
    assert doubling.looks is not None
    assert math.fsum((*doubling.looks.alphas, 1e-4)) <= 1e-3
    # A radius that the selection limits cannot grow: the first look that reaches it is the last.
    look = look_at(
        distances(500)[:250],
        **SETTING,
        plan=LookPlan.doubling(500, left),
        radius_tolerance=0.05,
        sigma_selection=selection(),
    )
    assert look.stop == "settled"


def test_a_certificate_without_samples_is_limited_too():
    made = certify_universal(
        diameter=1.0, mechanism=Gaussian(SIGMA), alpha=1e-3, tolerance=0.4, sigma_selection=selection()
    )
    assert made.radius == selection().radius
    assert made.w1_bound(1.01 * made.radius) == 1.0
    assert verify(made)


def test_outputs_drawn_at_another_level_or_by_another_mechanism_are_refused():
    for mechanism in (Gaussian(0.7), GaussianPerStep(SIGMA, 1)):
        with pytest.raises(InvalidSigma, match="selected is Gaussian noise"):
            certified(mechanism=mechanism)


def test_a_cell_its_draws_do_not_prove_is_refused():
    with pytest.raises(InvalidSigma, match="do not place"):
        certified(replace(selection(), cell=1), mechanism=Gaussian(GRID.level(1)))


def test_a_selection_that_leaves_no_alpha_is_refused():
    with pytest.raises(InvalidAlpha):
        certified(selection(alpha=1e-3))


def test_the_document_holds_every_draw_and_reads_back():
    block = DOCUMENT["sigma_selection"]
    assert block["sensitivities"][5] is None
    assert len(block["sensitivities"]) == 64
    assert from_document(DOCUMENT).sigma_selection == selection()
    assert verify(DOCUMENT)


def test_without_a_selection_documents_say_nothing_of_it():
    assert not {"sigma_selection", "lipschitz"} & set(to_document(plain()))


def test_the_statement_says_what_an_attacked_request_is_served_at():
    said = DOCUMENT["statement"]
    assert "The noise level 0.5 was selected for this prompt, from 64 draws" in said
    assert f"every prompt within {selection().radius!r}" in said
    assert "serves it at this level or abstains, except with that probability over the draws made for it" in said


@pytest.mark.parametrize("cell", [-4, -1, 1, 4])
def test_another_cell_is_rejected(cell):
    assert "inputs" in tampered(cell=cell)
    # Even with the level, and the mechanism, of that cell.
    moved = {**DOCUMENT["sigma_selection"], "cell": cell, "sigma": GRID.level(cell)}
    noisy = {"name": "gaussian", "sigma": GRID.level(cell)}
    assert "inputs" in failed({**DOCUMENT, "sigma_selection": moved, "mechanism": noisy})


def test_another_radius_or_level_is_rejected():
    assert "sigma_selection" in tampered(radius=2 * selection().radius)
    assert "sigma_selection" in tampered(radius=selection().radius * (1 + 1e-7))
    assert "sigma_selection" in tampered(sigma=0.51)


def test_a_draw_moved_across_an_edge_is_rejected():
    drawn = list(DOCUMENT["sigma_selection"]["sensitivities"])
    inside = next(i for i, s in enumerate(drawn) if s is not None and 0.15 < s < 0.19)
    for other in (None, 0.5, 0.0):
        assert tampered(sensitivities=[*drawn[:inside], other, *drawn[inside + 1 :]])
    assert tampered(sensitivities=drawn[:-1])
    assert tampered(sensitivities=[*drawn, 0.17])
    assert "sigma_selection" in tampered(sensitivities=[0.17] * len(drawn))


def test_another_alpha_budget_grid_or_selection_noise_is_rejected():
    grid = GRID.to_dict()
    for fields in (
        {"alpha": 1e-3},
        {"alpha": 5e-4},
        {"alpha": 1e-5},
        {"budget": 0.11},
        {"budget": 1.0},
        {"selection_sigma": 1.0},
        {"grid": {**grid, "base": 0.55}},
        {"grid": {**grid, "first": -5}},
        {"grid": {**grid, "last": 0}},
        {"grid": {**grid, "last": 5}},
    ):
        assert tampered(**fields), fields


@pytest.mark.parametrize(
    "fields",
    [
        {"budget": -0.1},
        {"budget": "0.1"},
        {"budget": True},
        {"cell": 0.5},
        {"cell": 7},
        {"cell": True},
        {"cell": None},
        {"sensitivities": []},
        {"sensitivities": "0.1"},
        {"sensitivities": [-0.1]},
        {"sensitivities": [True]},
        {"alpha": 2},
        {"radius": "wide"},
        {"sigma": None},
        {"grid": None},
        {"grid": {"base": 0.5, "first": -4}},
        {"grid": {"base": 0.5, "first": "-4", "last": 4}},
        {"another": 1},
    ],
    ids=repr,
)
def test_a_block_of_another_shape_does_not_read(fields):
    with pytest.raises(InvalidCertificate):
        from_document({**DOCUMENT, "sigma_selection": {**DOCUMENT["sigma_selection"], **fields}})


def test_a_removed_block_is_rejected():
    without = {k: v for k, v in DOCUMENT.items() if k != "sigma_selection"}
    assert "statement" in failed(without)
