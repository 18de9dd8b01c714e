"""The statement in plain words: what holds comes first, then the confidence, then what is outside."""

from dataclasses import replace

import numpy as np
import pytest

from smoothgen import Certificate, Gaussian, certify, verify
from smoothgen.certificates import OutputIdentity, to_document
from smoothgen.certificates.format.document import content_digest
from smoothgen.mechanisms import SynonymClasses
from tests.support.certificates.served import CENTRES, DIMENSION, SIGMA, metric, provenance, served

ABOUT = provenance("language", "label", metric=metric("label", centre={**CENTRES["label"], "label": "Paris"}))


def kept(lost: int = 4, kind: str = "representative", **asked) -> Certificate:
    told = replace(ABOUT, output=OutputIdentity(kind, "text/plain", "sha256:" + "1" * 64, 0.0))
    made = certify(
        np.repeat([0.0, 1.0], [500 - lost, lost]),
        bound=1.0,
        diameter=1.0,
        mechanism=Gaussian(SIGMA),
        alpha=1e-3,
        tolerance=0.1,
        band="two-valued/v1",
        provenance=told,
        rounding_slack=Gaussian(SIGMA).rounding_slack(DIMENSION),
        **asked,
    )
    assert isinstance(made, Certificate)
    return made


def said(made: Certificate) -> str:
    verdict = verify(made)
    assert verdict, [check for check in verdict.checks if not check.passed]
    assert verdict.meaning == "checked"
    return str(to_document(made)["statement"])


def test_an_answer_comes_first_and_w1_after_it():
    made = kept(keep=0.9)
    words = said(made)
    assert words.startswith(
        f"If someone tampers, by at most {made.radius!r} in l2 norm, with the numbers that the model reads instead of "
        "your prompt, the answer 'Paris' keeps at least a share of 0.9 of the outputs. "
    )
    order = ["keeps at least a share of", "Wasserstein-1", "confidence 0.999", "What is attacked: the token embeddings",
             "Held fixed, outside the threat: token count", "covers no rewording of the prompt"]  # fmt: skip
    places = [words.index(part) for part in order]
    assert places == sorted(places)


def test_without_a_share_the_one_at_the_radius_of_w1_is_stated():
    made = kept()
    assert f"keeps at least a share of {dict(made.claims.stays)[made.radius]!r} of the outputs" in said(made)
    assert f"a share of 0.5 up to a norm of {made.claims.keeps[0].radius!r}" in said(made)
    asked = kept(epsilon=made.radius / 2)
    assert f"a share of {dict(asked.claims.stays)[made.radius / 2]!r} of the outputs" in said(asked)


def test_a_majority_is_kept_strictly_below_the_radius():
    made = kept(kind="majority", keep=0.5)
    assert said(made).startswith(f"Nobody who tampers, by less than {made.radius!r} in l2 norm, with the numbers")
    assert "makes the answer 'Paris' lose its majority: more than half of all outputs give it." in said(made)
    assert "keeps at least a share of 0.9 of the outputs" in said(kept(kind="majority", keep=0.9))


@pytest.mark.parametrize("keep", [None, 0.4])
def test_a_majority_without_a_half_is_refused(keep):
    failed = [check.name for check in verify(kept(kind="majority", keep=keep)).checks if not check.passed]
    assert failed == ["output"]


def test_where_nothing_is_kept_nothing_is_claimed_first():
    made = kept(lost=200, keep=0.9)
    assert made.radius == 0
    assert said(made).startswith("Nothing is claimed: it is not proven that the answer 'Paris' keeps a share of 0.9")
    assert "a share of 0.5 up to a norm of" in said(made)


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("language", "the numbers that the model reads instead of your prompt"),
        ("latent", "the random numbers that the picture starts from"),
        ("img2img", "the numbers that the model reads instead of your seed image"),
    ],
)
def test_the_threat_is_named_for_people_who_know_no_models(kind, what):
    assert f"in l2 norm, with {what}, the distribution of outputs moves by no more than" in said(served(kind))


def test_only_texts_need_the_line_about_rewordings():
    assert "rewording" not in said(served("head"))
    words = said(served("language, words drawn"))
    assert "Beyond the synonym classes it covers no rewording" in words
    assert isinstance(served("language, words drawn").mechanism, SynonymClasses)


def test_other_words_than_those_of_the_version_are_refused():
    document = to_document(kept(keep=0.9))
    for changes in (
        {"statement": document["statement"].replace("at least a share of 0.9", "all")},
        {"wording": "plain/v2"},
        {"wording": None},
    ):
        altered = {**document, **changes}
        assert not verify({**altered, "digest": content_digest(altered)})
