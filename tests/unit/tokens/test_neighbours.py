"""The nearest sequences against a list of all sequences."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from smoothgen.errors import InvalidTokens, UnusableTable
from smoothgen.tokens import Neighbourhoods, TokenTable, cost_of, nearest_sequences, neighbours
from tests.support.brute_neighbours import classes, every_sequence, exact_squared, is_just_below_root, random_table


@pytest.mark.parametrize("seed", range(200))
def test_the_list_is_that_of_all_sequences_sorted(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = random_table(rng, seed % 4)
    first = classes(rows)
    excluded = [int(i) for i in np.flatnonzero(rng.random(len(rows)) < 0.25 * (seed % 3))]
    table = TokenTable(rows, excluded)
    tokens = [int(i) for i in rng.integers(0, len(rows), size=int(rng.integers(1, 5)))]
    open_classes = {first[i] for i in range(len(rows)) if i not in excluded} | {first[t] for t in tokens}
    allowed = sorted({int(table.canonical([i])[0]) for i in range(len(rows)) if first[i] in open_classes})
    every = every_sequence(table, tokens, allowed)
    assert len(every) == len(allowed) ** len(tokens) - 1

    number = int(rng.integers(1, len(every) + 3)) if every else 3
    for n in {1, number, len(every) or 1, len(every) + 5}:
        found = nearest_sequences(Neighbourhoods(table), tokens, n)
        assert list(found.changes) == [changes for _, changes in every[:n]]
        for cost, (squared, _) in zip(found.costs, every, strict=False):
            assert is_just_below_root(float(cost), squared)
        if n < len(every):
            assert is_just_below_root(found.next_cost, every[n][0])
        else:
            assert found.next_cost == math.inf


def test_the_list_for_a_number_begins_the_list_for_any_larger_number() -> None:
    rng = np.random.default_rng(7)
    table = TokenTable(rng.integers(-1, 2, size=(8, 3)).astype(np.float32))
    tokens = [0, 3, 3]
    whole = nearest_sequences(Neighbourhoods(table), tokens, 10_000)
    kept = Neighbourhoods(table)
    for n in range(1, len(whole.costs)):
        part = nearest_sequences(kept, tokens, n)
        assert part.changes == whole.changes[:n]
        assert list(part.costs) == list(whole.costs[:n])
        assert part.next_cost == whole.costs[n]


def test_rows_are_fetched_as_far_as_the_list_needs_them() -> None:
    """One token, 2,000 rows: the list needs ranks far beyond the rows that are fetched first."""
    rng = np.random.default_rng(8)
    rows = rng.normal(size=(2000, 4)).astype(np.float32)
    table = TokenTable(rows)
    found = nearest_sequences(Neighbourhoods(table), [5], 1500)
    squared = np.square(rows.astype(float) - rows[5].astype(float)).sum(axis=1)
    order = [int(i) for i in np.argsort(squared, kind="stable") if i != 5]
    assert [changes[0][1] for changes in found.changes] == order[:1500]
    assert found.next_cost == pytest.approx(math.sqrt(squared[order[1500]]) / 2, rel=1e-12)


def test_ranks_needed_of_a_cheap_token_beside_dear_ones() -> None:
    """900 rows in a cluster and 3 far away: nearly all changes fall on the position in the cluster."""
    rng = np.random.default_rng(9)
    rows = np.concatenate([rng.normal(size=(900, 3)), 1e4 * np.eye(3)]).astype(np.float32)
    found = nearest_sequences(Neighbourhoods(TokenTable(rows)), [900, 0, 901], 899)
    assert {position for changes in found.changes for position, _ in changes} == {1}
    assert sorted(changes[0][1] for changes in found.changes) == list(range(1, 900))
    assert found.next_cost > 1000


@pytest.mark.parametrize("seed", range(20))
def test_no_cost_exceeds_half_the_distances_and_none_is_far_below(seed: int) -> None:
    """Against rational arithmetic: costs are bounds, less the snap's error of (width + 4)·2⁻⁵³."""
    rng = np.random.default_rng(seed)
    rows = random_table(rng, 3) if seed % 2 else rng.normal(size=(6, 300)).astype(np.float32)
    table = TokenTable(rows)
    tokens = [int(i) for i in rng.integers(0, len(rows), size=3)]
    found = nearest_sequences(Neighbourhoods(table), tokens, 200)
    doubles = rows.astype(float)
    for k, cost in enumerate(found.costs):
        squared = sum((exact_squared(doubles[tokens[p]], doubles[j]) for p, j in found.changes[k]), Fraction(0)) / 4
        error = 1 - Fraction(table.width + 4, 2**53)  # (‖Δ‖² − u)/(2‖Δ‖) = ‖Δ‖/2·(1 − u/‖Δ‖²)
        assert Fraction(float(cost)) ** 2 <= squared * error**2
        assert Fraction(float(cost)) ** 2 >= squared * (1 - Fraction(12 * (table.width + 8), 2**53))


def test_many_equal_costs_stay_in_their_order() -> None:
    """Rows that are all equally far: one change at a time, positions in order, rows by id."""
    found = nearest_sequences(Neighbourhoods(TokenTable(np.eye(5, dtype=np.float32))), [2, 2, 0], 12)
    assert found.changes[:4] == (((0, 0),), ((0, 1),), ((0, 3),), ((0, 4),))
    assert found.changes[4] == ((1, 0),)
    assert len(set(found.costs)) == 1
    assert found.next_cost > found.costs[-1]


def test_a_long_prompt_of_equal_costs_needs_no_more_room_than_its_number() -> None:
    """8,000 positions that may all change for the same price: 4·10⁴ sequences tie, and 50 are asked for."""
    found = nearest_sequences(Neighbourhoods(TokenTable(np.eye(6, dtype=np.float32))), [1] * 8000, 50)
    assert [changes[0][0] for changes in found.changes] == [k // 5 for k in range(50)]
    assert found.next_cost == found.costs[0]


def test_a_sequence_costs_more_than_any_that_makes_only_some_of_its_changes() -> None:
    """A change of 10⁻⁹ beside one of 1 vanishes in a sum of doubles, and not in the order."""
    rows = np.array([[0.0], [1e-9], [1.0], [3.0]], dtype=np.float32)
    found = nearest_sequences(Neighbourhoods(TokenTable(rows)), [0, 3], 8)
    assert all(len(changes) <= math.log2(k + 3) for k, changes in enumerate(found.changes))
    assert found.changes[0] == ((0, 1),)
    assert found.changes.index(((0, 2),)) < found.changes.index(((0, 2), (1, 2)))


def test_one_row_has_no_neighbours() -> None:
    for rows in (np.zeros((1, 3)), np.ones((4, 3)), np.zeros((5, 1))):
        found = nearest_sequences(Neighbourhoods(TokenTable(rows.astype(np.float32))), [0, 0], 10)
        assert (len(found.costs), found.changes, found.next_cost) == (0, (), math.inf)


def test_no_tokens_have_no_neighbours() -> None:
    found = nearest_sequences(Neighbourhoods(TokenTable(np.eye(2, dtype=np.float32))), [], 10)
    assert (found.changes, found.next_cost) == ((), math.inf)


def test_equal_rows_are_listed_once_and_never_instead_of_each_other() -> None:
    rows = np.array([[0, 0], [1, 0], [0, 0], [1, 0], [5, 5]], dtype=np.float32)
    found = nearest_sequences(Neighbourhoods(TokenTable(rows)), [2, 3], 100)
    assert len(found.changes) == 3 * 3 - 1
    assert {token for changes in found.changes for _, token in changes} == {0, 1, 4}
    assert found.ids(0) in ([1, 3], [2, 0])  # where nothing changes the prompt's own ids stay


def test_excluded_rows_are_no_neighbours_unless_the_prompt_holds_them() -> None:
    table = TokenTable(np.array([[0.0], [1.0], [2.0], [4.0]], dtype=np.float32), excluded=[1, 3])
    kept = Neighbourhoods(table)
    assert nearest_sequences(kept, [0], 9).changes == (((0, 2),),)
    assert nearest_sequences(kept, [1], 9).changes == (((0, 0),), ((0, 2),))
    assert nearest_sequences(kept, [0, 1], 1).changes == (((0, 1),),)  # its own marker may stand elsewhere too
    assert nearest_sequences(kept, [0], 9).changes == (((0, 2),),)  # and is forgotten for the next prompt


def test_rows_fetched_later_hold_the_prompts_own_excluded_tokens_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_FIRST_ROWS", 2)
    rows = np.concatenate([np.arange(12), 1e4 * np.arange(1, 42)])[:, None].astype(np.float32)
    tokens = [0, 6, *range(12, 53)]
    every = nearest_sequences(Neighbourhoods(TokenTable(rows)), tokens, 60)
    found = nearest_sequences(Neighbourhoods(TokenTable(rows, excluded=[6, 20])), tokens, 60)
    assert (0, 6) in [change for changes in every.changes for change in changes]
    assert (found.changes, found.next_cost) == (every.changes, every.next_cost)


def test_the_cost_of_one_sequence_is_that_of_the_list() -> None:
    rng = np.random.default_rng(3)
    kept = Neighbourhoods(TokenTable(rng.normal(size=(8, 5)).astype(np.float32)))
    found = nearest_sequences(kept, [1, 2, 3], 300)
    assert [cost_of(kept, [1, 2, 3], found.ids(k)) for k in range(300)] == list(found.costs)
    assert cost_of(kept, [1, 2, 3], [1, 2, 3]) == 0.0
    with pytest.raises(InvalidTokens, match="3 and 2 tokens"):
        cost_of(kept, [1, 2, 3], [1, 2])


def test_rows_closer_than_the_snaps_error_are_refused_by_name() -> None:
    rows = np.array([[0.0, 0.0], [0.001, 0.0], [1.0, 0.0], [1.0, 0.0]], dtype=np.float32)
    rough = Neighbourhoods(TokenTable(rows), absolute_error=1e-5)
    with pytest.raises(UnusableTable, match=r"rows 0 and 1 of the embedding table are 0\.001 apart"):
        nearest_sequences(rough, [0], 1)
    assert nearest_sequences(rough, [2], 1).changes == (((0, 1),),)  # equal rows 2 and 3 are one
    assert nearest_sequences(Neighbourhoods(TokenTable(rows)), [0], 1).changes == (((0, 1),),)


def test_an_absolute_error_is_taken_off_every_changed_position() -> None:
    rows = np.array([[0.0], [2.0], [-4.0]], dtype=np.float32)
    found = nearest_sequences(Neighbourhoods(TokenTable(rows), absolute_error=0.5), [0, 0], 8)
    near, far = (4 - 0.5) / 4, (16 - 0.5) / 8  # (‖Δ‖² − u)/(2‖Δ‖)
    expected = [near, near, math.hypot(near, near), far, far, math.hypot(near, far), math.hypot(near, far)]
    assert found.costs == pytest.approx([*expected, math.hypot(far, far)], rel=1e-13)


@pytest.mark.parametrize("number", [0, -3])
def test_a_number_below_one_is_refused(number: int) -> None:
    with pytest.raises(InvalidTokens, match=f"at least 1, got {number}"):
        nearest_sequences(Neighbourhoods(TokenTable(np.eye(2, dtype=np.float32))), [0], number)


def test_lists_come_out_alike_whatever_was_asked_before_and_however_little_is_kept() -> None:
    rng = np.random.default_rng(4)
    table = TokenTable(rng.normal(size=(600, 4)).astype(np.float32))
    roomy, bare = Neighbourhoods(table), Neighbourhoods(table, cache_bytes=0)
    for tokens, number in itertools.product(([1, 2], [2, 3, 4], [1]), (3, 700, 40)):
        fresh = nearest_sequences(Neighbourhoods(table), tokens, number)
        for kept in (roomy, bare):
            found = nearest_sequences(kept, tokens, number)
            assert (found.changes, found.next_cost) == (fresh.changes, fresh.next_cost)
    assert bare._used <= 16 * 599
