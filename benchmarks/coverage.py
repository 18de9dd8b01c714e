"""Which other prompts do certificates cover? python -m benchmarks.coverage

Default models, n = 500, alpha = 0.001, tolerance a tenth of the metric's diameter.
  pictures  fashion-32: held-out phrasings (names and templates no training caption uses) against phrasings of another
            colour or garment, denials in forms the head was trained on and in others, and what `smoothgen coverage`
            makes from WordNet and its templates. benchmarks.negations has all 80 meanings, without certificates.
  raw       the same encoder, head and U-Net with the noise on the encoder's 12 raw token states, at several sigmas.
  text      smollm2-135m: noise on the raw token embeddings; and synonym classes alone, which need no model.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.fashion import MEANINGS, Meaning, served
from benchmarks.raw_token_states import RawTokenStates
from benchmarks.smoke import parse_sizes, smoke_path
from smoothgen.contracts import JobSpec
from smoothgen.noise import Stream
from smoothgen.synonyms import Partition
from workers.generators import Picture
from workers.generators.batching import Batcher
from workers.jobs.sampling import Samples, condition_of, generate, rows_of
from workers.research.calibrate import PROMPTS
from workers.research.coverage import (
    CHANGED,
    SAME,
    Asked,
    Edit,
    Measured,
    Place,
    edits_of,
    job_of,
    measure_prompt,
    shipped_templates,
)
from workers.research.coverage.edits import Kind
from workers.research.coverage.measure import placed
from workers.research.coverage.picture import draw_coverage
from workers.research.coverage.report import table
from workers.research.wordnet_files import Wordnet
from workers.serving.loaded_model import Encoders, LoadedModel
from workers.settings import Settings
from workers.training.captions import BLIND_TEMPLATES, Caption, held_out_captions, phrase
from workers.training.negations import BLIND_FORMS, HELD_OUT_FORMS, KNOWN_FORMS
from workers.training.vocabulary import COLOUR_WORDS, COLOURS, GARMENT_WORDS, GARMENTS

SAMPLES = 500
RAW_SIGMAS = (0.5, 1.0, 2.0, 4.0)
PICTURE = Path("docs/pictures/coverage.png")
BATCH = 64
DRAWN = 64


@cache
def wordnet() -> Wordnet:
    return Wordnet()


def chosen_meanings(count: int) -> list[Meaning]:
    """Every garment and colour in turn."""
    return [MEANINGS[(17 * k) % len(MEANINGS)] for k in range(count)]


def label(meaning: Meaning, caption: Caption) -> str:
    garment, colour = caption.garment == meaning.garment, caption.colour == meaning.colour
    return {
        (True, True): "same",
        (True, False): "another colour",
        (False, True): "another garment",
        (False, False): "both",
    }[garment, colour]


def held_out_edits(meaning: Meaning, captions: Sequence[Caption], others: int) -> dict[str, list[Edit]]:
    """All 24 held-out phrasings of the meaning, and so many of each way to mean something else."""
    random = np.random.default_rng(meaning.garment * 8 + meaning.colour)
    edits: dict[str, list[Edit]] = {}
    for k in random.permutation(len(captions)):
        which = label(meaning, captions[k])
        of_label = edits.setdefault(which, [])
        if which == "same" or len(of_label) < others:
            of_label.append(Edit("given paraphrase" if which == "same" else "given change", captions[k].text))
    return edits


def reworded(meaning: Meaning) -> dict[str, list[Edit]]:
    """By what they are: denials of the colour, the garment or both, and phrasings written when all was trained."""
    names = GARMENTS[meaning.garment], COLOURS[meaning.colour]
    new = list(product(GARMENT_WORDS[meaning.garment].held_out, COLOUR_WORDS[meaning.colour].held_out))

    def filled(templates: Iterable[str], words: Iterable[tuple[str, str]], kind: Kind) -> list[Edit]:
        pairs = product(templates, words)
        return [Edit(kind, phrase(template, garment=garment, colour=colour)) for template, (garment, colour) in pairs]

    edits = {"blind phrasings, held-out names": filled(BLIND_TEMPLATES, new, "given paraphrase")}
    for said, forms in (("trained on", KNOWN_FORMS), ("held out", HELD_OUT_FORMS), ("blind", BLIND_FORMS)):
        for part, some in (("both", forms.both), ("colour", forms.colour), ("garment", forms.garment)):
            edits[f"denials {said}: {part}"] = filled(some, [names], "given change")
            if said != "trained on":
                edits[f"denials {said}, held-out names: {part}"] = filled(some, new, "given change")
    return edits


def count(measured: Sequence[Measured], wanted: Callable[[Edit], bool]) -> str:
    return counted([p for m in measured for p in m.places if wanted(p.edit)])


def counted(places: Sequence[Place]) -> str:
    covered = sum(p.covered for p in places)
    radii = [p.radii for p in places if p.radii is not None]
    distance = f"median distance {np.median(radii):.2f} radii, nearest {min(radii):.2f}" if radii else ""
    return f"{covered:>5} of {len(places):<6} {covered / max(1, len(places)):>7.1%}   {distance}"


def pictures(prompts: int, others: int) -> list[Measured]:
    model, captions = served(), held_out_captions()
    labels: dict[tuple[str, str], str] = {}
    measured = []
    others_said: dict[str, list[Place]] = {}
    for place, meaning in enumerate(tqdm(chosen_meanings(prompts), desc="pictures", leave=False)):
        held_out = held_out_edits(meaning, captions, others)
        labels |= {(meaning.prompt, e.text): which for which, edits in held_out.items() for e in edits}
        given = [e for edits in held_out.values() for e in edits]
        edits = edits_of(meaning.prompt, wordnet(), shipped_templates("image"), given, most=6)
        job = job_of(model, meaning.prompt, Asked(samples=SAMPLES), place)
        measured.append(measure_prompt(model, job, edits, batcher=Batcher(BATCH)))
        for which, said in reworded(meaning).items():
            others_said.setdefault(which, []).extend(placed(model, job, measured[-1].certificate, said))
    print(f"\nfashion-32, {measured[0].certificate.mechanism}")
    print(table(measured))
    print("\nheld-out phrasings inside the ball")
    for which in ("same", "another colour", "another garment", "both"):
        places = [p for m in measured for p in m.places if labels.get((m.prompt, p.edit.text)) == which]
        radii = [p.radii for p in places if p.radii is not None]
        covered = sum(p.covered for p in places)
        print(
            f"  {which:<16} {covered:>5} of {len(places):<6} {covered / len(places):>7.1%}   distance in radii: "
            f"median {np.median(radii):.2f}, least {min(radii):.2f}, largest {max(radii):.2f}"
        )
    for which, found in others_said.items():
        print(f"  {which:<44} {counted(found)}")
        inside = [p.edit.text for p in found if p.covered != p.edit.same]
        print("".join(f"      {text!r}\n" for text in inside[:6]), end="")
    known = {name.lower() for words in (GARMENT_WORDS, COLOUR_WORDS) for m in words for name in (*m.known, *m.held_out)}
    for kind in ("synonym", "coordinate"):
        swaps = {trained: {e for m in measured for e in swapped(m, kind) if (put_in(e) in known) == trained}
                 for trained in (True, False)}  # fmt: skip
        print(f"WordNet's swaps, {kind}")
        print("  by words of the vocabulary ", count(measured, swaps[True].__contains__))
        print("  by other words             ", count(measured, swaps[False].__contains__))
    return measured


def swapped(measured: Measured, kind: str) -> list[Edit]:
    return [p.edit for p in measured.places if p.edit.kind == kind]


def put_in(edit: Edit) -> str:
    return "" if edit.swap is None else edit.swap[1].lower()


def raw(prompts: int) -> list[Measured]:
    generator, settings = RawTokenStates(served().generator, RAW_SIGMAS[0]), Settings()
    model = LoadedModel(generator, Encoders(settings), settings)
    captions, best = held_out_captions(), []
    print("\nthe same model, noise on 12 raw token states (12 × 384 numbers)")
    for sigma in RAW_SIGMAS:
        measured, right = [], []
        for place, meaning in enumerate(tqdm(chosen_meanings(prompts), desc=f"raw, sigma {sigma}", leave=False)):
            job = job_of(model, meaning.prompt, Asked(samples=SAMPLES, sigma=sigma), place)
            held_out = held_out_edits(meaning, captions, 8)
            given = [e for edits in held_out.values() for e in edits]
            edits = edits_of(meaning.prompt, wordnet(), shipped_templates("image"), given, most=6)
            measured.append(measure_prompt(model, job, edits, batcher=Batcher(BATCH)))
            right.append(agreement(model, job, meaning))
        radii = [m.certificate.radius for m in measured]
        distances = [p.answer.distance for m in measured for p in m.places if p.edit.kind in SAME]
        print(
            f"  sigma {sigma:<4g} it draws what is asked {np.mean(right):>6.1%}   radius: mean {np.mean(radii):.3f}, "
            f"max {max(radii):.3f}   distance of paraphrases: median {np.median(distances):.1f}, least "
            f"{min(distances):.2f}"
        )
        print(f"    held-out paraphrases inside {count(measured, lambda e: e.kind == 'given paraphrase')}")
        print(f"    all that mean the same      {count(measured, lambda e: e.kind in SAME)}")
        print(f"    all that mean another thing {count(measured, lambda e: e.kind in CHANGED)}")
        best.append(measured)
    return max(best, key=lambda measured: np.mean([m.certificate.radius for m in measured]))


def agreement(model: LoadedModel, job: JobSpec, meaning: Meaning) -> float:
    """Share of noisy pictures the judge calls what the prompt says."""
    condition = condition_of(job, model.generator)
    [outputs] = [
        made
        for _, made in Batcher(DRAWN).run(
            rows_of([Samples(job, condition, Stream.SELECTION, range(DRAWN))]),
            lambda rows: generate(model.generator, rows),
        )
    ]
    verdicts = model.classifier.verdicts([o.pixels for o in outputs if isinstance(o, Picture)])
    return sum(v == meaning.verdict for v in verdicts) / DRAWN


def text(prompts: int, tokens: int) -> list[Measured]:
    lines = PROMPTS["text"].read_text(encoding="utf-8").splitlines()
    partition, templates = Partition.load(), shipped_templates("text")
    made = {prompt: edits_of(prompt, wordnet(), templates, [], most=50) for prompt in lines}
    print(f"\nsynonym classes alone ({partition.name} {partition.version}), {len(lines)} prompts")
    for said, wanted in (
        ("WordNet's synonym swaps", lambda e: e.kind == "synonym"),
        ("  one word for one word", lambda e: e.kind == "synonym" and " " not in "".join(e.swap)),
        ("paraphrases by templates", lambda e: e.kind == "template"),
        ("edits that change the meaning", lambda e: not e.same),
    ):
        chosen = [(prompt, e.text) for prompt, edits in made.items() for e in edits if wanted(e)]
        inside = sum(partition.same_class(prompt, other) for prompt, other in chosen)
        print(f"  {said:<31} {inside:>4} of {len(chosen):<5} {inside / len(chosen):>6.1%} in one class")
    model, asked = served("smollm2-135m"), Asked(samples=SAMPLES, max_new_tokens=tokens)
    distances = {prompt: swap_distances(model, job_of(model, prompt, asked, 0), made[prompt]) for prompt in lines}
    known = [d for of_prompt in distances.values() for d in of_prompt]
    found = [d for d in known if d is not None]
    print("smollm2-135m, noise on raw token embeddings")
    print(
        f"  WordNet's synonym swaps of as many tokens: {len(found)} of {len(known)}; their distance: "
        f"median {np.median(found):.2f}, least {min(found):.2f}"
    )
    # The prompts where raw noise has a chance: those with a swap that can be compared.
    chosen = [prompt for prompt in lines if any(d is not None for d in distances[prompt])][:prompts]
    measured = []
    for place, prompt in enumerate(tqdm(chosen, desc="text", leave=False)):
        edits = edits_of(prompt, wordnet(), templates, [], most=6)
        measured.append(measure_prompt(model, job_of(model, prompt, asked, place), edits, batcher=Batcher(BATCH)))
    print(f"{measured[0].certificate.mechanism}, {tokens} tokens, {measured[0].certificate.tolerance:g} sentence chord")
    print(table(measured))
    return measured


def swap_distances(model: LoadedModel, job: JobSpec, edits: Sequence[Edit]) -> list[float | None]:
    """Of every synonym swap, in order; None where the token count differs."""
    x = condition_of(job, model.generator)
    found: list[float | None] = []
    for edit in (e for e in edits if e.kind == "synonym"):
        request = job.request.model_copy(update={"prompt": edit.text})
        other = condition_of(job.model_copy(update={"request": request}), model.generator)
        same = other.embedding.shape == x.embedding.shape
        found.append(float(np.linalg.norm(other.embedding - x.embedding)) if same else None)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=16, help="prompts of the picture model")
    parser.add_argument("--others", type=int, default=40, help="held-out phrasings of each other meaning, a prompt")
    parser.add_argument("--raw", type=int, default=3, help="prompts at each sigma with noise on raw token states")
    parser.add_argument("--texts", type=int, default=6, help="prompts of the language model")
    parser.add_argument("--tokens", type=int, default=12)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    given = parse_sizes(parser, pictures=1, others=2, raw=1, texts=0, tokens=2, picture=smoke_path("coverage.png"))
    groups = []
    if given.pictures:
        measured = pictures(given.pictures, given.others)
        groups.append(("fashion-32: noise on the 16-dimensional condition", measured))
    if given.raw:
        measured = raw(given.raw)
        sigma = measured[0].certificate.mechanism.effective_sigma
        groups.append((f"the same picture model: noise on 12 raw token states, sigma {sigma:g}", measured))
    if given.texts:
        measured = text(given.texts, given.tokens)
        groups.append(("smollm2-135m: noise on raw token embeddings", measured))
    draw_coverage(groups, given.picture)
    print(f"\npicture: {given.picture}")


if __name__ == "__main__":
    main()
