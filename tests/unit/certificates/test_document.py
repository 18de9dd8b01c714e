"""JSON: the round trip is identical, and what is no certificate is refused with InvalidCertificate and nothing else."""

import contextlib
import copy
import hashlib
import json
import math
import re
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smoothgen import load_certificate, save_certificate
from smoothgen.certificates import from_document, to_document, verify
from smoothgen.certificates.certificate import Claims, Deviation
from smoothgen.certificates.format.canonical import canonical
from smoothgen.certificates.format.document import content_digest, parse_json
from smoothgen.certificates.meaning.held import EMPTY_TEMPLATE
from smoothgen.contracts import Template
from smoothgen.errors import InvalidCertificate
from tests.support.certificates.examples import MECHANISMS, early, full, label, plain, proven, selected, universal

EXAMPLES = {
    "plain": plain(),
    "full": full(),
    "label": label(),
    "one sample": plain(1),
    "early": early(),
    "universal": universal(),
    "selected": selected(),
    "proven": proven(),
    **{name: full(mechanism) for name, mechanism in MECHANISMS.items() if name != "gaussian"},
}
DOCUMENTS = {name: to_document(example) for name, example in EXAMPLES.items()}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_round_trip_is_identical(name, tmp_path):
    document = DOCUMENTS[name]
    text = json.dumps(document)
    assert parse_json(text) == document
    again = from_document(parse_json(text))
    assert to_document(again) == document
    assert json.dumps(to_document(again)) == text
    save_certificate(EXAMPLES[name], tmp_path / "certificate.json")
    loaded = load_certificate(tmp_path / "certificate.json")
    assert to_document(loaded) == document
    assert loaded.claims == EXAMPLES[name].claims
    assert loaded.provenance == EXAMPLES[name].provenance
    assert loaded.mechanism == EXAMPLES[name].mechanism


def test_the_digest_does_not_depend_on_how_a_reader_writes_whole_numbers():
    # JavaScript writes 1.0 as 1.
    rewritten = json.loads(json.dumps(DOCUMENTS["full"]).replace('"cap": 1.0', '"cap": 1').replace("0.0,", "0,"))
    assert content_digest(rewritten) == DOCUMENTS["full"]["digest"]
    assert verify(rewritten)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_certificate_digests_to_what_a_reader_of_its_document_computes(name):
    """Whoever makes a document has the text of its claims already, and may have written it for another certificate."""
    example, document = EXAMPLES[name], DOCUMENTS[name]
    covered = {key: value for key, value in parse_json(json.dumps(document)).items() if key != "digest"}
    del covered["evidence"]["distances"]
    plainly = json.dumps(covered, sort_keys=True, separators=(",", ":"))
    # The examples' whole numbers: written 1.0 by Python, and 1 in the canonical text.
    plainly = re.sub(r"(?<=[:\[,])(-?[0-9]+)\.0(?=[,\]}])", r"\1", plainly)
    digest = f"sha256:{hashlib.sha256(plainly.encode()).hexdigest()}"
    assert content_digest(document) == document["digest"] == digest
    other = to_document(replace(example, id="another", claims=example.claims))
    assert other["digest"] != digest
    assert content_digest(parse_json(json.dumps(other))) == other["digest"]


def test_claims_of_whole_numbers_keep_their_digest():
    claims = Claims(1.0, 0.5, ((0.0, 0.0), (1.0, 0.25), (2.0, 1.0)), (Deviation(1.0, 0.5, 1.0, None),), ((1.0, 1.0),))
    document = to_document(replace(EXAMPLES["full"], claims=claims))
    rewritten = parse_json(json.dumps(document).replace(".0,", ",").replace(".0]", "]").replace(".0}", "}"))
    assert rewritten["curve"] == [[0, 0], [1, 0.25], [2, 1]]
    assert content_digest(rewritten) == document["digest"]


def test_claims_that_json_cannot_hold_have_no_document():
    claims = replace(EXAMPLES["full"].claims, curve=((0.0, math.inf),))
    with pytest.raises(InvalidCertificate):
        to_document(replace(EXAMPLES["full"], claims=claims))


def test_a_document_shares_nothing_with_the_certificate_it_was_made_from():
    example, plainly = EXAMPLES["full"], json.dumps(DOCUMENTS["full"])
    document = to_document(example)
    for inner in (document["curve"], document["curve"][0], document["deviation"][0], document["metric"]["options"]):
        inner.clear()
    document["threat"]["held_fixed"].append("nothing")
    document["metric"]["centre"]["vector"][0] = 7.0
    assert json.dumps(to_document(example)) == plainly


def test_the_digest_does_not_depend_on_the_order_of_keys():
    document = DOCUMENTS["full"]
    assert content_digest(dict(reversed(document.items()))) == document["digest"]


@pytest.mark.parametrize("value", [math.nan, math.inf, {1}, b"bytes"])
def test_what_json_cannot_hold_has_no_digest(value):
    with pytest.raises(InvalidCertificate):
        content_digest({"radius": value})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "{",
        "[1, 2",
        '{"a": NaN}',
        '{"a": -Infinity}',
        b"\xff\xfe\x00",
        b"\x80",
        "[" * 100_000,
        '{"a":' * 100_000,
        "9" * 5000,
        '{"radius": 1, "radius": 2}',
        '{"a": {"b": 1, "b": 2}}',
    ],
)
def test_what_is_not_strict_json_is_refused(text):
    with pytest.raises(InvalidCertificate):
        parse_json(text)


@pytest.mark.parametrize("name", sorted(set(DOCUMENTS["full"]) - {"wording"}))
def test_a_missing_field_is_named(name):
    document = {k: v for k, v in DOCUMENTS["full"].items() if k != name}
    if name in {"id", "requested_at", "model", "metric", "sampling", "output", "threat"}:
        from_document(document)  # optional: readable, though the digest no longer matches
        return
    with pytest.raises(InvalidCertificate, match=name):
        from_document(document)


def test_a_foreign_field_is_named():
    with pytest.raises(InvalidCertificate, match="discount"):
        from_document({**DOCUMENTS["full"], "discount": 0.1})


@pytest.mark.parametrize("schema", [None, "smoothgen/certificate/v3", "smoothgen/certificate/v\u0662", 1])
def test_another_schema_is_refused(schema):
    with pytest.raises(InvalidCertificate, match="schema must be one of"):
        from_document({**DOCUMENTS["full"], "schema": schema})


WRONG = [math.nan, math.inf, 10**400, True, {"deeper": [[]]}, 2**80]


@pytest.mark.parametrize("name", sorted(set(DOCUMENTS["full"]) - {"schema"}))
@pytest.mark.parametrize("value", WRONG, ids=lambda v: repr(v)[:20])
def test_a_field_of_the_wrong_kind_is_named(name, value):
    if name == "alpha_split" and isinstance(value, dict):
        value = [value]
    with pytest.raises(InvalidCertificate) as error:
        from_document({**DOCUMENTS["full"], name: value})
    assert name in str(error.value)


def nested(depth: int) -> dict:
    inner: dict = {}
    for _ in range(depth):
        inner = {"a": inner}
    return inner


@pytest.mark.parametrize("depth", [100, 900, 50_000])
def test_deep_nesting_is_refused(depth):
    document = copy.deepcopy(DOCUMENTS["full"])
    document["metric"]["options"] = nested(depth)
    with pytest.raises(InvalidCertificate, match=r"metric\.options.* nested deeper"):
        from_document(document)


def test_keys_that_are_no_strings_are_refused():
    document = copy.deepcopy(DOCUMENTS["full"])
    document["metric"]["options"] = {1: 2}
    with pytest.raises(InvalidCertificate, match="no string"):
        from_document(document)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def paths(value, prefix=()):
    """Every place in a document, the inner ones included."""
    yield prefix
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*prefix, key))
    elif isinstance(value, list):
        for position, inner in enumerate(value[:3]):
            yield from paths(inner, (*prefix, position))


def altered(document, path, value):
    """A deep copy with one place replaced."""
    if not path:
        return value
    copied = copy.deepcopy(document)
    place = copied
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return copied


PLACES = [(name, path) for name in ("full", "label", "early", "universal") for path in paths(DOCUMENTS[name])]


@settings(max_examples=600, deadline=None)
@given(place=st.sampled_from(PLACES), value=json_values, redigest=st.booleans())
def test_any_mutation_is_read_or_refused_and_never_breaks_anything(place, value, redigest):
    name, path = place
    document = altered(DOCUMENTS[name], path, value)
    if redigest and isinstance(document, dict):
        with contextlib.suppress(InvalidCertificate):
            document["digest"] = content_digest(document)
    with contextlib.suppress(InvalidCertificate):
        from_document(document)
    verdict = verify(document)
    assert verdict.checks
    json.dumps(verdict.to_dict())


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(position=st.integers(0, 10**6), byte=st.integers(0, 255), cut=st.booleans())
def test_any_damaged_byte_is_read_or_refused(position, byte, cut):
    text = json.dumps(DOCUMENTS["full"]).encode()
    position %= len(text)
    damaged = text[:position] + (b"" if cut else bytes([byte])) + text[position + 1 :]
    verdict = verify(damaged)
    assert not verdict or parse_json(damaged) == DOCUMENTS["full"]


def test_a_certificate_read_back_equals_the_one_that_was_written():
    assert from_document(DOCUMENTS["full"]) == EXAMPLES["full"]
    assert hash(from_document(DOCUMENTS["full"]).evidence) == hash(EXAMPLES["full"].evidence)
    assert from_document(DOCUMENTS["label"]) != EXAMPLES["full"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_the_canonical_text_is_that_of_one_encoder(value):
    def whole(value):
        if isinstance(value, dict):
            return {key: whole(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [whole(inner) for inner in value]
        small = isinstance(value, float) and abs(value) < 2**53
        return int(value) if small and value.is_integer() else value

    try:
        text = json.dumps(whole(value), sort_keys=True, separators=(",", ":"), allow_nan=False)
    except ValueError:
        with pytest.raises(InvalidCertificate):
            canonical(value)
    else:
        assert canonical(value) == text
        assert canonical((value,)) == f"[{text}]"


def test_the_empty_template_has_the_digest_of_its_canonical_text():
    assert Template(before=(), after=()).digest == EMPTY_TEMPLATE
