"""A language model's token embeddings as a table, and what of it prompts are made of."""

from __future__ import annotations

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from smoothgen.tokens import TokenTable
from workers.generators.device_pass import device_pass
from workers.generators.language.prompt_tokens import PromptTokens
from workers.generators.snapping import embedding_rows


def token_table(network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> TokenTable:
    """Returns the table of a model's token embeddings. No targets: rows that belong to no token, and markers but those
    that the tokenizer sets around every text, so that the embeddings of an honest prompt are read as that prompt.

    A row is what the model's embedding layer gives for the id, a scaling of its own included, since that is what
    stands in a prompt's place and is attacked. Raises UnusableTable.
    """
    excluded = without_targets(network, tokenizer)
    return TokenTable(embedding_rows(network), excluded, first_pass=device_pass(network))


def without_targets(network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """Returns the ids that no embedding is read as."""
    without_text = set(range(int(network.get_input_embeddings().weight.shape[0]))) - set(tokenizer.get_vocab().values())
    prompts = PromptTokens(tokenizer)
    return without_text | (prompts.marker_ids - prompts.surrounding_ids)
