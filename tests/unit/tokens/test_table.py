"""Embedding tables: equal rows, targets, digests, and snapping under attack."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from smoothgen.errors import InvalidTokens, UnusableTable
from smoothgen.tokens import Neighbourhoods, TokenTable, candidates, cost_of, distances, single_pass
from smoothgen.tokens.distances import direct_squared
from tests.support.brute_neighbours import classes, exact_squared, norm_above, random_table

ATTACKS = 10_000


def snapped_directly(table: TokenTable, embeddings: NDArray[np.float64]) -> list[int]:
    """The nearest target of each, every distance computed one by one."""
    return [
        int(table.targets[np.argmin([direct_squared(table.rows, np.array([j]), y)[0] for j in table.targets])])
        for y in embeddings
    ]


@pytest.mark.parametrize("seed", range(40))
def test_equal_rows_have_one_id_and_a_target_wins(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = random_table(rng, 1 + seed % 2)
    first = classes(rows)
    excluded = set(np.flatnonzero(rng.random(len(rows)) < 0.4).tolist())
    table = TokenTable(rows, excluded)
    for i in range(len(rows)):
        alike = [j for j in range(len(rows)) if first[j] == first[i]]
        assert table.canonical([i])[0] == min([j for j in alike if j not in excluded] or alike)
    assert set(table.targets) == {int(table.canonical([i])[0]) for i in range(len(rows)) if i not in excluded}


def test_minus_zero_is_zero() -> None:
    assert list(TokenTable(np.array([[0.0], [-0.0]], dtype=np.float32)).canonical([0, 1])) == [0, 0]


@pytest.mark.parametrize("seed", range(8))
def test_no_attack_costs_less_than_the_sequence_it_reaches(seed: int) -> None:
    """10,000 attacks a table, half of them aimed at bisectors: at the midpoint and an ulp or two beside it."""
    rng = np.random.default_rng(seed)
    width = (1, 3, 16, 64)[seed % 4]
    rows = (rng.normal(size=(12, width)) * 10.0 ** rng.uniform(-2, 2, size=(12, 1))).astype(np.float32)
    rows[11], rows[10] = rows[4], 0
    table, doubles = TokenTable(rows), rows.astype(float)
    kept, positions = Neighbourhoods(table), 2
    meant = rng.integers(0, 12, size=(ATTACKS, positions))
    aimed = rng.integers(0, 12, size=(ATTACKS, positions))
    y = doubles[meant] + rng.normal(size=(ATTACKS, positions, width)) * 10.0 ** rng.uniform(-2, 2, (ATTACKS, 1, 1))
    half = ATTACKS // 2
    past = 0.5 + rng.choice([0, 0, 2e-16, 4e-16, 1e-15, 1e-14, -1e-16], size=(half, positions, 1))
    y[:half] = doubles[meant[:half]] + past * (doubles[aimed[:half]] - doubles[meant[:half]])
    one = rng.random(half) < 0.5  # of these half are attacked on one position only
    y[:half][one, 0] = doubles[meant[:half][one, 0]]

    found = table.snap(y.reshape(-1, width)).reshape(ATTACKS, positions)
    own = table.canonical(meant.ravel()).reshape(ATTACKS, positions)
    moved = np.flatnonzero((found != own).any(axis=1))
    assert (moved < half).sum() > half / 10
    assert (moved >= half).sum() > half / 10
    for k in moved:
        cost = cost_of(kept, meant[k].tolist(), found[k].tolist())
        assert cost > 0
        assert cost <= norm_above(y[k] - doubles[meant[k]])


@pytest.mark.parametrize("seed", range(4))
def test_a_snap_within_an_ulp_of_the_bisector_costs_no_more_than_the_attack_exactly(seed: int) -> None:
    """In rational arithmetic, where the snap's own rounding decides: with nothing taken off some cost too much."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(2, 40)).astype(np.float32)
    table, doubles = TokenTable(rows), rows.astype(float)
    cost = cost_of(Neighbourhoods(table), [1], [0])
    half = exact_squared(doubles[0], doubles[1]) / 4
    y = doubles[1] + (0.5 + rng.integers(-8, 3, size=(4000, 1)) * 2.0**-56) * (doubles[0] - doubles[1])
    y = np.where(rng.random(y.shape) < 0.2, np.nextafter(y, doubles[1]), y)
    reached = y[table.snap(y) == 0]
    norms = [exact_squared(point, doubles[1]) for point in reached]
    assert min(norms) < half  # the snap errs, to the attacker's good
    assert all(cost**2 <= norm for norm in norms)


def test_a_midpoint_goes_to_the_lower_id() -> None:
    table = TokenTable(np.array([[3.0], [1.0], [-1.0]], dtype=np.float32))
    assert list(table.snap(np.array([[2.0], [0.0], [2.0000001], [1e-9]]))) == [0, 1, 0, 1]


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1.0, 1e3, 1e20])
def test_the_pass_in_single_precision_finds_what_doubles_find(
    dtype: type, scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows nearly as close to one another as single precision can tell, and points between them; where it cannot hold
    their products, doubles are used."""
    rng = np.random.default_rng(5)
    start = rng.normal(size=(1, 40))
    rows = ((start + 1e-3 * rng.normal(size=(300, 40))) * (scale if dtype == np.float32 else 1.0)).astype(dtype)
    table = TokenTable(rows, excluded=range(0, 300, 7))
    y = rows[rng.integers(0, 300, 400)].astype(float) / 2 + rows[rng.integers(0, 300, 400)].astype(float) / 2
    y += 1e-4 * np.abs(rows).max().astype(float) * rng.normal(size=y.shape)
    found = table.snap(y)
    monkeypatch.setattr(single_pass.SinglePass, "takes", lambda *_: False)
    assert np.array_equal(found, table.snap(y))


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("number", [1, 7, 256, 300])
def test_lists_from_single_precision_are_those_from_doubles(
    dtype: type, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows nearly as close to one another as single precision can tell; a quarter of them twice, and far ones."""
    rng = np.random.default_rng(6)
    rows = rng.normal(size=(1, 40)) + 1e-3 * rng.normal(size=(300, 40))
    rows[200:275], rows[275:] = rows[:75], 10 * rng.normal(size=(25, 40))
    table = TokenTable(rows.astype(dtype), excluded=range(0, 300, 7))
    tokens = [*range(0, 40, 3), 280]
    found = Neighbourhoods(table).nearest(tokens, number, tokens)
    monkeypatch.setattr(single_pass.SinglePass, "takes", lambda *_: False)
    expected = Neighbourhoods(table).nearest(tokens, number, tokens)
    assert found.keys() == expected.keys()
    for token, nearest in expected.items():
        assert np.array_equal(found[token].ids, nearest.ids)
        assert np.array_equal(found[token].reach, nearest.reach)
        assert found[token].complete == nearest.complete
        assert token not in nearest.ids


def test_a_pass_in_single_precision_with_the_margin_of_doubles_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = (1 + 1e-3 * np.random.default_rng(7).normal(size=(300, 40))).astype(np.float32)
    expected = Neighbourhoods(TokenTable(rows)).nearest(range(40), 20)
    monkeypatch.setattr(single_pass, "_UNIT", 2.0**-53)
    lossy = Neighbourhoods(TokenTable(rows)).nearest(range(40), 20)
    assert any(not np.array_equal(lossy[t].ids, expected[t].ids) for t in range(40))


def test_a_marker_beyond_single_precision_leaves_the_pass_to_doubles() -> None:
    rows = np.random.default_rng(8).normal(size=(50, 8)).astype(np.float32)
    rows[7] = 3e38
    table = TokenTable(rows, excluded=[7])
    assert list(table.snap(rows[:5].astype(float))) == [0, 1, 2, 3, 4]
    without = TokenTable(np.delete(rows, 7, axis=0))
    found, expected = (Neighbourhoods(t).nearest([1], 3)[1] for t in (table, without))
    assert list(found.ids) == [int(i) + (i >= 7) for i in expected.ids]


@pytest.mark.parametrize("kind", range(4))
def test_blocks_change_nothing(kind: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(kind)
    rows = np.concatenate([np.resize(random_table(rng, kind), (4, 5)) for _ in range(12)])
    table = TokenTable(rows, excluded=[1])
    y = np.concatenate([rows.astype(float), rows + rng.normal(size=rows.shape), rows / 2 + rows[::-1] / 2])
    expected = snapped_directly(table, y)
    assert list(table.snap(y)) == expected
    monkeypatch.setattr(candidates, "_PRODUCT_BYTES", 3 * 8 * len(table.targets))
    monkeypatch.setattr(single_pass, "_PRODUCT_BYTES", 3 * 4 * len(table.targets))
    monkeypatch.setattr(single_pass, "BLOCK_BYTES", 16)
    monkeypatch.setattr(distances, "BLOCK_BYTES", 16)
    small = TokenTable(rows, excluded=[1])
    assert list(small.snap(y)) == expected
    assert (small.digest, list(small.canonical(range(len(rows))))) == (
        table.digest,
        list(table.canonical(range(len(rows)))),
    )


def test_products_that_cancel_lose_no_row() -> None:
    """Rows a millionth apart and a thousand from the origin: ‖a‖² + ‖b‖² − 2⟨a, b⟩ is all rounding, and only the margin
    keeps the nearest."""
    rng = np.random.default_rng(1)
    rows = (1000 + 1e-3 * rng.normal(size=(300, 50))).astype(np.float32)
    table = TokenTable(rows)
    y = rows[:40].astype(float) + 1e-4 * rng.normal(size=(40, 50))
    assert list(table.snap(y)) == snapped_directly(table, y)
    kept = Neighbourhoods(table).nearest(range(10), 20)
    for token, found in kept.items():
        squared = direct_squared(rows, np.arange(300), rows[token].astype(float))
        squared[token] = np.inf
        assert list(found.ids) == list(np.argsort(squared, kind="stable")[:20])


@pytest.mark.parametrize("number", [1, 2, 98, 99, 100, 500])
def test_as_many_rows_are_found_as_were_asked_for(number: int) -> None:
    """And `complete` exactly where no other target is left."""
    rows = np.arange(100, dtype=np.float32)[:, None] ** 2
    found = Neighbourhoods(TokenTable(rows)).nearest([0, 50], number)
    assert set(found) == {0, 50}
    for token, nearest in found.items():
        expected = sorted((i for i in range(100) if i != token), key=lambda i: (abs(i * i - token * token), i))
        assert list(nearest.ids) == expected[:number]
        assert nearest.complete == (number >= 99)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_an_honest_prompt_snaps_to_itself(dtype: type) -> None:
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(50, 8)).astype(np.float16)
    rows[20] = rows[3]
    table = TokenTable(rows, excluded=range(40, 50))
    tokens = [7, 20, 45, 3]
    assert list(table.snap(rows[tokens].astype(dtype), honest=tokens)) == [7, 3, 45, 3]
    assert 45 not in table.snap(rows[tokens].astype(dtype))


def test_a_table_in_a_file_is_the_table_in_memory(tmp_path: Path) -> None:
    rows = np.random.default_rng(5).normal(size=(100, 7)).astype(np.float32)
    np.save(tmp_path / "rows.npy", rows)
    mapped = TokenTable(np.load(tmp_path / "rows.npy", mmap_mode="r"))
    assert isinstance(mapped.rows, np.memmap)
    assert mapped.digest == TokenTable(rows).digest
    assert list(mapped.snap(rows)) == list(range(100))


def test_the_digest_names_type_shape_and_every_bit() -> None:
    rows = np.arange(12, dtype=np.float32).reshape(3, 4)
    moved = rows.copy()
    moved[2, 3] = np.nextafter(moved[2, 3], np.float32(0))
    others = (rows.reshape(4, 3), rows.astype(np.float16), rows.T, moved, rows[:2])
    assert len({TokenTable(np.ascontiguousarray(each)).digest for each in (rows, *others)}) == 6
    assert TokenTable(np.asfortranarray(rows)).digest == TokenTable(rows).digest


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (np.zeros((3, 2)), "float64"),
        (np.zeros(3, dtype=np.float32), r"shape \(3,\)"),
        (np.zeros((0, 2), dtype=np.float32), r"shape \(0, 2\)"),
        (np.zeros((2, 2), dtype=">f4"), ">f4"),
        (np.array([[1.0], [np.nan]], dtype=np.float32), "row 1 .* not finite"),
        (np.array([[np.inf], [1.0]], dtype=np.float16), "row 0 .* not finite"),
    ],
)
def test_what_is_no_table_is_refused(rows: NDArray[np.float32], said: str) -> None:
    with pytest.raises(UnusableTable, match=said):
        TokenTable(rows)


@pytest.mark.parametrize(
    ("embeddings", "said"),
    [
        (np.zeros((2, 3)), r"shape \(2, 3\)"),
        (np.zeros(2), r"shape \(2,\)"),
        (np.zeros((1, 2), dtype=np.int64), "int64"),
        (np.zeros((1, 2), dtype=np.longdouble), "float128|longdouble"),
        (np.array([[0, 0], [0, np.nan]]), "position 1 holds nan"),
        (np.array([[0, np.inf]], dtype=np.float32), "position 0 holds inf"),
        (np.array([[0, 1e200]]), r"position 0 holds 1e\+200"),
    ],
)
def test_what_cannot_be_snapped_is_refused(embeddings: NDArray[np.float64], said: str) -> None:
    with pytest.raises(InvalidTokens, match=said):
        TokenTable(np.eye(2, dtype=np.float32)).snap(embeddings)


def test_embeddings_far_away_snap_as_well() -> None:
    table = TokenTable(np.array([[1.0, 0.0], [-1.0, 0.0]], dtype=np.float32))
    assert list(table.snap(np.array([[-1e8, 0], [1e8, 0], [1e140, 0], [-1e140, 0], [0, 1e-300]]))) == [1, 0, 0, 0, 0]


@pytest.mark.parametrize("ids", [[-1], [5], [0.5], [[0]], ["a"]])
def test_ids_that_are_none_are_refused(ids: list[object]) -> None:
    table = TokenTable(np.eye(5, dtype=np.float32))
    with pytest.raises(InvalidTokens):
        table.canonical(ids)  # type: ignore[arg-type]
    with pytest.raises(InvalidTokens):
        TokenTable(np.eye(5, dtype=np.float32), excluded=ids)  # type: ignore[arg-type]


def test_a_table_without_targets_snaps_nothing_but_the_prompts_own() -> None:
    table = TokenTable(np.eye(2, dtype=np.float32), excluded=[0, 1])
    with pytest.raises(InvalidTokens, match="no row"):
        table.snap(np.zeros((1, 2)))
    assert list(table.snap(np.zeros((1, 2)), honest=[1])) == [1]
