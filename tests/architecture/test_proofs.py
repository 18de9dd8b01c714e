"""Every bound names its proof, and its code is the code a person last read beside that proof (`python -m
tests.proofs`)."""

import pytest

from tests import proofs

BOUNDS = proofs.bounds()
CODE = '''
LEVEL = 2

def bound(x):
    """At most twice. Proof: docs/theory/bounds.md, "T1, universal"."""
    return _helper(x)

def _helper(x):
    return LEVEL * x
'''


@pytest.mark.parametrize("name", BOUNDS)
def test_a_bound_names_a_heading_of_a_page_of_the_theory(name):
    named = BOUNDS[name].proofs
    assert named, f"{name} names no proof: add 'Proof: docs/theory/<page>.md, \"<heading>\".' to its docstring"
    for page, heading in named:
        assert heading in proofs.headings(page), (name, page, heading)


def test_no_bound_changed_since_its_proof_was_confirmed():
    """Where this fails: read the page beside the code, then `python -m tests.proofs --confirm NAME`."""
    assert proofs.stale() == {}


def code_of(source: str) -> str:
    [bound] = proofs.bounds_of(source, "example")
    assert bound.proofs == (("bounds.md", "T1, universal"),)
    return bound.code


def test_words_and_layout_are_no_change():
    assert code_of(
        CODE.replace("At most twice", "Twice at most").replace("return _helper(x)", "return _helper( x )")
    ) == (code_of(CODE))


@pytest.mark.parametrize(("old", "new"), [("_helper(x)\n", "_helper(x) + 1\n"), ("LEVEL * x", "x"), ("= 2", "= 3")])
def test_a_change_of_the_bound_or_of_what_it_uses_is_one(old, new):
    assert old in CODE
    assert code_of(CODE.replace(old, new)) != code_of(CODE)
