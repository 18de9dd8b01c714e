"""One digest of all that decides what a pipeline draws for given parameters."""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from workers.features.picture_classifier import ClassifierNetwork
from workers.features.sentence_encoder import SentenceEncoder
from workers.generators.diffusion.decoding import SafetyChecker
from workers.generators.diffusion.text_head import TextHead
from workers.generators.weights import weights_digest

_LEFT_OUT: Final = frozenset(
    {"transformers_version", "name_or_path", "dtype", "torch_dtype", "architectures", "local_files_only", "is_local"}
)
"""Of a configuration: where it came from and what wrote it. The precision is in the digest of the weights."""


def pipeline_digest(
    pipeline: Any,
    *,
    checker: SafetyChecker | None = None,
    head: TextHead | None = None,
    encoder: SentenceEncoder | None = None,
) -> str:
    """sha256 over every component's class, configuration and weights, and the tokenizer's files, as "sha256:<hex>"."""
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
    tokenizers = {"tokenizer": pipeline.tokenizer, "sentence_tokenizer": None if encoder is None else encoder.tokenizer}
    configured = {**there, "scheduler": pipeline.scheduler}
    if checker is not None:
        configured["feature_extractor"] = checker.extractor
    document = {
        "weights": weights_digest(weights),
        "components": {
            part: {"class": type(component).__name__, "config": _config(component)}
            for part, component in configured.items()
        },
        "tokenizers": {part: _tokenizer(each) for part, each in tokenizers.items() if each is not None},
    }
    return f"sha256:{hashlib.sha256(_canonical(document)).hexdigest()}"


def judge_name(network: ClassifierNetwork) -> str:
    """A picture classifier's name for certificates: a digest of its weights and of what it calls things."""
    document = {"weights": weights_digest(network.state_dict()), "parts": network.parts}
    return f"picture classifier sha256:{hashlib.sha256(_canonical(document)).hexdigest()[:12]}"


def _config(component: Any) -> Any:
    if isinstance(component, TextHead):
        return asdict(component.config)
    config = getattr(component, "config", component)  # a feature extractor is its own configuration
    return _essential(config.to_dict() if hasattr(config, "to_dict") else dict(config))


def _essential(config: Any) -> Any:
    """Without what changes no output: private entries (class, version and path of what wrote it) and `_LEFT_OUT`."""
    if isinstance(config, dict):
        return {k: _essential(v) for k, v in config.items() if not str(k).startswith("_") and k not in _LEFT_OUT}
    if isinstance(config, list | tuple):
        return [_essential(entry) for entry in config]
    return config


def _tokenizer(tokenizer: Any) -> dict[str, str]:
    """The digest of every file it is saved as: vocabulary, merges, added tokens, normaliser, limits."""
    with tempfile.TemporaryDirectory() as scratch:
        tokenizer.save_pretrained(scratch)
        return {file.name: _file(file) for file in sorted(Path(scratch).rglob("*")) if file.is_file()}


def _file(file: Path) -> str:
    content = file.read_bytes()
    if file.name == "tokenizer_config.json":  # the only one that tells where it came from
        content = _canonical(_essential(json.loads(content)))
    return hashlib.sha256(content).hexdigest()


def _canonical(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, default=str).encode()
