"""Coverage: real certificates of small models, and the shares, distances and files that come of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smoothgen.certificates import verify
from smoothgen.errors import InvalidInput
from smoothgen.synonyms import Partition
from tests.support.workers import tiny_diffusion, tiny_wordnet
from tests.workers.conftest import CPU
from workers.generators import load_generator
from workers.generators.batching import Batcher
from workers.generators.language.adapter import LanguageModel
from workers.research.coverage import Asked, Edit, Measured, job_of, measure_prompt, shares, table
from workers.research.coverage.__main__ import main
from workers.serving.loaded_model import Encoders, LoadedModel


@pytest.fixture(scope="module")
def wordnet(tmp_path_factory) -> Path:
    return tiny_wordnet.write(tmp_path_factory.mktemp("wordnet"))


def measured(model: LoadedModel, prompt: str, edits: list[Edit], **asked) -> Measured:
    return measure_prompt(model, job_of(model, prompt, Asked(**asked), 0), edits, batcher=Batcher(64))


def closed_form() -> LoadedModel:
    return LoadedModel(load_generator("closed-form-tanh", CPU), Encoders(CPU), CPU)


def edits_at(offsets: list[float], kind: str) -> list[Edit]:
    return [Edit(kind, repr(0.25 + offset)) for offset in offsets]  # type: ignore[arg-type]


def test_an_edit_is_covered_where_its_distance_is_within_the_radius():
    model = closed_form()
    offsets = [k / 20 for k in range(-20, 21)]
    found = measured(model, "0.25", [*edits_at(offsets, "template"), Edit("template", "no number")], samples=200)
    radius = found.certificate.radius
    assert 0.1 < radius < 0.9  # some of the edits on each side
    for offset, place in zip(offsets, found.places, strict=False):
        exact = abs(float(np.float32(0.25 + offset)) - 0.25)
        assert place.answer.distance == pytest.approx(exact, rel=1e-7, abs=1e-12)
        assert place.covered == (place.answer.distance <= radius)
        assert place.radii == pytest.approx(exact / radius, rel=1e-7, abs=1e-12)
    assert not found.places[-1].covered
    assert found.places[-1].radii is None
    assert "takes a number" in str(found.places[-1].answer.reason)


def test_shares_count_every_edit_and_name_what_should_not_be_inside():
    found = measured(
        closed_form(),
        "0.25",
        [*edits_at([0.01, 0.02, 3.0], "synonym"), Edit("synonym", "x"), *edits_at([0.03, 5.0], "coordinate")],
        samples=200,
    )
    by_kind = {s.kind: s for s in shares([found, found])}
    assert (by_kind["synonym"].edits, by_kind["synonym"].comparable, by_kind["synonym"].covered) == (8, 6, 4)
    assert by_kind["synonym"].share == 0.5
    assert by_kind["coordinate"].share == 0.5
    assert by_kind["same meaning"].covered == 4
    assert by_kind["another meaning"].covered == 2
    assert by_kind["synonym"].own_bound >= by_kind["synonym"].covered
    assert "'0.25' and '0.28' (coordinate)" in table([found])
    assert "'5.25'" not in table([found])


def test_texts_of_another_token_count_are_not_covered_by_noise_on_token_embeddings(llama: LanguageModel):
    model = LoadedModel(llama, Encoders(CPU), CPU)
    edits = [Edit("template", "The capital of France is, please"), Edit("synonym", "The capital of France is")]
    found = measured(model, "The capital of France is", edits, samples=20, metric="edit", sigma=0.05, max_new_tokens=2)
    longer, equal = found.places
    assert (longer.covered, longer.answer.comparable) == (False, False)
    assert "token count" in str(longer.answer.reason)
    assert (equal.covered, equal.radii) == (True, 0.0)


def test_swaps_inside_synonym_classes_are_covered_at_no_distance(llama: LanguageModel):
    word, other = next(c for c in Partition.load().classes if len(c) > 1)[:2]
    model = LoadedModel(llama, Encoders(CPU), CPU)
    edits = [Edit("synonym", f"the {other} thing"), Edit("coordinate", "the blue thing")]
    found = measured(
        model, f"the {word} thing", edits, samples=20, metric="edit", sigma=0.05, max_new_tokens=2, synonyms=True
    )
    assert found.certificate.mechanism.name == "synonym-classes"
    inside, outside = found.places
    assert (inside.covered, inside.answer.same_class, inside.answer.w1_bound) == (True, True, 0.0)
    assert not outside.covered


def test_noise_that_holds_the_prompt_fixed_covers_no_prompt(tmp_path: Path):
    model = LoadedModel(tiny_diffusion.load(tiny_diffusion.save(tmp_path)), Encoders(CPU), CPU)
    with pytest.raises(InvalidInput, match="holds the prompt fixed"):
        measured(model, "a red bag", [], samples=2, mechanism="latent-schedule")


def test_the_command_writes_what_it_says(wordnet: Path, tmp_path: Path, capsys):
    prompts, own, out = tmp_path / "prompts.txt", tmp_path / "own.tsv", tmp_path / "out"
    prompts.write_text("0.25\n\n0.5\n")
    own.write_text("0.25\t0.26\tsame\n0.25\t9\tdifferent\n")
    arguments = ["--model", "closed-form-tanh", "--prompts", str(prompts), "--paraphrases", str(own)]
    arguments += ["--samples", "100", "--wordnet", str(wordnet), "--output", str(out)]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "given paraphrase" in said
    document = json.loads((out / "coverage.json").read_text(encoding="utf-8"))
    first, second = document["prompts"]
    assert (first["prompt"], second["prompt"]) == ("0.25", "0.5")
    edits = {e["text"]: e for e in first["edits"]}
    assert (edits["0.26"]["covered"], edits["0.26"]["same"]) == (True, True)
    assert (edits["9"]["covered"], edits["9"]["same"]) == (False, False)
    assert edits["9"]["distance"] == pytest.approx(8.75)
    assert edits["9"]["distance_in_radii"] == pytest.approx(8.75 / first["radius"])
    [share] = [s for s in document["shares"] if s["kind"] == "given paraphrase"]
    assert (share["edits"], share["covered"], share["share"]) == (1, 1, 1.0)
    assert [bool(verify(path)) for path in sorted((out / "certificates").iterdir())] == [True, True]
    with Image.open(out / "coverage.png") as picture:
        assert picture.width > 600
    # The same command draws the same noise.
    assert main([*arguments[:-1], str(tmp_path / "again")]) == 0
    again = json.loads((tmp_path / "again" / "coverage.json").read_text(encoding="utf-8"))
    assert again == document


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (["--wordnet", "/no/such/wordnet"], "install Debian's wordnet-base"),
        (["--prompts", "/dev/null"], "holds no prompts"),
        (["--prompts", "/no/such/file"], "/no/such/file"),
        (["--mechanism", "unheard-of"], "unheard-of"),
        (["--metric", "unheard-of"], "unheard-of"),
        (["--sigma", "-1"], "sigma"),
        (["--samples", "0"], "samples"),
    ],
)
def test_a_run_that_cannot_be_made_is_one_clear_line(changed, message, wordnet, tmp_path, capsys):
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("0.25\n")
    arguments = ["--model", "closed-form-tanh", "--prompts", str(prompts), "--wordnet", str(wordnet)]
    assert main([*arguments, "--output", str(tmp_path / "out"), *changed]) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("coverage: ")
    assert message in line
    assert not (tmp_path / "out").exists()
