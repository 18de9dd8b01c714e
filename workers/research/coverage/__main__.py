"""Which rephrasings do a model's certificates cover? python -m workers.research.coverage (or `smoothgen coverage`).

For every prompt: synonym swaps, rephrasings, and edits that change the meaning, made from WordNet and a file of
templates; one certificate; and how many of each kind lie within its radius.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError
from tqdm import tqdm

from smoothgen.contracts.request import DEFAULT_CONFIDENCE, DEFAULT_SAMPLES, DEFAULT_SELECTION_SAMPLES
from smoothgen.errors import SmoothGenError
from workers.generators import load_generator
from workers.generators.batching import Batcher
from workers.research.coverage.edits import edits_of, load_given, load_templates, shipped_templates
from workers.research.coverage.measure import Asked, Measured, job_of, measure_prompt
from workers.research.coverage.picture import draw_coverage
from workers.research.coverage.report import document, table
from workers.research.wordnet_files import WORDNET, Wordnet
from workers.serving.loaded_model import Encoders, LoadedModel
from workers.settings import Settings

_MOST_EDITS = 6


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table, and writes coverage.json, coverage.png and the certificates."""
    given = _parser().parse_args(arguments)
    try:
        _run(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        print(f"coverage: {where}: {first['msg']} (got {first['input']!r:.80})", file=sys.stderr)
        return 1
    except (SmoothGenError, OSError, ValueError) as error:
        print(f"coverage: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="smoothgen coverage", description="Which rephrasings do a model's certificates cover?"
    )
    parser.add_argument("--model", required=True, help="as for `smoothgen worker`")
    parser.add_argument("--prompts", type=Path, required=True, help="a text file, one prompt a line")
    parser.add_argument("--samples", type=int, default=DEFAULT_SAMPLES, help="certification samples a prompt")
    parser.add_argument("--confidence", type=float, default=DEFAULT_CONFIDENCE)
    parser.add_argument("--tolerance", type=float, help="default: a tenth of the metric's diameter")
    parser.add_argument("--sigma", type=float, help="noise level; default: the model's")
    parser.add_argument("--metric", help="default: the model's first")
    parser.add_argument("--mechanism", default="embedding", help="where the noise goes")
    parser.add_argument("--synonyms", action="store_true", help="draw words from their synonym classes first")
    parser.add_argument("--max-new-tokens", type=int, default=Asked.max_new_tokens)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--most", type=int, default=_MOST_EDITS, help="edits of a kind and prompt")
    parser.add_argument("--templates", type=Path, help='lines of "same" or "different", tab, text with {prompt}')
    parser.add_argument("--paraphrases", type=Path, help='lines of prompt, tab, other, tab, "same" or "different"')
    parser.add_argument("--wordnet", type=Path, default=WORDNET, help="the folder of WordNet's database files")
    parser.add_argument("--output", type=Path, default=Path("coverage"), help="a folder")
    return parser


def _run(given: argparse.Namespace) -> None:
    wordnet = Wordnet(given.wordnet)  # before anything that takes long
    prompts = [line.strip() for line in given.prompts.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not prompts:
        raise ValueError(f"{given.prompts} holds no prompts; write one a line")
    own = {} if given.paraphrases is None else load_given(given.paraphrases)
    if strangers := sorted(set(own) - set(prompts)):
        raise ValueError(f"{given.paraphrases} has paraphrases of {strangers[0]!r:.80}, no prompt of {given.prompts}")
    settings = Settings()
    generator = load_generator(given.model, settings)
    model = LoadedModel(generator, Encoders(settings), settings)
    templates = load_templates(given.templates) if given.templates else shipped_templates(model.card.modality)
    asked = Asked(
        samples=given.samples,
        confidence=given.confidence,
        tolerance=given.tolerance,
        sigma=given.sigma,
        metric=given.metric,
        mechanism=given.mechanism,
        synonyms=given.synonyms,
        max_new_tokens=given.max_new_tokens,
        seed=given.seed,
    )
    jobs = [job_of(model, prompt, asked, place) for place, prompt in enumerate(prompts)]
    measured: list[Measured] = []
    batcher = Batcher(settings.batch_size)
    with tqdm(total=len(jobs) * (asked.samples + DEFAULT_SELECTION_SAMPLES), desc="samples", unit="sample") as bar:
        for job in jobs:
            prompt = job.request.prompt
            edits = edits_of(prompt, wordnet, templates, own.get(prompt, []), most=given.most)
            measured.append(measure_prompt(model, job, edits, batcher=batcher, samples_done=bar.update))
    print(table(measured))
    _write(given.output, model, asked, measured)


def _write(folder: Path, model: LoadedModel, asked: Asked, measured: Sequence[Measured]) -> None:
    (folder / "certificates").mkdir(parents=True, exist_ok=True)
    for place, one in enumerate(measured):
        path = folder / "certificates" / f"{place:04}.json"
        path.write_text(json.dumps(one.document, indent=2) + "\n", encoding="utf-8")
    said = document(model.card.id, model.card.digest, asked, measured)
    (folder / "coverage.json").write_text(json.dumps(said, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    mechanism = measured[0].certificate.mechanism
    title = f"{model.card.id}, {len(measured)} prompts, n = {asked.samples}, {mechanism}"
    draw_coverage([(title, measured)], folder / "coverage.png")
    print(f"\nwritten to {folder}: coverage.json, coverage.png, certificates/")


if __name__ == "__main__":
    sys.exit(main())
