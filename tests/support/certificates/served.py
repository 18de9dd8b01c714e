"""Certificates as a server writes them, one for each kind of adapter and mechanism: their meaning is checked."""

import base64
from dataclasses import replace
from typing import Any

import numpy as np

from smoothgen.certificates import (
    Certificate,
    Lipschitz,
    MetricIdentity,
    ModelIdentity,
    OutputIdentity,
    Provenance,
    RequestIdentity,
    Sampling,
    Threat,
    certify,
    certify_universal,
)
from smoothgen.certificates.meaning.metrics import METRICS, PIXEL_RMSE
from smoothgen.certificates.meaning.turns import USER_TURNS
from smoothgen.mechanisms import (
    ForwardDiffusion,
    Gaussian,
    GaussianPerStep,
    LatentSchedule,
    Mechanism,
    Shape,
    ShapedGaussian,
    SynonymClasses,
)
from smoothgen.noise import SCHEME

DIMENSION, SIGMA = 16, 0.5
ROUND = Gaussian(SIGMA)
WORDS = SynonymClasses("words", "1", "sha256:" + "0" * 64, ROUND)
WIDE = ShapedGaussian(SIGMA, Shape.of("fashion-32 paraphrases", np.diag(np.linspace(1, 2, DIMENSION))))
TEXT = {"max_new_tokens": 32, "temperature": 0.0, "top_k": None, "top_p": None, "chat": False}
IMAGE: dict[str, Any] = {
    "num_inference_steps": 20,
    "guidance_scale": 3.0,
    "negative_prompt": None,
    "width": 32,
    "height": 32,
    "scheduler": "DDIMScheduler",
    "image": None,
    "strength": None,
}
SEEDED = {**IMAGE, "image": "sha256:" + "9" * 64, "strength": 0.8}
ONE_PASS = {**IMAGE, "num_inference_steps": 1, "guidance_scale": 1.0, "scheduler": "none"}
EMPTY = "unconditional embedding (empty prompt)"
NEGATIVE = "unconditional embedding (negative prompt)"
HEAD = f"prompt's point in the {DIMENSION}-dimensional conditioning space"
PIPELINE = "prompt embedding (the text encoder's last hidden states)"
LANGUAGE = ("token count (2)", "attention mask and positions")
TURNS = (
    "token counts of the user's turns (1, 1)",
    "attention mask and positions",
    "chat template (20 tokens)",
    "turns that are not the user's (1)",
)

KINDS: dict[str, tuple[str, Mechanism, tuple[str, ...], dict[str, Any]]] = {
    "language": ("token embeddings of the prompt", ROUND, LANGUAGE, TEXT),
    "language, chat": (
        "token embeddings of the prompt",
        ROUND,
        (*LANGUAGE, "chat template (12 tokens)"),
        {**TEXT, "chat": True},
    ),
    "language, user's turns": (
        USER_TURNS,
        ROUND,
        TURNS,
        {**TEXT, "chat": True, "history": "sha256:" + "8" * 64, "attacked_turns": "user"},
    ),
    "language, words drawn": (
        "token embeddings of the prompt",
        WORDS,
        ("token count of each drawn text", LANGUAGE[1]),
        TEXT,
    ),
    "language, sampling": ("token embeddings of the prompt", ROUND, LANGUAGE, {**TEXT, "temperature": 0.7}),
    "bottleneck": (f"sentence condition ({DIMENSION} numbers)", ROUND, (), TEXT),
    "pipeline": (PIPELINE, ROUND, (EMPTY,), IMAGE),
    "pipeline, negative, seeded": (PIPELINE, ROUND, (NEGATIVE, "seed image"), {**SEEDED, "negative_prompt": "blur"}),
    "pipeline, per step": (PIPELINE, GaussianPerStep(SIGMA, 20), (EMPTY,), IMAGE),
    "head": (HEAD, ROUND, (EMPTY,), IMAGE),
    "head, shaped": (HEAD, WIDE, (EMPTY,), IMAGE),
    "head, words drawn": (HEAD, WORDS, (EMPTY,), IMAGE),
    "one pass": (HEAD, ROUND, (), ONE_PASS),
    "latent": ("initial latent", LatentSchedule(SIGMA, 20), ("prompt", EMPTY), IMAGE),
    "seed image's latent": ("seed image's latent", LatentSchedule(SIGMA, 20), ("prompt", EMPTY), SEEDED),
    "img2img": ("seed image's latent", ForwardDiffusion(0.6, 0.8), ("prompt", EMPTY), SEEDED),
}
CENTRE = np.full(384, 0.9 / 384**0.5, "<f4")
NORM = float(np.linalg.norm(CENTRE.astype(np.float64)))
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 8).decode()
CENTRES: dict[str, dict[str, Any]] = {
    "sentence-chord": {
        "kind": "mean feature",
        "encoding": "float32-le/base64",
        "value": base64.b64encode(CENTRE.tobytes()).decode(),
        "norm": NORM,
    },
    "edit": {"kind": "medoid text", "value": "a red sneaker"},
    "label": {"kind": "label", "label": "Paris"},
    "absolute": {"kind": "median", "value": 0.25},
    "pixel-rmse": {"kind": "mean picture", "encoding": "png/base64", "value": PNG},
}
CENTRES |= {"feature-chord": CENTRES["sentence-chord"], "vision-chord": CENTRES["sentence-chord"]}
CENTRES |= {"verdict": {"kind": "label", "label": "a red sneaker"}}
OPTIONS = {
    "label": {"extract": {"kind": "number"}},
    "edit": {"tokens": r"\w+|[^\w\s]"},
    "verdict": {"classifier": "fashion"},
    **{name: {"encoder": "x"} for name in ("sentence-chord", "feature-chord", "vision-chord")},
}
BOUNDS = {"absolute": 0.75, "pixel-rmse": 0.8, **dict.fromkeys(("edit", "label", "verdict"), 1.0)}


def metric(name: str, cap: float | None = None, **changes: Any) -> MetricIdentity:
    """The metric section of this name."""
    stated = MetricIdentity(name, METRICS[name].described(cap), cap, OPTIONS.get(name, {}), CENTRES[name])
    return replace(stated, **changes)


def bound(name: str) -> float:
    """D_c of the centre above."""
    return BOUNDS.get(name) or (1 + NORM) * (1 + 1e-12)


def provenance(kind: str, name: str | None = None, **changes: Any) -> Provenance:
    """All six sections."""
    attack_on, mechanism, held_fixed, parameters = KINDS[kind]
    text = "max_new_tokens" in parameters
    name = name or ("sentence-chord" if text else "pixel-rmse")
    random = parameters.get("temperature", 1.0) > 0
    sections = Provenance(
        request=RequestIdentity(
            "sha256:" + "a" * 64, parameters, "sha256:" + "d" * 64 if parameters.get("chat") else None
        ),
        model=ModelIdentity("toy", "r1", "sha256:" + "b" * 64),
        metric=metric(name),
        sampling=Sampling("f" * 32, "server", SCHEME, "common" if random else "none", 32),
        output=OutputIdentity(
            "representative", "text/plain; charset=utf-8" if text else "image/png", "sha256:" + "c" * 64, 0.0
        ),
        threat=Threat(attack_on, DIMENSION, 3.5, mechanism.noise_norm(DIMENSION), held_fixed),
    )
    return replace(sections, **changes)


def distances(n: int = 120, most: float = 0.7) -> np.ndarray:
    return np.minimum(0.2 * np.exp(0.4 * np.random.default_rng(2).standard_normal(n)), most)


def served(
    kind: str = "language", name: str | None = None, *, measured: np.ndarray | None = None, **changes: Any
) -> Certificate:
    """A certificate of this kind in this metric. `changes`: of what `certify` is given."""
    mechanism = changes.pop("mechanism", KINDS[kind][1])
    about = changes.pop("provenance", provenance(kind, name))
    name = name or ("sentence-chord" if about.metric is None else about.metric.name)
    known = METRICS.get(name, METRICS["sentence-chord"])
    two_valued = known.band.startswith("two-valued")
    drawn = (distances() > 0.5).astype(float) if two_valued else distances()
    asked = {
        "bound": bound(known.name),
        "diameter": known.diameter,
        "alpha": 1e-3,
        "tolerance": 0.1 * known.diameter,
        "band": known.band,
        "rounding_slack": mechanism.rounding_slack(DIMENSION),
        **changes,
    }
    made = certify(drawn if measured is None else measured, mechanism=mechanism, provenance=about, **asked)
    assert isinstance(made, Certificate)
    return made.identified("c-1", "2026-11-28T09:30:00.000+00:00")


def universal(kind: str = "language", **changes: Any) -> Certificate:
    """A certificate without samples."""
    about = provenance(kind)
    about = replace(
        about,
        metric=replace(about.metric, centre={}),
        sampling=replace(about.sampling, selection_samples=0),
        output=replace(about.output, kind="sample", distance_to_centre=None),
    )
    mechanism = KINDS[kind][1]
    asked = {
        "diameter": METRICS[about.metric.name].diameter,
        "mechanism": mechanism,
        "alpha": 1e-3,
        "tolerance": 0.1,
        "rounding_slack": mechanism.rounding_slack(DIMENSION),
        "provenance": about,
        **changes,
    }
    made = certify_universal(**asked)
    assert isinstance(made, Certificate)
    return made


def one_pass(factors: tuple[float, ...] = (1.1, 0.9, 0.5, 1 / 64), **changes: Any) -> Certificate:
    """A picture network of one pass, with the constant proven of it."""
    constant = float(np.prod(factors)) * (1 + 1e-9)
    proven = Lipschitz(constant, 0.004 + constant * 1e-4, factors, PIXEL_RMSE.name)
    near = 0.1 + 0.01 * np.random.default_rng(4).random(120)
    return served("one pass", measured=near, **{"lipschitz": proven, **changes})
