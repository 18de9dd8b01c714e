"""Whether the files of a model are the network that runs: nothing missing, nothing left over, nothing beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from transformers.utils.peft_utils import find_adapter_config_file

_NAMED: Final = 3
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


def require_complete(loading_info: Mapping[str, Iterable[Any]], where: str) -> None:
    """Raises OSError, in one line that names tensors, unless the files held exactly the tensors the network has.

    loading_info: as `from_pretrained(..., output_loading_info=True)` returns it, of transformers or diffusers. Its
    missing keys are without tied weights and buffers that are computed anew, its unexpected ones without what the
    architecture declares to be no part of this network (old buffers, heads for speculative decoding).
    """
    faults = [
        _named("missing from the files, so they would be drawn at random", loading_info.get("missing_keys", ())),
        _named(
            "of another shape than the configuration says",
            (f"{key} {tuple(stored)} for {tuple(own)}" for key, stored, own in loading_info.get("mismatched_keys", ())),
        ),
        _named("in the files and unknown to the architecture", loading_info.get("unexpected_keys", ())),
        _named("unreadable", loading_info.get("error_msgs", ())),
    ]
    found = [fault for fault in faults if fault]
    if found:
        raise OSError(
            f"the weights of {where} are not those of the network its configuration describes: {'; '.join(found)}. "
            "Save the whole model again with save_pretrained of the class that config.json names"
        )


def _named(what: str, tensors: Iterable[Any]) -> str | None:
    names = sorted(" ".join(str(tensor).split()) for tensor in tensors)
    if not names:
        return None
    shown = ", ".join(names[:_NAMED]) + (" …" if len(names) > _NAMED else "")
    return f"{len(names)} {'tensor is' if len(names) == 1 else 'tensors are'} {what} ({shown})"
