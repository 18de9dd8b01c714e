"""Planted faults are falsified, sound certificates are not: on generators whose law is known."""

import pytest

from smoothgen.errors import CertificatesFalsified
from smoothgen.evaluation.falsification import require_no_crossing
from tests.support.statistics import planted
from tests.support.statistics.planted import CLOUD, FEW, STEP, TANH, falsify

CAUGHT = [
    (planted.sigma_halved, STEP),
    (planted.sigma_halved, TANH),
    (planted.band_without_union, FEW),
    (planted.centre_from_certification, CLOUD),
    (planted.two_weights, STEP),
    (planted.two_weights, TANH),
    (planted.two_weights, CLOUD),
    (planted.radius_doubled, STEP),
    (planted.radius_doubled, TANH),
]


def prompts_of(world: planted.World) -> int:
    """A band without its union is false often, but not always: that takes more certificates to see."""
    return 100 if world is FEW else planted.PROMPTS


@pytest.mark.parametrize(("fault", "world"), CAUGHT, ids=[f"{f.__name__}-{k}" for k, (f, _) in enumerate(CAUGHT)])
def test_a_planted_fault_fails_the_run(fault, world):
    verdict = falsify(world, fault, seed=1, prompts=prompts_of(world))
    assert verdict.p_value < 1e-4
    with pytest.raises(CertificatesFalsified, match="certificates were crossed by an attack"):
        require_no_crossing(verdict)


@pytest.mark.parametrize("world", [STEP, TANH, FEW, CLOUD], ids=["step", "tanh", "few", "cloud"])
def test_sound_certificates_pass(world):
    verdict = falsify(world, planted.sound, seed=2, prompts=prompts_of(world))
    assert verdict.sound
    require_no_crossing(verdict)
