"""Texts of runs that keep some units, the subsets that are run, and the units that differ between two lists."""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
import pytest

from smoothgen.certificates.units import UnitChoice
from smoothgen.errors import InvalidInput
from smoothgen.noise import Seed, Stream
from smoothgen.units import MOST_UNITS, UnitTexts, difference, planned_runs, selected_subsets

SEED = Seed(7, "client")


@pytest.mark.parametrize(
    ("prompt", "kept", "text"),
    [
        ("Why?", [True, True, True], "a\n\nb c\n\nd\n\nWhy?"),
        ("Why?", [False, True, False], "b c\n\nWhy?"),
        ("Why?", [False, False, False], "Why?"),
        ("Read:\n{context}\nWhy?", [True, False, True], "Read:\na\n\nd\nWhy?"),
        ("Read: {context}", [False, False, False], "Read: "),
    ],
)
def test_what_a_run_on_passages_reads(prompt: str, kept: list[bool], text: str) -> None:
    assert UnitTexts.of_passages(prompt, ["a", "b c", "d"]).text(kept) == text


def test_a_passage_that_says_context_is_no_place() -> None:
    assert UnitTexts.of_passages("Why?", ["{context}", "b"]).text([True, True]) == "{context}\n\nb\n\nWhy?"
    assert UnitTexts.of_passages("{context}?", ["{context}"]).text([True]) == "{context}?"


def test_what_a_run_on_words_reads() -> None:
    words = UnitTexts.of_words("one  two\nthree ", None)
    assert words.units == ("one", "two", "three")
    assert words.text([True, False, True]) == "one three"
    assert words.text([False] * 3) == ""
    context = UnitTexts.of_words("Why {context}?", ["a b", "c"])
    assert (context.units, context.text([True, False, True])) == (("a", "b", "c"), "Why a c?")


def test_the_text_depends_on_the_kept_units_alone() -> None:
    """Two lists of different lengths, of which the same units are kept, read alike: neither number nor place shows."""
    long, short = UnitTexts.of_passages("Why?", ["x", "a", "y", "b"]), UnitTexts.of_passages("Why?", ["a", "b"])
    assert long.text([False, True, False, True]) == short.text([True, True])


def test_more_than_one_place_and_too_many_words_are_refused() -> None:
    with pytest.raises(InvalidInput, match="2 times, and the passages stand in one place"):
        UnitTexts.of_passages("{context}{context}", ["a"])
    with pytest.raises(InvalidInput, match="has 1001 words"):
        UnitTexts.of_words("a " * (MOST_UNITS + 1), None)


def test_where_every_subset_is_run_those_of_the_selection_are_distinct() -> None:
    choice = UnitChoice(6, size=3)
    chosen = selected_subsets(choice, SEED, 12, enumerated=True)
    assert chosen.shape == (12, 6)
    assert len(np.unique(chosen, axis=0)) == 12
    assert selected_subsets(choice, SEED, 50, enumerated=True).shape == (20, 6)
    assert not np.array_equal(chosen, selected_subsets(choice, Seed(8, "client"), 12, enumerated=True))


def test_the_selection_of_drawn_subsets_has_a_stream_of_its_own() -> None:
    choice = UnitChoice(6, probability=0.4)
    chosen = selected_subsets(choice, SEED, 12, enumerated=False)
    assert np.array_equal(chosen, choice.drawn(SEED, Stream.UNITS_SELECTION, range(12)))
    assert not np.array_equal(chosen, choice.drawn(SEED, Stream.UNITS_CERTIFICATION, range(12)))


@pytest.mark.parametrize("choice", [UnitChoice(5, size=2), UnitChoice(3, probability=0.5), UnitChoice(9, size=4)])
def test_a_subset_that_is_drawn_twice_is_run_once_and_in_the_order_of_the_draws(choice: UnitChoice) -> None:
    planned, drawn = planned_runs(choice, SEED, 40), choice.drawn(SEED, Stream.UNITS_CERTIFICATION, range(40))
    assert planned.of_draws is not None
    assert np.array_equal(planned.kept[planned.of_draws], drawn)
    assert len(np.unique(planned.kept, axis=0)) == len(planned.kept)
    for draws in (1, 7, 40):
        needed = len(np.unique(drawn[:draws], axis=0))
        assert planned.needed(draws) == needed
        assert planned.of_draws[:draws].max() == needed - 1
        beginning = planned_runs(choice, SEED, draws)  # what an early look has planned
        assert np.array_equal(beginning.kept, planned.kept[:needed])


def test_all_subsets_are_run_in_the_order_of_the_choice() -> None:
    choice = UnitChoice(5, size=2)
    planned = planned_runs(choice, None, None)
    assert planned.of_draws is None
    assert np.array_equal(planned.kept, choice.enumerated())
    assert planned.needed(7) == 7


def edit_distance(a: str, b: str) -> int:
    """By recursion, as it is defined."""

    @cache
    def between(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        return min(between(i - 1, j) + 1, between(i, j - 1) + 1, between(i - 1, j - 1) + (a[i - 1] != b[j - 1]))

    return between(len(a), len(b))


def test_units_that_differ_are_the_fewest_edits() -> None:
    lists = ["".join(letters) for length in range(5) for letters in product("ab", repeat=length)]
    for a in lists:
        for b in lists:
            found = difference(a, b)
            assert found.altered == edit_distance(a, b)
            assert found.inserted - found.deleted == len(b) - len(a)


@pytest.mark.parametrize(
    ("theirs", "replaced", "deleted", "inserted"),
    [("abcd", 0, 0, 0), ("abxd", 1, 0, 0), ("bcd", 0, 1, 0), ("abcde", 0, 0, 1), ("bcda", 0, 1, 1)],
)
def test_which_edits_are_counted(theirs: str, replaced: int, deleted: int, inserted: int) -> None:
    found = difference("abcd", theirs)
    assert found.altered == edit_distance("abcd", theirs)
    assert (found.replaced, found.deleted, found.inserted) == (replaced, deleted, inserted)
