"""verify: what follows from the evidence passes, and every altered field is found, digest recomputed or not."""

import base64
import contextlib
import copy
import json
import math
import signal
import warnings
from dataclasses import replace

import numpy as np
import pytest

from smoothgen import Gaussian, certify, save_certificate, verify
from smoothgen.certificates import Evidence, to_document
from smoothgen.certificates.claims import derive_claims
from smoothgen.certificates.format.document import content_digest
from tests.support.certificates.examples import (
    MECHANISMS,
    distances,
    early,
    full,
    label,
    plain,
    proven,
    selected,
    universal,
)

DOCUMENTS = {
    "full": to_document(full()),
    "label": to_document(label()),
    "early": to_document(early()),
    "universal": to_document(universal()),
    "selected": to_document(selected()),
    "proven": to_document(proven()),
}
FULL = DOCUMENTS["full"]

# Descriptions: nothing in the evidence contradicts another value, so only the digest protects them.
DESCRIPTIVE = {
    "id",
    "requested_at",
    "model",
    "metric",
    "sampling",
    "output.kind",
    "output.media_type",
    "output.digest",
    "threat.attack_on",
    "threat.embedding_norm",
    "threat.held_fixed",
}
# Said in the statement, so that the statement contradicts another value.
SAID = {"metric.name", "metric.cap", "sampling.seed_origin", "threat.attack_on", "threat.held_fixed"}
# The label example's bound is T2 alone: a diameter a tenth of a percent smaller contradicts nothing that it states.
# And a look that was not taken may have had a smaller share than it was given.
# The selection limits that example's radius, not the tolerance. A sensitivity counts by the side of an edge it lies on
# (test_sigma_selection moves them across), and a constant may be above the product of its factors.
FREE_INPUTS = {
    ("label", "diameter"),
    ("selected", "tolerance"),
    *((name, f"looks.alphas.{look}") for name in ("early", "selected") for look in (0, 1, 3, 4)),
    *(("selected", f"sigma_selection.sensitivities.{draw}") for draw in range(64)),
    *(("proven", f"lipschitz.factors.{factor}") for factor in range(3)),
}


def leaves(value, path=()):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from leaves(inner, (*path, position))
    else:
        yield path


def at(document, path):
    for step in path:
        document = document[step]
    return document


def put(document, path, value):
    changed = copy.deepcopy(document)
    at(changed, path[:-1])[path[-1]] = value
    return changed


def name_of(path) -> str:
    return ".".join(str(step) for step in path)


def another(value, path):
    """A different value of the same kind: a number a tenth of a percent away, a text with one letter changed."""
    if path == ("evidence", "distances"):
        return changed_distance(value)
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value * 0.999 if value else 1e-3
    return ("X" if value[:1] != "X" else "Y") + value[1:]


def changed_distance(text: str) -> str:
    packed = np.frombuffer(base64.b64decode(text), dtype="<f4").copy()
    if not packed.size:
        return base64.b64encode(np.zeros(1, dtype="<f4").tobytes()).decode()
    packed[5] = np.nextafter(packed[5], np.float32(1))
    return base64.b64encode(packed.tobytes()).decode()


def redigested(document):
    return {**document, "digest": content_digest(document)}


ALL = [(name, path) for name, document in DOCUMENTS.items() for path in leaves(document)]
ALL = [(name, path) for name, path in ALL if len(path) < 2 or path[0] not in ("curve", "stays") or path[1] % 7 == 0]


def described(path) -> bool:
    return any(name_of(path[:k]) in DESCRIPTIVE for k in (1, 2))


@pytest.mark.parametrize(("name", "path"), ALL, ids=lambda x: x if isinstance(x, str) else name_of(x))
def test_every_altered_leaf_is_rejected_by_the_digest(name, path):
    document = DOCUMENTS[name]
    verdict = verify(put(document, path, another(at(document, path), path)))
    assert not verdict, name_of(path)


def derivable(name, path) -> bool:
    if path == ("digest",) or (name, name_of(path)) in FREE_INPUTS:
        return False
    return not described(path) or any(name_of(path).startswith(said) for said in SAID)


DERIVABLE = [(name, path) for name, path in ALL if derivable(name, path)]


@pytest.mark.parametrize(("name", "path"), DERIVABLE, ids=lambda x: x if isinstance(x, str) else name_of(x))
def test_every_leaf_that_follows_from_the_evidence_is_rejected_with_a_fresh_digest(name, path):
    document = DOCUMENTS[name]
    verdict = verify(redigested(put(document, path, another(at(document, path), path))))
    assert not verdict, name_of(path)
    assert {check.name for check in verdict.checks if not check.passed} != {"digest"}


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("section", ["model", "metric", "sampling", "threat"])
def test_a_removed_section_is_rejected(name, section):
    document = {k: v for k, v in DOCUMENTS[name].items() if k != section}
    assert not verify(document)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_examples_are_valid(name):
    verdict = verify(DOCUMENTS[name])
    assert verdict, [check for check in verdict.checks if not check.passed]
    assert verdict.to_dict()["valid"] is True
    names = [check.name for check in verdict.checks]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("n", [1, 2, 7, 500])
@pytest.mark.parametrize("alpha", [1e-12, 1e-3, 0.05, 0.9])
@pytest.mark.parametrize("epsilon", [None, 0.01, 1e-9])
def test_honest_certificates_are_valid_at_any_setting(n, alpha, epsilon):
    verdict = verify(plain(n, alpha=alpha, epsilon=epsilon, tolerance=0.05))
    assert verdict, [check for check in verdict.checks if not check.passed]


def test_whole_numbers_asked_for_are_verified_too():
    assert verify(plain(tolerance=np.float32(0.5), epsilon=np.float64(0.125), alpha=np.float64(1e-3)))
    assert verify(certify(distances(), bound=2, diameter=2, mechanism=Gaussian(1), alpha=0.5, tolerance=1, epsilon=1))


def test_every_form_is_accepted(tmp_path):
    certificate = full()
    path = tmp_path / "c.json"
    save_certificate(certificate, path)
    text = json.dumps(FULL)
    for form in (certificate, FULL, text, text.encode(), path, json.dumps(FULL, indent=4)):
        assert verify(form)
    with pytest.raises(OSError, match="missing"):
        verify(tmp_path / "missing.json")


@pytest.mark.parametrize("digit", range(9))
def test_each_digit_of_the_radius_counts(digit):
    """The last certified digit may differ by one between machines (their erf), every other must match."""
    radius = FULL["radius"]
    digits = f"{radius:.17f}".replace("0.", "", 1)
    first = len(digits) - len(digits.lstrip("0"))
    unit = 10.0 ** -(first + digit + 1)
    for step in (-1, 1) if digit < 8 else (-2, 2):
        changed = float(f"{radius + step * unit:.9g}")
        assert changed != radius
        assert not verify({**FULL, "radius": changed})
        assert not verify(redigested({**FULL, "radius": changed}))


@pytest.mark.parametrize("factor", [0.0, 0.5, 1 - 1e-7, 1 + 1e-7, 2.0])
@pytest.mark.parametrize("name", ["radius", "w1_bound", "tolerance", "epsilon", "alpha", "bound", "diameter"])
def test_a_smaller_claim_is_as_altered_as_a_larger_one(name, factor):
    altered = {**FULL, name: FULL[name] * factor}
    assert not verify(altered)
    assert not verify(redigested(altered))


def test_the_statement_is_checked_even_where_the_numbers_agree():
    altered = {**FULL, "statement": FULL["statement"].replace("0.25", "0.26")}
    assert [c.name for c in verify(redigested(altered)).checks if not c.passed] == ["statement"]


def test_one_distance_changed_with_every_digest_recomputed_changes_the_claims():
    document = copy.deepcopy(FULL)
    packed = np.frombuffer(base64.b64decode(document["evidence"]["distances"]), dtype="<f4").copy()
    packed[np.argmax(np.where(np.isinf(packed), -1, packed))] = 1.5
    document["evidence"] = Evidence(packed, 1.5, 1.25).to_dict()
    failed = {c.name for c in verify(redigested(document)).checks if not c.passed}
    assert {"radius", "w1_bound", "curve"} <= failed


def test_a_label_certificate_may_not_lose_or_gain_its_probabilities():
    for altered in ({**DOCUMENTS["label"], "stays": None}, {**FULL, "stays": []}, {**FULL, "stays": [[0.25, 0.9]]}):
        assert not verify(redigested(altered))


def test_booleans_are_no_counts():
    zero_failed = to_document(plain())
    assert zero_failed["failed"] == 0
    assert not verify(redigested({**zero_failed, "failed": False}))


OF_MECHANISM = {name: to_document(full(mechanism)) for name, mechanism in MECHANISMS.items()}
PARTS = [
    (name, part)
    for name, document in OF_MECHANISM.items()
    for part, stated in document["mechanism"].items()
    if isinstance(stated, int | float)  # a mechanism's words and inner mechanisms have tests of their own
]


@pytest.mark.parametrize("name", MECHANISMS)
def test_a_certificate_of_every_mechanism_is_valid_and_says_what_is_unusual(name):
    verdict = verify(OF_MECHANISM[name])
    assert verdict, [check for check in verdict.checks if not check.passed]
    assert (MECHANISMS[name].remark or "") in OF_MECHANISM[name]["statement"]


ONLY_SAID = ("latent-schedule", "steps")
"""The latent schedule's number of steps changes what is said of it, and no bound."""


@pytest.mark.parametrize(
    ("name", "part", "found"), [(*each, "statement" if each == ONLY_SAID else "radius") for each in PARTS]
)
def test_a_changed_part_of_the_mechanism_is_rejected(name, part, found):
    document = OF_MECHANISM[name]
    stated = document["mechanism"][part]
    for changed in (stated + 1, stated + 2, 2 * stated) + ((stated * 0.999, stated * 1.001) if part != "steps" else ()):
        altered = {**document, "mechanism": {**document["mechanism"], part: changed}}
        assert not verify(altered)
        assert found in {check.name for check in verify(redigested(altered)).checks if not check.passed}


def test_one_mechanism_cannot_pass_for_another():
    for name, document in OF_MECHANISM.items():
        for other in MECHANISMS:
            if other != name:
                foreign = redigested({**document, "mechanism": OF_MECHANISM[other]["mechanism"]})
                renamed = redigested({**document, "mechanism": {**document["mechanism"], "name": other}})
                assert not verify(foreign)
                assert not verify(renamed)


def test_signal_and_noise_scaled_together_are_one_sigma_and_need_the_digest():
    """The claim is the same; that the parts are others only the digest knows."""
    document = OF_MECHANISM["forward-diffusion"]
    parts = document["mechanism"]
    scaled = {**document, "mechanism": {**parts, "signal": parts["signal"] / 2, "noise": parts["noise"] / 2}}
    assert not verify(scaled)
    assert verify(redigested(scaled))


def test_an_abstention_worthy_certificate_is_rejected():
    """The bound at the asked epsilon is above the tolerance: every number follows, the promise fails."""
    honest = plain()
    asked = replace(honest.terms, epsilon=5.0)
    claims = derive_claims(honest.evidence, honest.bounds, asked, alpha=honest.alpha)
    failed = [c.name for c in verify(replace(honest, epsilon=5.0, claims=claims)).checks if not c.passed]
    assert failed == ["epsilon"]


GARBAGE = [
    *[
        {name: value}
        for name in ("alpha", "tolerance", "epsilon")
        for value in (0, -1.0, 1e308, 5e-324, -1e308, 10**400)
    ],
    *[{name: value} for name in ("bound", "diameter") for value in (0, -1.0, 1e308, 1e-308, 1.7976931348623157e308)],
    *[{name: value} for name in ("radius", "w1_bound") for value in (1e308, -1e308, 0, 5e-324)],
    {"alpha": 1 - 2**-53},
    {"epsilon": 1e308, "tolerance": 1e-300},
    {"mechanism": {"name": "gaussian", "sigma": 1e308}},
    {"mechanism": {"name": "gaussian", "sigma": 5e-324}},
    {"mechanism": {"name": "gaussian", "sigma": 1e-30}, "epsilon": 1e308},
    {"mechanism": {"name": "gaussian", "sigma": 1e30}},
    {"mechanism": {"name": "gaussian-per-step", "beta": 0.5, "steps": 0}},
    {"mechanism": {"name": "gaussian-per-step", "beta": 0.5, "steps": 10_001}},
    {"mechanism": {"name": "gaussian-per-step", "beta": 0.5, "steps": 2**62}},
    {"mechanism": {"name": "gaussian-per-step", "beta": 0.5, "steps": 20.5}},
    {"mechanism": {"name": "gaussian-per-step", "beta": 1e-30, "steps": 10_000}},
    {"mechanism": {"name": "latent-schedule", "beta": 0.5}},
    {"mechanism": {"name": "latent-schedule", "beta": 0.5, "steps": True}},
    {"mechanism": {"name": "latent-schedule", "beta": 0.5, "steps": 10**400}},
    {"mechanism": {"name": "latent-schedule", "beta": 10**400, "steps": 5}},
    {"mechanism": {"name": "forward-diffusion", "signal": 0, "noise": 1.0}},
    {"mechanism": {"name": "forward-diffusion", "signal": 1e-30, "noise": 1e30}},
    {"mechanism": {"name": "forward-diffusion", "signal": 1e30, "noise": 1e-30}},
    {"bound": 1e30, "diameter": 1e-30, "tolerance": 5e-324},
    {"bound": 1e30, "diameter": 1e30, "tolerance": 5e-324},
    {"curve": [[0.0, 0.0]] * 20_000},
    {"curve": [[1e308, 1e308]]},
    {"curve": []},
    {"deviation": []},
    {"samples": 10**18},
    {"band": "two-valued/v1"},
    {"band": "x" * 1_000_000},
    {"method": "universal/v1"},
    {"method": "x" * 1_000_000},
    {"statement": "x" * 1_000_000},
    {"alpha_split": {}},
    {"threat": {**FULL["threat"], "dimension": -1}},
    {"threat": {**FULL["threat"], "dimension": 0, "noise_norm": 0.0}},
    {"threat": {**FULL["threat"], "dimension": 2**62}},
    {"threat": {**FULL["threat"], "noise_norm": 1e308}},
    {"output": {**FULL["output"], "distance_to_centre": -1.0}},
    {"output": {**FULL["output"], "distance_to_centre": 1e308}},
]


@pytest.fixture
def _at_most_two_seconds():
    def out_of_time(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGPROF, out_of_time)
    signal.setitimer(signal.ITIMER_PROF, 2)  # of this process's compute: other programs cost it none
    yield
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, before)


@pytest.mark.parametrize("garbage", GARBAGE, ids=lambda g: repr(g)[:60])
@pytest.mark.usefixtures("_at_most_two_seconds")
def test_garbage_fails_without_exception_warning_or_hang(garbage):
    document = {**FULL, **garbage}
    with contextlib.suppress(ValueError):
        document = redigested(document)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not verify(document)
        assert not verify(json.dumps(document))


@pytest.mark.parametrize(
    "garbage", [None, 5, [], {}, "", "{", b"\xff", "[" * 100_000, '{"schema": 1e999999999}', object(), {1: 2, "a": 3}]
)
def test_what_is_no_certificate_fails_one_check(garbage):
    verdict = verify(garbage)
    assert not verdict
    assert [check.name for check in verdict.checks] == ["document"]


def test_a_huge_exponent_in_a_number_fails():
    text = json.dumps(FULL).replace('"tolerance": 0.2', '"tolerance": 2e999999999')
    assert not verify(text)


@pytest.mark.parametrize("changes", [{"alpha": 0.0}, {"band": "dkw"}, {"tolerance": math.nan}, {"epsilon": math.inf}])
def test_a_certificate_object_made_by_hand_fails_too(changes):
    assert not verify(replace(full(), **changes))


def test_a_wide_nest_is_refused_at_once():
    inner: dict = {}
    for _ in range(200):
        inner = {"k" * 10_000: inner}
    assert not verify({**FULL, "metric": {**FULL["metric"], "options": inner}})


def test_random_evidence_never_verifies_against_foreign_claims():
    other = to_document(plain(200, alpha=1e-3, tolerance=0.2))
    swapped = redigested({**FULL, "evidence": other["evidence"]})
    assert not verify(swapped)
