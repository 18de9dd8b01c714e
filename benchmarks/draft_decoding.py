"""Noisy samples of a language model with and without drafts: python -m benchmarks.draft_decoding

The same batches of one job are decoded with drafts and by transformers' `generate`, in turns, so that both see the same
machine. Every output is compared. A certificate's samples are drawn at noise under which prompts answer alike, and at
noise under which they do not. "Left": the share of outputs that are not the most frequent one. Passes: calls of the
network for all samples, one after the other. Times are of the processor, in which other work of the machine counts
little; `--wall` takes those of the clock. --smoke: few samples of a tiny size.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from benchmarks.smoke import parse_sizes
from smoothgen.contracts import TextParameters
from smoothgen.noise import Seed, Stream
from workers.generators import Draw, Smoothing
from workers.generators.language.adapter import LanguageModel
from workers.generators.language.drafts.job_drafts import JobDrafts
from workers.generators.outputs import Failure, Made, Text
from workers.generators.registry import load_generator
from workers.settings import Settings

SIZES = (1, 8, 16, 32, 64)
CASES = (
    ("The capital of France is", 0.02, 0.0),
    ("The main cause of the accident was", 0.02, 0.0),
    ("The main cause of the accident was", 0.04, 0.0),
    ("The main cause of the accident was", 0.02, 0.7),
)
"""Prompt, σ, temperature (under numbers that all samples share)."""
SEED = Seed(11, "client")
COMMON = Draw(SEED, Stream.GENERATOR_COMMON, 0)


@dataclass
class Way:
    """What one way of decoding took."""

    seconds: float = 0.0
    passes: int = 0


class Compared:
    """Decodes the batches of one job both ways."""

    def __init__(self, model: LanguageModel, parameters: TextParameters, *, wall: bool) -> None:
        assert model.drafts is not None
        self._model, self._parameters = model, parameters
        self._drafts = JobDrafts(model.network, model.drafts.measured)  # with nothing seen
        self._clock = time.perf_counter if wall else time.process_time
        self.drafted, self.plain = Way(), Way()
        self.equal, self.texts = 0, Counter[str]()

    def batch(self, rows: torch.Tensor, *, plain_first: bool) -> None:
        """Decodes one batch both ways."""
        made: dict[bool, Sequence[Made | Failure]] = {}
        for plain in (plain_first, not plain_first):
            made[plain] = self._decoded(rows, plain=plain)
        self.equal += sum(a == b for a, b in zip(made[True], made[False], strict=True))
        self.texts.update(str(output.content) for output in made[True] if isinstance(output, Text))

    def _decoded(self, rows: torch.Tensor, *, plain: bool) -> list[Made | Failure]:
        way, before = self.plain if plain else self.drafted, self._model.passes
        self._model.drafts = None if plain else self._drafts
        started = self._clock()
        made = self._model.continued(rows, [COMMON] * len(rows), self._parameters)
        way.seconds += self._clock() - started
        way.passes += self._model.passes - before
        return made


def compared(model: LanguageModel, case: tuple[str, float, float], size: int, given: argparse.Namespace) -> Compared:
    """Decodes all samples of a job in batches of one size, both ways."""
    prompt, sigma, temperature = case
    parameters = TextParameters(max_new_tokens=given.tokens, temperature=temperature)
    condition = model.condition(prompt, parameters, Smoothing("embedding", sigma, COMMON))
    found = Compared(model, parameters, wall=given.wall)
    for number, start in enumerate(range(0, given.samples, size)):
        indices = range(start, min(start + size, given.samples))
        noise = condition.mechanism.draw(SEED, Stream.CERTIFICATION, indices, condition.embedding.shape)
        found.batch(model.inputs(condition, noise), plain_first=bool(number % 2))
    return found


def options_of(description: str | None) -> argparse.ArgumentParser:
    """Returns a parser of what the benchmarks of drafts have in common: which samples, in which batches."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=128, help="of a job")
    parser.add_argument("--tokens", type=int, default=16, help="the most new tokens")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="of batches")
    parser.add_argument("--cases", type=int, nargs="+", default=range(len(CASES)), help="which, from 0")
    return parser


def parsed(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Returns what was given, and with --smoke a tiny size."""
    return parse_sizes(parser, samples=4, tokens=3, sizes=[2], cases=[0])


def print_cases(numbers: Sequence[int]) -> None:
    """Prints what the numbers of cases in a table mean."""
    print("\ncases (prompt, σ, temperature)")
    for number in numbers:
        print(f"{number:4}  {CASES[number]}")


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("--wall", action="store_true", help="time by the clock")
    given = parsed(parser)
    model = load_generator("smollm2-135m", Settings())
    assert isinstance(model, LanguageModel)
    assert model.drafts is not None
    measured = model.drafts.measured
    print(f"smollm2-135m, float32, {given.samples} samples of {given.tokens} tokens, {torch.get_num_threads()} threads")
    print(f"a pass costs {measured.overhead:.1f} tokens beside its own; rounding {measured.rounding:.1e} of a logit")
    print(f"load average {os.getloadavg()[0]:.1f}, {'wall' if given.wall else 'processor'} time\n")
    print("case  batch  left   equal    passes: plain, drafts   samples/s: plain, drafts   ratio")
    for number in given.cases:
        for size in given.sizes:
            found = compared(model, CASES[number], size, given)
            left = 1 - found.texts.most_common(1)[0][1] / given.samples
            ratio = found.plain.seconds / found.drafted.seconds
            print(
                f"{number:4}  {size:5}  {left:4.0%}  {found.equal:3}/{given.samples:<3}  "
                f"{found.plain.passes:13}  {found.drafted.passes:6}   {given.samples / found.plain.seconds:16.2f}  "
                f"{given.samples / found.drafted.seconds:6.2f}   {ratio:5.2f}",
                flush=True,
            )
    print_cases(given.cases)
    print(f"load average at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
