"""Sets of edits: what each kind lists, an order that never changes, no text twice, and draws that favour none."""

import itertools
import json
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from smoothgen.certificates.edits import drawn_indices
from smoothgen.edits import KINDS, EditSet, edit_set, edit_set_of
from smoothgen.edits.edit_set import MAKERS
from smoothgen.edits.keyboard import NEIGHBOURS
from smoothgen.errors import InvalidParameters, InvalidPrompt, UnknownName
from smoothgen.noise import Seed
from smoothgen.synonyms import Partition

PROMPTS = ("The capital of France is", "a huge red t-shirt near the couch", "Water freezes at a temperature of 0 °C.")
GOLDEN = [
    (162, 162, "sha256:1e8b0ff61c30c72466cad91ec3dfb3614a8155c9b095b7fab85b3d93dbf5e9af"),
    (13086, 162, "sha256:44e159b8810b23fa256cbd9848dac0bb36d1e8b4ddf7f5e679eaa14517958746"),
    (222, 222, "sha256:c731eb63fc28dcbb003d8021981ae8448576e10543872b70204972890e763eea"),
    (24663, 222, "sha256:c861443e0476148e8ae5f1979d0a7e36cda0db0f7b28176c36ab31553fa947b5"),
    (223, 223, "sha256:e713b3681a7543e3ec4663c4ebc49d92e70e76fafe067376889b5ca15100fac0"),
    (24691, 223, "sha256:312a9cc085e3a63a7cc40de8c2d4acc0bd4330bc30b77db7c7866a22ba970267"),
]


def listed(text: str, kind: str) -> list[str]:
    return list(EditSet(text, kinds=(kind,)).texts)


def test_every_kind_has_a_maker():
    assert tuple(MAKERS) == KINDS


def test_keys_that_touch_touch_each_other():
    assert sorted(NEIGHBOURS) == sorted("abcdefghijklmnopqrstuvwxyz")
    for letter, others in NEIGHBOURS.items():
        assert len(set(others)) == len(others)
        assert letter not in others
        assert all(letter in NEIGHBOURS[other] for other in others)


def test_typos_of_a_short_text():
    assert listed("Pq.", "typo") == ["Oq.", "Lq.", "Qp.", "q.", "PPq.", "Pw.", "Pa.", "P.", "Pqq."]
    assert listed("é1", "spacing") == [" é1", "é1 "]
    with pytest.raises(InvalidParameters, match="empty"):
        assert listed("é1", "typo")


def test_capitals():
    assert listed("(the iPod", "capitals") == [
        "(The iPod",
        "(THE iPod",
        "(the IPod",
        "(the IPOD",
        "(the ipod",
        "(THE IPOD",
    ]


def test_spacing():
    assert listed("No, pi is 3.14  now!?", "spacing") == [
        " No, pi is 3.14  now!?",
        "No, pi is 3.14  now!? ",
        "No,  pi is 3.14  now!?",
        "No, pi  is 3.14  now!?",
        "No, pi is  3.14  now!?",
        "No, pi is 3.14   now!?",
        "No , pi is 3.14  now!?",
        "No, pi is 3.14  now !?",
    ]


def test_punctuation():
    assert listed("Who? ", "punctuation") == ["Who ", "Who. ", "Who! "]
    assert listed("Who", "punctuation") == ["Who.", "Who?", "Who!"]
    assert listed("Who:", "punctuation") == ["Who", "Who.", "Who?", "Who!"]
    with pytest.raises(InvalidParameters):
        assert listed("  ", "punctuation")


def test_synonyms_stay_in_the_class_and_take_their_article_along():
    text = "a huge sofa"
    swaps = listed(text, "synonym")
    assert swaps == ["a vast sofa", "an immense sofa", "a huge couch"]
    partition = Partition.load()
    assert all(partition.same_class(text, swap) for swap in swaps)


def test_kinds_come_in_one_order_and_variants_behind_them():
    edits = EditSet("Hi", kinds=("punctuation", "spacing"), variants=("Hello", " Hi", "Hi", "Hello"))
    assert list(edits.texts) == [" Hi", "Hi ", "Hi.", "Hi?", "Hi!", "Hello"]
    assert [edits.made_by(k)[0] for k in range(edits.size)] == [*["spacing"] * 2, *["punctuation"] * 3, "variant"]
    assert edits.kinds == ("spacing", "punctuation")
    assert EditSet("Hi", kinds=(), variants=("Hello",)).texts == ("Hello",)


texts = st.text(alphabet="aQt ,.!é1\n", min_size=1, max_size=7)


@settings(max_examples=150, deadline=None)
@given(text=texts, kinds=st.sets(st.sampled_from(KINDS), min_size=1), variants=st.lists(texts, max_size=3))
def test_two_at_once_is_one_after_another_without_repetition(text, kinds, variants):
    """Against a direct search over (edit, edit), by sets and not by order."""

    def once(of):
        return {made for kind in kinds for made in MAKERS[kind](of)}

    asked = {"kinds": tuple(kinds), "variants": tuple(variants)}
    expected = (once(text) | set(variants)) - {text}
    if not expected:
        return
    one, two = EditSet(text, **asked), EditSet(text, **asked, at_once=2)
    assert set(one.texts) == expected
    assert set(two.texts) == (expected | {b for a in once(text) - {text} for b in once(a)}) - {text}
    for edits in (one, two):
        assert len(set(edits.texts)) == edits.size
        assert [edits.text_at(k) for k in range(edits.size)] == list(edits.texts)
    assert two.texts[: two.singles] == one.texts
    assert (one.singles, two.singles) == (one.size, one.size)
    for k in range(two.size):
        made = two.made_by(k)
        assert len(made) == (1 if k < two.singles else 2)
        if made != ("variant",):
            firsts = {text} if len(made) == 1 else set(MAKERS[made[0]](text))
            assert any(two.text_at(k) in MAKERS[made[-1]](a) for a in firsts)


def golden() -> list[tuple[int, int, str]]:
    sets = [EditSet(prompt, at_once=n, variants=("An aside",)) for prompt in PROMPTS for n in (1, 2)]
    return [(edits.size, edits.singles, edits.digest) for edits in sets]


def test_the_sets_of_three_prompts_are_those_of_version_1():
    """Where this fails the rules changed: give them a new version, and leave edits/v1 as it is."""
    assert golden() == GOLDEN


def test_another_process_lists_the_same():
    code = f"import json; from smoothgen.edits import EditSet; print(EditSet({PROMPTS[1]!r}, at_once=2).digest)"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"}
    )
    assert run.stdout.strip() == EditSet(PROMPTS[1], at_once=2).digest


def test_the_digest_tells_sets_apart():
    base = {"text": "Hi there", "kinds": ("typo", "spacing"), "at_once": 1, "variants": ("Hello",)}
    changes = [
        {},
        {"text": "Hi  there"},
        {"kinds": ("typo",)},
        {"kinds": ("typo", "spacing", "synonym")},
        {"at_once": 2},
        {"variants": ()},
        {"variants": ("Hello", "You")},
    ]
    digests = [EditSet(**{**base, **change}).digest for change in changes]
    assert len(set(digests)) == len(digests)


def test_a_set_is_found_again_by_its_identity():
    edits = EditSet("Hi there", kinds=("synonym", "typo"), at_once=2, variants=("Hello",))
    assert edit_set_of(edits.identity, "Hi there", ["Hello"]) == edits
    assert edits.identity.partition == Partition.load().digest
    assert EditSet("Hi", kinds=("typo",)).identity.partition is None


def test_what_is_no_set_is_refused(monkeypatch):
    with pytest.raises(UnknownName, match="known: capitals"):
        EditSet("Hi", kinds=("typos",))
    for at_once in (0, 3, True, "2"):
        with pytest.raises(InvalidParameters, match="at_once"):
            EditSet("Hi", at_once=at_once)
    for text, variants in ((b"Hi", ()), ("\ud800", ()), ("Hi", ("\udfff",)), ("Hi", (None,))):
        with pytest.raises(InvalidPrompt):
            EditSet(text, variants=variants)
    for index in (-1, 10**9):
        with pytest.raises(InvalidParameters, match="number in"):
            EditSet("Hi").text_at(index)
        with pytest.raises(InvalidParameters, match="number in"):
            EditSet("Hi").made_by(index)
    monkeypatch.setattr(edit_set, "MOST_TEXTS", 30)
    assert EditSet("Hi").size <= 30
    with pytest.raises(InvalidParameters, match="at_once=1"):
        assert EditSet("Hi", at_once=2).texts
    monkeypatch.setattr(edit_set, "MOST_TEXTS", 10**6)
    monkeypatch.setattr(edit_set, "MOST_CHARACTERS", 30)
    with pytest.raises(InvalidParameters, match="characters"):
        assert EditSet("Hi").texts


def test_a_long_text_is_refused_before_it_fills_the_memory():
    with pytest.raises(InvalidParameters, match="100000000 characters"):
        assert EditSet("word " * 20_000).size


@pytest.mark.parametrize("size", [1, 2, 3, 161, 1000])
def test_every_text_is_drawn_as_often_as_any_other(size):
    """Chi-square over 100 draws a text, at one fixed seed a size: p below 0.001 once in a thousand sizes."""
    drawn = drawn_indices(Seed.from_client(size), size, 100 * size)
    counts = np.bincount(drawn, minlength=size)
    assert len(counts) == size
    assert size == 1 or chisquare(counts).pvalue > 0.001


def test_a_draw_belongs_to_seed_and_place_and_repeats_texts():
    seed, edits = Seed.from_client(11), EditSet(PROMPTS[0])
    sample = edits.sample(seed, 500)
    assert sample[:50] == edits.sample(seed, 50)
    assert sample != edits.sample(Seed.from_client(12), 500)
    assert max(Counter(sample).values()) > 1
    assert all(type(index) is int for index in sample)
    following = list(itertools.pairwise(sample))
    assert abs(np.corrcoef(np.array(following).T)[0, 1]) < 0.15


def test_points_beyond_the_last_whole_multiple_are_drawn_again(monkeypatch):
    """Of the largest set about one point in a million would be favoured: here the first draw is made such a point."""
    from smoothgen.certificates.edits import draws

    plain = draws._points
    monkeypatch.setattr(draws, "_points", lambda s, n, step: plain(s, n, step) if step else np.full(n, 2**52 - 1))
    seed, size = Seed.from_client(3), 1000
    assert draws.drawn_indices(seed, size, 5).tolist() == (plain(seed, 5, 1) % size).tolist()
    assert draws.drawn_indices(seed, 1024, 5).tolist() == [1023] * 5  # a power of two divides the grid


@pytest.mark.parametrize(("size", "count"), [(0, 1), (2**32 + 1, 1), (5, 0)])
def test_no_draw_from_nothing(size, count):
    with pytest.raises(InvalidParameters):
        drawn_indices(Seed.from_client(1), size, count)


def test_the_identity_is_json():
    assert json.loads(json.dumps(EditSet("Hi").identity.to_dict()))["kinds"] == [*KINDS]
