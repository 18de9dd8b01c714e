"""The digest of a model: whatever changes an output changes it, and nothing else does.

What enters, as loaded and not as stored, so that a folder and its copy, or two machines, agree:

- every tensor, by name, number format and shape: a model served in another precision is another model;
- the configuration of each network with its defaults filled in, and the class that reads it (`network_content`);
- what encodes and decodes text: vocabulary, rules, special and added tokens, chat templates (`tokenizer_content`);
- the token ids that end an answer; the parts a model is made of, by their own digests or names.

What does not: paths and names, versions of the library that wrote the files, the labels of a classifier, defaults for
training, generation defaults that are never served. A field this file does not know enters: an unknown field that
changes nothing costs a new digest, one that is left out would give two models one name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from workers.generators.weights import weights_digest

_NO_EFFECT: Final = frozenset(
    {
        "architectures",  # the class that reads it is named
        "auto_map",
        "dtype",  # the tensors say theirs
        "id2label",
        "initializer_range",
        "label2id",
        "output_attentions",
        "output_hidden_states",
        "problem_type",
        "return_dict",
        "task_specific_params",
        "torch_dtype",
        "transformers_version",
    }
)


def model_digest(tensors: Mapping[str, Any], content: Mapping[str, Any]) -> str:
    """Returns the sha256 over the tensors of a model and over everything else that shapes its outputs, given as JSON
    values by name: "sha256:<hex>"."""
    stated = json.dumps({**content, "weights": weights_digest(tensors)}, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(stated.encode()).hexdigest()}"


def network_content(component: Any) -> dict[str, Any]:
    """Returns the class and effective configuration of a transformers model, or of a diffusers model or scheduler."""
    config = component if hasattr(component, "to_json_string") else component.config
    # use_diff=False is transformers' word for "with the defaults"; diffusers always writes them.
    options = {"use_diff": False} if hasattr(config, "to_diff_dict") else {}
    return {"class": type(component).__name__, "config": effective(json.loads(config.to_json_string(**options)))}


def effective(config: Any) -> Any:
    """Returns a configuration without the fields that change no output: those of _NO_EFFECT, and names that begin with
    "_"."""
    if isinstance(config, dict):
        return {k: effective(v) for k, v in config.items() if not _without_effect(k, v)}
    if isinstance(config, list | tuple):
        return [effective(value) for value in config]
    return config


def _without_effect(field: str, value: Any) -> bool:
    # A GGUF file is dequantised as it is loaded: its tensors say all, and this field only which file they were in.
    from_gguf = field == "quantization_config" and isinstance(value, dict) and value.get("quant_method") == "gguf"
    return field.startswith("_") or field in _NO_EFFECT or from_gguf


def tokenizer_content(tokenizer: Any) -> dict[str, Any]:
    """Returns everything that decides how a tokenizer encodes, decodes and renders chats."""
    return {
        "rules": _rules(tokenizer),
        "special_tokens": {name: str(token) for name, token in tokenizer.special_tokens_map.items()},
        "special_ids": sorted(tokenizer.all_special_ids),
        "chat_template": tokenizer.chat_template,
        "clean_up_tokenization_spaces": tokenizer.clean_up_tokenization_spaces,
        "split_special_tokens": bool(getattr(tokenizer, "split_special_tokens", False)),
    }


def _rules(tokenizer: Any) -> Any:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        rules = json.loads(backend.to_str())
        # How long a call pads and cuts is asked anew by every call.
        return {part: rule for part, rule in rules.items() if part not in ("padding", "truncation")}
    sentencepiece = getattr(tokenizer, "sp_model", None)
    return {
        "class": type(tokenizer).__name__,
        "vocabulary": tokenizer.get_vocab(),
        "added": {str(i): str(t) for i, t in getattr(tokenizer, "added_tokens_decoder", {}).items()},
        "options": {
            name: str(value)
            for name, value in tokenizer.init_kwargs.items()
            if not name.startswith("_") and not name.endswith(("_file", "_path", "files"))
        },
        "sentencepiece": None
        if sentencepiece is None
        else hashlib.sha256(sentencepiece.serialized_model_proto()).hexdigest(),
    }
