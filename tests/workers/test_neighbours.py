"""The table of a prompt's nearest token sequences, from tiny models and from the default one."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from smoothgen.errors import InvalidParameters, InvalidPrompt
from smoothgen.tokens import Neighbourhoods, nearest_sequences
from tests.support.workers import tiny
from workers.generators import Generator, load_generator
from workers.generators.language.adapter import LanguageModel
from workers.generators.language.token_rows import token_table
from workers.generators.snapping import embedding_rows
from workers.research import neighbours
from workers.research.neighbours import neighbours_table
from workers.settings import Settings

LINE = re.compile(r" +(\d+) +(\d+\.\d+)  (yes|no) +(.*)")


def read(lines: list[str]) -> list[tuple[int, float, bool, str]]:
    matches = [LINE.fullmatch(line) for line in lines]
    return [(int(m[1]), float(m[2]), m[3] == "yes", m[4]) for m in matches if m]


def test_the_table_ranks_sequences_by_cost(llama: LanguageModel) -> None:
    lines = list(neighbours_table(llama, "The capital", 50))
    ranked = read(lines)
    assert [rank for rank, *_ in ranked] == list(range(1, 51))
    costs = [cost for _, cost, *_ in ranked]
    assert costs == sorted(costs)
    assert float(lines[-1].split()[-1]) >= costs[-1]
    assert lines[-1].startswith("every other sequence costs at least")
    assert {writable for *_, writable, _ in ranked} == {True, False}  # of 256 byte tokens many spell no text


def test_a_row_is_what_the_embedding_layer_gives_and_markers_are_no_targets(llama: LanguageModel) -> None:
    table = token_table(llama.network, llama.tokenizer)
    ids = torch.arange(len(table.rows))
    assert (table.rows == llama.network.get_input_embeddings()(ids).detach().numpy()).all()
    markers = llama.tokenizer.convert_tokens_to_ids(tiny.SPECIAL)
    assert not set(markers) & set(table.targets.tolist())
    assert len(table.targets) == len(table.rows) - len(markers)


def test_an_embedding_layer_of_16_bits_gives_its_own_numbers(llama_folder: object) -> None:
    settings = Settings(device="cpu", dtype="bfloat16")
    model = load_generator(f"tiny={llama_folder}", settings)
    assert isinstance(model, LanguageModel)
    rows = embedding_rows(model.network)
    assert rows.dtype == np.float32
    weight = model.network.get_input_embeddings().weight.detach()
    assert torch.equal(torch.from_numpy(rows).to(torch.bfloat16), weight)


def test_a_model_that_reads_no_tokens_is_refused() -> None:
    with pytest.raises(InvalidParameters, match="'closed-form-tanh' is not attacked on token embeddings"):
        list(neighbours_table(load_generator("closed-form-tanh", Settings()), "hi", 3))


def test_a_prompt_without_tokens_is_refused(llama: LanguageModel) -> None:
    with pytest.raises(InvalidPrompt, match="has no tokens"):
        list(neighbours_table(llama, "", 3))


def test_the_command_says_in_one_line_what_it_cannot_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert neighbours.main(["closed-form-nothing", "hi"]) == 1
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert err.startswith("neighbours: unknown closed-form model 'closed-form-nothing'")


def test_a_number_below_one_is_refused_before_any_model_is_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    assert neighbours.main(["no-such-model", "hi", "--number", "0"]) == 1
    assert capsys.readouterr().err == "neighbours: the number of neighbouring sequences must be at least 1, got 0\n"


@pytest.mark.parametrize(
    ("prompt", "first", "hundred"),
    [
        ("The capital of France is", 0.654, 1.175),
        ("What is the chemical symbol of gold? Answer:", 0.528, 1.199),
        ("Write a short note to a patient about taking ibuprofen with food.", 0.651, 1.184),
        (
            "The supplier shall hold the customer harmless against third-party claims arising from negligence. Is the "
            "supplier liable? Answer yes or no:",
            0.636,
            1.090,
        ),
    ],
)
def test_the_default_model_has_the_neighbours_that_the_docs_tell_of(
    smollm2: Generator, prompt: str, first: float, hundred: float
) -> None:
    lines = list(neighbours_table(smollm2, prompt, 100))
    ranked = read(lines)
    assert ranked[0][1] == pytest.approx(first, abs=0.001)
    assert float(lines[-1].split()[-1]) == pytest.approx(hundred, abs=0.001)
    assert sum(writable for *_, writable, _ in ranked) > 50


def test_the_default_models_prompt_snaps_to_itself_and_germany_is_near(smollm2: Generator) -> None:
    assert isinstance(smollm2, LanguageModel)
    table = token_table(smollm2.network, smollm2.tokenizer)
    tokens = smollm2.tokenizer("The capital of France is", add_special_tokens=False)["input_ids"]
    assert list(table.snap(table.rows[tokens])) == tokens
    found = nearest_sequences(Neighbourhoods(table), tokens, 4)
    assert smollm2.tokenizer.decode(found.ids(3)) == "The capital of Germany is"
    assert found.costs[3] == pytest.approx(0.878, abs=0.001)
    attacked = table.rows[tokens].astype(np.float64)
    position, token = found.changes[3][0]
    attacked[position] += (0.5 + 1e-9) * (table.rows[token].astype(np.float64) - attacked[position])
    assert list(table.snap(attacked)) == found.ids(3)
