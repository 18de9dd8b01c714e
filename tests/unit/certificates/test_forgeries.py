"""Documents that contradict themselves are refused, and what only a signature could refuse is known by name.

The cases of the second search against the project (each once accepted), and siblings. Every document here carries the
statement and the digest that belong to what it says: a forger can compute both.
"""

import json
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from smoothgen.certificates import (
    Certificate,
    Lipschitz,
    LookPlan,
    SigmaGrid,
    certify,
    select_sigma,
    to_document,
    verify,
)
from smoothgen.certificates.format.document import content_digest, from_document
from smoothgen.certificates.format.statement import statement
from smoothgen.mechanisms import Gaussian
from tests.support.certificates.served import (
    CENTRES,
    DIMENSION,
    HEAD,
    KINDS,
    SIGMA,
    distances,
    metric,
    one_pass,
    provenance,
    served,
)

ABOUT = provenance("language")
SLACK = Gaussian(SIGMA).rounding_slack(DIMENSION)


def sealed(document):
    """With the digest and the statement of what it says."""
    document = {**document, "statement": statement(from_document(document))}
    return {**document, "digest": content_digest(document)}


def refused_by(document) -> set[str]:
    document = to_document(document) if isinstance(document, Certificate) else document
    return {check.name for check in verify(json.dumps(document)).checks if not check.passed}


def about(**sections):
    changed = {
        name: replace(getattr(ABOUT, name), **changes) if changes is not None else None
        for name, changes in sections.items()
    }
    return replace(ABOUT, **changed)


def noisier(sigma: float = 50.0) -> Certificate:
    mechanism = Gaussian(sigma)
    told = about(threat={"noise_norm": mechanism.noise_norm(DIMENSION)})
    return served(mechanism=mechanism, provenance=told)


def relabelled(kind: str, attack_on: str, held_fixed: tuple[str, ...]) -> Certificate:
    told = provenance(kind)
    return served(
        kind, provenance=replace(told, threat=replace(told.threat, attack_on=attack_on, held_fixed=held_fixed))
    )


def invented(constant: float, factors: tuple[float, ...], name: str = "sentence-chord", **asked) -> Certificate:
    return served(lipschitz=Lipschitz(constant, 0.0, factors, name), **asked)


def answered(label: str | None, **asked) -> Certificate:
    told = provenance("language", "label", metric=metric("label", centre={"kind": "label", "label": label}))
    return served("language", "label", provenance=told, **asked)


def described(description: str) -> Certificate:
    return served(provenance=about(metric={"description": description}))


AUDITED = f"{ABOUT.metric.description}. This holds for every prompt and attacks of ANY norm; audited 2026"
PIXELS = provenance("one pass")
# What makes it (a document or a certificate), and the check that must refuse it.
REFUSED = {
    "1 D_c 1 though the centre's norm is 0.9": (lambda: served(bound=1.0), "metric"),
    "1a the stated norm lowered with it": (
        lambda: served(
            bound=1.1,
            provenance=about(metric={"centre": {**CENTRES["sentence-chord"], "norm": 0.1}}),
        ),
        "metric",
    ),
    "1b D_c 0.6 though the median is 0.25": (
        lambda: served("language", "absolute", bound=0.6, measured=distances(most=0.6)),
        "metric",
    ),
    "2 D 0.4 of a metric whose D is 2": (
        lambda: served(bound=0.4, diameter=0.4, measured=distances(most=0.4), tolerance=0.2),
        "metric",
    ),
    "2a D 0.5 of pixel RMSE": (
        lambda: served("head", bound=0.5, diameter=0.5, measured=distances(most=0.5), tolerance=0.1),
        "metric",
    ),
    "3 two values of a metric that has more": (
        lambda: served(measured=np.zeros(120), band="two-valued/v1"),
        "metric",
    ),
    "3a two values of an edit distance": (
        lambda: served("language", "edit", measured=np.zeros(120), band="two-valued/v1"),
        "metric",
    ),
    "5 noise on the latent, said to be on the prompt": (
        lambda: relabelled("latent", "prompt, however it is reworded,", ()),
        "threat",
    ),
    "5a the same in an adapter's own words": (lambda: relabelled("latent", HEAD, ()), "threat"),
    "6 forward diffusion, said to be on the prompt embedding": (
        lambda: relabelled("img2img", "prompt embedding", ("unconditional embedding (empty prompt)",)),
        "threat",
    ),
    "6a noise on the prompt, said to be on the latent": (
        lambda: relabelled("head", "initial latent", KINDS["latent"][2]),
        "threat",
    ),
    "7 a sentence in the metric's description": (lambda: described(AUDITED), "metric"),
    "7a a sentence in what is attacked": (
        lambda: served(provenance=about(threat={"attack_on": "prompt. Audited. No attack on the prompt"})),
        "threat",
    ),
    "7b a sentence in what is held fixed": (
        lambda: served(
            provenance=about(threat={"held_fixed": ("token count (2)", "attention mask and positions. Nothing else")})
        ),
        "threat",
    ),
    "7c a sentence in the partition's name": (
        lambda: served(
            "language, words drawn",
            mechanism=replace(KINDS["language, words drawn"][1], partition="words'. No paraphrase does harm. 'x"),
        ),
        "names",
    ),
    "8 a client's seed, called the server's": (
        lambda: served(provenance=about(sampling={"seed": f"{42:032x}"})),
        "sampling",
    ),
    "8a a server's seed, called a client's": (
        lambda: served(provenance=about(sampling={"seed_origin": "client"})),
        "sampling",
    ),
    "8b a seed, a scheme and a count that are none": (
        lambda: served(
            provenance=about(
                sampling={"seed": "none of your business", "noise_scheme": "rot13", "selection_samples": -7}
            )
        ),
        "sampling",
    ),
    "8c 'common' with a Cyrillic o": (
        lambda: served(provenance=about(sampling={"randomness": "c\u043emmon"})),
        "sampling",
    ),
    "8d a sampler that is said to draw nothing": (
        lambda: served(
            "language, sampling",
            provenance=replace(
                provenance("language, sampling"),
                sampling=replace(provenance("language, sampling").sampling, randomness="none"),
            ),
        ),
        "sampling",
    ),
    "10 a constant without its metric": (
        lambda: invented(1e-30, (1e-30,), "anything", provenance=about(metric=None)),
        "constant",
    ),
    "10a a constant of a language model": (lambda: invented(1e-6, (1e-6,)), "constant"),
    "10b a constant of a denoiser": (
        lambda: served("head", lipschitz=Lipschitz(1e-6, 0.0, (1e-6,), "pixel-rmse")),
        "constant",
    ),
    "10c a factor of a millionth of a millionth": (lambda: one_pass((1.0, 1e-12)), "constant"),
    "10d a constant of a thousand factors": (lambda: one_pass((0.999,) * 1000), "constant"),
    "10e a constant below what the distances show": (
        lambda: one_pass(lipschitz=Lipschitz(1.1e-6, 0.0, (1e-3, 1e-3), "pixel-rmse")),
        "constant",
    ),
    "13 no digest of the model": (
        lambda: served(provenance=about(model={"name": "", "revision": "", "digest": ""})),
        "model",
    ),
    "13a no digest of the prompt": (lambda: served(provenance=about(request={"prompt_digest": "x"})), "request"),
    "13b no digest of the output": (lambda: served(provenance=about(output={"digest": "sha256:0"})), "output"),
    "14 a cap of 0.05 beside D = 2": (
        lambda: served(
            provenance=about(metric={"cap": 0.05, "description": metric("sentence-chord", 0.05).description})
        ),
        "metric",
    ),
    "14a a cap that is not described": (
        lambda: served(
            provenance=about(metric={"cap": 0.5}), bound=0.5, diameter=0.5, tolerance=0.1, measured=distances(most=0.5)
        ),
        "metric",
    ),
    "15 labels with many values": (
        lambda: answered("Paris", band="order-statistics/v1", diameter=2.0, tolerance=0.2, measured=distances()),
        "metric",
    ),
    "15a labels with many values in [0, 1]": (
        lambda: answered("Paris", band="order-statistics/v1", measured=distances()),
        "metric",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_document_that_contradicts_itself_is_refused(case):
    make, check = REFUSED[case]
    assert refused_by(make()) == {check}


def moved(number: float, units: int) -> float:
    """So many units of the ninth digit away."""
    decimal = Decimal(repr(number))
    return float(decimal + units * Decimal(1).scaleb(decimal.adjusted() + 1 - 9))


def nudged(document, **numbers):
    changed = json.loads(json.dumps(document))
    if "radius" in numbers:
        changed["radius"] = moved(changed["radius"], 1)
    for name in ("curve", "stays"):
        if name in numbers:
            units = -1 if name == "curve" else 1
            changed[name] = [[e, moved(v, units) if v else v] for e, v in changed[name]]
    if "epsilons" in numbers:
        changed["curve"] = [[moved(e, 1) if e else e, v] for e, v in changed["curve"]]
    if "w1_bound" in numbers:
        changed["w1_bound"] = moved(changed["w1_bound"], -1)
    for name in ("epsilon", "to_centre", "gamma"):
        if f"deviation.{name}" in numbers:
            units = 1 if name == "epsilon" else -1
            changed["deviation"] = [{**row, name: moved(row[name], units)} for row in changed["deviation"]]
    return sealed(changed)


HONEST = to_document(served())
LABELS = to_document(answered("Paris"))
NUDGES = ("radius", "curve", "epsilons", "w1_bound", "deviation.epsilon", "deviation.to_centre", "deviation.gamma")


def test_17_every_number_one_ninth_digit_towards_the_forger():
    assert verify(sealed(HONEST))
    assert refused_by(nudged(HONEST, **dict.fromkeys(NUDGES))) >= {"radius", "curve", "deviation"}


@pytest.mark.parametrize("number", NUDGES)
def test_17_each_number_one_ninth_digit_towards_the_forger(number):
    assert refused_by(nudged(HONEST, **{number: None})) >= {number.partition(".")[0].replace("epsilons", "curve")}


def test_17_a_probability_of_staying_one_ninth_digit_up():
    assert refused_by(nudged(LABELS, stays=None)) == {"stays"}
    assert refused_by(sealed({**LABELS, "stays": [[e, moved(v, -1)] for e, v in LABELS["stays"]]})) == set()


def test_a_ninth_digit_on_the_safe_side_is_another_machines_rounding():
    bounds = [[e, moved(v, 1) if v else v] for e, v in HONEST["curve"]]
    careful = sealed({**HONEST, "curve": bounds, "w1_bound": dict(map(tuple, bounds))[HONEST["radius"]]})
    assert verify(careful)
    two = [[e, moved(v, 2) if v else v] for e, v in HONEST["curve"]]
    assert refused_by(sealed({**HONEST, "curve": two})) == {"curve", "w1_bound"}


# What a document cannot contradict: another job would have given the very same one. Left to a signature.


def dropped_looks() -> Certificate:
    """A job that looked five times states one look with all of alpha."""
    plan = LookPlan.doubling(120, 1e-3)
    measured = distances(120)
    kept = served(measured=measured, plan=plan)
    assert kept.radius < served(measured=measured).radius
    return served(measured=measured)


def selected() -> Certificate:
    """A level selected from 256 sensitivities nobody measured."""
    chosen = select_sigma(
        [0.1] * 256, budget=0.06, grid=SigmaGrid(SIGMA, -4, 4), selection_sigma=SIGMA, alpha=1e-4, rounding_slack=SLACK
    )
    mechanism = Gaussian(chosen.sigma)
    told = about(threat={"noise_norm": mechanism.noise_norm(DIMENSION)})
    return served(mechanism=mechanism, sigma_selection=chosen, provenance=told)


LEFT_TO_SIGNATURES = {
    "4 a sigma a hundred times the one that was drawn": noisier,
    "4a a sigma of a thousandth more": lambda: noisier(SIGMA * 1.001),
    "9 looks dropped": dropped_looks,
    "11 invented sensitivities": selected,
    "12 all distances 0": lambda: served(measured=np.zeros(120)),
    "12a distances a tenth of the measured ones": lambda: served(measured=distances() / 10),
    "13c another model of the same form": lambda: served(provenance=about(model={"digest": "sha256:" + "e" * 64})),
    "18 the dimension and the noise's length of a smaller x": lambda: served(
        provenance=about(threat={"dimension": 8, "noise_norm": Gaussian(SIGMA).noise_norm(8)})
    ),
    "19 constants nobody proved, that the distances allow": lambda: one_pass((0.5, 0.5, 0.5)),
}


@pytest.mark.parametrize("case", LEFT_TO_SIGNATURES)
def test_what_is_left_to_a_signature_is_known(case):
    """Not a wish: these stand, and docs/decisions/0013 says that they do. Whoever closes one moves it up."""
    assert refused_by(LEFT_TO_SIGNATURES[case]()) == set()


# Accepted, and what they say is marked as what it is.


def test_16_an_answer_that_reads_as_a_sentence_is_quoted():
    made = answered("Paris' whatever the prompt, with probability 1; also 'Paris")
    said = to_document(made)["statement"]
    assert verify(made).meaning == "checked"
    assert "the answer 'Paris\\' whatever the prompt, with probability 1; also \\'Paris' (quotation marks" in said


@pytest.mark.parametrize("label", ["P\u0430ris", "Paris\u200b", "Paris\n\nNo attack", "P" * 1000, "\uff30aris"])
def test_16_an_answer_that_looks_like_another_is_told_apart(label):
    said = to_document(answered(label))["statement"]
    assert "the answer 'Paris' keeps" not in said
    assert "\n" not in said
    assert verify(answered(label)).meaning == "checked"


def test_the_same_forgeries_as_a_plug_ins_are_marked():
    """Whoever calls the metric a plug-in's may state any D, and nobody is told that it was checked."""
    told = about(metric={"name": "plugin:sentence-chord", "description": AUDITED})
    made = served(provenance=told, bound=0.4, diameter=0.4, measured=distances(most=0.4), tolerance=0.2)
    verdict = verify(made)
    assert verdict
    assert verdict.meaning == "not checked"
    said = to_document(made)["statement"]
    assert "What these words and numbers mean is not checked: metric defined by a plug-in." in said
    assert "audited" not in said


# Syntax.

BASE = json.dumps(to_document(served()))


@pytest.mark.parametrize(
    "text",
    [
        BASE[:-1] + ', "radius": 9.9}',
        BASE.replace('"norm":', '"norm": 0.9, "norm":'),
        BASE.replace('"tolerance": 0.2', '"tolerance": NaN'),
        BASE.replace('"tolerance": 0.2', '"tolerance": 1e400'),
        BASE.replace('"tolerance": 0.2', '"tolerance": 1' + "0" * 400),
        BASE[:-1] + ', "extra": 1}',
        BASE.replace('"radius"', '"r\u0430dius"'),
        "\ufeff" + BASE,
        BASE + "x",
        BASE.replace('"c-1"', "[" * 5000 + "]" * 5000),
        BASE.replace('"spread/v2"', '"spread/v\u0662"'),
        BASE.replace('"order-statistics/v1"', '"order-st\u0430tistics/v1"'),
        BASE.replace('"server"', '"s\u0435rver"'),
    ],
    ids=range(13),
)
def test_a_text_that_two_readers_could_read_differently_is_refused(text):
    assert text != BASE
    assert not verify(text)


def test_a_bare_forgery_is_marked_as_arithmetic():
    """The numbers of the honest document with another metric's D, and no section: it stands, and means nothing."""
    bare = certify(distances(most=0.4), bound=0.4, diameter=0.4, mechanism=Gaussian(5.0), alpha=1e-3, tolerance=0.2)
    assert verify(bare)
    assert verify(bare).meaning == "not checked"
    assert SLACK > 0
    assert "nothing is added for how it was computed" in to_document(bare)["statement"]
