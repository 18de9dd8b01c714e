"""Whether a folder holds a causal language model, and nothing beside it that would make it another one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from transformers.utils.peft_utils import find_adapter_config_file

from workers.loading.broken_files import told_in_one_line

_ADAPTER_FILES: Final = (
    "adapter_config.json",
    "adapter_model.safetensors",
    "adapter_model.bin",
    "pytorch_lora_weights.safetensors",
    "pytorch_lora_weights.bin",
)
_OTHER_HEADS: Final = (
    "ForMaskedLM",
    "ForPreTraining",
    "ForSequenceClassification",
    "ForTokenClassification",
    "ForQuestionAnswering",
    "ForMultipleChoice",
)


def require_decoder(where: str, config: Any) -> None:
    """Raises OSError, before any weight is read, for a configuration that is no causal language model's.

    transformers would take the decoder out of an encoder-decoder, or put a new head on a network of another task.
    """
    named = list(getattr(config, "architectures", None) or [])
    kind = named[0] if named else config.model_type
    if config.is_encoder_decoder:
        raise OSError(
            f"{where} is an encoder-decoder ({kind}), which reads its prompt through an encoder that is fed token ids; "
            "serve a decoder, a causal language model"
        )
    if named and all(name.endswith(_OTHER_HEADS) for name in named):
        raise OSError(f"{where} is a {kind}, trained for another task than writing; serve a causal language model")


def require_no_adapter(where: str, source: str | Path) -> None:
    """Raises OSError where an adapter lies beside the weights: loading the base alone would be another model."""
    folder = Path(source)
    found = [file for file in _ADAPTER_FILES if (folder / file).is_file()]
    if not found and not folder.is_dir() and find_adapter_config_file(str(source)) is not None:
        found = [_ADAPTER_FILES[0]]
    if found:
        raise OSError(
            f"{where} has an adapter beside it ({', '.join(found)}), which is not applied here: merge it into the "
            "weights first (peft: model.merge_and_unload().save_pretrained(folder)) and serve that folder, or take the "
            "adapter's files away to serve the base"
        )


def require_generation_config(where: str, source: str | Path) -> None:
    """Raises OSError for a folder whose generation_config.json cannot be read: transformers would go on without it, and
    without the tokens it names, at which an answer ends."""
    file = Path(source) / "generation_config.json"
    if not file.is_file():
        return
    with told_in_one_line(f"{where} has a broken {file.name}", "copy it again from where the model came from"):
        if not isinstance(json.loads(file.read_text(encoding="utf-8")), dict):
            raise ValueError("it is no JSON object")
