"""What the generation parameters fix: steps, forward noise and dimension of the latent; and siblings in other sections.

Each refused document stands beside its honest neighbour.
"""

import math
from dataclasses import replace

import numpy as np
import pytest

from smoothgen.certificates import Certificate, Lipschitz, SigmaGrid, select_sigma, to_document, verify
from smoothgen.certificates.format.document import content_digest
from smoothgen.errors import InvalidSigma
from smoothgen.mechanisms import (
    ForwardDiffusion,
    Gaussian,
    GaussianPerStep,
    LatentSchedule,
    Mechanism,
    SynonymClasses,
)
from smoothgen.mechanisms.grid import grid_step
from tests.support.certificates.served import (
    DIMENSION,
    KINDS,
    SIGMA,
    WIDE,
    metric,
    one_pass,
    provenance,
    served,
    universal,
)


def refused_by(document: Certificate | dict) -> set[str]:
    document = to_document(document) if isinstance(document, Certificate) else document
    document = {**document, "digest": content_digest(document)}
    return {check.name for check in verify(document).checks if not check.passed}


def altered(kind: str, mechanism: Mechanism | None = None, *, dimension: int = DIMENSION, **parameters) -> Certificate:
    """A certificate of this kind under another mechanism, dimension or generation parameters."""
    about, noise = provenance(kind), mechanism or KINDS[kind][1]
    threat = replace(about.threat, dimension=dimension, noise_norm=noise.noise_norm(dimension))
    request = replace(about.request, parameters={**about.request.parameters, **parameters})
    return served(
        kind,
        mechanism=noise,
        provenance=replace(about, threat=threat, request=request),
        rounding_slack=noise.rounding_slack(dimension),
    )


def stating(kind: str, name: str | None = None, /, **sections) -> Certificate:
    """A certificate of this kind with changed fields in some of its sections."""
    about = provenance(kind, name)
    changed = {section: replace(getattr(about, section), **fields) for section, fields in sections.items()}
    return served(kind, name, provenance=replace(about, **changed))


# Steps.


@pytest.mark.parametrize(
    ("kind", "mechanism"),
    [("pipeline, per step", GaussianPerStep), ("head", GaussianPerStep), ("latent", LatentSchedule)],
)
def test_no_scheduler_takes_fewer_steps_than_were_asked_for(kind, mechanism):
    for asked, steps, stands in ((20, 20, True), (20, 21, True), (20, 39, True), (20, 19, False), (50, 1, False)):
        made = altered(kind, mechanism(SIGMA, steps), num_inference_steps=asked)
        assert refused_by(made) == (set() if stands else {"threat"}), (asked, steps)


def refused_from_a_seed_image(steps, asked, strength) -> set[str]:
    noise = LatentSchedule(SIGMA, steps)
    return refused_by(altered("seed image's latent", noise, num_inference_steps=asked, strength=strength))


@pytest.mark.parametrize(("asked", "strength", "least"), [(20, 0.8, 16), (20, 1.0, 20), (7, 0.5, 3), (100, 0.29, 28)])
def test_from_a_seed_image_the_steps_are_strengths_share(asked, strength, least):
    assert refused_from_a_seed_image(least, asked, strength) == set()
    assert refused_from_a_seed_image(least - 1, asked, strength) == {"threat"}


def test_from_a_seed_image_one_step_is_enough_where_strengths_share_is_less():
    assert refused_from_a_seed_image(1, 2, 0.3) == set()


@pytest.mark.parametrize("strength", [None, 0.0, -1.0, 1.5, True, "0.8"])
def test_steps_from_a_seed_image_need_a_strength(strength):
    assert "threat" in refused_by(altered("seed image's latent", strength=strength))


@pytest.mark.parametrize("count", [0, -3, True, 1.5, "20"])
def test_counts_are_whole_numbers_of_at_least_one(count):
    assert "request" in refused_by(altered("pipeline", num_inference_steps=count))
    assert "request" in refused_by(altered("pipeline, per step", num_inference_steps=count))
    assert refused_by(altered("language", max_new_tokens=count)) == {"request"}
    assert refused_by(altered("language", max_new_tokens=1)) == set()


# Forward noise.


def carlini(signal: float) -> ForwardDiffusion:
    return ForwardDiffusion(signal, math.sqrt(1 - signal**2))


@pytest.mark.parametrize(
    ("mechanism", "scheduler", "stands"),
    [
        (carlini(0.3), "DDIMScheduler", True),
        (ForwardDiffusion(0.3, math.sqrt(0.91) + 4e-7), "PNDMScheduler", True),  # single precision
        (ForwardDiffusion(1.0, 14.6), "EulerDiscreteScheduler", True),
        (ForwardDiffusion(1.0, 14.6), "a scheduler to come", True),
        (carlini(0.3), "a scheduler to come", True),
        (ForwardDiffusion(1e-3, 1.0 + 1e-3), "DDIMScheduler", False),
        (ForwardDiffusion(0.3, 1.0), "DDIMScheduler", False),
        (ForwardDiffusion(0.3, 1.0), "a scheduler to come", False),
        (ForwardDiffusion(1.0, 1e6), "DDIMScheduler", False),
        (carlini(0.3), "EulerDiscreteScheduler", False),
        (ForwardDiffusion(1.0 + 1e-9, 14.6), "EulerDiscreteScheduler", False),
    ],
)
def test_forward_noise_is_of_one_of_two_families(mechanism, scheduler, stands):
    made = altered("img2img", mechanism, scheduler=scheduler)
    assert refused_by(made) == (set() if stands else {"threat"})


# The latent.


@pytest.mark.parametrize(
    ("dimension", "width", "height", "stands"),
    [
        (4 * 64 * 64, 512, 512, True),
        (4 * 64 * 96, 768, 512, True),
        (16 * 128 * 128, 1024, 1024, True),
        (3 * 32 * 32, 32, 32, True),  # no autoencoder
        (4 * 8 * 8, 32, 32, True),
        (1, 32, 32, False),
        (3, 32, 32, False),
        (4 * 64 * 64, 4096, 4096, False),
        (65 * 32 * 32, 32, 32, False),  # too many channels, at every depth
    ],
)
def test_a_latent_is_one_of_a_picture_of_the_size_asked_for(dimension, width, height, stands):
    for kind in ("latent", "seed image's latent", "img2img"):
        made = altered(kind, dimension=dimension, width=width, height=height)
        assert refused_by(made) == (set() if stands else {"threat"}), kind


@pytest.mark.parametrize("side", [None, 0, -32, True, "32"])
def test_a_latent_needs_a_picture_of_some_size(side):
    assert "threat" in refused_by(altered("latent", width=side))


# The norm of x.


@pytest.mark.parametrize("norm", [-5.0, -1e-9])
def test_the_norm_of_x_is_not_negative(norm):
    assert refused_by(stating("language", threat={"embedding_norm": norm})) == {"threat"}
    assert refused_by(stating("language", threat={"embedding_norm": -norm})) == set()


def test_shaped_noise_is_drawn_around_no_x_far_out():
    furthest = 1024 * SIGMA * WIDE.shape.half_axes[1]
    assert refused_by(stating("head, shaped", threat={"embedding_norm": round(furthest, 6)})) == set()
    assert refused_by(stating("head, shaped", threat={"embedding_norm": furthest * 1.001})) == {"threat"}
    assert refused_by(stating("head", threat={"embedding_norm": furthest * 1.001})) == set()
    # The longest half-axis is the direction in which x may lie furthest out, and the noise itself says how far.
    direction = np.linalg.svd(WIDE.shape.matrix)[0][:, 0]
    noise = np.zeros((1, DIMENSION))
    assert np.isfinite(WIDE.noisy(direction * furthest * 0.999, noise)).all()
    with pytest.raises(InvalidSigma):
        WIDE.noisy(direction * furthest * 1.001, noise)


# The offset of a proven constant.


def proven(offset: float, sigma: float = SIGMA, *, drawn: bool = False) -> Certificate:
    noise: Mechanism = Gaussian(sigma)
    noise = SynonymClasses("words", "1", "sha256:" + "0" * 64, noise) if drawn else noise
    about = provenance("one pass")
    about = replace(about, threat=replace(about.threat, noise_norm=noise.noise_norm(DIMENSION)))
    constant = one_pass().lipschitz
    return one_pass(
        lipschitz=Lipschitz(constant.constant, offset, constant.factors, "pixel-rmse"),
        mechanism=noise,
        provenance=about,
        rounding_slack=noise.rounding_slack(DIMENSION),
    )


@pytest.mark.parametrize("sigma", [SIGMA, 1e4])
@pytest.mark.parametrize("drawn", [False, True])
def test_the_offset_pays_for_rounded_pictures_and_the_noises_grid(sigma, drawn):
    least = 1 / 255 + one_pass().lipschitz.constant * grid_step(sigma) * math.sqrt(DIMENSION)
    assert refused_by(proven(least * (1 + 1e-9), sigma, drawn=drawn)) == set()
    assert refused_by(proven(0.0, sigma, drawn=drawn)) == {"constant"}
    assert refused_by(proven(1 / 255, sigma, drawn=drawn)) == {"constant"}
    assert refused_by(proven(least * (1 - 1e-9), sigma, drawn=drawn)) == {"constant"}


# The level that was selected for the prompt.


def selected(slack: float, selection_sigma: float = SIGMA) -> Certificate:
    chosen = select_sigma(
        [0.1] * 256,
        budget=0.06,
        grid=SigmaGrid(SIGMA, -4, 4),
        selection_sigma=selection_sigma,
        alpha=1e-4,
        rounding_slack=slack,
    )
    noise = Gaussian(chosen.sigma)
    about = provenance("language")
    threat = replace(about.threat, noise_norm=noise.noise_norm(DIMENSION))
    return served(mechanism=noise, sigma_selection=chosen, provenance=replace(about, threat=threat))


@pytest.mark.parametrize("sigma", [SIGMA, 0.37])
def test_a_selection_pays_for_the_rounding_of_its_own_noise(sigma):
    least = Gaussian(sigma).rounding_slack(DIMENSION)
    assert refused_by(selected(least, sigma)) == set()
    assert refused_by(selected(least * 2, sigma)) == set()
    assert refused_by(selected(0.0, sigma)) == {"selection"}
    assert refused_by(selected(least * 0.99, sigma)) == {"selection"}


# The output's distance to the centre.


@pytest.mark.parametrize("name", ["label", "verdict"])
def test_two_valued_distances_have_two_values(name):
    kind = "language" if name == "label" else "head"

    def refused(output, distance):
        return refused_by(stating(kind, name, output={"kind": output, "distance_to_centre": distance}))

    assert refused("representative", 0.0) == refused("sample", 0.0) == refused("sample", 1.0) == set()
    for output, distance in (("sample", 0.5), ("sample", 5e-324), ("representative", 1.0), ("representative", 0.5)):
        assert refused(output, distance) == {"output"}, (output, distance)


def test_a_distance_needs_a_centre_and_a_representative_samples_to_be_one_of():
    made = to_document(universal())
    assert refused_by(made) == set()
    assert refused_by({**made, "output": {**made["output"], "distance_to_centre": 0.3}}) == {"output"}
    assert refused_by({**made, "output": {**made["output"], "kind": "representative"}}) == {"sampling"}


# Precision.


@pytest.mark.parametrize("kind", ["one pass", "closed form"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_what_runs_in_double_precision_states_none(kind, precision):
    if kind == "one pass":
        assert refused_by(stating("one pass", sampling={"precision": precision})) == {"sampling"}
        return
    about = provenance("language", "absolute")
    about = replace(
        about,
        threat=replace(about.threat, attack_on="input number", dimension=1, noise_norm=SIGMA, held_fixed=()),
        request=replace(about.request, parameters={"max_new_tokens": 32, "temperature": 0.0, "chat": False}),
    )
    assert refused_by(served("language", "absolute", provenance=about)) == set()
    about = replace(about, sampling=replace(about.sampling, precision=precision))
    assert refused_by(served("language", "absolute", provenance=about)) == {"sampling"}


@pytest.mark.parametrize("field", [{"batch_size": 8}, {"batch_sensitivity": 0.16}])
def test_only_sixteen_bits_depend_on_the_batch(field):
    for precision, stands in (("bfloat16", True), ("float16", True), ("float32", False), (None, False)):
        made = stating("language", sampling={"precision": precision, **field})
        assert refused_by(made) == (set() if stands else {"sampling"}), precision


# Identities.


@pytest.mark.parametrize("name", ["name", "revision"])
@pytest.mark.parametrize("text", ["GPT-5\nradius 9", "a\rb", "a\u2028b", "a\u202eb", "\0", " "])
def test_names_stand_on_one_line(name, text):
    assert "model" in refused_by(stating("language", model={name: text}))
    assert refused_by(stating("language", model={name: "Qwen/Qwen2.5-0.5B (instruct) ü"})) == set()


@pytest.mark.parametrize(
    ("changes", "stands"),
    [
        ({"id": "0192f0c4-7f3a-7cc1-9c55-3f4f5a1f2b11"}, True),
        ({"requested_at": "2026-11-28T09:30:00Z"}, True),
        ({"requested_at": "2026-11-28T09:30:00.123+00:00"}, True),
        ({"id": ""}, False),
        ({"id": " "}, False),
        ({"id": "c\n1"}, False),
        ({"requested_at": ""}, False),
        ({"requested_at": "the year of the fox; certified twice"}, False),
        ({"requested_at": "2026-11-28"}, False),
        ({"requested_at": "2026-11-28T09:30:00"}, False),
        ({"requested_at": "2026-13-28T09:30:00+00:00"}, False),
    ],
)
def test_an_id_and_a_time_of_issue_have_their_form(changes, stands):
    assert refused_by(replace(served(), **changes)) == (set() if stands else {"identity"})


@pytest.mark.parametrize("rule", ["number", {"kind": "oracle"}, {"kind": "regex"}, {"kind": "number", "more": "x"}])
def test_labels_are_extracted_by_a_rule(rule):
    about = provenance("language", "label")
    stated = metric("label", options={"extract": rule})
    assert refused_by(served("language", "label", provenance=replace(about, metric=stated))) == {"metric"}


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [
        ("temperature", ["0", -0.5, True], [0, 0.7, None]),
        ("top_k", [0, 1.5, "5"], [5, None]),
        ("top_p", [0, 1.5, "1"], [1, 0.5, None]),
        ("chat", [1, "true"], [None]),
        ("max_new_tokens", [0, 8.5, True, "8"], [8]),
        ("history", [[], "earlier", {"role": "user"}], [None]),
        ("stop", ["\n", [], [""], [5]], [["\n", "."], None]),
        (
            "prompt_embeds",
            ["sha256:" + "1" * 64, {"shape": [1, 2]}, {"shape": [1, 0], "data": "sha256:" + "1" * 64}],
            [],
        ),
    ],
)
def test_parameters_of_a_text_are_of_their_kind(name, wrong, right):
    for value in wrong:
        assert "request" in refused_by(altered("language", **{name: value})), value
    for value in right:
        assert "request" not in refused_by(altered("language", **{name: value})), value


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [
        ("guidance_scale", ["2", -1, True], [1, 7.5]),
        ("negative_prompt", [5, ["a hat"]], ["a hat"]),
        ("width", [8.0, 0, "32"], []),
        ("scheduler", [3], ["DDIMScheduler"]),
        ("image", ["aGVsbG8=", 5], []),
        ("strength", [0, 1.5, "1"], []),
    ],
)
def test_parameters_of_a_picture_are_of_their_kind(name, wrong, right):
    for value in wrong:
        assert "request" in refused_by(altered("pipeline", **{name: value})), value
    for value in right:
        assert "request" not in refused_by(altered("pipeline", **{name: value})), value


def test_parameters_of_other_names_are_left_to_those_who_know_them():
    assert refused_by(altered("language", beams={"of": [1]})) == set()
