"""A language model's token embeddings as a table, and what of it prompts are made of."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from smoothgen.tokens import TokenTable
from workers.generators.language.prompt_tokens import PromptTokens

_ROWS_AT_A_TIME = 4096


def token_table(network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> TokenTable:
    """Returns the table of a model's token embeddings. No targets: rows that belong to no token, and markers but those
    that the tokenizer sets around every text, so that the embeddings of an honest prompt are read as that prompt.

    A row is what the model's embedding layer gives for the id, a scaling of its own included, since that is what
    stands in a prompt's place and is attacked. Raises UnusableTable.
    """
    return TokenTable(embedding_rows(network), excluded=without_targets(network, tokenizer))


def without_targets(network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """Returns the ids that no embedding is read as."""
    without_text = set(range(int(network.get_input_embeddings().weight.shape[0]))) - set(tokenizer.get_vocab().values())
    prompts = PromptTokens(tokenizer)
    return without_text | (prompts.marker_ids - prompts.surrounding_ids)


def embedding_rows(network: PreTrainedModel) -> NDArray[np.float32]:
    """Returns the embedding of every token id, shape (ids, width); 16-bit numbers as float32, which holds them all."""
    layer = network.get_input_embeddings()
    count = int(layer.weight.shape[0])
    found = []
    with torch.inference_mode():
        for start in range(0, count, _ROWS_AT_A_TIME):
            ids = torch.arange(start, min(start + _ROWS_AT_A_TIME, count), device=layer.weight.device)
            found.append(layer(ids).float().cpu().numpy())
    return np.concatenate(found)


def text_of(tokenizer: PreTrainedTokenizerBase, ids: list[int]) -> str:
    """Returns the text of token ids as a person would write it: without what the tokenizer sets around every text."""
    text: str = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return text
