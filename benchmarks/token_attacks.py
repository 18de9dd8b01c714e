"""Attacks on certificates of mechanism tokens: python -m benchmarks.token_attacks [--tries 10000] [--model tiny]

A prompt is certified, and its embeddings are attacked at 0.99 of the radius: five of eight tries go just past planes to
other rows (half of these where the gradient points), the others along random directions and along the gradient. The
first try of every 500 goes through a request's prompt_embeds alone, and must be read as it is among the others.
"beyond": outputs further away than the certificate says; "unlisted": sequences that its list has not below that norm.
Both must be 0. `--model tiny`: an untrained Llama of two layers, metric edit.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from tests.support.workers import tiny
from tests.support.workers.token_attacks import AttackedPrompt, tokens_job
from workers.generators import load_generator
from workers.generators.language.adapter import LanguageModel
from workers.settings import Settings

OF_RADIUS = 0.99
AT_ONCE = 500
FIRST_LINE = {"name": "label", "extract": {"kind": "first_line"}}
CASES: dict[str, list[tuple[str, Any, float]]] = {
    "tiny": [(prompt, "edit", 0.9) for prompt in ("The capital", "Water boils", "A triangle has")],
    "smollm2-135m": [
        ("The capital of France is", FIRST_LINE, 0.1),
        ("The capital of France is", "edit", 0.9),
        ("The largest city of Japan is", FIRST_LINE, 0.1),
    ],
}
"""By model: prompts, each with metric and tolerance."""


def report(model: LanguageModel, cases: Sequence[tuple[str, Any, float]], tries: int, samples: int) -> Iterator[str]:
    yield "| prompt | metric | radius | tries | left its cell | read as | furthest | bound | beyond | unlisted | s |"
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for prompt, metric, tolerance in cases:
        begun = time.perf_counter()
        job = tokens_job(prompt, metric=metric, samples=samples, tolerance=tolerance, parameters={"max_new_tokens": 6})
        target = AttackedPrompt(model, job)
        radius = target.certificate.radius
        left = beyond = unlisted = done = 0
        furthest, read = 0.0, set[tuple[int, ...]]()
        while done < tries:
            sent = target.attacks(min(AT_ONCE, tries - done), OF_RADIUS * radius, seed=done)
            ids = target.snapped(sent)
            if target.read(sent[0]).tokens != ids[0]:
                raise ValueError(f"try {done} is read otherwise alone than beside others")
            tally = target.attacked(sent, ids)
            left, beyond, unlisted = left + tally.left, beyond + tally.beyond, unlisted + tally.unlisted
            furthest, read, done = max(furthest, tally.furthest), read | tally.read, done + tally.tries
        name = metric if isinstance(metric, str) else metric["name"]
        bound = target.certificate.w1_bound(OF_RADIUS * radius)
        yield (
            f"| {prompt} | {name} | {radius:.3f} | {tries} | {left / tries:.1%} | {len(read)} | {furthest:.3f} | "
            f"{bound:.3f} | {beyond} | {unlisted} | {time.perf_counter() - begun:.0f} |"
        )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.token_attacks", description=__doc__)
    parser.add_argument("--model", choices=sorted(CASES), default="smollm2-135m")
    parser.add_argument("--tries", type=int, default=10_000, help="of each prompt")
    parser.add_argument("--samples", type=int, default=60, help="the most runs of a certificate")
    parser.add_argument("--prompts", type=int, help="how many of the prompts; default: all")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        name = given.model if given.model != "tiny" else f"tiny={tiny.save(tiny.llama(), Path(folder))}"
        model = load_generator(name, Settings(device="cpu"))
        if not isinstance(model, LanguageModel):
            raise TypeError(f"model {given.model!r} is no language model")
        for line in report(model, CASES[given.model][: given.prompts], given.tries, given.samples):
            print(line, flush=True)


if __name__ == "__main__":
    main()
