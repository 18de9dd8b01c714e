"""Verdicts over rows of attacks, and the multiples at which attacks succeed."""

from __future__ import annotations

from typing import Any

import pytest

from smoothgen.errors import CertificatesFalsified, InvalidInput
from smoothgen.studies.falsified import PLANTED, UNPROTECTED, caught, falsification, reached, require_unfalsified
from smoothgen.studies.rows import AttackRow


def row(**given: Any) -> AttackRow:
    fields: dict[str, Any] = {
        "study": "attacks",
        "model": "m",
        "setting": "s",
        "prompt": "p",
        "attack": "PGD",
        "method": "SmoothGen",
        "claim": "W1",
        "epsilon": 0.5,
        "multiple": 1.0,
        "estimate": 0.05,
        "lower": 0.02,
        "certified": 0.1,
        "alpha": 0.001,
        "certificate": "m, s, p",
        "certificate_alpha": 0.001,
        "tolerance": 0.1,
    }
    return AttackRow(**{**fields, **given})


def test_rows_below_their_bounds_falsify_nothing() -> None:
    found = falsification([row(), row(alpha=0.0, certificate_alpha=0.0, certificate="exact")])

    assert found.sound
    assert found.crossings == ()
    assert found.attacks == 2
    require_unfalsified(found)


def test_one_crossing_of_an_exact_certificate_is_a_refutation() -> None:
    found = falsification([row(), row(alpha=0.0, certificate_alpha=0.0, lower=0.2, attack="aimed")])

    assert not found.sound
    with pytest.raises(CertificatesFalsified, match=r"aimed.*0\.2 above 0\.1"):
        require_unfalsified(found)


def test_more_crossings_than_chance_allows_fail_loudly() -> None:
    crossed = [row(certificate=f"c{k}", lower=0.3) for k in range(3)]

    with pytest.raises(CertificatesFalsified, match="3 of 3 certificates"):
        require_unfalsified(falsification(crossed))


def test_a_crossing_that_may_be_chance_passes_and_is_listed() -> None:
    rows = [row(certificate=f"c{k}", certificate_alpha=0.05) for k in range(40)] + [row(certificate="c0", lower=0.2)]
    found = falsification(rows)

    assert found.sound
    assert len(found.crossings) == 1


def test_models_without_protection_are_not_judged() -> None:
    assert falsification([row(method=UNPROTECTED, lower=2.0, certificate_alpha=0.0, alpha=0.0)]).attacks == 0


def test_planted_faults_have_a_verdict_each_and_none_together_with_served_certificates() -> None:
    faulty = [row(method=f"{PLANTED}radius doubled", certificate=f"f{k}", lower=0.3) for k in range(3)]
    control = [row(method=f"{PLANTED}none", certificate=f"n{k}") for k in range(3)]
    found = caught([*faulty, *control, row()])

    assert {name: verdict.sound for name, verdict in found.items()} == {
        f"{PLANTED}radius doubled": False,
        f"{PLANTED}none": True,
    }
    with pytest.raises(InvalidInput, match="judged apart"):
        falsification([*faulty, row()])


def test_the_least_multiple_that_really_exceeds_the_tolerance() -> None:
    rows = [
        row(multiple=1.0, estimate=0.05, lower=0.01),
        row(multiple=2.0, estimate=0.12, lower=0.08, certified=0.2),
        row(multiple=4.0, estimate=0.3, lower=0.25, certified=0.4, attack="NES"),
        row(multiple=8.0, estimate=0.6, lower=0.5, certified=0.9),
        row(claim="deviation", multiple=1.0, lower=0.9, tolerance=1.0),
        row(multiple=None, lower=0.9, attack="paraphrase"),
    ]
    [found] = reached(rows)

    assert (found.multiple, found.attack, found.estimated, found.tried) == (4.0, "NES", 2.0, 8.0)
    assert found.strongest == ((1.0, 0.01), (2.0, 0.08), (4.0, 0.25), (8.0, 0.5))


def test_no_multiple_is_named_where_no_attack_exceeds_the_tolerance() -> None:
    [found] = reached([row()])

    assert (found.multiple, found.attack, found.estimated) == (None, None, None)
