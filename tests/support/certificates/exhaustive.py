"""Exhaustive certificates for the tests: the smallest, one with every field filled in, and the ways a list can end."""

import math
from dataclasses import replace

from smoothgen import ExhaustiveCertificate, SnapThreat, certify_exhaustive
from smoothgen.certificates import MetricIdentity, ModelIdentity, OutputIdentity, Provenance, RequestIdentity
from smoothgen.certificates.meaning.held import MASK
from smoothgen.certificates.meaning.metrics import LABEL
from smoothgen.noise import Seed

COSTS = [0.0, 0.5710678118654755, 0.71, 0.8784321098765432, 0.8784321098765432, 0.93]
DISTANCES = [0.0, 0.0, 0.05, 0.30000000000000004, 0.02, math.nan]
TEXTS = ["capital of France", "Capital of France", "capital of france", "capital of Germany", "capitol", "capital of"]
OUTPUTS = ["Paris", "Paris", "Paris.", "It's Berlin", "Paris!", ""]

THREAT = SnapThreat(
    attack_on="token embeddings of the prompt",
    table="sha256:" + "2" * 64,
    tokens=3,
    squared_error=1e-5,
    held_fixed=("token count (3)", MASK),
)
SEED = Seed(0x123456789ABCDEF0123456789ABCDEF0, "server")
PROVENANCE = Provenance(
    request=RequestIdentity("sha256:" + "3" * 64, {"max_new_tokens": 8, "temperature": 0.0, "chat": False}),
    model=ModelIdentity(name="toy", revision="r1", digest="sha256:" + "0" * 64),
    metric=MetricIdentity(LABEL.name, LABEL.description, None, {"extract": {"kind": "first_line"}}, {}),
    output=OutputIdentity("sample", "text/plain", "sha256:" + "1" * 64, None),
)


def certified(costs=COSTS, distances=DISTANCES, **asked) -> ExhaustiveCertificate:
    settings = {"diameter": 1.0, "tolerance": 0.1, "next_cost": 0.95}
    made = certify_exhaustive(costs, distances, **{**settings, **asked})
    assert isinstance(made, ExhaustiveCertificate)
    return made


def plain() -> ExhaustiveCertificate:
    """The smallest: the prompt alone was run."""
    return certified([0.0], [0.0], next_cost=0.5)


def bare() -> ExhaustiveCertificate:
    """Runs and nothing about them; the list ends behind the run that breaks the claim, one run failed."""
    return certified()


def full() -> ExhaustiveCertificate:
    """Every field filled in, labels, and an asked epsilon."""
    made = certified(
        distances=[0.0, 0.0, 0.0, 1.0, 0.0, math.nan],
        epsilon=0.75,
        texts=TEXTS,
        outputs=OUTPUTS,
        threat=THREAT,
        provenance=PROVENANCE,
    )
    return made.identified("c-1", "2026-01-01T00:00:00Z")


def answer() -> ExhaustiveCertificate:
    """A label certificate that names the prompt's own answer, as the server issues it."""
    named = replace(PROVENANCE, metric=replace(PROVENANCE.metric, centre={"kind": "label", "label": "Paris"}))
    distances = [0.0, 0.0, 0.0, 1.0, 0.0, math.nan]
    return certified(distances=distances, texts=TEXTS, outputs=OUTPUTS, threat=THREAT, provenance=named)


def whole() -> ExhaustiveCertificate:
    """Every sequence there is was run, and none breaks the claim: no limit."""
    return certified(COSTS[:3], DISTANCES[:3], next_cost=None)


def unrun() -> ExhaustiveCertificate:
    """The list ends before any run breaks the claim."""
    return certified(COSTS[:3], DISTANCES[:3], next_cost=0.8)


def failing() -> ExhaustiveCertificate:
    """A failed run is the first that breaks the claim."""
    return certified(COSTS[:3], [0.0, math.nan, 0.0], texts=TEXTS[:3], outputs=OUTPUTS[:3])


def drawn() -> ExhaustiveCertificate:
    """A text with a temperature, whose seed is named."""
    request = replace(PROVENANCE.request, parameters={**PROVENANCE.request.parameters, "temperature": 0.7})
    distances = [0.0, 0.0, 0.0, 1.0, 0.0, math.nan]
    made = certified(distances=distances, threat=THREAT, provenance=replace(PROVENANCE, request=request))
    return replace(made, randomness=SEED).identified("c-2", "2026-01-01T00:00:00Z")


def nothing() -> ExhaustiveCertificate:
    """The snap cannot tell the prompt from a sequence whose output is another."""
    return certified([0.0, 0.0], [0.0, 0.5])


EXAMPLES = {made.__name__: made for made in (plain, bare, full, answer, whole, unrun, failing, drawn, nothing)}
