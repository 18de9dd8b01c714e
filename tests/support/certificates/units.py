"""Certificates of units for the tests: the smallest, with every field filled in, enumerated and drawn."""

import hashlib
import math

import numpy as np

from smoothgen import LookPlan, UnitChoice, UnitsCertificate, certify_units
from smoothgen.certificates import MetricIdentity, ModelIdentity, OutputIdentity, Provenance, RequestIdentity
from smoothgen.certificates.meaning.metrics import ABSOLUTE, LABEL
from smoothgen.certificates.units import PASSAGES, WORDS, UnitsThreat
from smoothgen.certificates.units.threat import PARAMETERS, PROMPT, SELECTION
from smoothgen.noise import Seed, Stream

QUESTION = "What is the dose?"
TEN_OF_TWO = UnitChoice(10, size=2)
SEED = Seed(0x123456789ABCDEF0123456789ABCDEF0, "server")
THREAT = UnitsThreat(PASSAGES, (PROMPT, PARAMETERS, SELECTION), "sha256:" + "2" * 64)
PROVENANCE = Provenance(
    request=RequestIdentity(
        f"sha256:{hashlib.sha256(QUESTION.encode()).hexdigest()}",
        {"max_new_tokens": 8, "temperature": 0.0, "chat": False},
    ),
    model=ModelIdentity(name="toy", revision="r1", digest="sha256:" + "0" * 64),
    metric=MetricIdentity(
        LABEL.name,
        LABEL.description,
        None,
        {"extract": {"kind": "first_line"}},
        {"kind": "label", "label": "300 mg"},
    ),
    output=OutputIdentity("representative", "text/plain", "sha256:" + "1" * 64, 0.0),
)
NUMBERS = MetricIdentity(ABSOLUTE.name, ABSOLUTE.description, None, {}, {"kind": "median", "value": 0.4})


def certified(distances, **asked) -> UnitsCertificate:
    """Answers, every subset of two of ten units, and at least half of the runs to keep, unless asked otherwise."""
    settings = {"choice": TEN_OF_TWO, "seed": None, "bound": 1.0, "diameter": 1.0, "two_valued": True}
    claim = {} if "tolerance" in asked else {"keep": 0.5}
    made = certify_units(distances, **{**settings, **claim, **asked})
    assert isinstance(made, UnitsCertificate)
    return made


def misled(rows, units=(7,)):
    """Distances where a run that keeps one of these units answers otherwise."""
    return np.where(rows[:, list(units)].any(axis=1), 1.0, 0.0)


def plain() -> UnitsCertificate:
    """The smallest: two units, of which a run reads one."""
    return certified([0.0, 0.0], choice=UnitChoice(2, size=1), keep=0.4)


def full() -> UnitsCertificate:
    """Every field filled in; all subsets run, one unit misleads."""
    made = certified(misled(TEN_OF_TWO.enumerated()), altered=1, threat=THREAT, provenance=PROVENANCE)
    return made.identified("c-1", "2026-01-01T00:00:00Z")


def late() -> UnitsCertificate:
    """A deadline came: the last six subsets were not run, and one run failed."""
    distances = misled(TEN_OF_TWO.enumerated(), ())[:-6]
    distances[3] = math.nan
    return certified(distances, missing="worst", keep=0.4)


def numbers() -> UnitsCertificate:
    """Distances of any size, all subsets run, a bound on the shift."""
    rows = TEN_OF_TWO.enumerated()
    distances = np.where(rows[:, 3], 0.25, 0.0) + np.where(rows[:, 4], 0.125, 0.0)
    provenance = Provenance(metric=NUMBERS)
    return certified(distances, two_valued=False, bound=0.6, tolerance=0.3, threat=THREAT, provenance=provenance)


def drawn(seed: Seed = SEED, runs: int = 125, **asked) -> UnitsCertificate:
    """Drawn runs at the third look of a plan, every field filled in."""
    plan = LookPlan.doubling(500, 1e-3)
    choice = UnitChoice(40, size=2)
    distances = misled(choice.drawn(seed, Stream.UNITS_CERTIFICATION, range(runs)))
    made = certified(
        distances,
        **{
            "choice": choice,
            "seed": seed,
            "alpha": 1e-3,
            "plan": plan,
            "altered": 2,
            "threat": THREAT,
            "provenance": PROVENANCE,
            **asked,
        },
    )
    return made.identified("c-2", "2026-01-01T00:00:00Z")


def words() -> UnitsCertificate:
    """Words kept independently, a client's seed, distances of any size."""
    choice, seed = UnitChoice(30, probability=0.2), Seed.from_client(7)
    rows = choice.drawn(seed, Stream.UNITS_CERTIFICATION, range(200))
    threat = UnitsThreat(WORDS)
    return certified(
        rows[:, :3].mean(axis=1) / 2,
        choice=choice,
        seed=seed,
        alpha=0.05,
        two_valued=False,
        bound=0.6,
        tolerance=0.3,
        threat=threat,
    )


def foreign() -> UnitsCertificate:
    """Units and held parts that this library has no words for."""
    return certified([0.0] * 45, threat=UnitsThreat("chapters", ("the cover",)))


def hopeless() -> UnitsCertificate:
    """One altered unit is too many."""
    return certified(misled(TEN_OF_TWO.enumerated(), (1, 2, 5)), keep=0.5)


EXAMPLES = {made.__name__: made for made in (plain, full, late, numbers, drawn, words, foreign, hopeless)}
