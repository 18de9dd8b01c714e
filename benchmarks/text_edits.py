"""What edits of a prompt do, and what of them a radius covers: python -m benchmarks.text_edits

SmolLM2-135M completes factual prompts, greedily; the answer is the first word or number it says. Every prompt's set of
single edits (`smoothgen.edits`) is run whole. Two tables:

- "edit sets": for every prompt, how many edits there are, and how many keep the answer.
- "coverage": by kind of edit, the texts that keep the prompt's token count, how many of them a certificate of mechanism
  tokens reaches that rests on 100, 500 or 2,000 runs, and how many change the answer.

--prompts: how many prompts of benchmarks/prompts/facts.txt, spread over the file. --smoke: one.
"""

from __future__ import annotations

import argparse
from collections import defaultdict

import numpy as np
from tqdm import tqdm

from benchmarks.fashion import served
from benchmarks.smoke import parse_sizes
from benchmarks.text_mechanisms import FACTS, MODEL, NEW_TOKENS, ran
from smoothgen.certificates import EditsCertificate, read_certificate
from smoothgen.contracts import TOKENS, TextParameters
from smoothgen.edits import EditSet
from smoothgen.errors import InvalidPrompt
from smoothgen.noise import Seed, Stream
from workers.generators import Condition, Draw, Smoothing
from workers.generators.language.adapter import LanguageModel

LISTS = (100, 500, 2_000)


def certificate_of_edits(prompt: str, size: int) -> EditsCertificate:
    """Returns the certificate of all single edits of a prompt. size: how many there are."""
    result = ran(prompt, mechanism="edits", samples=size).result
    certificate = None if result.certificate is None else read_certificate(result.certificate)
    if not isinstance(certificate, EditsCertificate):
        raise SystemExit(f"{prompt!r} has no certificate of edits: {result.abstention}")
    return certificate


class Reached:
    """Which texts the certificates of one prompt reach, by how many runs they rest on."""

    def __init__(self, model: LanguageModel, prompt: str) -> None:
        self._model, self._prompt = model, self._read(model, prompt)
        ends = (model.listed(self._prompt, runs).next_cost for runs in LISTS)
        self._ends = [np.inf if end is None else end for end in ends]

    def by(self, text: str) -> list[bool] | None:
        """Returns for each of LISTS whether the text is within it; None for another number of tokens."""
        try:
            other = self._read(self._model, text)
        except InvalidPrompt:
            return None
        if len(other.tokens) != len(self._prompt.tokens):
            return None
        cost = self._model.cost(self._prompt, other)
        return [cost < end for end in self._ends]

    @staticmethod
    def _read(model: LanguageModel, text: str) -> Condition:
        smoothing = Smoothing(TOKENS, None, Draw(Seed.from_client(1), Stream.GENERATOR_COMMON, 0))
        return model.condition(text, TextParameters(max_new_tokens=NEW_TOKENS), smoothing)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=20)
    given = parse_sizes(parser, prompts=1)
    model = served(MODEL).generator
    assert isinstance(model, LanguageModel)
    facts = FACTS.read_text("utf-8").splitlines()
    covered: defaultdict[str, list[tuple[list[bool], bool]]] = defaultdict(list)
    shares = []
    print(f"edit sets\n{'prompt':44} {'edits':>6} {'keep':>6} {'share':>6}  breaks")
    for prompt in tqdm(facts[:: max(1, len(facts) // given.prompts)][: given.prompts], leave=False):
        edits, reached = EditSet(prompt), Reached(model, prompt)
        certificate = certificate_of_edits(prompt, edits.size)
        changed = certificate.evidence.distances > 0
        shares.append(1 - changed.mean())
        first = edits.text_at(int(np.argmax(changed))) if changed.any() else ""
        print(f"{prompt[:44]:44} {edits.size:6} {np.sum(~changed):6} {shares[-1]:6.1%}  {first!r}", flush=True)
        for k, text in enumerate(edits.texts):
            within = reached.by(text)
            if within is not None:
                covered[edits.made_by(k)[0]].append((within, bool(changed[k])))
    print(f"share that keeps the answer: median {np.median(shares):.1%}, least {np.min(shares):.1%}")
    print(
        f"\ncoverage, texts of as many tokens\n{'kind':14} {'texts':>6} "
        + " ".join(f"{n:>7}" for n in LISTS)
        + "  change"
    )
    for kind, found in covered.items():
        within, changes = np.array([w for w, _ in found]), np.array([c for _, c in found])
        shown = " ".join(f"{share:7.1%}" for share in within.mean(axis=0))
        print(f"{kind:14} {len(found):6} {shown}  {changes.mean():6.1%}")


if __name__ == "__main__":
    main()
