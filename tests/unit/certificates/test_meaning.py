"""The words of a document are held to what they mean: every kind a server writes stands, and nothing beside it."""

import base64
from dataclasses import replace

import numpy as np
import pytest

from smoothgen import certify, verify
from smoothgen.certificates import to_document
from smoothgen.certificates.format.document import content_digest
from smoothgen.certificates.meaning.metrics import METRICS
from smoothgen.certificates.meaning.quoting import quoted
from smoothgen.mechanisms import Gaussian
from tests.support.certificates.examples import full, plain
from tests.support.certificates.served import (
    CENTRES,
    DIMENSION,
    HEAD,
    KINDS,
    PIPELINE,
    SIGMA,
    bound,
    distances,
    metric,
    one_pass,
    provenance,
    served,
    universal,
)


def failed(document) -> set[str]:
    document = {**document, "digest": content_digest(document)}
    return {check.name for check in verify(document).checks if not check.passed}


def said_of_meaning(certificate) -> str:
    return next(check.detail for check in verify(certificate).checks if check.name == "meaning")


@pytest.mark.parametrize("made", [served, universal])
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_server_writes_is_checked_and_stands(kind, made):
    verdict = verify(made(kind))
    assert verdict, [check for check in verdict.checks if not check.passed]
    assert verdict.meaning == verdict.to_dict()["meaning"] == "checked"
    assert "is not checked" not in to_document(made(kind))["statement"]


def kind_of(name: str) -> str:
    """A kind of model that the metric compares outputs of."""
    return "language" if METRICS[name].modality == "text" else "head"


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_stands_in_its_own_numbers_and_not_under_a_cap_in_them(name):
    kind = kind_of(name)
    assert verify(served(kind, name)).meaning == "checked"
    with_cap = replace(provenance(kind, name), metric=metric(name, cap=0.7))
    assert "metric" in failed(to_document(served(kind, name, provenance=with_cap)))


@pytest.mark.parametrize("name", [name for name, known in METRICS.items() if known.may_be_capped])
def test_a_capped_metric_stands_in_the_numbers_of_its_cap(name):
    with_cap = replace(provenance(kind_of(name), name), metric=metric(name, cap=0.7))
    capped = served(kind_of(name), name, provenance=with_cap, bound=0.7, diameter=0.7, tolerance=0.1)
    assert verify(capped).meaning == "checked"
    assert "capped at 0.7" in to_document(capped)["statement"]


def test_the_proven_constant_of_a_one_pass_network_stands():
    assert verify(one_pass()).meaning == "checked"


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_fixes_its_description_diameter_and_band(name):
    kind = "language" if METRICS[name].modality == "text" else "head"
    honest = to_document(served(kind, name))
    stated = honest["metric"]
    for other in METRICS:
        if other != name:
            assert "metric" in failed({**honest, "metric": {**stated, "name": other}}), other
            described = {**stated, "description": METRICS[other].description}
            assert failed({**honest, "metric": described}) == {"metric"}
    assert "metric" in failed({**honest, "diameter": honest["diameter"] * (1 - 2**-52)})
    assert "metric" in failed({**honest, "metric": {**stated, "options": {"more": 1}}})


def test_a_centre_fixes_how_far_outputs_may_lie():
    honest = to_document(served())
    assert failed({**honest, "bound": 1.5}) >= {"metric"}
    assert failed({**honest, "bound": 1.95}) >= {"metric"}
    longer = np.frombuffer(base64.b64decode(honest["metric"]["centre"]["value"]), "<f4") * np.float32(1.2)
    for changes in (
        {"norm": 0.5},
        {"norm": True},
        {"norm": None},
        {"value": base64.b64encode(longer.tobytes()).decode()},
        {"value": base64.b64encode(np.full(4, np.nan, "<f4").tobytes()).decode()},
        {"value": ""},
        {"value": "é"},
        {"value": 5},
        {"encoding": "float64-le/base64"},
        {"kind": "median"},
        {"more": 1},
    ):
        changed = {**honest["metric"], "centre": {**honest["metric"]["centre"], **changes}}
        assert failed({**honest, "metric": changed}) == {"metric"}, changes


@pytest.mark.parametrize(
    ("name", "centre"),
    [
        ("absolute", {"kind": "median", "value": 1.5}),
        ("absolute", {"kind": "median", "value": "0.25"}),
        ("absolute", {"kind": "median", "value": 0.1}),
        ("edit", {"kind": "medoid text", "value": None}),
        ("label", {"kind": "label", "label": 5}),
        ("label", {}),
        ("pixel-rmse", {"kind": "mean picture", "encoding": "png/base64", "value": "AAAA"}),
    ],
)
def test_a_centre_of_another_metric_is_none(name, centre):
    kind = "language" if METRICS[name].modality == "text" else "head"
    honest = to_document(served(kind, name))
    assert "metric" in failed({**honest, "metric": {**honest["metric"], "centre": centre}})


ON_A_PROMPT = {HEAD, PIPELINE}


def test_every_attack_has_its_own_words():
    for one, (attack_on, _, held_fixed, _) in KINDS.items():
        document = to_document(served(one))
        for other, theirs in KINDS.items():
            # Which encoder a picture model has, the document cannot know.
            if attack_on != theirs[0] and {attack_on, theirs[0]} != ON_A_PROMPT:
                assert "threat" in failed({**document, "threat": {**document["threat"], "attack_on": theirs[0]}})
            if held_fixed != theirs[2]:
                held = {**document["threat"], "held_fixed": [*theirs[2]]}
                assert "threat" in failed({**document, "threat": held}), (one, other)


ROUND_OR_SHAPED = {"gaussian", "gaussian-per-step", "shaped-gaussian"}
GOES_WITH = {
    "language": {"gaussian"},
    "bottleneck": {"gaussian", "synonym-classes"},
    "pipeline": {*ROUND_OR_SHAPED, "synonym-classes"},
    "head": {*ROUND_OR_SHAPED, "synonym-classes"},
    "one pass": {"gaussian", "synonym-classes"},
    "latent": {"latent-schedule"},
    "img2img": {"latent-schedule", "forward-diffusion"},
}


@pytest.mark.parametrize("kind", GOES_WITH)
@pytest.mark.parametrize("mechanism", {m.name: m for _, m, _, _ in KINDS.values()}.values(), ids=lambda m: m.name)
def test_every_attack_goes_with_its_own_noise(kind, mechanism):
    about = provenance(kind)
    threat = replace(about.threat, noise_norm=mechanism.noise_norm(DIMENSION))
    refused = failed(to_document(served(kind, mechanism=mechanism, provenance=replace(about, threat=threat))))
    assert refused == (set() if mechanism.name in GOES_WITH[kind] else {"threat"})


@pytest.mark.parametrize("kind", KINDS)
def test_held_fixed_can_lose_nothing_and_gain_nothing(kind):
    document = to_document(served(kind))
    held = document["threat"]["held_fixed"]
    for altered in ([*held, "the weather"], [*held, *held[:1]], *(held[:k] + held[k + 1 :] for k in range(len(held)))):
        if altered != held:
            assert "threat" in failed({**document, "threat": {**document["threat"], "held_fixed": altered}}), altered


def test_the_parameters_decide_what_is_held_fixed():
    for kind, changes in (
        ("language", {"chat": True}),
        ("language, chat", {"chat": False}),
        ("pipeline", {"negative_prompt": "blur"}),
        ("pipeline", {"image": "sha256:" + "9" * 64}),
        ("head", {"scheduler": "none"}),
        ("one pass", {"scheduler": "DDIMScheduler"}),
        ("latent", {"image": "sha256:" + "9" * 64}),
        ("img2img", {"image": None}),
        ("pipeline", {"scheduler": "none"}),
    ):
        document = to_document(served(kind))
        parameters = {**document["request"]["parameters"], **changes}
        assert "threat" in failed({**document, "request": {**document["request"], "parameters": parameters}}), kind
        assert "threat" in failed({**document, "request": {**document["request"], "parameters": {}}}), kind


def test_the_dimension_is_the_one_that_is_named_and_its_rounding_is_paid_for():
    for kind in ("bottleneck", "head", "one pass"):
        document = to_document(served(kind))
        wider = {**document["threat"], "dimension": 64, "noise_norm": SIGMA * 8}
        assert "threat" in failed({**document, "threat": wider})
    assert failed(to_document(served(rounding_slack=0.0))) == {"threat"}
    assert failed(to_document(served(rounding_slack=Gaussian(SIGMA).rounding_slack(DIMENSION - 1)))) == {"threat"}
    assert verify(served(rounding_slack=1e-6)).meaning == "checked"
    odd = replace(provenance("language").threat, held_fixed=("token count (3)", "attention mask and positions"))
    assert failed(to_document(served(provenance=provenance("language", threat=odd)))) == {"threat"}


def sampled(**changes) -> dict:
    about = provenance("language")
    return to_document(served(provenance=replace(about, sampling=replace(about.sampling, **changes))))


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": "0" * 31 + "7"},
        {"seed": "0" * 16 + "7fffffffffffffff"},
        {"seed_origin": "client"},
        {"seed": "F" * 32},
        {"seed": "f" * 31},
        {"seed": "f" * 32 + "\n"},
        {"seed": "٣" * 32},
        {"noise_scheme": "rot13"},
        {"noise_scheme": "philox4x64-10/ndtri/v1 "},
        {"selection_samples": 0},
        {"selection_samples": -7},
        {"selection_samples": 10**9},
        {"randomness": "common"},
        {"randomness": "n\u043ene"},
        {"precision": "float8"},
        {"batch_size": 0},
        {"batch_size": 2**40},
        {"batch_sensitivity": 1.5},
        {"batch_sensitivity": -0.1},
    ],
    ids=repr,
)
def test_random_numbers_that_no_server_draws_are_refused(changes):
    assert failed(sampled(**changes)) == {"sampling"}


def test_random_numbers_that_servers_draw_stand():
    for changes in (
        {"seed": "0" * 31 + "7", "seed_origin": "client"},
        {"seed": "0" * 16 + "8000000000000000"},
        {"precision": "bfloat16", "batch_size": 8, "batch_sensitivity": 0.16},
    ):
        assert failed(sampled(**changes)) == set(), changes


@pytest.mark.parametrize(
    ("section", "changes"),
    [
        ("model", {"name": ""}),
        ("model", {"name": " "}),
        ("model", {"revision": ""}),
        ("model", {"digest": ""}),
        ("model", {"digest": "sha256:" + "B" * 64}),
        ("model", {"digest": "md5:" + "b" * 32}),
        ("request", {"prompt_digest": "x"}),
        ("request", {"template": "sha256:" + "d" * 64}),  # of a request without chat
        ("output", {"digest": "sha256:"}),
        ("output", {"kind": "best"}),
        ("output", {"media_type": "image/png"}),
        ("output", {"distance_to_centre": 1.95}),
    ],
)
def test_identities_have_their_form(section, changes):
    about = provenance("language")
    changed = replace(about, **{section: replace(getattr(about, section), **changes)})
    assert section in failed(to_document(served(provenance=changed)))


def test_a_metric_of_texts_measures_no_pictures():
    for kind, name in (("language", "pixel-rmse"), ("head", "sentence-chord"), ("head", "edit")):
        assert "output" in failed(to_document(served(kind, name)))


@pytest.mark.parametrize("name", ["words' and any prompt", "мир", "w\n", "", "a\u202eb", "x" * 101])
def test_a_name_in_the_mechanism_cannot_be_part_of_our_sentence(name):
    about = provenance("language, words drawn")
    mechanism = KINDS["language, words drawn"][1]
    if name:
        document = to_document(served("language, words drawn", mechanism=replace(mechanism, partition=name)))
        assert failed(document) == {"names"}
    assert verify(served("language, words drawn", provenance=about)).meaning == "checked"


# Documents whose words nobody here knows.


def test_a_bare_document_is_arithmetic_and_says_so():
    verdict = verify(plain())
    assert verdict
    assert verdict.meaning == "not checked"
    assert said_of_meaning(plain()) == "not checked: the document names no model, no metric and no threat"
    assert "is not checked: the document names no model" in to_document(plain())["statement"]


def test_a_plug_in_is_arithmetic_and_says_so():
    verdict = verify(full())
    assert verdict
    assert verdict.meaning == "not checked"
    about = provenance("language")
    plug_in = replace(about, metric=replace(metric("sentence-chord"), name="plugin:my chord", description="Trust me."))
    made = served(provenance=plug_in, bound=0.9, diameter=0.9)
    assert verify(made)
    assert said_of_meaning(made) == "not checked: metric defined by a plug-in"
    said = to_document(made)["statement"]
    assert "measured by what this document calls 'plugin:my chord'" in said
    assert "Trust me" not in said
    attacked = served(provenance=replace(about, threat=replace(about.threat, attack_on="plugin:soul")))
    assert verify(attacked)
    assert said_of_meaning(attacked) == "not checked: attack defined by a plug-in"


@pytest.mark.parametrize("name", ["chord", "sentence-сhord", "Sentence-chord", "plugin:", "Plugin:x", ""])
def test_an_unknown_plain_name_is_refused(name):
    about = provenance("language")
    document = to_document(served(provenance=replace(about, metric=replace(metric("sentence-chord"), name=name))))
    assert failed(document) == {"metric"}
    document = to_document(served(provenance=replace(about, threat=replace(about.threat, attack_on=name or "prompt"))))
    assert "threat" in failed(document)


@pytest.mark.parametrize("section", ["request", "model", "metric", "sampling", "output", "threat"])
def test_a_section_left_out_leaves_the_meaning_unchecked(section):
    about = replace(provenance("language"), **{section: None})
    made = certify(
        distances(),
        bound=bound("sentence-chord"),
        diameter=2.0,
        mechanism=Gaussian(SIGMA),
        alpha=1e-3,
        tolerance=0.2,
        provenance=about,
        rounding_slack=Gaussian(SIGMA).rounding_slack(DIMENSION),
    )
    verdict = verify(made)
    assert verdict
    assert verdict.meaning == "not checked"
    assert said_of_meaning(made) == f"not checked: the document has no section {section}"


def test_a_refused_document_has_no_checked_meaning():
    assert verify({**to_document(served()), "radius": 9.0}).meaning == "not checked"
    assert verify("{").meaning == "not checked"


# Quoting.


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Paris", "'Paris'"),
        ("3.5 %", "'3.5 %'"),
        ("O'Neill", "'O\\'Neill' (quotation marks inside are escaped)"),
        ("a\\'", "'a\\\\\\'' (quotation marks inside are escaped)"),
        ("two\nlines", "'two\\nlines'"),
        ("P\u0430ris", "'P\u0430ris' (written in Cyrillic, Latin)"),
        ("\u5df4\u9ece", "'\u5df4\u9ece' (written in Cjk)"),
        ("a\u202eb", "'a\\u{202e}b' (written in Latin)"),
        ("5\u2019", "'5\\u{2019}' (written in signs)"),
        ("e\u0301", "'e\u0301' (written in Latin)"),
        ("e" + "\u0301" * 3, "'e\u0301\u0301\\u{301}' (written in Latin)"),
        ("\u0301", "'\\u{301}' (written in signs)"),
        ("\ud83d", "'\\u{d83d}' (written in signs)"),
        ("\0", "'\\u{0}'"),
    ],
)
def test_other_peoples_words_are_quoted_so_that_nobody_takes_them_for_ours(text, shown):
    assert quoted(text) == shown
    label = metric("label", centre={"kind": "label", "label": text})
    made = served("language", "label", provenance=provenance("language", "label", metric=label))
    assert f"the answer {shown} keeps at least a share of" in to_document(made)["statement"]
    assert verify(made).meaning == "checked"


def test_a_long_answer_is_cut_and_named_by_its_digest():
    one, other = "x" * 70, "x" * 69 + "y"
    assert "the first 64 of 70 characters, sha256:" in quoted(one)
    assert quoted(one) != quoted(other)


def test_no_answer_is_no_quotation():
    label = metric("label", centre={**CENTRES["label"], "label": None})
    made = served("language", "label", provenance=provenance("language", "label", metric=label))
    assert "the absence of an answer (the extraction rule finds none) keeps" in to_document(made)["statement"]
