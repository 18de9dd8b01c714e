"""Exhaustive certificates of pictures: attacks on a text encoder's input embeddings, and what is held fixed there."""

from dataclasses import replace

import pytest

from smoothgen import verify
from smoothgen.certificates import MetricIdentity, OutputIdentity, RequestIdentity, to_document
from smoothgen.certificates.exhaustive.threat import INPUT_EMBEDDINGS, held_by_pictures
from smoothgen.certificates.meaning.metrics import METRICS
from tests.support.certificates.exhaustive import PROVENANCE, THREAT, certified

PARAMETERS = {
    "num_inference_steps": 20,
    "guidance_scale": 4.0,
    "negative_prompt": None,
    "width": 32,
    "height": 32,
    "scheduler": "DDIMScheduler",
    "image": None,
    "strength": None,
}
PIXELS = METRICS["pixel-rmse"]
THREAT = replace(THREAT, attack_on=INPUT_EMBEDDINGS, held_fixed=held_by_pictures(3, negative=False))
PROVENANCE = replace(
    PROVENANCE,
    request=RequestIdentity("sha256:" + "3" * 64, PARAMETERS),
    metric=MetricIdentity(PIXELS.name, PIXELS.description, None, {}, {}),
    output=OutputIdentity("representative", "image/png", "sha256:" + "1" * 64, None),
)


def with_parameters(**changes):
    request = replace(PROVENANCE.request, parameters={**PARAMETERS, **changes})
    return {"provenance": replace(PROVENANCE, request=request)}


def test_all_that_a_pictures_certificate_means_is_checked():
    made = certified(threat=THREAT, provenance=PROVENANCE)
    verdict = verify(made)
    assert verdict, [check for check in verdict.checks if not check.passed]
    assert verdict.meaning == "checked"
    said = to_document(made)["statement"]
    assert said.startswith("Whoever changes the input token embeddings of the text encoder by less than")
    assert (
        "Held fixed, outside the threat: token count (3), start, end and padding tokens, attention mask and "
        "positions, unconditional embedding (empty prompt)." in said
    )


def test_a_negative_prompt_is_held_fixed_by_its_name():
    threat = replace(THREAT, held_fixed=held_by_pictures(3, negative=True))
    assert verify(certified(threat=threat, provenance=PROVENANCE)).meaning == "not checked"
    assert verify(certified(threat=threat, **with_parameters(negative_prompt="blurred"))).meaning == "checked"
    assert verify(certified(threat=threat)).valid  # without a request either may be


@pytest.mark.parametrize(
    "about",
    [
        {"threat": replace(THREAT, tokens=4)},
        {"threat": replace(THREAT, held_fixed=THREAT.held_fixed[:-1])},
        {"threat": replace(THREAT, held_fixed=(*THREAT.held_fixed, "seed image"))},
        {"threat": replace(THREAT, held_fixed=THREAT.held_fixed[::-1])},
        {"threat": replace(THREAT, attack_on="token embeddings of the prompt")},
        {"threat": replace(THREAT, attack_on="initial latent")},
        with_parameters(image="sha256:" + "4" * 64),
        with_parameters(negative_prompt="blurred"),
    ],
)
def test_words_that_do_not_fit_each_other_are_refused(about):
    verdict = verify(certified(**{"threat": THREAT, "provenance": PROVENANCE, **about}))
    assert {check.name for check in verdict.checks if not check.passed} == {"threat"}
    assert verdict.meaning == "not checked"


def test_parameters_must_say_what_decides():
    request = replace(PROVENANCE.request, parameters={"scheduler": "DDIMScheduler"})
    assert not verify(certified(threat=THREAT, provenance=replace(PROVENANCE, request=request)))
