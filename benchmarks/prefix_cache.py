"""Whether the runs of a job of mechanism tokens should share the keys and values of their prefix with the prompt:
python -m benchmarks.prefix_cache

A neighbour equals the prompt up to the first token that differs, so what a causal network computes of these tokens is
the prompt's own. Three ways to run the same neighbours, in batches of 64, greedily and in float32:

full      what workers do: every batch computes all tokens of all its prompts.
ordered   neighbours by their first changed position; a batch takes what all of its prompts share from the prompt.
grouped   the same order; inside a batch groups of a few (--group) take what the group shares, and then all of the batch
          is continued together.

Outputs of the three are compared. Rounds alternate, and the figure is the median of the ratios of one round each, of
processor time, in which other work of the machine counts little. "Tokens" is the share of the prompts' tokens that are
still computed: what an accelerator that does nothing else would gain at most.
By default no batch reaches over a look, as in a job, whose looks are at 8, 16, 32 … runs; --whole: as if it had one
look, at the end. --quick: prompts of 5 and 30 tokens, 32 neighbours, one round.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from transformers import DynamicCache

from smoothgen.contracts import TOKENS, TextParameters, looks_at_runs
from smoothgen.noise import Seed, Stream
from workers.generators import Draw, Made, Smoothing
from workers.generators.language.adapter import LanguageModel
from workers.generators.language.decoding import generation_config
from workers.generators.language.token_sampling import processors_of
from workers.generators.outputs import Failure
from workers.generators.registry import load_generator
from workers.settings import Settings

TEXT = (
    "The history of the city begins with a small harbour at the mouth of a river. Merchants from the south sold cloth, "
    "salt and iron there, and bought grain, timber and furs. In the thirteenth century a wall was built, with five "
    "gates, and a market was held every week in front of the church. After the great fire the streets were made wider, "
    "and houses had to be built of stone. The railway came late, and with it came factories, schools and a theatre. "
)
BATCH = 64
Outputs = list[Made | Failure]


@dataclass(frozen=True)
class Runs:
    """The neighbours of a prompt. ids: of the prompt. rows: token ids of each neighbour, the cheapest first. first: the
    first position at which each differs."""

    ids: list[int]
    rows: list[list[int]]
    first: list[int]


def runs_of(model: LanguageModel, length: int, number: int) -> Runs:
    """Returns the neighbours of the first `length` tokens of the text."""
    ids = model.tokenizer(TEXT * (1 + length // 90))["input_ids"][:length]
    smoothing = Smoothing(TOKENS, None, Draw(Seed(1, "client"), Stream.GENERATOR_COMMON, 0))
    condition = model.condition(model.tokenizer.decode(ids), TextParameters(), smoothing)
    changes = model.listed(condition, number).change_lists
    rows = [list(model.changed(condition, change).tokens) for change in changes]
    return Runs(list(condition.tokens), rows, [change[0][0] for change in changes])


class Ways:
    """The ways to run the neighbours of one prompt. looks: how many are run up to each look, in increasing order."""

    def __init__(self, model: LanguageModel, runs: Runs, new_tokens: int, looks: Sequence[int], group: int) -> None:
        self._model, self._runs, self._group = model, runs, group
        self._looks = [range(begin, end) for begin, end in zip((0, *looks), looks, strict=False)]
        self._parameters = TextParameters(max_new_tokens=new_tokens)

    def full(self) -> Outputs:
        made: Outputs = []
        for look in self._looks:
            for batch in _cut(look, BATCH):
                made += self._continued(batch, None)
        return made

    def ordered(self) -> Outputs:
        prompt, made = self._prompt(), dict[int, Made | Failure]()
        for batch in self._batches():
            shared = min(self._runs.first[k] for k in batch)
            made |= dict(zip(batch, self._continued(batch, _beginning(prompt, shared, len(batch))), strict=True))
        return [made[k] for k in range(len(made))]

    def grouped(self) -> Outputs:
        prompt, made = self._prompt(), dict[int, Made | Failure]()
        for batch in self._batches():
            parts = [self._prefilled(prompt, group) for group in _cut(batch, self._group)]
            joined = [
                (torch.cat([keys for keys, _ in layer]), torch.cat([values for _, values in layer]))
                for layer in zip(*parts, strict=True)
            ]
            made |= dict(zip(batch, self._continued(batch, joined), strict=True))
        return [made[k] for k in range(len(made))]

    def computed(self, together: int) -> float:
        """Returns the share of the prompts' tokens that are computed where so many neighbours share their prefix."""
        tokens, first = len(self._runs.ids), self._runs.first
        groups = [group for batch in self._batches() for group in _cut(batch, together)]
        return sum(len(group) * (tokens - min(first[k] for k in group)) for group in groups) / (len(first) * tokens)

    def _batches(self) -> list[list[int]]:
        """Returns the batches of every look, by first changed position."""
        by_position = [sorted(look, key=self._runs.first.__getitem__) for look in self._looks]
        return [batch for look in by_position for batch in _cut(look, BATCH)]

    def _embedded(self, rows: Sequence[Sequence[int]]) -> torch.Tensor:
        return self._model.network.get_input_embeddings()(torch.tensor(rows))

    def _prompt(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Returns keys and values of all tokens of the prompt but the last, which every run computes."""
        return self._computed(self._embedded([self._runs.ids])[:, :-1], DynamicCache())

    def _computed(self, embeddings: torch.Tensor, cache: DynamicCache) -> list[tuple[torch.Tensor, torch.Tensor]]:
        if embeddings.shape[1]:
            self._model.network(inputs_embeds=embeddings, past_key_values=cache, use_cache=True, logits_to_keep=1)
        return [(layer.keys, layer.values) for layer in cache.layers]

    def _prefilled(
        self, prompt: Sequence[tuple[torch.Tensor, torch.Tensor]], group: Sequence[int]
    ) -> list[tuple[torch.Tensor, torch.Tensor]]:
        shared = min(self._runs.first[k] for k in group)
        rows = self._embedded([self._runs.rows[k] for k in group])
        return self._computed(rows[:, shared:-1], _cache(_beginning(prompt, shared, len(group))))

    def _continued(self, batch: Sequence[int], known: Sequence[tuple[torch.Tensor, torch.Tensor]] | None) -> Outputs:
        """Returns what the model says after these neighbours. known: keys and values of their first tokens."""
        embeddings = self._embedded([self._runs.rows[k] for k in batch])
        processors, health = processors_of(self._parameters, [])
        model = self._model
        tokens = model.network.generate(
            inputs_embeds=embeddings,
            attention_mask=torch.ones(embeddings.shape[:2], dtype=torch.long),
            generation_config=generation_config(self._parameters, model._ends, model.tokenizer),
            logits_processor=processors,
            **({} if known is None or not known[0][0].shape[2] else {"past_key_values": _cache(known)}),
        )
        return model._decoder.made(tokens, health)


def _cut(runs: Sequence[int], size: int) -> list[list[int]]:
    return [list(runs[k : k + size]) for k in range(0, len(runs), size)]


def _beginning(
    prompt: Sequence[tuple[torch.Tensor, torch.Tensor]], tokens: int, rows: int
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Returns keys and values of the prompt's first tokens, for so many rows."""
    return [tuple(part[:, :, :tokens].expand(rows, -1, -1, -1) for part in layer) for layer in prompt]


def _cache(layers: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> DynamicCache:
    cache = DynamicCache()
    if layers[0][0].shape[2]:
        for place, (keys, values) in enumerate(layers):
            cache.update(keys, values, place)
    return cache


def timed(way: Callable[[], Outputs]) -> tuple[float, Outputs]:
    begun = time.process_time()
    with torch.inference_mode():
        made = way()
    return time.process_time() - begun, made


def compared(
    model: LanguageModel, length: int, number: int, new_tokens: int, rounds: int, *, group: int, whole: bool
) -> str:
    """Returns the row of one prompt length. whole: whether there is one look, at the end."""
    runs = runs_of(model, length, number)
    ways = Ways(model, runs, new_tokens, [len(runs.rows)] if whole else looks_at_runs(len(runs.rows)), group)
    named: Mapping[str, Callable[[], Outputs]] = {"full": ways.full, "ordered": ways.ordered, "grouped": ways.grouped}
    seconds: dict[str, list[float]] = {name: [] for name in named}
    outputs: dict[str, Outputs] = {}
    for _ in range(rounds):
        for name, way in named.items():
            spent, outputs[name] = timed(way)
            seconds[name].append(spent)
    ratios = [
        statistics.median(other / full for other, full in zip(seconds[name], seconds["full"], strict=True))
        for name in ("ordered", "grouped")
    ]
    shares = [ways.computed(BATCH), ways.computed(group)]
    equal = [
        sum(a == b for a, b in zip(outputs[name], outputs["full"], strict=True)) for name in ("ordered", "grouped")
    ]
    return (
        f"| {len(runs.ids)} | {len(runs.rows)} | {new_tokens} | {statistics.median(seconds['full']):.1f} | "
        f"{shares[0]:.2f} | {ratios[0]:.2f} | {shares[1]:.2f} | {ratios[1]:.2f} | {equal[0]}, {equal[1]} |"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prefix_cache", description=__doc__)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--length", type=int, action="append", help="tokens of a prompt; default: 5, 30, 200")
    parser.add_argument("--number", type=int, action="append", help="neighbours; default: 64, 500")
    parser.add_argument("--new-tokens", type=int, action="append", help="default: 3, 32")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--group", type=int, default=4, help="neighbours that share a prefix; default: 4")
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args(arguments)
    if given.quick:
        given.length, given.number, given.new_tokens, given.rounds = [5, 30], [32], [3], 1
    model = load_generator(given.model, Settings(device="cpu"))
    if not isinstance(model, LanguageModel):
        parser.error(f"{given.model} is no language model of transformers")
    print(
        "| tokens | neighbours | new tokens | full, s | ordered: tokens | ordered: time | grouped: tokens | "
        "grouped: time | equal outputs |"
    )
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for length in given.length or [5, 30, 200]:
        for number in given.number or [64, 500]:
            for new_tokens in given.new_tokens or [3, 32]:
                print(
                    compared(model, length, number, new_tokens, given.rounds, group=given.group, whole=given.whole),
                    flush=True,
                )


if __name__ == "__main__":
    main()
