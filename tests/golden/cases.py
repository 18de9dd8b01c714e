"""The requests whose certificates are kept as digests: every tier, mechanism, metric and way to end a job.

A case is the name of a model and the body of POST /generate without `model` and `seed`. `batch_size` inside a body is
no field of the request: a case with it runs in batches of that fixed size.
"""

from __future__ import annotations

import base64
import io
from typing import Any, Final

import numpy as np
from PIL import Image

Case = tuple[str, dict[str, Any]]


def _seed_image() -> str:
    """Returns a picture of 32×32 pixels, a colour gradient, as base64 of a PNG."""
    rows, columns = np.mgrid[0:32, 0:32].astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(np.stack([rows * 8, columns * 8, rows + columns], axis=-1)).save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _number(model: str, prompt: str = "0.25", *, output: str = "representative", **robustness: Any) -> Case:
    """Returns a request to a closed-form model, with noise of level 1 where nothing else is asked."""
    level = {} if "budget" in robustness else {"sigma": 1.0}
    asked = {**level, "tolerance": 0.3, "samples": 200, "selection_samples": 16, **robustness}
    return f"closed-form-{model}", {"prompt": prompt, "output": output, "robustness": asked}


def _picture(prompt: str, parameters: dict[str, Any] | None = None, **robustness: Any) -> Case:
    """Returns a request to the diffusion model, with few steps and few samples."""
    asked = {"sigma": 0.2, "metric": "pixel-rmse", "samples": 6, "selection_samples": 3, **robustness}
    if "budget" in asked or asked.get("mechanism") == "img2img":
        del asked["sigma"]
    return "fashion-32", {
        "prompt": prompt,
        "parameters": {"num_inference_steps": 3, **(parameters or {})},
        "robustness": asked,
    }


def _proven(prompt: str = "a red sneaker", **robustness: Any) -> Case:
    """Returns a request to the picture network with a proven Lipschitz constant."""
    level = {} if "budget" in robustness else {"sigma": 0.4}
    asked = {**level, "metric": "pixel-rmse", "samples": 24, "selection_samples": 4, **robustness}
    return "fashion-lipschitz-32", {"prompt": prompt, "robustness": asked}


def _read_through(**robustness: Any) -> Case:
    """Returns a request to the language model that reads its prompt through a few noised numbers."""
    asked = {"sigma": 0.2, "metric": "edit", "samples": 6, "selection_samples": 3, **robustness}
    return "smollm2-135m-bottleneck", {
        "prompt": "a red sneaker",
        "parameters": {"max_new_tokens": 4},
        "robustness": asked,
    }


def _text(prompt: str, parameters: dict[str, Any] | None = None, *, output: str = "sample", **robustness: Any) -> Case:
    """Returns a request to the language model, with few tokens and few samples."""
    asked = {"sigma": 0.02, "metric": "edit", "samples": 6, "selection_samples": 3, **robustness}
    return "smollm2-135m", {
        "prompt": prompt,
        "output": output,
        "parameters": {"max_new_tokens": 4, **(parameters or {})},
        "robustness": asked,
    }


_FRANCE: Final = "The capital of France is"
_IMAGE: Final = {"image": _seed_image(), "strength": 0.7}
_WORD: Final = {"name": "label", "extract": {"kind": "regex", "pattern": "[A-Z][a-z]+"}}

CASES: Final[dict[str, Case]] = {
    # Closed-form models: how jobs end, and what certificates say beside their bounds.
    "number-request": _number("tanh"),
    "number-request-sample": _number("tanh", output="sample"),
    "number-capped": _number("tanh", metric={"name": "absolute", "cap": 0.25}, tolerance=0.1),
    "number-one-sample": _number("tanh", samples=1, selection_samples=1),
    "number-fixed-batches": _number("tanh", batch_size=32),
    "number-three-valued": _number("three-valued", samples=300),
    "number-step": _number("step", prompt="2.0"),
    "number-constant": _number("null"),
    "number-some-samples-nan": _number("partly-nan", prompt="-1.0"),
    "number-some-samples-raise": _number("partly-raising", prompt="-1.0", samples=64),
    "number-stops-early": _number("null", epsilon=0.4, tolerance=0.1, samples=4000),
    "number-asked-and-proven-late": _number("step", prompt="0.0", epsilon=0.9, tolerance=0.1, samples=4000),
    "number-gives-up-at-the-start": _number("tanh", epsilon=4.0, tolerance=0.05, samples=50),
    "number-gives-up-on-the-way": _number("three-valued", prompt="0.9", epsilon=0.2, tolerance=0.05, samples=2000),
    "number-unproven-at-the-end": _number("tanh", epsilon=0.8, tolerance=0.3, samples=500),
    "number-radius-tolerance": _number("step", prompt="0.0", radius_tolerance=0.1, samples=4000),
    "number-looks-for-a-deadline": _number("tanh", deadline_s=60, samples=500),
    "number-confidence": _number("tanh", confidence=0.9),
    "number-adapt": _number("tanh", prompt="0.0", budget=0.1, adapt="prompt"),
    "number-adapt-unplaced": _number("tanh", budget=0.1, adapt="prompt"),
    "number-adapt-early": _number("tanh", prompt="0.0", budget=0.1, adapt="prompt", epsilon=0.02, samples=1000),
    "number-budget": _number("tanh", budget=0.2),
    "number-lipschitz-estimate": _number("tanh", lipschitz_estimate=True),
    "number-universal": _number("tanh", tier="universal"),
    "number-universal-proven": _number("tanh", tier="universal", epsilon=0.5),
    "number-universal-unproven": _number("tanh", tier="universal", epsilon=2.0),
    "number-fleet": _number("tanh", tier="fleet"),
    "number-fleet-capped": _number("tanh", tier="fleet", metric={"name": "absolute", "cap": 0.5}),
    # A diffusion model: every mechanism of pictures, and their metrics.
    "picture-embedding": _picture("a red sneaker"),
    "picture-embedding-fresh": _picture("a red sneaker", randomness="fresh"),
    "picture-unknown-words": _picture("a crimson hat"),
    "picture-feature-chord": _picture("a blue bag", metric="feature-chord", epsilon=0.01),
    "picture-feature-chord-capped": _picture("a blue bag", metric={"name": "feature-chord", "cap": 0.5}),
    "picture-verdict": _picture("a blue bag", metric="verdict"),
    "picture-per-step": _picture("a green dress", mechanism="embedding-per-step"),
    "picture-shaped": _picture("a green dress", mechanism="embedding-shaped"),
    "picture-latent-schedule": _picture("a green dress", mechanism="latent-schedule", sigma=0.5),
    "picture-latent-schedule-of-an-image": _picture("a coat", _IMAGE, mechanism="latent-schedule", sigma=0.5),
    "picture-img2img": _picture("a coat", _IMAGE, mechanism="img2img"),
    "picture-synonyms": _picture("a crimson sneaker", synonyms=True),
    "picture-autodiff": _picture("a red sneaker", {"num_inference_steps": 1}, lipschitz_estimate="autodiff"),
    "picture-budget": _picture("a red sneaker", budget=0.02),
    "picture-universal": _picture("a red sneaker", tier="universal"),
    "picture-universal-shaped": _picture("a red sneaker", tier="universal", mechanism="embedding-shaped"),
    "picture-fleet": _picture("a red sneaker", tier="fleet"),
    "picture-fleet-synonyms": _picture("a red sneaker", tier="fleet", synonyms=True),
    # A picture network with a proven Lipschitz constant (theorem T4).
    "proven-request": _proven(),
    "proven-asked": _proven(epsilon=0.05),
    "proven-other-metric": _proven(metric="verdict"),
    "proven-synonyms": _proven("a blue bag", synonyms=True),
    "proven-adapt": _proven(budget=0.05, adapt="prompt", samples=100),
    "proven-universal": _proven(tier="universal", epsilon=0.1),
    "proven-estimate": _proven(lipschitz_estimate="finite-differences"),
    # A language model: every metric of texts, and how prompts are read.
    "text-edit": _text(_FRANCE),
    "text-chord": _text(_FRANCE, metric="sentence-chord", output="representative"),
    "text-label": _text(_FRANCE, metric=_WORD, samples=16),
    "text-chat": _text("What is the capital of France?", {"chat": True}, output="representative"),
    "text-drawn-fresh": _text(_FRANCE, {"temperature": 0.8, "top_k": 20}, randomness="fresh"),
    "text-synonyms": _text("The big car is fast", synonyms=True),
    "text-autodiff": _text(_FRANCE, lipschitz_estimate="autodiff"),
    "text-universal": _text(_FRANCE, tier="universal"),
    "text-fleet": _text(_FRANCE, tier="fleet"),
    # A language model behind a bottleneck.
    "bottleneck-edit": _read_through(),
    "bottleneck-label": _read_through(metric=_WORD, epsilon=0.01),
}
