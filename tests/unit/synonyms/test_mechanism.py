"""Synonym classes as certificates name them."""

from __future__ import annotations

import numpy as np
import pytest

from smoothgen.certificates import certify, to_document, verify
from smoothgen.certificates.format.document import content_digest
from smoothgen.errors import InvalidCertificate, InvalidSigma, UnknownName
from smoothgen.mechanisms import Gaussian, SynonymClasses, mechanism_from_dict
from smoothgen.noise import Seed, Stream

DIGEST = "sha256:" + "a" * 64
MECHANISM = SynonymClasses("wordnet-synonyms", "1", DIGEST, Gaussian(0.5))
DOCUMENT = MECHANISM.to_dict()


def test_the_noise_and_its_r_are_those_of_what_comes_after():
    seed = Seed(3, "server")
    drawn = MECHANISM.draw(seed, Stream.CERTIFICATION, [4, 2], (3, 2))
    assert np.array_equal(drawn, Gaussian(0.5).draw(seed, Stream.CERTIFICATION, [4, 2], (3, 2)))
    for epsilon in (0.0, 0.1, 7.0):
        assert MECHANISM.radius_in_sigmas(epsilon) == Gaussian(0.5).radius_in_sigmas(epsilon)
        assert MECHANISM.epsilon(epsilon) == Gaussian(0.5).epsilon(epsilon)
    delta = np.array([[0.3, -0.4]])
    assert MECHANISM.attack_norm(delta) == Gaussian(0.5).attack_norm(delta)
    assert MECHANISM.norm == Gaussian(0.5).norm


def test_its_json_form_reads_back():
    assert mechanism_from_dict(DOCUMENT) == MECHANISM


@pytest.mark.parametrize(
    "changed",
    [
        {"partition": ""},
        {"version": 1},
        {"digest": "sha256:12"},
        {"digest": "md5:" + "a" * 64},
        {"extra": 1},
        {"then": None},
        {"then": DOCUMENT},
        {"then": {"name": "gaussian"}},
    ],
    ids=repr,
)
def test_a_foreign_document_is_refused(changed: dict[str, object]):
    with pytest.raises(InvalidCertificate, match="mechanism"):
        mechanism_from_dict({**DOCUMENT, **changed})


def test_what_the_inner_mechanism_refuses_is_refused():
    with pytest.raises(InvalidSigma):
        mechanism_from_dict({**DOCUMENT, "then": {"name": "gaussian", "sigma": -1.0}})
    with pytest.raises(UnknownName):
        mechanism_from_dict({**DOCUMENT, "then": {"name": "another"}})
    with pytest.raises(InvalidCertificate, match="another of its kind"):
        SynonymClasses("p", "1", DIGEST, MECHANISM)


@pytest.fixture(scope="module")
def document() -> dict[str, object]:
    certificate = certify(
        np.linspace(0, 0.3, 100), bound=1.0, diameter=1.0, mechanism=MECHANISM, alpha=1e-3, tolerance=0.2
    )
    return to_document(certificate)


def test_a_certificate_verifies_without_the_partition_and_says_so(document: dict[str, object]):
    verdict = verify(document)
    assert verdict
    [check] = [check for check in verdict.checks if check.name == "partition"]
    assert "not checked here" in check.detail
    assert DIGEST in check.detail
    for said in (
        "wordnet-synonyms",
        "version '1'",
        DIGEST,
        "any number of swaps",
        "embedding of the text that was drawn",
    ):
        assert said in str(document["statement"])


@pytest.mark.parametrize("part", ["partition", "version", "digest", "then"])
def test_a_changed_part_is_rejected(document: dict[str, object], part: str):
    other = {"partition": "other", "version": "2", "digest": "sha256:" + "b" * 64, "then": Gaussian(0.6).to_dict()}[
        part
    ]
    altered = {**document, "mechanism": {**DOCUMENT, part: other}}
    altered["digest"] = content_digest(altered)
    assert not verify(altered)
