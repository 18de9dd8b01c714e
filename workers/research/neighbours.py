"""The token sequences nearest to a prompt: python -m workers.research.neighbours MODEL PROMPT [--number 100]

Prints, nearest first, what an l2 attack on the prompt's token embeddings can reach once every embedding is snapped to
its nearest token: cost (an attack that reaches the sequence has at least this norm), whether somebody can write it, and
its text. What it means: docs/theory/neighbours.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence

from smoothgen.errors import InvalidParameters, InvalidPrompt, InvalidTokens, SmoothGenError
from smoothgen.tokens import Neighbourhoods, nearest_sequences, written
from workers.generators import Generator, load_generator
from workers.settings import Settings


def neighbours_table(generator: Generator, prompt: str, number: int) -> Iterator[str]:
    """Yields the lines of the table. Raises InvalidParameters for a model that reads no tokens, InvalidPrompt."""
    from workers.generators.language.adapter import LanguageModel
    from workers.generators.language.prompt_tokens import PromptTokens
    from workers.generators.language.token_rows import token_table
    from workers.generators.snapping import text_of

    if not isinstance(generator, LanguageModel):
        raise InvalidParameters(
            f"model {generator.identity.name!r} is not attacked on token embeddings, so no token sequences are near to "
            "its prompt; name a causal language model"
        )
    encode = PromptTokens(generator.tokenizer).completion
    tokens = encode(prompt)
    if not tokens:
        raise InvalidPrompt(f"the prompt {prompt!r:.80} has no tokens in this model's vocabulary", field="prompt")
    table = token_table(generator.network, generator.tokenizer)
    found = nearest_sequences(Neighbourhoods(table), tokens, number)
    sequences = (found.ids(k) for k in range(len(found.costs)))
    texts = written(table, sequences, lambda ids: text_of(generator.tokenizer, ids), encode)
    yield f"{len(tokens)} tokens; {len(table.targets)} rows to snap to; table {table.digest}"
    yield f"{'rank':>5}  {'cost':>8}  writable  text"
    for rank, (cost, text) in enumerate(zip(found.costs, texts, strict=True), start=1):
        yield f"{rank:>5}  {cost:>8.4f}  {'yes' if text.writable else 'no':<8}  {text.text!r}"
    yield f"every other sequence costs at least {found.next_cost:.4f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table. Exit code 1 and one line for what cannot be served."""
    parser = argparse.ArgumentParser(prog="python -m workers.research.neighbours", description=__doc__.splitlines()[0])
    parser.add_argument("model", help='as in SMOOTHGEN_MODELS: "smollm2-135m", or "name=source"')
    parser.add_argument("prompt")
    parser.add_argument("--number", type=int, default=100, help="how many sequences, 100 by default")
    given = parser.parse_args(arguments)
    # Progress bars are no table. Read when the libraries are first imported, which is later.
    os.environ.update(TQDM_DISABLE="1", HF_HUB_DISABLE_PROGRESS_BARS="1")
    try:
        if given.number < 1:  # said before the model is loaded
            raise InvalidTokens(f"the number of neighbouring sequences must be at least 1, got {given.number}")
        for line in neighbours_table(load_generator(given.model, Settings()), given.prompt, given.number):
            print(line)
    except (SmoothGenError, OSError, ValueError) as error:
        print(f"neighbours: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
