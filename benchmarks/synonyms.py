"""What synonym classes cover, and what they cost: python -m benchmarks.synonyms [--part swaps|texts|pictures]

swaps: every single word that WordNet lists beside a prompt's word, put in its place with its article; the share that
lies in one class with the prompt, so that the law does not change at all. Prompts are the shipped calibration sets and
WordNet's own usage examples.
texts: perplexity a word under the default language model, of the text as given and of texts drawn from its classes.
pictures: how often the shipped judge, which never saw the generator, reads garment and colour of a noisy picture as the
prompt has them; and the certified radius; both with and without classes, from the same noise.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.fashion import MEANINGS, Silent, served, spec
from benchmarks.smoke import parse_sizes
from smoothgen.certificates import Certificate, from_document
from smoothgen.noise import Seed, Stream
from smoothgen.synonyms import Partition
from smoothgen.synonyms.inflection import Inflection, indefinite_article
from smoothgen.synonyms.meanings import FUNCTION_WORDS
from smoothgen.synonyms.wordnet import PARTS_OF_SPEECH, WORDNET, WordNet
from workers.training.vocabulary import COLOUR_WORDS, GARMENT_WORDS

PROMPTS = Path("workers/stored/data")
SEED = Seed.from_client(0)
VARIANTS = 8
_TOKEN = re.compile(r"[a-z]+(?:-[a-z]+)*")


@dataclass(frozen=True)
class Swap:
    """One word of a prompt replaced. `first`: by a word of the sense it has most often."""

    prompt: str
    word: str
    other: str
    swapped: str
    first: bool


class Swaps:
    """Natural swaps, by WordNet alone: the rules of the partition have no say in them."""

    def __init__(self, wordnet: WordNet) -> None:
        self._wordnet, self._inflection = wordnet, Inflection(wordnet)

    def of(self, prompt: str) -> Iterator[Swap]:
        for match in _TOKEN.finditer(prompt):
            start, end = match.span()
            word = match.group()
            if word in FUNCTION_WORDS or (start and prompt[start - 1].isalnum()) or prompt[end : end + 1].isalnum():
                continue
            for other, first in self._others(word):
                article = re.search(r"\b(a|an)(\s+)$", prompt[:start])
                before = prompt[:start]
                if article is not None:
                    before = before[: article.start(1)] + indefinite_article(other) + article.group(2)
                yield Swap(prompt, word, other, before + other + prompt[end:], first)

    def _others(self, word: str) -> list[tuple[str, bool]]:
        found: dict[str, bool] = {}
        senses = [
            (sense, lemma, part, tag)
            for lemma, part, tag in sorted(self._inflection.analyses(word))
            for sense in self._wordnet.senses(lemma, part)
        ]
        most = max((sense.tagged for sense, *_ in senses), default=0)
        for sense, lemma, part, tag in senses:
            for other in self._wordnet.synsets[sense.synset].words:
                if other != lemma and _TOKEN.fullmatch(other):
                    form = self._form(other, part, tag)
                    if form is not None and form != word:
                        found[form] = found.get(form, False) or sense.tagged == most
        return sorted(found.items())

    def _form(self, lemma: str, part: str, tag: str) -> str | None:
        if part == "n":
            return self._inflection.plural(lemma) if tag == "pl" else lemma
        return self._inflection.verb_forms(lemma).get(tag) if part == "v" else lemma


def usage_examples(folder: Path, count: int) -> list[str]:
    """Sentences from WordNet's glosses, of six words and more, spread evenly over the files."""
    found = []
    for name in PARTS_OF_SPEECH.values():
        for line in (folder / f"data.{name}").read_text(encoding="utf-8").splitlines():
            if not line.startswith(" "):
                found += [e for e in re.findall(r'"([^"]+)"', line.partition(" | ")[2]) if len(e.split()) >= 6]
    return found[:: len(found) // count][:count]


def lines_of(name: str) -> list[str]:
    return [line.strip() for line in (PROMPTS / name).read_text(encoding="utf-8").splitlines() if line.strip()]


def swaps(partition: Partition, folder: Path) -> None:
    sets = {
        "image prompts": lines_of("prompts-image.txt"),
        "text prompts": lines_of("prompts.txt") + lines_of("held_out.txt"),
        "WordNet's usage examples": usage_examples(folder, 1000),
    }
    natural = Swaps(WordNet(folder))
    print(f"partition {partition.name} version {partition.version}: {len(partition.classes)} classes, ", end="")
    print(f"{sum(map(len, partition.classes))} words, {partition.digest}\n")
    print("| prompts | prompts with a word in a class | natural swaps, first sense | covered | any sense | covered |")
    print("|---|---|---|---|---|---|")
    for name, prompts in sets.items():
        found = [swap for prompt in prompts for swap in natural.of(prompt)]
        first = [s for s in found if s.first]
        covered = [partition.same_class(s.prompt, s.swapped) for s in found]
        in_first = [c for s, c in zip(found, covered, strict=True) if s.first]
        drawn = sum(bool(partition.canonical(prompt).slots) for prompt in prompts)
        print(
            f"| {name} ({len(prompts)}) | {drawn / len(prompts):.0%} | {len(first)} | {np.mean(in_first):.1%} | "
            f"{len(found)} | {np.mean(covered):.1%} |"
        )
    beyond = sorted({f"{s.word} → {s.other}" for s in natural.of("a white sandal on a big brown sofa") if s.first})
    print(f"\nnatural swaps of 'a white sandal on a big brown sofa': {', '.join(beyond)}")


def texts(partition: Partition, folder: Path, count: int) -> None:
    import torch

    model = served("smollm2-135m").generator
    network, tokenizer = model._model, model._tokenizer

    def nats(text: str) -> float:
        ids = torch.tensor([[tokenizer.bos_token_id, *tokenizer(text)["input_ids"]]])
        with torch.inference_mode():
            logits = network(ids).logits[0, :-1].double()
        return float(-torch.log_softmax(logits, -1).gather(1, ids[0, 1:, None]).sum())

    sets = {
        "text prompts": lines_of("prompts.txt") + lines_of("held_out.txt"),
        "WordNet's usage examples": usage_examples(folder, count),
    }
    print(
        "\n| texts | with a class | words drawn | perplexity a word, given | drawn | ratio | where words were drawn |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, prompts in sets.items():
        given, drawn, words, of_drawn = [], [], [], []
        for prompt in prompts:
            form = partition.canonical(prompt)
            given.append(nats(prompt))
            words.append(len(prompt.split()))
            of_drawn.append(len(form.slots))
            texts_drawn = [partition.variant(form, SEED, Stream.TEXT_CERTIFICATION, k) for k in range(VARIANTS)]
            known = {text: nats(text) for text in set(texts_drawn)} if form.slots else {prompt: given[-1]}
            drawn.append(np.mean([known[text] for text in texts_drawn]) if form.slots else given[-1])
        touched = np.array(of_drawn) > 0
        ratio = _perplexity(drawn, words) / _perplexity(given, words)
        here = _perplexity(np.array(drawn)[touched], np.array(words)[touched])
        here /= _perplexity(np.array(given)[touched], np.array(words)[touched])
        print(
            f"| {name} ({len(prompts)}) | {touched.mean():.0%} | {sum(of_drawn) / sum(words):.1%} | "
            f"{_perplexity(given, words):.1f} | {_perplexity(drawn, words):.1f} | {ratio:.3f} | {here:.3f} |"
        )
    print("\nTo read: texts as given, and as drawn")
    shown = [p for name in sets for p in sets[name] if partition.canonical(p).slots]
    for prompt in shown[:: max(1, len(shown) // 24)]:
        print(f"- {prompt}")
        for text in sorted(
            {partition.variant(prompt, SEED, Stream.TEXT_CERTIFICATION, k) for k in range(3)} - {prompt}
        ):
            print(f"    {text}")


def _perplexity(nats: Sequence[float], words: Sequence[int]) -> float:
    return float(np.exp(np.sum(nats) / np.sum(words)))


def pictures(partition: Partition, draws: int, certified: int, samples: int) -> None:
    from workers.distances import output_metric
    from workers.generators import Picture
    from workers.generators.batching import Batcher
    from workers.jobs.in_process import run_job
    from workers.jobs.sampling import Samples, condition_of, generate, rows_of

    model = served()
    judge = model.classifier
    assert judge is not None
    known = {word for m in (*GARMENT_WORDS, *COLOUR_WORDS) for name in m.known for word in name.split()}
    chosen = Stream.CERTIFICATION
    print(
        "\nThe head was trained on many names of its colours and garments, so on the plain prompts classes have little"
    )
    print("left to merge. The longer prompts draw words as well that no caption of its training held.")
    for template in ("a {} {}", "a huge {} {} near the couch"):
        named = [(template.format(*m.verdict.split(" ", 1)), m.verdict) for m in MEANINGS]
        named = [(prompt, verdict) for prompt, verdict in named if partition.canonical(prompt).slots]
        members = {w for prompt, _ in named for slot in partition.canonical(prompt).slots for w in slot.members}
        print(
            f"\n{template!r}: {len(named)} of {len(MEANINGS)} prompts have a word in a class; {draws} pictures each; ",
            end="",
        )
        print(f"{len(members & known)} of the {len(members)} words drawn are the head's training words")
        print("\n| sigma | right, as given | right, drawn | pictures that differ | furthest text, in sigmas |")
        print("|---|---|---|---|---|")
        for sigma in (0.05, model.card.default_sigma):
            right: dict[bool, list[bool]] = {False: [], True: []}
            differ, furthest = [], 0.0
            for number, (prompt, verdict) in enumerate(named):
                made: dict[bool, list[Picture]] = {}
                as_given = condition_of(spec(prompt, seed=number, sigma=sigma), model.generator).embedding.astype(float)
                for synonyms in (False, True):
                    job = spec(prompt, seed=number, sigma=sigma, synonyms=synonyms)
                    condition = condition_of(job, model.generator)
                    rows = rows_of([Samples(job, condition, chosen, range(draws))])
                    made[synonyms] = [o for o in generate(model.generator, rows) if isinstance(o, Picture)]
                    judged = judge.verdicts([o.pixels for o in made[synonyms]])
                    right[synonyms] += [said == verdict for said in judged]
                    if synonyms:
                        assert condition.of_sample is not None
                        each = [condition.of_sample(chosen, i).embedding - as_given for i in range(draws)]
                        furthest = max(furthest, *(float(np.linalg.norm(x)) / sigma for x in each))
                pairs = zip(made[False], made[True], strict=True)
                differ += [not np.array_equal(one.pixels, other.pixels) for one, other in pairs]
            shares = f"{np.mean(right[False]):.1%} | {np.mean(right[True]):.1%} | {np.mean(differ):.1%}"
            print(f"| {sigma:g} | {shares} | {furthest:.2g} |")
        print(f"\n| prompt (n = {samples}, tolerance 0.1) | radius as given | drawn from classes |")
        print("|---|---|---|")
        for number, (prompt, _) in enumerate(named[:: max(1, len(named) // certified)][:certified]):
            radii = []
            for synonyms in (False, True):
                job = spec(prompt, seed=number, samples=samples, tolerance=0.1, synonyms=synonyms)
                metric = output_metric(job.metric, model)
                result = run_job(job, model.generator, metric, batcher=Batcher(64), watch=Silent())
                radii.append(_certificate(result.certificate).radius)
            print(f"| {prompt} | {radii[0]:.6f} | {radii[1]:.6f} |")


def _certificate(document: object) -> Certificate:
    return from_document(document)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.synonyms", description=__doc__)
    parser.add_argument("--part", action="append", choices=("swaps", "texts", "pictures"), help="default: all")
    parser.add_argument("--wordnet", type=Path, default=WORDNET)
    parser.add_argument("--texts", type=int, default=200, help="usage examples whose perplexity is measured")
    parser.add_argument("--draws", type=int, default=8, help="pictures a prompt")
    parser.add_argument("--certified", type=int, default=4, help="prompts whose radius is compared")
    parser.add_argument("--samples", type=int, default=200, help="n of those")
    given = parse_sizes(parser, texts=2, draws=1, certified=1, samples=20, part=["swaps"])
    partition, parts = Partition.load(), given.part or ("swaps", "texts", "pictures")
    if "swaps" in parts:
        swaps(partition, given.wordnet)
    if "texts" in parts:
        texts(partition, given.wordnet, given.texts)
    if "pictures" in parts:
        pictures(partition, given.draws, given.certified, given.samples)


if __name__ == "__main__":
    main()
