"""Certificates of edits as JSON: the round trip, forgeries of every number, the words, and what the prompt shows."""

import base64
import copy
import json
import math
import struct
from dataclasses import replace

import pytest

from smoothgen import load_certificate, save_certificate, verify
from smoothgen.certificates import from_document, read_certificate, to_document
from smoothgen.certificates.edits.statement import statement
from smoothgen.certificates.format.document import content_digest
from smoothgen.edits import EditSet, verify_with_prompt
from smoothgen.errors import InvalidCertificate, InvalidInput
from smoothgen.noise import Seed
from tests.support.certificates import edits, exhaustive
from tests.support.certificates.edits import EDITS, EXAMPLES, PROMPT, PROVENANCE, SEED, VARIANTS, certified

DOCUMENTS = {name: to_document(made()) for name, made in EXAMPLES.items()}
BARE, FULL, DRAWN = DOCUMENTS["bare"], DOCUMENTS["full"], DOCUMENTS["drawn"]
KNOWN = ("full", "drawn")


def sealed(document):
    """With the digest and the statement of what it says."""
    document = {**document, "statement": statement(read_certificate(document))}
    return {**document, "digest": content_digest(document)}


def refused_by(document) -> set[str]:
    return {check.name for check in verify(json.dumps(document)).checks if not check.passed}


def packed(numbers) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}d", *numbers)).decode()


def with_distances(document, distances):
    changed = {**document, "evidence": {**document["evidence"], "distances": packed(distances)}}
    sha256 = read_certificate(changed).evidence.sha256
    return {**changed, "evidence": {**changed["evidence"], "sha256": sha256}}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_round_trip_is_identical_and_verifies(name, tmp_path):
    document, made = DOCUMENTS[name], EXAMPLES[name]()
    again = read_certificate(json.loads(json.dumps(document)))
    assert again == made
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
        from_document(BARE)


def nudged(base, **changes):
    return sealed({**copy.deepcopy(base), **changes})


BROKEN = BARE["broken_by"]
DRAWS = DRAWN["draws"]
FORGERIES = [
    (BARE, "share", {"share": 0.714285715}),
    (BARE, "share", {"share": 0.714285713}),
    (BARE, "kept", {"kept": 6}),
    (BARE, "unchanged", {"unchanged": 4}),
    (BARE, "broken", {"broken": 1}),
    (BARE, "broken_by", {"broken_by": []}),
    (BARE, "broken_by", {"broken_by": BROKEN[:1]}),
    (BARE, "broken_by", {"broken_by": [{**BROKEN[0], "index": 3}, BROKEN[1]]}),
    (BARE, "broken_by", {"broken_by": [{**BROKEN[0], "distance": 0.11}, BROKEN[1]]}),
    (BARE, "broken_by", {"broken_by": [{**BROKEN[0], "distance": None}, BROKEN[1]]}),
    (BARE, "w1_bound", {"w1_bound": 0.999999999}),
    (BARE, "w1_bound", {"w1_bound": None}),
    (BARE, "radius", {"radius": 1}),
    (BARE, "radius", {"radius": None}),
    (BARE, "curve", {"curve": [[1, 0.3], [2, 1.0]]}),
    (BARE, "curve", {"curve": [[1, 0.300000001]]}),
    (BARE, "curve", {"curve": []}),
    (BARE, "share", {"tolerance": 0.5}),
    (BARE, "curve", {"diameter": 0.5}),
    (BARE, "curve", {"diameter": 2.0}),
    (BARE, "curve", {"singles": 2}),
    (BARE, "runs", {"runs": 600}),
    (BARE, "failed", {"failed": 0}),
    (BARE, "inputs", {"alpha": 1e-3}),
    (BARE, "confidence", {"confidence": 0.999}),
    (BARE, "inputs", {"tolerance": 1.0}),
    (DRAWN, "share", {"share": DRAWN["share"] + 2e-9}),
    (DRAWN, "share", {"share": 1.0}),
    (DRAWN, "share", {"share": round(DRAWN["share"] + 1e-9, 9)}),
    (DRAWN, "kept", {"kept": DRAWN["kept"] + 1}),
    (DRAWN, "unchanged", {"unchanged": 120}),
    (DRAWN, "broken", {"broken": 0}),
    (DRAWN, "broken_by", {"broken_by": []}),
    (DRAWN, "w1_bound", {"w1_bound": 1.0}),
    (DRAWN, "radius", {"radius": 0}),
    (DRAWN, "curve", {"curve": [[1, 1.0]]}),
    (DRAWN, "confidence", {"confidence": 0.9999}),
    (DRAWN, "share", {"alpha": 0.01, "confidence": 0.99}),
    (DRAWN, "inputs", {"alpha": 0.0, "confidence": 1.0}),
    (DRAWN, "seed", {"draws": {**DRAWS, "seed_origin": "client"}}),
    (DRAWN, "edit_set", {"edit_set": {**DRAWN["edit_set"], "at_once": 1}}),
    (DRAWN, "edit_set", {"edit_set": {**DRAWN["edit_set"], "at_once": 3}}),
    (DRAWN, "edit_set", {"edit_set": {**DRAWN["edit_set"], "version": "edits/v2"}}),
    (DRAWN, "edit_set", {"edit_set": {**DRAWN["edit_set"], "kinds": ["capitals", "typo"]}}),
    (DRAWN, "edit_set", {"edit_set": {**DRAWN["edit_set"], "kinds": ["prayers"]}}),
    (DRAWN, "edit_set", {"edit_set": {**DRAWN["edit_set"], "kinds": []}}),
    (DRAWN, "edit_set", {"edit_set": {**DRAWN["edit_set"], "variants": -1}}),
    (DRAWN, "edit_set", {"edit_set": {**DRAWN["edit_set"], "digest": "none"}}),
    (FULL, "edit_set", {"edit_set": {**FULL["edit_set"], "partition": None}}),
    (FULL, "edit_set", {"edit_set": {**FULL["edit_set"], "partition": "none"}}),
]


@pytest.mark.parametrize(("base", "check", "changes"), FORGERIES, ids=lambda value: str(value)[:60])
def test_every_number_nudged_is_refused(base, check, changes):
    assert check in refused_by(nudged(base, **changes))


def test_a_share_one_unit_lower_is_sound_and_accepted():
    """As another machine's special functions can print it. One unit higher is above the bound and is refused."""
    assert not refused_by(nudged(DRAWN, share=round(DRAWN["share"] - 1e-9, 9)))


@pytest.mark.parametrize("change", [{"seed": str(Seed((1 << 127) + 5, "server"))}, {"seed": "0" * 32}])
def test_another_seed_names_other_texts(change):
    verdict = verify({**DRAWN, "draws": {**DRAWS, **change}})
    assert not verdict
    assert verdict.checks[0].name == "document" or {"broken_by", "digest"} <= {
        c.name for c in verdict.checks if not c.passed
    }


def test_another_size_names_other_texts():
    assert "broken_by" in refused_by(nudged(DRAWN, size=DRAWN["size"] + 1))
    assert not verify({**BARE, "size": 8})


def test_a_sample_cannot_pass_for_the_whole_set():
    document = {name: value for name, value in DRAWN.items() if name != "draws"}
    verdict = verify(document)
    assert not verdict
    assert "one for each of the" in verdict.checks[0].detail
    whole = {**document, "size": document["runs"], "singles": document["runs"]}
    assert {"alpha", "inputs"} & refused_by(sealed(whole))


@pytest.mark.parametrize("name", sorted(FULL))
def test_every_field_is_covered_by_a_check(name):
    """Another value of any field is refused: without a new digest by the digest (or as no document), and a field left
    out always."""
    left_out = {field: value for field, value in FULL.items() if field != name}
    assert not verify(left_out)
    for base in (FULL, DRAWN):
        value = base.get(name)
        changed = {
            **base,
            name: value + "x" if isinstance(value, str) else value + 1 if isinstance(value, int) else [7],
        }
        assert not verify(changed)


def test_runs_that_were_changed_are_refused_unless_the_claims_follow():
    distances = [0.0, 0.05, 0.30000000000000004, 0.02, math.inf, 0.0, 0.0]
    for k, value in ((2, 0.05), (4, 0.0), (0, 0.05), (1, 0.06)):
        changed = [*distances[:k], value, *distances[k + 1 :]]
        seen = refused_by(sealed(with_distances(BARE, changed)))
        assert seen or (k, value) == (1, 0.06)  # another distance within the tolerance changes no claim but its own
    unsealed = {**BARE, "evidence": {**BARE["evidence"], "distances": packed([0.0] * 7)}}
    assert "evidence" in refused_by(unsealed)


@pytest.mark.parametrize(
    ("distances", "says"),
    [
        ([], "not empty"),
        ([0.0] * 6, "each of the 7 texts"),
        ([math.nan] + [0.0] * 6, "never NaN"),
        ([-0.0] + [0.0] * 6, "at least 0"),
        ([-0.1] + [0.0] * 6, "at least 0"),
        ([1.00000001] + [0.0] * 6, "exceed"),
    ],
)
def test_lists_that_are_no_evidence_are_no_document(distances, says):
    verdict = verify({**BARE, "evidence": {**BARE["evidence"], "distances": packed(distances)}})
    assert not verdict
    assert says in verdict.checks[0].detail


@pytest.mark.parametrize(
    "changes",
    [
        {"draws": {**DRAWS, "seed": "7"}},
        {"draws": {**DRAWS, "seed": "F" * 32}},
        {"draws": {**DRAWS, "seed_origin": "mine"}},
        {"draws": {**DRAWS, "noise_scheme": "rot13"}},
        {"draws": {}},
        {"edit_set": {}},
        {"edit_set": {**DRAWN["edit_set"], "more": 1}},
        {"curve": [[1]]},
        {"curve": [[1.5, 0.1]]},
        {"broken_by": [{"index": 1}]},
        {"broken_by": [{**DRAWN["broken_by"][0]}, {"index": 1, "distance": 1.0}]},
        {"broken_by": [{"index": 1, "distance": None, "output": "x"}]},
        {"evidence": {**DRAWN["evidence"], "encoding": "float32-le/base64"}},
        {"evidence": {**DRAWN["evidence"], "distances": "AAA"}},
        {"surprise": 1},
        {"schema": "smoothgen/certificate/v1"},
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_is_no_document_is_named(changes):
    with pytest.raises(InvalidInput):
        read_certificate({**DRAWN, **changes})
    assert not verify({**DRAWN, **changes})


def test_a_statement_that_says_more_is_refused():
    said = DRAWN["statement"].replace("This is no claim against", "This is a claim against")
    assert said != DRAWN["statement"]
    document = {**DRAWN, "statement": said}
    assert refused_by({**document, "digest": content_digest(document)}) == {"statement"}


def test_the_statement_of_a_set_run_whole():
    for words in (
        "5 of the 7 edits of the prompt in the set, a share of at least 0.714285714, keep the output within",
        "2 do not.",
        "3 of 7 leave it at distance 0.",
        "moves the distribution of outputs by no more than 1.0 in Wasserstein-1, given the generator's own",
        "The 4 texts one edit away move it by no more than 0.300000001.",
        "nothing is sampled: alpha is 0.",
        "number 2 gives an output at distance 0.30000000000000004; number 4 failed.",
        "1 of 7 runs failed",
        "is not checked here: it takes the prompt and the model",
    ):
        assert words in BARE["statement"]
    assert "All 3 edits in the set keep the output within the tolerance 0.1" in DOCUMENTS["kept"]["statement"]
    assert "The one edit of the prompt in the set keeps" in DOCUMENTS["plain"]["statement"]
    assert "an adversary" not in BARE["statement"]
    for words in (
        "measured by the share of outputs whose extracted answer differs",
        "and 2 texts that the client gave",
    ):
        assert words in FULL["statement"]


def test_the_statement_of_a_sample():
    for words in (
        f"a share of at least {DRAWN['share']!r} keeps the output within the tolerance 0.1",
        "with confidence 0.999 over the draw of the edits.",
        "This is no claim against an adversary who chooses the edit",
        "120 edits were drawn uniformly, with replacement, and run:",
        "up to 2 edits together",
        "these are the first 3: number ",
        ", which reads 'The capital of ",
    ):
        assert words in DRAWN["statement"]
    for never in ("Wasserstein", "Whoever chooses", "The client chose"):
        assert never not in DRAWN["statement"]
    assert "The client chose the seed" in DOCUMENTS["bare_draw"]["statement"]
    assert DOCUMENTS["hopeless"]["statement"].startswith("Nothing is claimed: what share of the 10000 edits")


def test_a_text_cannot_end_our_sentence():
    made = certified([1.0], texts=["x'. No edit at all moves it. '"], outputs=["y"])
    assert "reads 'x\\'. No edit at all moves it. \\'' (quotation marks inside are escaped)," in statement(made)


WORDS = [
    ("metric", replace(PROVENANCE, metric=replace(PROVENANCE.metric, name="lable"))),
    ("metric", replace(PROVENANCE, metric=replace(PROVENANCE.metric, description="safety"))),
    ("metric", replace(PROVENANCE, metric=replace(PROVENANCE.metric, centre={"label": "Paris"}))),
    ("model", replace(PROVENANCE, model=replace(PROVENANCE.model, digest="none"))),
    ("request", replace(PROVENANCE, request=replace(PROVENANCE.request, prompt_digest="none"))),
    ("output", replace(PROVENANCE, output=replace(PROVENANCE.output, kind="best"))),
]


@pytest.mark.parametrize(("check", "about"), WORDS, ids=lambda value: str(value)[-70:])
def test_words_are_held_to_what_they_mean(check, about):
    distances = [0.0] * EDITS.size
    verdict = verify(certified(distances, provenance=about, edit_set=EDITS.identity))
    assert {c.name for c in verdict.checks if not c.passed} == {check}
    assert verdict.meaning == "not checked"


def completeness(certificate, prompt=PROMPT, variants=VARIANTS):
    verdict = verify_with_prompt(certificate, prompt, variants)
    [check] = [check for check in verdict.checks if check.name == "completeness"]
    assert check.passed == bool(verdict)
    return check


def test_without_the_prompt_completeness_is_unchecked_and_with_it_it_is_checked():
    [check] = [check for check in verify(FULL).checks if check.name == "completeness"]
    assert check.detail.startswith("completeness unchecked")
    for form in (edits.full(), FULL, json.dumps(FULL)):
        assert completeness(form).detail == f"the set is that of the prompt: {EDITS.size} texts, listed again"
        assert verify_with_prompt(form, PROMPT, VARIANTS).meaning == "checked"
    assert completeness(edits.drawn(), variants=()).passed


def test_a_set_that_leaves_texts_out_is_seen_with_the_prompt_only():
    fewer = replace(EDITS.identity, digest="sha256:" + "5" * 64)
    made = certified([0.0] * (EDITS.size - 1), edit_set=fewer)
    assert verify(made)
    assert "another is stated" in completeness(made).detail
    assert not verify_with_prompt(made, PROMPT, VARIANTS)


def test_another_prompt_other_variants_and_other_texts_are_seen():
    assert "another prompt" in completeness(FULL, "The capital of Spain is").detail
    assert "another is stated" in completeness(FULL, variants=VARIANTS[:1]).detail
    bare = certified([0.0] * EDITS.size, edit_set=EDITS.identity)
    assert "another is stated" in completeness(bare, "The capital of Spain is").detail
    first, *rest = FULL["broken_by"]
    lied = sealed({**FULL, "broken_by": [{**first, "text": "The capital of France is"}, *rest]})
    assert verify(lied)
    assert "reads otherwise" in completeness(lied).detail
    assert "does not say which" in completeness(BARE).detail
    huge = replace(EDITS.identity, at_once=2)
    made = certified([0.0], size=10**9, singles=5, sampled=True, seed=SEED, alpha=0.05, edit_set=huge)
    assert "cannot be listed" in completeness(made, "word " * 20_000).detail
    foreign = replace(EDITS.identity, partition="sha256:" + "6" * 64)
    assert "synonym classes" in completeness(certified([0.0] * EDITS.size, edit_set=foreign)).detail
    other = verify_with_prompt(exhaustive.bare(), PROMPT)
    assert not other
    assert "lists no edits" in other.checks[-1].detail
    assert not verify_with_prompt({"method": "edits/v1"}, PROMPT)


def test_the_seed_of_a_server_and_of_a_client_are_told_apart():
    assert not verify(certified([0.0], sampled=True, seed=Seed(5, "server"), alpha=0.05))
    assert verify(certified([0.0], sampled=True, seed=Seed(5, "client"), alpha=0.05))


def test_an_identity_fits_its_set():
    assert EditSet(PROMPT, variants=VARIANTS).identity.to_dict() == FULL["edit_set"]


WRONG = [math.nan, math.inf, 10**400, True, {"deeper": [[]]}, 2**80]


@pytest.mark.parametrize("name", sorted(set(DRAWN) - {"schema", "method"}))
@pytest.mark.parametrize("value", WRONG, ids=lambda v: repr(v)[:20])
def test_a_field_of_the_wrong_kind_is_named(name, value):
    with pytest.raises(InvalidCertificate) as error:
        read_certificate({**DRAWN, name: value})
    assert name in str(error.value)
    assert not verify({**DRAWN, name: value})
