"""Train the language model with a bottleneck: python -m workers.training.bottleneck --output smollm2-135m-bottleneck

Three stages, each a function of the seed: soft prompts through the frozen language model (about 13 minutes on one
thread), the head that places prompts, the reading of noisy points (half a minute together).
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from workers.features.sentence_encoder import SentenceEncoder
from workers.generators.bottleneck.loading import BottleneckConfig, save_bottleneck
from workers.generators.language.loading import load_smollm2
from workers.generators.weights import weights_digest
from workers.settings import Settings
from workers.training.bottleneck.domain import ELSEWHERE_ANSWER, elsewhere, intents
from workers.training.bottleneck.heads import Sentences, train_head
from workers.training.bottleneck.reading import train_reading
from workers.training.bottleneck.table import mend_table, train_table

TOKENS: Final = 6
HEAD_HIDDEN: Final = 128
READING_HIDDEN: Final = 256
DEFAULT_SIGMA: Final = 0.2
"""Raises the perplexity of the answers by 5 % (docs/bottleneck.md)."""
_LANGUAGE_MODEL: Final = "smollm2-135m"


def training_sentences(encoder: Any) -> Sentences:
    """Returns every training phrasing, and the training half of the prompts outside the domain."""
    pairs = [(text, k) for k, intent in enumerate(intents()) for text in intent.phrasings]
    pairs += [(text, -1) for text in elsewhere(held_out=False)]
    return Sentences(encoder.features([text for text, _ in pairs]), np.array([k for _, k in pairs]))


def main() -> int:
    """Runs the stages. Soft prompts that already lie in --table are taken from there."""
    parser = argparse.ArgumentParser(prog="python -m workers.training.bottleneck", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("smollm2-135m-bottleneck"), help="the model's folder")
    parser.add_argument(
        "--table", type=Path, help="a safetensors file to keep the soft prompts in, or to take them from"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="part of what makes a run repeatable")
    parser.add_argument("--table-steps", type=int, default=340)
    parser.add_argument("--mending-steps", type=int, default=120)
    parser.add_argument("--head-steps", type=int, default=800)
    parser.add_argument("--reading-steps", type=int, default=1500)
    given = parser.parse_args()
    started = time.monotonic()
    language = load_smollm2(_LANGUAGE_MODEL, Settings(device="cpu"))
    table = _table(given, language.network, language.tokenizer)
    encoder = SentenceEncoder.packaged()
    sentences = training_sentences(encoder)
    common = {"seed": given.seed, "threads": given.threads}
    head = train_head(sentences, count=given.head_steps, hidden=HEAD_HIDDEN, **common)
    soft_prompt = train_reading(
        sentences.points(head), table, count=given.reading_steps, hidden=READING_HIDDEN, **common
    )
    config = BottleneckConfig(
        description=f"SmolLM2-135M-Instruct behind {head.width} noised numbers: {len(intents())} factual questions in "
        "free words, and nothing else",
        revision="1",
        default_sigma=DEFAULT_SIGMA,
        encoder=encoder.name,
        language_model=_LANGUAGE_MODEL,
        language_model_digest=weights_digest(language.network.state_dict()),
        encoder_width=sentences.features.shape[1],
        head_hidden=HEAD_HIDDEN,
        intents=head.intents,
        soft_prompt_hidden=READING_HIDDEN,
        tokens=table.shape[1],
        width=table.shape[2],
    )
    save_bottleneck(given.output, config, head, soft_prompt)
    print(f"written to {given.output} in {(time.monotonic() - started) / 60:.1f} minutes")
    return 0


def _table(given: argparse.Namespace, model: Any, tokenizer: Any) -> torch.Tensor:
    if given.table is not None and given.table.is_file():
        kept: torch.Tensor = load_file(given.table)["table"]
        return kept
    phrasings = [*(intent.phrasings for intent in intents()), ("What is this?", "Tell me something else.")]
    answers = [*(intent.answer for intent in intents()), ELSEWHERE_ANSWER]
    common = {"seed": given.seed, "threads": given.threads}
    table = train_table(model, tokenizer, phrasings, answers, tokens=TOKENS, count=given.table_steps, **common)
    table = mend_table(model, tokenizer, table, phrasings, answers, count=given.mending_steps, **common)
    if given.table is not None:
        save_file({"table": table}, given.table)
    return table


if __name__ == "__main__":
    sys.exit(main())
