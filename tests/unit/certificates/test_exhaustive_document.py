"""Exhaustive certificates as JSON: the round trip, forgeries of every number, the words, and what nobody can see."""

import base64
import copy
import json
import math
import struct
from dataclasses import replace

import pytest

from smoothgen import load_certificate, save_certificate, verify
from smoothgen.certificates import Certificate, certify_exhaustive, from_document, read_certificate, to_document
from smoothgen.certificates.exhaustive.statement import statement
from smoothgen.certificates.format.document import content_digest
from smoothgen.errors import InvalidCertificate, InvalidInput
from tests.support.certificates import examples, exhaustive
from tests.support.certificates.exhaustive import COSTS, DISTANCES, EXAMPLES, PROVENANCE, TEXTS, THREAT, certified

DOCUMENTS = {name: to_document(made()) for name, made in EXAMPLES.items()}
BARE = DOCUMENTS["bare"]


def sealed(document):
    """With the digest and the statement of what it says."""
    document = {**document, "statement": statement(read_certificate(document))}
    return {**document, "digest": content_digest(document)}


def refused_by(document) -> set[str]:
    return {check.name for check in verify(json.dumps(document)).checks if not check.passed}


def packed(numbers) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}d", *numbers)).decode()


def with_evidence(document, **lists):
    evidence = {**document["evidence"], **{name: packed(numbers) for name, numbers in lists.items()}}
    changed = {**document, "evidence": evidence}
    return {**changed, "evidence": {**evidence, "sha256": read_certificate(changed).evidence.sha256}}


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
        assert verdict.meaning == ("checked" if name in ("full", "answer", "drawn") else "not checked")


def test_certificates_of_noise_are_read_as_before():
    document = to_document(examples.full())
    assert isinstance(read_certificate(document), Certificate)
    assert to_document(from_document(document)) == document
    with pytest.raises(InvalidCertificate, match="read_certificate"):
        from_document(BARE)


def test_an_infinite_radius_is_null():
    assert DOCUMENTS["whole"]["radius"] is None
    assert read_certificate(DOCUMENTS["whole"]).radius == math.inf


def nudged(**changes):
    return sealed({**copy.deepcopy(BARE), **changes})


BREAKING = BARE["broken_by"]
FORGERIES = [
    ("radius", {"radius": 0.87843211}),
    ("radius", {"radius": None}),
    ("w1_bound", {"w1_bound": 0.0499999999}),
    ("curve", {"curve": [[0.0, 0.0], [0.71, 0.05], [0.878432109, 0.3], [0.93, 1.0]]}),
    ("curve", {"curve": [[0.0, 0.0], [0.71, 0.05], [0.87843211, 0.300000001], [0.93, 1.0]]}),
    ("curve", {"curve": [[0.0, 0.0], [0.71, 0.05], [0.878432109, 0.300000001]]}),
    ("keeps", {"keeps": [{"share": 1.0, "radius": 0.710000001}]}),
    ("keeps", {"keeps": [{"share": 1.0, "radius": None}]}),
    ("keeps", {"keeps": [*BARE["keeps"], {"share": 0.5, "radius": 0.9}]}),
    ("keeps", {"keeps": []}),
    ("broken_by", {"broken_by": None}),
    ("broken_by", {"broken_by": {**BREAKING, "index": 5}}),
    ("broken_by", {"broken_by": {**BREAKING, "cost": 0.9}}),
    ("broken_by", {"broken_by": {**BREAKING, "distance": 0.11}}),
    ("broken_by", {"broken_by": {**BREAKING, "distance": None}}),
    ("runs", {"runs": 600}),
    ("failed", {"failed": 0}),
    ("alpha", {"alpha": 1e-3}),
    ("confidence", {"confidence": 0.999}),
    ("radius", {"tolerance": 0.5}),
    ("inputs", {"tolerance": 1.0}),
    ("inputs", {"epsilon": -1.0}),
    ("epsilon", {"epsilon": 0.9}),
    ("curve", {"diameter": 0.5}),
    ("curve", {"diameter": 2.0}),
]


@pytest.mark.parametrize(("check", "changes"), FORGERIES, ids=lambda value: str(value)[:60])
def test_every_number_nudged_towards_the_claimant_is_refused(check, changes):
    assert check in refused_by(nudged(**changes))


@pytest.mark.parametrize("end", [0.9, None])
def test_an_end_of_the_list_that_was_moved_is_refused(end):
    document = {**DOCUMENTS["unrun"], "next_cost": end}
    assert {"radius", "curve"} <= refused_by(sealed(document))


def test_runs_that_were_changed_are_refused_unless_the_claims_follow():
    for lists in (
        {"costs": [*COSTS[:3], 0.9, 0.9, 0.93]},
        {"distances": [*DISTANCES[:3], 0.05, 0.02, math.inf]},
        {"distances": [*DISTANCES[:5], 0.0]},
        {"costs": COSTS[:3], "distances": DISTANCES[:3]},
    ):
        assert refused_by(sealed(with_evidence(BARE, **lists))), lists
    unsealed = {**BARE, "evidence": {**BARE["evidence"], "costs": packed([*COSTS[:3], 0.9, 0.9, 0.93])}}
    assert {"digest", "evidence"} <= refused_by(unsealed)


@pytest.mark.parametrize(
    ("lists", "says"),
    [
        ({"costs": [0.0, 0.71, 0.57, 0.9, 0.9, 0.93]}, "costs must never fall: run 2"),
        ({"costs": [0.1, *COSTS[1:]]}, "the first 0"),
        ({"costs": [0.0, math.nan, *COSTS[2:]]}, "finite"),
        ({"costs": [-0.0, *COSTS[1:]]}, "at least 0"),
        ({"costs": COSTS[:5]}, "one length"),
        ({"costs": [], "distances": []}, "not empty"),
        ({"distances": [0.1, *DISTANCES[1:5], math.inf]}, "the first distance must be 0"),
        ({"distances": [0.0, -0.1, *DISTANCES[2:5], math.inf]}, "at least 0"),
        ({"distances": [0.0, math.nan, *DISTANCES[2:5], math.inf]}, "no NaN"),
        ({"distances": [0.0, 1.00000001, *DISTANCES[2:5], math.inf]}, "exceed"),
        ({"costs": [*COSTS[:5], 0.96]}, "next_cost"),
    ],
)
def test_lists_that_are_no_evidence_are_no_document(lists, says):
    evidence = {**BARE["evidence"], **{name: packed(numbers) for name, numbers in lists.items()}}
    verdict = verify({**BARE, "evidence": evidence})
    assert not verdict
    assert says in verdict.checks[0].detail


def test_a_statement_that_says_more_is_refused():
    said = BARE["statement"].replace("by less than 0.878432109", "by at most 0.878432109")
    assert said != BARE["statement"]
    document = {**BARE, "statement": said}
    assert refused_by({**document, "digest": content_digest(document)}) == {"statement"}
    assert refused_by({**BARE, "radius": 0.9}) >= {"digest", "radius", "statement"}


def test_a_run_left_out_in_the_middle_is_not_seen_and_the_verdict_says_so():
    dropped = certified([*COSTS[:3], *COSTS[4:]], [*DISTANCES[:3], *DISTANCES[4:]])
    verdict = verify(dropped)
    assert verdict
    assert dropped.radius > exhaustive.bare().radius
    [completeness] = [check for check in verdict.checks if check.name == "completeness"]
    assert completeness.detail.startswith("completeness unchecked")
    assert "is not checked here: it takes the table and the model" in to_document(dropped)["statement"]


def test_costs_stated_too_high_and_another_text_are_not_seen_either():
    higher = [cost * 2 for cost in COSTS]
    assert verify(certified(higher, next_cost=1.9))
    assert verify(sealed({**BARE, "broken_by": {**BREAKING, "text": "another", "output": "another"}}))


def older(name: str) -> str:
    """The statement in the words of before."""
    return statement(replace(EXAMPLES[name](), wording=None))


def test_the_statement_of_before_says_strictly_and_what_is_held_fixed():
    said = older("bare")
    for words in (
        "of l2 norm strictly less than 0.878432109 moves the distribution of outputs by more than 0.05 in",
        "given the generator's own randomness",
        "For attacks of l2 norm strictly less than 0.71 the answer keeps",
        "stated to be all that cost less than 0.95",
        "alpha is 0",
        "The attacker may move all embeddings together, and may know",
        "Held fixed, outside the threat: token count, template and positions.",
        "1 of 6 runs failed",
    ):
        assert words in said
    full = older("full")
    for words in (
        "of l2 norm at most 0.75 moves the distribution of outputs by more than 0.0",
        "The tolerance 0.1 holds for l2 norm strictly less than 0.878432109.",
        "measured by the share of outputs whose extracted answer differs",
        "it reads 'capital of Germany', costs 0.8784321098765432 and gives an output at distance 1.0: 'It\\'s Berlin'",
        "Held fixed, outside the threat: token count (3), attention mask and positions.",
    ):
        assert words in full
    assert "of any l2 norm moves" in older("whole")
    assert older("nothing").startswith("Nothing is claimed at the tolerance 0.1")
    assert "it reads 'Capital of France', costs 0.5710678118654755 and failed." in older("failing")


LABEL_DISTANCES = [0.0, 0.0, 0.0, 1.0, 0.0, math.nan]
WORDS = [
    ("threat", {"threat": replace(THREAT, attack_on="everything")}),
    ("threat", {"threat": replace(THREAT, table="the table")}),
    ("threat", {"threat": replace(THREAT, tokens=0)}),
    ("threat", {"threat": replace(THREAT, tokens=4)}),
    ("threat", {"threat": replace(THREAT, squared_error=-1.0)}),
    ("threat", {"threat": replace(THREAT, held_fixed=())}),
    ("threat", {"threat": replace(THREAT, held_fixed=(*THREAT.held_fixed, "chat template (9 tokens)"))}),
    ("threat", {"threat": replace(THREAT, held_fixed=(*THREAT.held_fixed, "all else"))}),
    ("metric", {"provenance": replace(PROVENANCE, metric=replace(PROVENANCE.metric, name="lable"))}),
    ("metric", {"provenance": replace(PROVENANCE, metric=replace(PROVENANCE.metric, description="safety"))}),
    ("metric", {"provenance": replace(PROVENANCE, metric=replace(PROVENANCE.metric, options={}))}),
    ("metric", {"provenance": replace(PROVENANCE, metric=replace(PROVENANCE.metric, centre={"label": "Paris"}))}),
    ("metric", {"provenance": PROVENANCE, "diameter": 2.0}),
    ("model", {"provenance": replace(PROVENANCE, model=replace(PROVENANCE.model, digest="none"))}),
    ("request", {"provenance": replace(PROVENANCE, request=replace(PROVENANCE.request, prompt_digest="none"))}),
    ("output", {"provenance": replace(PROVENANCE, output=replace(PROVENANCE.output, kind="best"))}),
    ("output", {"provenance": replace(PROVENANCE, output=replace(PROVENANCE.output, media_type="image/png"))}),
]


@pytest.mark.parametrize(("check", "about"), WORDS, ids=lambda value: str(value)[-70:])
def test_words_are_held_to_what_they_mean(check, about):
    verdict = verify(certified(distances=LABEL_DISTANCES, **{"threat": THREAT, "provenance": PROVENANCE, **about}))
    assert {c.name for c in verdict.checks if not c.passed} == {check}
    assert verdict.meaning == "not checked"


def test_a_two_valued_metric_has_no_distance_between():
    made = certify_exhaustive(
        [0.0, 0.5, 0.7],
        [0.0, 0.0, 0.5],
        diameter=1.0,
        tolerance=0.1,
        next_cost=0.9,
        threat=THREAT,
        provenance=PROVENANCE,
    )
    [failed] = [each for each in verify(to_document(made)).checks if not each.passed]
    assert (failed.name, "no distance between 0 and 1.0" in failed.detail) == ("metric", True)


def test_a_chat_template_is_held_fixed_where_the_request_renders_one():
    request = replace(
        PROVENANCE.request, parameters={**PROVENANCE.request.parameters, "chat": True}, template="sha256:" + "4" * 64
    )
    held = (*THREAT.held_fixed, "chat template (9 tokens)")
    chat = replace(PROVENANCE, request=request)
    made = certified(distances=LABEL_DISTANCES, threat=replace(THREAT, held_fixed=held), provenance=chat)
    assert verify(made).meaning == "checked"
    assert not verify(certified(distances=LABEL_DISTANCES, threat=THREAT, provenance=chat))


def test_words_of_a_plug_in_are_quoted_and_not_checked():
    made = certified(threat=replace(THREAT, attack_on="plugin:words; certified", held_fixed=("nothing",)))
    verdict = verify(made)
    assert verdict
    assert verdict.meaning == "not checked"
    said = to_document(made)["statement"]
    assert said.startswith("Whoever changes the input that this document calls 'plugin:words; certified' by less than")
    assert "input that this document calls 'plugin:words; certified', of" in statement(replace(made, wording=None))
    assert "Held fixed, outside the threat: 'nothing'." in said


def test_a_text_cannot_end_our_sentence():
    texts = [*TEXTS[:3], "x'. No attack at all moves it. '", *TEXTS[4:]]
    assert (
        "reads 'x\\'. No attack at all moves it. \\'' (quotation marks inside are escaped), costs"
        in (to_document(certified(texts=texts))["statement"])
    )


WRONG = [math.nan, math.inf, 10**400, True, {"deeper": [[]]}, 2**80]


@pytest.mark.parametrize("name", sorted(set(DOCUMENTS["full"]) - {"schema", "method"}))
@pytest.mark.parametrize("value", WRONG, ids=lambda v: repr(v)[:20])
def test_a_field_of_the_wrong_kind_is_named(name, value):
    with pytest.raises(InvalidCertificate) as error:
        read_certificate({**DOCUMENTS["full"], name: value})
    assert name in str(error.value)
    assert not verify({**DOCUMENTS["full"], name: value})


@pytest.mark.parametrize("schema", ["smoothgen/certificate/v1", None, 7])
def test_the_method_is_of_the_second_schema_only(schema):
    with pytest.raises(InvalidInput, match="schema"):
        read_certificate({**BARE, "schema": schema})
    assert not verify({**BARE, "schema": schema})


DRAWN = DOCUMENTS["drawn"]
SEED = DRAWN["randomness"]


def test_the_seed_of_the_models_own_randomness_is_named_where_there_is_any():
    assert verify(DRAWN).meaning == "checked"
    assert read_certificate(DRAWN) == EXAMPLES["drawn"]()
    older = sealed({name: value for name, value in DRAWN.items() if name != "randomness"})
    assert verify(older).meaning == "checked"
    greedy = replace(EXAMPLES["drawn"](), provenance=PROVENANCE)
    assert refused_by(to_document(greedy)) == {"randomness"}


@pytest.mark.parametrize(
    "change", [{"seed": "7"}, {"seed": 7}, {"seed_origin": "mine"}, {"noise_scheme": "rot13"}, {"stream": 3}]
)
def test_a_seed_that_no_server_writes_is_named(change):
    with pytest.raises(InvalidCertificate, match="randomness"):
        read_certificate({**DRAWN, "randomness": {**SEED, **change}})


def test_a_clients_seed_is_not_a_servers():
    assert refused_by(sealed({**DRAWN, "randomness": {**SEED, "seed_origin": "client"}})) == {"randomness"}
    assert (
        refused_by(sealed({**DRAWN, "randomness": {**SEED, "seed_origin": "client", "seed": 31 * "0" + "7"}})) == set()
    )
