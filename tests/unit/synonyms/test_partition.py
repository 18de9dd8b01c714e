"""Every swap inside classes leaves every drawn text as it is: exhaustively on small partitions, by property on the
shipped one."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from smoothgen.errors import InvalidPartition, UnknownName
from smoothgen.noise import Seed, Stream
from smoothgen.synonyms import Partition

SMALL = Partition(
    "small", "1", "sha256:0", [["car", "+automobile"], ["red", "+amber", "blue-green"], ["cars", "+autos"]]
)
SHIPPED = Partition.load()
SEED = Seed(12345, "server")
TEXT_STREAMS = (Stream.TEXT_SELECTION, Stream.TEXT_CERTIFICATION, Stream.TEXT_SERVED)
ONE_IN_A_MILLION = 1e-6


def drawn(partition: Partition, prompt: str, count: int = 6) -> list[str]:
    return [partition.variant(prompt, SEED, stream, i) for stream in TEXT_STREAMS for i in range(count)]


# "{0}" a word of the class of "red", "{1}" of "car", "{a}" its article as somebody may write it.
TEMPLATES = [
    "{a} {0} {1}",
    "{A} {0} {1}.",
    "the {0} {1}'s {1}, {a} {1}! {A} {1}?",
    '{a} "{0}" {1}\n{a}   {0}',
    "(red/car) and x_red of {a} {0}, 3car 7-red {1}",
    "“{0}” – {1}… {a} ‘{0}’ {1}’s",
    "red-ish scar rered red.car {0}. {1}; {1}--{0}, {a} ({1})",
]


@pytest.mark.parametrize("template", TEMPLATES)
def test_all_swaps_inside_classes_draw_the_same_texts(template: str):
    reds, cars = SMALL.members("red"), SMALL.members("car")
    prompts = {
        template.format(red, car, a=small, A=large)
        for red, car, small, large in itertools.product(reds, cars, ("a", "an"), ("A", "An"))
    }
    assert len(prompts) >= len(reds)
    assert len({SMALL.canonical(prompt) for prompt in prompts}) == 1
    assert len({tuple(drawn(SMALL, prompt)) for prompt in prompts}) == 1
    assert len(set(drawn(SMALL, prompts.pop(), 30))) > 1
    assert all(SMALL.same_class(one, other) for one, other in itertools.pairwise(sorted(prompts)))


def cased(word: str, how: int) -> str:
    return (word, word[0].upper() + word[1:], word.upper())[how]


members = st.sampled_from(SHIPPED.classes)
anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
separators = st.one_of(
    st.sampled_from([" ", "  ", ", ", ". ", "\n", " 'n' ", "-", "'", "’s ", "/", "_", "3", ".", "é"]), anything
)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_swaps_inside_classes_are_invisible(data: st.DataObject):
    """A random text, then any number of its replaceable words replaced by others of their class, articles and all."""
    pieces = []
    for _ in range(data.draw(st.integers(1, 6))):
        word = data.draw(
            st.one_of(st.sampled_from(data.draw(members)), anything, st.sampled_from(["a", "An", "AN", "the"]))
        )
        pieces += [cased(word, data.draw(st.integers(0, 2))) if word else "", data.draw(separators)]
    text = "".join(pieces)
    form = SHIPPED.canonical(text)
    swapped, position = "", 0
    for piece in form.pieces:
        if isinstance(piece, str):
            swapped += piece
            continue
        other = data.draw(st.sampled_from(piece.members))
        swapped += piece.filled(other, an=data.draw(st.booleans()))  # an article of the writer's choice
        position += 1
    assert position == len(form.slots)
    assert SHIPPED.canonical(swapped) == form
    assert drawn(SHIPPED, swapped, 2) == drawn(SHIPPED, text, 2)
    for variant in drawn(SHIPPED, text, 2):
        assert SHIPPED.canonical(variant) == form
    assert SHIPPED.canonical(SHIPPED.plain(text)) == form
    assert SHIPPED.plain(swapped) == SHIPPED.plain(text)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_any_text_can_be_drawn_from(text: str):
    assert SHIPPED.canonical(SHIPPED.variant(text, SEED, Stream.TEXT_SERVED, 0)) == SHIPPED.canonical(text)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_a_text_without_a_word_of_a_class_stays_as_it_is(text: str):
    assume(not SHIPPED.canonical(text).slots)
    assert SHIPPED.variant(text, SEED, Stream.TEXT_SERVED, 0) == text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a red car", "a green car"),
        ("a red car", "a red cars"),  # number is kept
        ("a red car", "a red  car"),
        ("a red car", "a Red car"),  # inside a sentence a capital makes a name
        ("a red car", "the red car"),
        ("a blue car", "an blue car"),  # its article agrees with a word that is alone
        ("a red car", "a red car."),
        ("red car", "RED CAR"),
        ("http://car", "http://automobile"),
        ("a Car", "a Automobile"),
    ],
)
def test_other_changes_are_told_apart(one: str, other: str):
    assert not SMALL.same_class(one, other)
    assert SMALL.canonical(one) != SMALL.canonical(other)


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        ("a car", {"a car", "an automobile"}),
        ("An automobile.", {"A car.", "An automobile."}),
        ("Car", {"Car", "Automobile"}),
        ("A CAR", {"A CAR", "AN AUTOMOBILE"}),
        ("the car's roof", {"the car's roof", "the automobile's roof"}),
        ("cars", {"cars", "autos"}),
        ("my Car", {"my Car"}),
        ("so. Car", {"so. Car", "so. Automobile"}),
        ("cAr", {"cAr"}),
        ("see car.com", {"see car.com"}),
        ("a big car", {"a big car", "a big automobile"}),
        ("carpet", {"carpet"}),
        ("", {""}),
    ],
)
def test_what_is_drawn_is_written_as_english_writes_it(text: str, texts: set[str]):
    assert set(drawn(SMALL, text, 20)) == texts


def test_draws_are_uniform_and_independent():
    texts = Counter(SMALL.variant("red car", SEED, Stream.TEXT_CERTIFICATION, i) for i in range(6000))
    assert len(texts) == 6
    assert chisquare(list(texts.values())).pvalue > ONE_IN_A_MILLION


def test_equal_words_of_one_text_are_drawn_apart_and_streams_share_no_numbers():
    twice = [SMALL.variant("car car", SEED, Stream.TEXT_SERVED, i).split() for i in range(60)]
    assert any(one != other for one, other in twice)
    by_stream = {tuple(SMALL.variant("red red red", SEED, s, i) for i in range(30)) for s in TEXT_STREAMS}
    assert len(by_stream) == 3
    assert drawn(SMALL, "red") != [
        SMALL.variant("red", Seed(1, "server"), s, i) for s in TEXT_STREAMS for i in range(6)
    ]


@pytest.mark.parametrize(
    "classes",
    [[["car", "auto"], ["auto", "lorry"]], [["car", "car"]], [["car", "motor car"]], [["Car", "auto"]],
     [["at", "onto"]], [["car", "-car"]], [["car", "c4r"]], [["car", "café"]]],
)  # fmt: skip
def test_what_is_no_partition_is_refused(classes: list[list[str]]):
    with pytest.raises(InvalidPartition, match="partition 'bad' lists"):
        Partition("bad", "1", "sha256:0", classes)


def test_a_file_that_is_no_partition_is_refused():
    for content in (b"", b"# another/v1\n", b"# smoothgen/synonyms/v1\n# name: x\nn.sg n1 car auto\n"):
        with pytest.raises(InvalidPartition):
            Partition.read(content)


def test_an_unknown_partition_lists_the_known_ones():
    with pytest.raises(UnknownName, match="known: wordnet-synonyms"):
        Partition.load("wordnet-9")


def test_the_shipped_partition_is_the_published_one():
    assert (SHIPPED.name, SHIPPED.version) == ("wordnet-synonyms", "1")
    assert all(len(members) > 1 for members in SHIPPED.classes)
    assert len(SHIPPED.classes) > 10_000
    for together in (("sofa", "couch"), ("doctor", "physician"), ("cars", "automobiles"), ("large", "big")):
        assert SHIPPED.members(together[0]) == SHIPPED.members(together[1])
    for alone in ("bank", "run", "the", "not", "bass", "France", "set", "five", "used"):
        assert SHIPPED.members(alone) == (alone.lower(),)
    assert "cars" not in SHIPPED.members("car")
