"""One digest of all that decides what a pipeline draws for given parameters."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from workers.features.picture_classifier import ClassifierNetwork
from workers.features.sentence_encoder import SentenceEncoder
from workers.generators.diffusion.decoding import SafetyChecker
from workers.generators.diffusion.text_head import TextHead
from workers.generators.model_digest import model_digest, network_content, tokenizer_content

_SHOWN_OF_A_DIGEST = len("sha256:") + 12


def pipeline_digest(
    pipeline: Any,
    *,
    checker: SafetyChecker | None = None,
    head: TextHead | None = None,
    encoder: SentenceEncoder | None = None,
) -> str:
    """Returns the sha256 over every component's class, configuration and weights, and the tokenizers, as
    "sha256:<hex>"."""
    networks = {
        "unet": pipeline.unet,
        "vae": pipeline.vae,
        "text_encoder": pipeline.text_encoder,
        "text_head": head,
        "sentence_encoder": None if encoder is None else encoder.network,
        "safety_checker": None if checker is None else checker.network,
    }
    there = {part: network for part, network in networks.items() if network is not None}
    weights = {f"{part}.{key}": t for part, network in there.items() for key, t in network.state_dict().items()}
    configured = {**there, "scheduler": pipeline.scheduler}
    if checker is not None:
        configured["feature_extractor"] = checker.extractor
    tokenizers = {"tokenizer": pipeline.tokenizer, "sentence_tokenizer": None if encoder is None else encoder.tokenizer}
    content = {
        "components": {part: _content(component) for part, component in configured.items()},
        "tokenizers": {part: _encoding(each) for part, each in tokenizers.items() if each is not None},
    }
    return model_digest(weights, content)


def judge_name(network: ClassifierNetwork) -> str:
    """Returns a picture classifier's name for certificates: a digest of its weights and of the names it gives."""
    digest = model_digest(network.state_dict(), {"parts": network.parts})
    return f"picture classifier {digest[:_SHOWN_OF_A_DIGEST]}"


def _encoding(tokenizer: Any) -> dict[str, Any]:
    """Returns what turns a prompt into tokens: the tokenizer, and its longest prompt, up to which each is filled."""
    return {**tokenizer_content(tokenizer), "longest": int(tokenizer.model_max_length)}


def _content(component: Any) -> dict[str, Any]:
    if isinstance(component, TextHead):
        return {"class": TextHead.__name__, "config": asdict(component.config)}
    return network_content(component)
