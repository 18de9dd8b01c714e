"""The closed-form generators: their true W₁ against sorted samples, and their certificates against it."""

from __future__ import annotations

import numpy as np
import pytest

from smoothgen.certificates import from_document
from smoothgen.contracts import TextParameters
from tests.support.workers.jobs import ON_EMBEDDING, run, spec
from workers.generators import Text
from workers.generators.closed_form import SPECS, ClosedForm, true_w1
from workers.generators.stops import cut

KNOWN = ["closed-form-tanh", "closed-form-step", "closed-form-three-valued"]
N = 200_000


def outputs(name: str, u: np.ndarray) -> np.ndarray:
    """Through the generator itself, noise and printing included."""
    generator, parameters = ClosedForm(name), TextParameters()
    condition = generator.condition("0", parameters, ON_EMBEDDING)
    drawn = generator.generate(condition, u.astype(np.float32)[:, None], [], parameters)
    return np.array([float(o.text) for o in drawn if isinstance(o, Text)])


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize(("x", "sigma", "attack"), [(0.0, 1.0, 0.5), (0.3, 0.5, -0.4), (1.5, 1.0, 1.0)])
def test_the_true_w1_is_what_sorted_samples_say(name: str, x: float, sigma: float, attack: float):
    # On the line W₁ is the mean distance between equally ranked samples.
    rng = np.random.default_rng(3)
    clean = np.sort(outputs(name, x + sigma * rng.normal(size=N)))
    attacked = np.sort(outputs(name, x + attack + sigma * rng.normal(size=N)))
    # Each empirical law lies within 1/√N of its own in W₁ on [0, 1] on average; four times that is out of reach.
    assert true_w1(name, x, sigma, attack) == pytest.approx(np.abs(clean - attacked).mean(), abs=4 / N**0.5)


def test_the_true_w1_of_theory_section_7():
    assert true_w1("closed-form-tanh", 0.0, 1.0, 0.5) == pytest.approx(0.1762, abs=5e-5)
    assert true_w1("closed-form-step", 0.0, 1.0, 1.0) == pytest.approx(0.0606, abs=5e-5)


@pytest.mark.parametrize("name", KNOWN)
def test_no_attack_moves_nothing_and_a_larger_one_moves_more(name: str):
    moved = [true_w1(name, 0.2, 1.0, attack) for attack in (0.0, 0.1, 0.5, 2.0)]
    assert moved[0] == 0
    assert moved == sorted(moved)


def test_a_name_without_a_closed_form_is_refused():
    with pytest.raises(ValueError, match="no closed form for 'closed-form-broken'"):
        true_w1("closed-form-broken", 0.0, 1.0, 0.5)


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("x", ["0", "0.4", "1.2"])
def test_the_whole_certified_curve_lies_above_the_true_w1(name: str, x: str):
    document = run(spec(x, sigma=1.0, metric="absolute", samples=2000), ClosedForm(name)).certificate
    assert document is not None
    for epsilon, bound in from_document(document).claims.curve:
        for attack in (epsilon, -epsilon):
            assert true_w1(name, float(x), 1.0, attack) <= bound


@pytest.mark.parametrize("name", sorted(SPECS))
def test_every_closed_form_says_what_it_is(name: str):
    generator = ClosedForm(name)
    assert generator.identity.name == name
    assert generator.description


def test_texts_end_before_a_stop_that_the_certificate_records():
    parameters = TextParameters(stop=("75", ".", "never"))
    generator = ClosedForm("closed-form-three-valued")
    condition = generator.condition("0", parameters, ON_EMBEDDING)
    made = generator.generate(condition, np.array([[0.0], [3.0], [-3.0]], np.float32), [], parameters)
    assert [one.text for one in made if isinstance(one, Text)] == ["0", "1", "0"]


@pytest.mark.parametrize(
    ("stops", "left"),
    [
        (None, ("one, two.", False)),
        ((".", ", "), ("one", True)),
        (("one",), ("", True)),
        (("3",), ("one, two.", False)),
    ],
)
def test_a_cut_is_before_the_first_stop_of_any(stops: tuple[str, ...] | None, left: tuple[str, bool]):
    assert cut("one, two.", stops) == left
