"""Output metrics: the axioms, the bounds D and D_c, centres, and texts nobody expects."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from smoothgen.contracts import Absolute, Edit, Label, SentenceChord
from smoothgen.contracts.metrics import FirstLineRule, JsonFieldRule, NumberRule, RegexRule
from smoothgen.errors import GenerationFailed
from tests.support.workers.jobs import Measures, run, spec
from workers.distances import OutputMetric, output_metric
from workers.distances.edit import normalised_edit_distance, tokens
from workers.features import FeatureMap
from workers.generators.language.adapter import LanguageModel

WIDTH = 3


class Drawn:
    """Features read off the text itself: a FeatureMap whose every value a test can choose."""

    name = "coordinates"

    def features(self, texts: Sequence[str]) -> np.ndarray:
        rows = np.array([[float(x) for x in text.split()] for text in texts])
        with np.errstate(invalid="ignore", divide="ignore"):
            return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def metric(request: Absolute | Edit | Label | SentenceChord) -> OutputMetric:
    return output_metric(request, Measures(Drawn()))


short_texts = st.text(st.sampled_from("ab .,é7"), max_size=12)
any_texts = st.text(max_size=40)
numbers = st.floats(0, 1).map(repr)
directions = (
    arrays(np.float64, WIDTH, elements=st.floats(-1, 1, width=32))
    .filter(lambda v: np.linalg.norm(v) > 1e-3)
    .map(lambda v: " ".join(map(repr, v.tolist())))
)
METRICS = {
    "edit": (metric(Edit(name="edit")), st.one_of(short_texts, any_texts)),
    "edit, capped": (metric(Edit(name="edit", cap=0.3)), short_texts),
    "chord": (metric(SentenceChord(name="sentence-chord")), directions),
    "chord, capped": (metric(SentenceChord(name="sentence-chord", cap=0.7)), directions),
    "absolute": (metric(Absolute(name="absolute")), numbers),
    "absolute, capped": (metric(Absolute(name="absolute", cap=0.25)), numbers),
    "number": (metric(Label(name="label", extract=NumberRule(kind="number"))), short_texts),
    "first line": (metric(Label(name="label", extract=FirstLineRule(kind="first_line"))), any_texts),
}
SLACK = 1e-6  # the chord's centre is rounded to single precision


def distance(of: OutputMetric, a: str, b: str) -> float:
    return float(of.distances([b], of.choose_centre([a]))[0])


@pytest.mark.parametrize("name", METRICS)
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_axioms_and_bounds(name: str, data: st.DataObject):
    of, texts = METRICS[name]
    a, b, c = (data.draw(texts) for _ in range(3))
    ab, ba, bc, ac = distance(of, a, b), distance(of, b, a), distance(of, b, c), distance(of, a, c)
    assert distance(of, a, a) <= SLACK
    assert abs(ab - ba) <= SLACK
    assert ac <= ab + bc + SLACK
    assert 0 <= ab <= of.diameter + SLACK


@pytest.mark.parametrize("name", METRICS)
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_no_distance_exceeds_the_centres_bound(name: str, data: st.DataObject):
    of, texts = METRICS[name]
    centre = of.choose_centre(data.draw(st.lists(texts, min_size=1, max_size=6)))
    others = data.draw(st.lists(texts, min_size=1, max_size=10))
    measured = of.distances(others, centre)
    assert measured.shape == (len(others),)
    assert (measured >= 0).all()
    assert (measured <= centre.bound).all()
    assert of.diameter <= 2 * centre.bound * (1 + 1e-9)


@pytest.mark.parametrize("name", METRICS)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_the_representative_is_the_nearest_selection_output(name: str, data: st.DataObject):
    of, texts = METRICS[name]
    selection = data.draw(st.lists(texts, min_size=1, max_size=6))
    centre = of.choose_centre(selection)
    measured = of.distances(selection, centre)
    assert measured[centre.representative] <= measured.min() + SLACK


# -- edit ---------------------------------------------------------------------------------------------------------


def test_the_usual_normalisation_is_no_metric_and_ours_is():
    # L / max(|a|, |b|) on ab, aba, ba: the way round is shorter than the way.
    ab, aba, ba = list("ab"), list("aba"), list("ba")
    usual = {("ab", "aba"): 1 / 3, ("aba", "ba"): 1 / 3, ("ab", "ba"): 2 / 2}
    assert usual["ab", "ba"] > usual["ab", "aba"] + usual["aba", "ba"]
    direct = normalised_edit_distance(ab, ba)
    assert direct == pytest.approx(2 * 2 / (2 + 2 + 2))
    assert direct <= normalised_edit_distance(ab, aba) + normalised_edit_distance(aba, ba)


@given(*[st.lists(st.sampled_from("abc"), max_size=7)] * 3)
@settings(max_examples=2000, deadline=None)
def test_the_edit_distance_obeys_the_triangle_inequality(a: list[str], b: list[str], c: list[str]):
    through = normalised_edit_distance(a, b) + normalised_edit_distance(b, c)
    assert normalised_edit_distance(a, c) <= through + 1e-15


def test_edit_counts_words_and_punctuation():
    assert tokens("It's 3.5 °C, né?") == ["It", "'", "s", "3", ".", "5", "°", "C", ",", "né", "?"]
    assert tokens("  a\n\tb ") == tokens("a b")


def test_the_medoid_is_the_selection_output_nearest_to_all_others():
    texts = ["x y z", "a b c", "a b d", "a b c e"]
    centre = metric(Edit(name="edit")).choose_centre(texts)
    assert centre.document == {"kind": "medoid text", "value": "a b c"}
    assert centre.representative == 1


# -- chord --------------------------------------------------------------------------------------------------------


def test_the_chords_centre_is_the_mean_feature_as_the_certificate_holds_it():
    of = metric(SentenceChord(name="sentence-chord"))
    centre = of.choose_centre(["1 0 0", "0 1 0", "0 0 1"])
    stored = np.frombuffer(base64.b64decode(centre.document["value"]), dtype="<f4")
    assert np.array_equal(stored.astype(np.float64), centre.value)
    assert np.allclose(stored, 1 / 3)
    assert centre.bound == pytest.approx(1 + 3**-0.5)


def test_the_chords_bound_covers_a_centre_rounded_out_of_the_ball():
    # One selection output whose float32 feature is longer than 1: the antipode lies beyond 2.
    of = metric(SentenceChord(name="sentence-chord"))
    rng = np.random.default_rng(0)
    rows = [" ".join(map(repr, v.tolist())) for v in rng.normal(size=(200, WIDTH))]
    centres = [of.choose_centre([row]) for row in rows]
    assert any(np.linalg.norm(c.value) > 1 for c in centres)
    for row, centre in zip(rows, centres, strict=True):
        antipode = -Drawn().features([row])[0]
        assert np.linalg.norm(antipode - centre.value) <= centre.bound


def test_features_that_are_not_finite_are_failed_samples():
    of = metric(SentenceChord(name="sentence-chord", cap=0.5))
    centre = of.choose_centre(["nan 0 0", "1 0 0", "0 0 0"])  # a zero vector has no direction
    assert centre.representative == 1
    assert np.allclose(centre.value, [1, 0, 0])
    measured = of.distances(["nan 0 0", "1 0 0", "0 0 0", "-1 0 0"], centre)
    assert np.isnan(measured[[0, 2]]).all()
    assert measured[[1, 3]].tolist() == [0, 0.5]
    with pytest.raises(GenerationFailed, match="no selection output has finite features"):
        of.choose_centre(["nan 0 0", "0 0 0"])


def test_the_real_encoder_tells_meanings_apart(sentence_encoder: FeatureMap):
    of = output_metric(SentenceChord(name="sentence-chord"), Measures(sentence_encoder))
    centre = of.choose_centre(["The capital of France is Paris."])
    same, near, far, empty, emoji = of.distances(
        ["The capital of France is Paris.", "Paris is the French capital.", "I like to eat cake.", "", "🦊🦊"], centre
    )
    assert same < 1e-3
    assert same < near < 0.6 < 1 < far <= centre.bound
    assert 0 < empty <= centre.bound
    assert 0 < emoji <= centre.bound
    features = sentence_encoder.features(["", "word " * 5000, "a\0b", "\u202e", "🦊" * 2000])
    assert np.allclose(np.linalg.norm(features, axis=1), 1, atol=1e-12)


def test_a_texts_feature_hardly_depends_on_its_neighbours(sentence_encoder: FeatureMap):
    # Padding changes the shape of the arithmetic and so its last bits, never more.
    texts = ["Paris.", "The capital of France is Paris. " * 20, "No."]
    together = sentence_encoder.features(texts)
    alone = np.concatenate([sentence_encoder.features([text]) for text in texts])
    assert np.abs(together - alone).max() < 1e-5


# -- absolute -----------------------------------------------------------------------------------------------------


def test_the_absolute_metrics_centre_is_the_lower_median_and_ignores_what_is_no_number():
    of = metric(Absolute(name="absolute"))
    centre = of.choose_centre(["0.9", "nan", "0.2", "words", "0.4", "0.6", "7"])
    assert centre.document == {"kind": "median", "value": 0.4}
    assert (centre.bound, centre.representative) == (0.6, 4)
    assert np.isnan(of.distances(["nan", "inf", "", "-0.1", "1.1", "words"], centre)).all()


# -- labels -------------------------------------------------------------------------------------------------------

RULES = [
    (RegexRule(kind="regex", pattern="[A-Z][a-z]+"), "it is Paris, not Rome", "Paris"),
    (RegexRule(kind="regex", pattern=r"answer: (\w+)"), "the answer: yes", "yes"),
    (RegexRule(kind="regex", pattern=r"(a)|(b)"), "b", None),  # the first group took no part
    (RegexRule(kind="regex", pattern="[A-Z]"), "nothing", None),
    (RegexRule(kind="regex", pattern="🦊+"), "a 🦊🦊!", "🦊🦊"),
    (NumberRule(kind="number"), "about 1,234,567.5 people", "1234567.5"),
    (NumberRule(kind="number"), "it fell by -12 degrees", "-12"),
    (NumberRule(kind="number"), "+7 or 8", "7"),
    (NumberRule(kind="number"), "12,34", "12"),
    (NumberRule(kind="number"), "none", None),
    (FirstLineRule(kind="first_line"), "\n  \n  Paris \nRome", "Paris"),
    (FirstLineRule(kind="first_line"), " \n\t", None),
    (JsonFieldRule(kind="json_field", field="a.b"), 'so: {"a": {"b": " x "}, "c": 1} end', "x"),
    (JsonFieldRule(kind="json_field", field="a"), '{"a": {"d": 1, "c": [2]}}', '{"c": [2], "d": 1}'),
    (JsonFieldRule(kind="json_field", field="a"), '{"a": true}', "true"),
    (JsonFieldRule(kind="json_field", field="a.b"), '{"a": 3}', None),
    (JsonFieldRule(kind="json_field", field="a"), '{"b": 3}', None),
    (JsonFieldRule(kind="json_field", field="a"), '{"a": ', None),
    (JsonFieldRule(kind="json_field", field="a"), '{"a":' * 3000, None),
    (JsonFieldRule(kind="json_field", field="a"), "no object", None),
]


@pytest.mark.parametrize(("rule", "text", "label"), RULES)
def test_a_rule_reads_the_answer(rule: RegexRule | NumberRule | FirstLineRule | JsonFieldRule, text: str, label):
    of = metric(Label(name="label", extract=rule))
    centre = of.choose_centre([text])
    assert centre.document == {"kind": "label", "label": label}
    assert of.distances([text], centre).tolist() == [0]


@pytest.mark.parametrize(("rule", "text"), [(rule, text) for rule, text, label in RULES if label is not None])
def test_another_answer_lies_at_distance_one(rule: RegexRule | NumberRule | FirstLineRule | JsonFieldRule, text: str):
    assert distance(metric(Label(name="label", extract=rule)), text, "Something 999 else entirely") == 1


def test_the_centre_is_the_most_frequent_answer_the_earliest_where_several_tie():
    of = metric(Label(name="label", extract=RegexRule(kind="regex", pattern="[A-Z][a-z]+")))
    assert of.choose_centre(["x", "Rome", "Paris", "in Paris"]).representative == 2
    centre = of.choose_centre(["x", "Rome", "Paris", "Paris!", "Rome?"])
    assert (centre.value, centre.representative) == ("Rome", 1)
    assert of.distances(["Rome", "in Rome", "Paris", "none"], centre).tolist() == [0, 0, 1, 1]


def test_no_answer_is_an_answer_that_can_be_certified_and_is_named(llama: LanguageModel):
    rule = {"name": "label", "extract": {"kind": "regex", "pattern": "never in a tiny model's words"}}
    job = spec("A triangle has", sigma=0.05, metric=rule, samples=60, parameters={"max_new_tokens": 3})
    certificate = run(job, llama).certificate
    assert certificate is not None
    assert certificate["metric"]["centre"]["label"] is None
    assert "the absence of an answer" in certificate["statement"]
    assert certificate["radius"] > 0


# -- odd texts ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["edit", "number", "first line"])
def test_odd_texts_have_distances(name: str):
    of, _ = METRICS[name]
    odd = ["", " \n", "🦊👩‍👩‍👧", "word " * 20_000, "a\0b", "\u202eabc", "ﬁ", "e\u0301"]
    for centre in (of.choose_centre([text]) for text in odd):
        measured = of.distances(odd, centre)
        assert ((measured >= 0) & (measured <= centre.bound)).all()


def test_a_label_can_always_be_written_down():
    # A JSON text may spell half of a surrogate pair, which no UTF-8 document can hold.
    of = metric(Label(name="label", extract=JsonFieldRule(kind="json_field", field="a")))
    centre = of.choose_centre([r'{"a": "\ud83d"}'])
    assert centre.document["label"].encode() == rb"\ud83d"
