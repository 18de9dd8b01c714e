"""The first pass over token embeddings as a device computes it, here on the CPU: it loses no row, so lists and snaps
are the same as numpy's, to the last digit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from smoothgen.tokens import MakesFirstPass, Neighbourhoods, TokenTable, nearest_sequences
from tests.support.brute_neighbours import random_table
from workers.generators import device_pass
from workers.generators.device_pass import DevicePass
from workers.generators.language.adapter import LanguageModel
from workers.generators.snapping import embedding_rows

CPU = torch.device("cpu")


def first_pass_over(rows: NDArray[Any]) -> MakesFirstPass:
    """As over a network's layer that holds these rows."""
    layer = torch.nn.Embedding.from_pretrained(torch.from_numpy(rows))
    return lambda targets, norms: DevicePass(layer, CPU, targets, norms, rows.shape[1])


def cancelling() -> NDArray[np.float32]:
    """Rows a millionth apart and a thousand from the origin: ‖a‖² + ‖b‖² − 2⟨a, b⟩ is all rounding."""
    random = 1e-3 * np.random.default_rng(1).normal(size=(300, 50))
    return (1000 + random).astype(np.float32)


@pytest.mark.parametrize("kind", range(5))
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("together", [1, 2**28])
def test_lists_and_snaps_are_those_of_numpy(
    kind: int, dtype: type, together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_pass, "_PRODUCT_BYTES", together)
    monkeypatch.setattr(device_pass, "_ROW_BYTES", 3 * 8 * 50)
    rng = np.random.default_rng(kind)
    rows = cancelling() if kind == 4 else random_table(rng, kind)
    rows = rows.astype(dtype) if np.isfinite(rows.astype(dtype)).all() else rows
    excluded = np.flatnonzero(rng.random(len(rows)) < 0.2).tolist()
    ours = TokenTable(rows, excluded, first_pass_over(rows))
    plain = TokenTable(rows, excluded)
    tokens = [int(t) for t in rng.integers(0, len(rows), size=4)]
    for number in (1, 5, 400):
        found, expected = (nearest_sequences(Neighbourhoods(t), tokens, number) for t in (ours, plain))
        assert found.changes == expected.changes
        assert np.array_equal(found.costs, expected.costs)
        assert found.next_cost == expected.next_cost
    y = rows[rng.integers(0, len(rows), 40)].astype(float) + 0.3 * rng.normal(size=(40, rows.shape[1]))
    assert np.array_equal(ours.snap(y, tokens), plain.snap(y, tokens))


def test_a_pass_without_its_margin_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = cancelling()
    tokens = list(range(40))
    expected = Neighbourhoods(TokenTable(rows)).nearest(tokens, 20)
    monkeypatch.setattr(device_pass, "expansion_error", lambda width: 0.0)
    lossy = Neighbourhoods(TokenTable(rows, (), first_pass_over(rows))).nearest(tokens, 20)
    assert any(not np.array_equal(lossy[t].ids, expected[t].ids) for t in tokens)


def test_a_model_on_the_cpu_leaves_it_to_numpy(llama: LanguageModel) -> None:
    assert device_pass.device_pass(llama.network) is None


def test_the_layer_gives_the_rows_of_the_table(llama: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the layer is on a device that the pass is made for, here the CPU in its place."""
    monkeypatch.setattr(device_pass, "_DEVICE", "cpu")
    made = device_pass.device_pass(llama.network)
    assert made is not None
    rows = embedding_rows(llama.network)
    tokens = [1, 2, 3, 2]
    ours = nearest_sequences(Neighbourhoods(TokenTable(rows, (), made)), tokens, 100)
    plain = nearest_sequences(Neighbourhoods(TokenTable(rows)), tokens, 100)
    assert ours.changes == plain.changes
    assert np.array_equal(ours.costs, plain.costs)
