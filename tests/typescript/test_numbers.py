"""What the special functions in TypeScript are tested against is what scipy gives too, and Node's own tests pass."""

import json

import numpy as np
import pytest
from scipy import special

from tests.typescript.conftest import Node
from tests.typescript.make_numbers import NUMBERS

BY_SCIPY = {
    "ndtr": special.ndtr,
    "ndtri": special.ndtri,
    "erf": special.erf,
    "erfinv": special.erfinv,
    "binomialUpper": lambda m, n, alpha: special.betainccinv(m + 1, n - m, alpha),
}


@pytest.mark.parametrize("name", BY_SCIPY)
def test_the_numbers_are_those_of_scipy(name):
    *arguments, exact = np.array(json.loads(NUMBERS.read_text("utf-8"))[name], dtype=float).T

    assert BY_SCIPY[name](*arguments) == pytest.approx(exact, rel=1e-12, abs=1e-15)


def test_the_tests_of_the_package_pass(node: Node):
    done = node.tests()

    assert done.returncode == 0, done.stdout
    assert "# fail 0" in done.stdout
    assert "# pass 0" not in done.stdout
