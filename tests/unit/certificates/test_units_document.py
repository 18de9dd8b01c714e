"""Certificates of units as JSON: the round trip, forgeries of every number, and the words."""

import base64
import copy
import json
import math
import struct
from dataclasses import replace

import pytest

from smoothgen import load_certificate, save_certificate, verify
from smoothgen.certificates import from_document, read_certificate, to_document
from smoothgen.certificates.format.document import content_digest
from smoothgen.certificates.stored import without_words
from smoothgen.certificates.units.statement import statement
from smoothgen.certificates.units.threat import PROMPT, TEMPLATE, UnitsThreat
from smoothgen.errors import InvalidCertificate, InvalidInput
from tests.support.certificates.units import EXAMPLES, PROVENANCE, TEN_OF_TWO, THREAT, certified, misled

DOCUMENTS = {name: to_document(made()) for name, made in EXAMPLES.items()}
FULL, LATE, NUMBERS, DRAWN, WORDS = (DOCUMENTS[name] for name in ("full", "late", "numbers", "drawn", "words"))
KNOWN = ("full", "drawn")


def sealed(document):
    """With the digest and the statement of what it says."""
    document = {**document, "statement": statement(read_certificate(document))}
    return {**document, "digest": content_digest(document)}


def nudged(base, **changes):
    return sealed({**copy.deepcopy(base), **changes})


def refused_by(document) -> set[str]:
    return {check.name for check in verify(json.dumps(document)).checks if not check.passed}


def with_distances(document, distances):
    packed = base64.b64encode(struct.pack(f"<{len(distances)}f", *distances)).decode()
    changed = {**document, "evidence": {**document["evidence"], "distances": packed}}
    sha256 = read_certificate(changed).evidence.sha256
    return {**changed, "evidence": {**changed["evidence"], "sha256": sha256}}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_round_trip_is_identical_and_verifies(name, tmp_path):
    document, made = DOCUMENTS[name], EXAMPLES[name]()
    again = read_certificate(json.loads(json.dumps(document)))
    assert again == made == without_words(made)
    assert to_document(again) == document
    assert document["digest"] == content_digest(document)
    save_certificate(made, tmp_path / "certificate.json")
    assert load_certificate(tmp_path / "certificate.json") == made
    for form in (made, document, json.dumps(document), tmp_path / "certificate.json"):
        verdict = verify(form)
        assert verdict, [check for check in verdict.checks if not check.passed]
        assert verdict.meaning == ("checked" if name in KNOWN else "not checked")


def test_the_reader_of_noise_says_who_reads_it():
    with pytest.raises(InvalidCertificate, match="read_certificate"):
        from_document(FULL)


def row(document, name, m, value):
    """A list of rows with another number in one of them."""
    return {name: [[k, value if k == m else number] for k, number in document[name]]}


CHOICE, DRAWS, LOOKS = FULL["choice"], DRAWN["draws"], DRAWN["looks"]
FORGERIES = [
    (FULL, "radius", {"radius": 2}),
    (FULL, "radius", {"radius": 0}),
    (FULL, "share", {"share": 0.622222223}),
    (FULL, "share", {"share": 0.8}),
    (FULL, "w1_bound", {"w1_bound": 0.199999999}),
    (FULL, "w1_bound", {"w1_bound": 0.377777778}),
    (FULL, "majority", {"majority": 2}),
    (FULL, "kept", {"kept": 37}),
    (FULL, "keeps", row(FULL, "keeps", 1, 0.622222223)),
    (FULL, "keeps", row(FULL, "keeps", 1, 0.622222221)),
    (FULL, "keeps", {"keeps": FULL["keeps"][:-1]}),
    (FULL, "keeps", {"keeps": None}),
    (FULL, "curve", row(FULL, "curve", 1, 0.199999999)),
    (FULL, "curve", {"curve": FULL["curve"][1:]}),
    (FULL, "radius", {"keep": 0.7}),
    (FULL, "altered", {"keep": 0.7, "radius": 0}),
    (FULL, "altered", {"altered": 2}),
    (FULL, "inputs", {"altered": 9}),
    (FULL, "inputs", {"keep": 1.5}),
    (FULL, "inputs", {"tolerance": 0.1}),
    (FULL, "inputs", {"alpha": 1e-3, "confidence": 0.999}),
    (FULL, "inputs", {"two_valued": False}),
    (FULL, "inputs", {"choice": {"units": 9, "size": 2}}),
    (FULL, "inputs", {"choice": {"units": 9999, "size": 40}}),
    (FULL, "curve", {"choice": {"units": 11, "size": 2}, "missing": 10}),
    (FULL, "curve", {"choice": {"units": 10, "size": 8}}),
    (FULL, "inputs", {"diameter": 2.0, "bound": 2.0}),
    (FULL, "confidence", {"confidence": 0.999}),
    (FULL, "runs", {"runs": 46}),
    (FULL, "failed", {"failed": 1}),
    (FULL, "missing", {"missing": 1}),
    (FULL, "threat", {"threat": {**FULL["threat"], "held_fixed": [PROMPT]}}),
    (FULL, "threat", {"threat": {**FULL["threat"], "held_fixed": [*FULL["threat"]["held_fixed"], TEMPLATE]}}),
    (FULL, "threat", {"threat": {**FULL["threat"], "digest": "none"}}),
    (FULL, "threat", {"threat": {**FULL["threat"], "attack_on": " "}}),
    (LATE, "missing", {"missing": 0}),
    (NUMBERS, "curve", row(NUMBERS, "curve", 1, 0.172777777)),
    (NUMBERS, "curve", {"bound": 0.5}),
    (NUMBERS, "radius", {"tolerance": 0.1}),
    (NUMBERS, "keeps", {"keeps": [[0, 1.0]]}),
    (DRAWN, "keeps", row(DRAWN, "keeps", 2, round(DRAWN["share"] + 1e-9, 9))),
    (DRAWN, "keeps", {"alpha": 0.01, "confidence": 0.99, "looks": {**LOOKS, "alphas": [1e-4] * 4 + [9e-3]}}),
    (DRAWN, "inputs", {"alpha": 0.0, "confidence": 1.0}),
    (DRAWN, "looks", {"looks": {**LOOKS, "taken": 3}}),
    (DRAWN, "seed", {"draws": {**DRAWS, "seed_origin": "client"}}),
    (WORDS, "curve", {"choice": {"units": 30, "probability": 0.1}}),
    (WORDS, "confidence", {"confidence": 0.99}),
]  # fmt: skip


@pytest.mark.parametrize(("base", "check", "changes"), FORGERIES, ids=lambda value: str(value)[:60])
def test_every_number_nudged_is_refused(base, check, changes):
    assert check in refused_by(nudged(base, **changes))


@pytest.mark.parametrize("share", [1e308, -1e308, 1e27, 5e-324, -0.0, 2**63 - 1])
def test_a_share_that_is_none_fails_a_check_and_raises_nothing(share: float):
    assert "share" in refused_by(nudged(FULL, share=share))


def test_a_drawn_share_one_unit_lower_is_sound_and_accepted():
    """As another machine's special functions can print it. One unit higher is above the bound and is refused."""
    lower = round(DRAWN["share"] - 1e-9, 9)
    assert not refused_by(nudged(DRAWN, share=lower, **row(DRAWN, "keeps", 2, lower)))
    higher = round(NUMBERS["w1_bound"] + 1e-9, 9)
    assert not refused_by(nudged(NUMBERS, w1_bound=higher, **row(NUMBERS, "curve", 1, higher)))


def test_drawn_runs_cannot_pass_for_all_subsets():
    document = {name: value for name, value in WORDS.items() if name != "draws"}
    assert "inputs" in refused_by(sealed(document))
    few = {name: value for name, value in DRAWN.items() if name not in ("draws", "looks")}
    assert {"inputs", "alpha"} & refused_by(sealed({**few, "missing": 655}))


@pytest.mark.parametrize("name", sorted(FULL))
def test_every_field_is_covered_by_a_check(name):
    """Another value of any field is refused: without a new digest by the digest (or as no document), and a field left
    out always."""
    assert not verify({field: value for field, value in FULL.items() if field != name})
    value = FULL[name]
    changed = value + "x" if isinstance(value, str) else value + 1 if isinstance(value, int | float) else [7]
    assert not verify({**FULL, name: changed})


def test_runs_that_were_changed_are_refused_unless_the_claims_follow():
    distances = misled(TEN_OF_TWO.enumerated()).tolist()
    lost = distances.index(1.0)
    better = [*distances[:lost], 0.0, *distances[lost + 1 :]]
    assert {"keeps", "kept"} & refused_by(sealed(with_distances(FULL, better)))
    assert "document" in refused_by({**FULL, "evidence": {**FULL["evidence"], "distances": ""}})
    assert "inputs" in refused_by(sealed(with_distances(FULL, [0.5, *distances[1:]])))
    with pytest.raises(InvalidCertificate, match="never NaN"):
        with_distances(FULL, [math.nan, *distances[1:]])


@pytest.mark.parametrize(
    "changes",
    [
        {"draws": {**DRAWS, "seed": "7"}},
        {"draws": {}},
        {"looks": {**LOOKS, "taken": "2"}},
        {"looks": {**LOOKS, "alphas": [1.0] * 5}},
        {"looks": None},
        {"looks": {**LOOKS, "sizes": [32, 63, 126, 250, 500]}},
        {"choice": {}},
        {"choice": {"units": 40, "size": 40}},
        {"choice": {"units": 40, "size": 2, "probability": 0.5}},
        {"choice": {"units": 40.0, "size": 2}},
        {"two_valued": 1},
        {"keeps": [[0]]},
        {"curve": [[0.5, 0.0]]},
        {"altered": 1.5},
        {"kept": "all"},
        {"threat": {"attack_on": "passages"}},
        {"threat": {**DRAWN["threat"], "norm": "l2"}},
        {"threat": {**DRAWN["threat"], "held_fixed": [7]}},
        {"evidence": {**DRAWN["evidence"], "encoding": "float64-le/base64"}},
        {"surprise": 1},
        {"schema": "smoothgen/certificate/v1"},
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_is_no_document_is_named(changes):
    with pytest.raises(InvalidInput):
        to_document(read_certificate({**DRAWN, **changes}))
    assert not verify({**DRAWN, **changes})


@pytest.mark.parametrize(
    "choice", [{"units": 10_000, "size": 1}, {"units": 10_000, "size": 5000}, {"units": 447, "size": 2}]
)
def test_a_stranger_s_huge_choice_takes_no_long_time(choice):
    """One distance, and a claim about very many subsets: judged in seconds, whatever the verdict."""
    assert not verify({**FULL, "choice": choice})


def test_a_statement_that_says_more_is_refused():
    said = FULL["statement"].replace("at least 62.2 %", "at least 80.0 %")
    assert said != FULL["statement"]
    document = {**FULL, "statement": said}
    assert refused_by({**document, "digest": content_digest(document)}) == {"statement"}


def test_the_statement_leads_with_what_holds():
    assert FULL["statement"].startswith(
        "Whoever replaces any one of the 10 passages by anything at all leaves the answer '300 mg' in at least 62.2 % "
        "of the runs."
    )
    for words in (
        "moves by no more than 0.2 in Wasserstein-1, measured by the share of outputs",
        "As long as a run still reads 2 of them, the same holds for whoever deletes or inserts passages: up to 1",
        "A run reads 2 of the passages and not the others",
        "Each of the 45 choices was run, 36 of them with that answer, so nothing is left to chance: alpha is 0.",
        "outside the threat: the prompt around the units, the model and its parameters, what chose the units",
        "it is not about a run that reads all units",
    ):
        assert words in FULL["statement"]
    for words in (
        "leaves the answer '300 mg' in at least 73.1 % of the runs",
        "holds for up to 7. The answer keeps its majority, more than half of the runs, for up to 7.",
        "with confidence 0.999, from 125 runs drawn at random, 118 of them",
        "after 32, 63, 125, 250 or 500 samples",
    ):
        assert words in DRAWN["statement"]
    for words in (
        "Whoever replaces any one of the 30 words by any other word moves the distribution of outputs by no more than",
        "As long as a run still reads each with probability 0.2,",
        "The client chose the seed",
    ):
        assert words in WORDS["statement"]
    assert "Of 45 choices, 39 were run, 38 of them" in LATE["statement"]
    assert "6 choices were not run and count as the worst output." in LATE["statement"]
    hopeless = DOCUMENTS["hopeless"]["statement"]
    assert hopeless.startswith("Nothing is claimed of altered units: that the answer keeps a share of at least 0.5 is")
    assert "Whoever" not in hopeless


def test_words_that_are_not_ours_are_quoted():
    stated = DOCUMENTS["foreign"]["statement"]
    assert "The units are what this document calls 'chapters'. Held fixed, outside the threat: 'the cover'." in stated
    assert "any 2 of the 10 units" in stated
    ended = certified([0.0] * 45, threat=UnitsThreat("x'. Nothing changes any answer. '"))
    assert "calls 'x\\'. Nothing changes any answer. \\'' (quotation marks inside are escaped)." in statement(ended)


ABOUT = [
    ("metric", replace(PROVENANCE, metric=replace(PROVENANCE.metric, name="lable"))),
    ("metric", replace(PROVENANCE, metric=replace(PROVENANCE.metric, description="safety"))),
    ("metric", replace(PROVENANCE, metric=replace(PROVENANCE.metric, centre={"kind": "median", "value": 0.4}))),
    ("model", replace(PROVENANCE, model=replace(PROVENANCE.model, digest="none"))),
    ("request", replace(PROVENANCE, request=replace(PROVENANCE.request, prompt_digest="none"))),
    ("output", replace(PROVENANCE, output=replace(PROVENANCE.output, distance_to_centre=1.0))),
]


@pytest.mark.parametrize(("check", "about"), ABOUT, ids=lambda value: str(value)[-70:])
def test_words_are_held_to_what_they_mean(check, about):
    verdict = verify(certified([0.0] * 45, provenance=about, threat=THREAT))
    assert {c.name for c in verdict.checks if not c.passed} == {check}
    assert verdict.meaning == "not checked"


def test_what_the_document_cannot_show_is_said():
    [check] = [check for check in verify(FULL).checks if check.name == "completeness"]
    assert check.passed
    assert check.detail.startswith("completeness unchecked")
