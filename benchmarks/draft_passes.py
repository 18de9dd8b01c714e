"""How many passes of the network drafts save, counted: python -m benchmarks.draft_passes

The samples of a job are decoded once, step by step. Then their tokens are gone through as a worker does with drafts, at
several batch sizes and at several costs of a pass, in tokens that are computed in the same time (about 10 on a CPU,
hundreds and more on a GPU), and passes and computed tokens are counted. "Modelled gain" is the time of step-by-step
decoding over that with drafts, where a pass takes its own cost and its tokens and nothing else takes time: not measured
on a machine, and free of what else runs on it. Texts that are made again because of a near tie are left out.
--smoke: few samples of a tiny size.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from benchmarks.draft_decoding import CASES, COMMON, SEED, options_of, parsed, print_cases
from smoothgen.contracts import TextParameters
from smoothgen.noise import Stream
from workers.generators import Smoothing
from workers.generators.language.adapter import LanguageModel
from workers.generators.language.decoding import generation_config
from workers.generators.language.drafts.policy import worthwhile
from workers.generators.language.drafts.prefix_tree import PrefixTree
from workers.generators.language.token_sampling import processors_of
from workers.generators.registry import load_generator
from workers.settings import Settings

BATCH = 64
Texts = Sequence[Sequence[int]]


@dataclass
class Count:
    """Passes, one after the other, and tokens computed in them."""

    passes: int = 0
    tokens: int = 0

    def add(self, tokens: int) -> None:
        """Counts one pass."""
        self.passes += 1
        self.tokens += tokens

    def time(self, overhead: float) -> float:
        """Returns the time of all passes, in that of one token."""
        return overhead * self.passes + self.tokens


def texts_of(model: LanguageModel, case: tuple[str, float, float], samples: int, tokens: int) -> tuple[Texts, int]:
    """Returns the tokens of every sample of a job, ends included, and how many tokens the prompt has."""
    prompt, sigma, temperature = case
    parameters = TextParameters(max_new_tokens=tokens, temperature=temperature)
    condition = model.condition(prompt, parameters, Smoothing("embedding", sigma, COMMON))
    ends, texts = model.tokenizer.eos_token_id, list[list[int]]()
    for start in range(0, samples, BATCH):
        indices = range(start, min(start + BATCH, samples))
        noise = condition.mechanism.draw(SEED, Stream.CERTIFICATION, indices, condition.embedding.shape)
        rows = model.inputs(condition, noise)
        processors, _ = processors_of(parameters, [COMMON] * len(rows))
        with torch.inference_mode():
            made = model.network.generate(
                inputs_embeds=rows,
                attention_mask=torch.ones(rows.shape[:2], dtype=torch.long),
                generation_config=generation_config(parameters, [ends], model.tokenizer),
                logits_processor=processors,
            )
        texts += [row[: row.index(ends) + 1] if ends in row else row for row in made.tolist()]
    return texts, len(condition.embedding)


def step_by_step(texts: Texts, size: int, prompt: int) -> Count:
    """Counts decoding without drafts: a batch goes on until its longest text ends."""
    count = Count()
    for start in range(0, len(texts), size):
        batch = texts[start : start + size]
        count.add(len(batch) * prompt)
        for _ in range(max(len(text) for text in batch) - 1):
            count.add(len(batch))
    return count


def with_drafts(texts: Texts, size: int, prompt: int, overhead: float, limit: int) -> Count:
    """Counts decoding with drafts, which every text joins when it ends."""
    count, tree = Count(), PrefixTree()
    for start in range(0, len(texts), size):
        left = dict.fromkeys(range(start, min(start + size, len(texts))), 0)
        own = prompt
        while left:
            drafts = [tree.after(texts[row][:said], limit - said - 1) for row, said in left.items()]
            width = worthwhile(drafts, overhead=overhead, vocabulary=1)
            count.add(len(left) * (own + width))
            own = 1
            for (row, said), draft in zip(tuple(left.items()), drafts, strict=True):
                following = texts[row][said:]
                pairs = enumerate(zip(draft.tokens[:width], following, strict=False))
                kept = next((place for place, (a, b) in pairs if a != b), min(width, len(draft.tokens), len(following)))
                left[row] = min(said + kept + 1, len(texts[row]))
                if left[row] == len(texts[row]):
                    tree.add(texts[row])
                    del left[row]
    return count


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--overheads", type=float, nargs="+", default=(10, 1000), help="of a pass, in tokens")
    given = parsed(parser)
    model = load_generator("smollm2-135m", Settings())
    assert isinstance(model, LanguageModel)
    print("case  left  distinct  batch   passes, step by step   overhead: passes with drafts, modelled gain")
    for number in given.cases:
        texts, prompt = texts_of(model, CASES[number], given.samples, given.tokens)
        seen = Counter(map(tuple, texts))
        left = 1 - seen.most_common(1)[0][1] / len(texts)
        for size in given.sizes:
            plain = step_by_step(texts, size, prompt)
            found = {o: with_drafts(texts, size, prompt, o, given.tokens) for o in given.overheads}
            gains = ";  ".join(f"{o:g}: {c.passes}, {plain.time(o) / c.time(o):.2f}" for o, c in found.items())
            print(f"{number:4}  {left:4.0%}  {len(seen):8}  {size:5}   {plain.passes:20}   {gains}", flush=True)
    print_cases(given.cases)


if __name__ == "__main__":
    main()
