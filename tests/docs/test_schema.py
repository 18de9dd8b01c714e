"""docs/certificate-v2.schema.json describes the certificates that are really issued, and the reader agrees with it;
docs/certificate-v1.schema.json describes those that once were."""

import json
from pathlib import Path

import jsonschema
import pytest

from smoothgen.certificates import from_document, to_document, verify
from smoothgen.certificates.format.document import content_digest
from smoothgen.certificates.meaning.metrics import METRICS
from smoothgen.errors import InvalidCertificate, UnknownName
from smoothgen.mechanisms import mechanism_from_dict
from tests.support.certificates import examples, served
from tests.unit.certificates import test_scores_of_runs
from tests.unit.certificates.test_exact_score_claims import exhausted
from tests.unit.certificates.test_score_claims import certified

ROOT = Path(__file__).parents[2]
SCHEMAS = {v: json.loads((ROOT / f"docs/certificate-{v}.schema.json").read_text("utf-8")) for v in ("v1", "v2")}
SCHEMA = SCHEMAS["v2"]
NOISE = SCHEMA["$defs"]["noise"]
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
OF_V1 = jsonschema.Draft202012Validator(SCHEMAS["v1"])
STORED = [path for path in sorted((ROOT / "tests/data/v1").glob("*.json")) if not path.name.startswith("fleet")]


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_stored_certificates_fit_the_first_schema_and_not_the_second(path):
    document = json.loads(path.read_text("utf-8"))
    OF_V1.validate(document)
    assert not VALIDATOR.is_valid(document)


@pytest.mark.parametrize("kind", served.KINDS)
def test_certificates_of_every_adapter_fit_the_schema(kind):
    for made in (served.served(kind), served.universal(kind)):
        document = to_document(made)
        VALIDATOR.validate(document)
        assert not OF_V1.is_valid(document)
    sampling = {"precision": "bfloat16", "batch_size": 8, "batch_sensitivity": 0.16}
    VALIDATOR.validate({**document, "sampling": {**document["sampling"], **sampling}})


def test_the_schema_knows_the_metrics_that_have_a_meaning_and_no_others():
    known, plug_in = NOISE["properties"]["metric"]["properties"]["name"]["anyOf"]
    assert sorted(known["enum"]) == sorted(METRICS)
    document = to_document(examples.full())
    for name in ("chord", "plugin:", "sentence-chords"):
        assert not VALIDATOR.is_valid({**document, "metric": {**document["metric"], "name": name}})
    assert plug_in["pattern"] == "^plugin:."


@pytest.mark.parametrize(
    ("section", "changes"),
    [
        (None, {"rounding_slack": -1e-9}),
        (None, {"rounding_slack": 1.0}),
        ("sampling", {"noise_scheme": "rot13"}),
        ("sampling", {"precision": "float8"}),
        ("sampling", {"batch_size": 0}),
        ("sampling", {"batch_sensitivity": 1.5}),
        ("sampling", {"selection_samples": -7}),
        ("model", {"name": ""}),
        ("model", {"digest": ""}),
        ("request", {"template": "x"}),
    ],
)
def test_what_the_second_version_says_has_its_range(section, changes):
    document = to_document(served.served())
    document = {**document, **({section: {**document[section], **changes}} if section else changes)}
    assert not VALIDATOR.is_valid(document)
    assert not verify({**document, "digest": content_digest(document)})


@pytest.mark.parametrize(
    "example",
    [
        examples.plain,
        examples.full,
        examples.label,
        examples.early,
        examples.universal,
        examples.selected,
        examples.proven,
    ],
)
def test_issued_certificates_fit_the_schema(example):
    VALIDATOR.validate(to_document(example()))


@pytest.mark.parametrize("name", examples.MECHANISMS)
def test_certificates_of_every_mechanism_fit_the_schema(name):
    document = to_document(examples.full(examples.MECHANISMS[name]))
    assert document["mechanism"]["name"] == name
    VALIDATOR.validate(document)


def test_the_schema_knows_the_mechanisms_that_are_registered_and_no_others():
    with pytest.raises(UnknownName) as error:
        mechanism_from_dict({"name": "another"})
    listed = [form["properties"]["name"] for form in NOISE["properties"]["mechanism"]["oneOf"]]
    assert sorted(n for names in listed for n in names.get("enum", [names.get("const")])) == list(error.value.known)
    assert sorted(examples.MECHANISMS) == list(error.value.known)


REFUSED = [
    {"name": "laplace", "sigma": 1.0},
    {"name": "gaussian", "beta": 0.5, "steps": 20},
    {"name": "gaussian", "sigma": 0.5, "steps": 20},
    {"name": "gaussian-per-step", "sigma": 0.5},
    {"name": "gaussian-per-step", "beta": 0.5},
    {"name": "gaussian-per-step", "beta": 0.5, "steps": 0},
    {"name": "gaussian-per-step", "beta": 0.5, "steps": 10_001},
    {"name": "latent-schedule", "beta": 0.5, "steps": 1.5},
    {"name": "latent-schedule", "beta": 0.5, "steps": True},
    {"name": "latent-schedule", "beta": 0, "steps": 20},
    {"name": "latent-schedule", "beta": "0.5", "steps": 20},
    {"name": "forward-diffusion", "sigma": 0.5},
    {"name": "forward-diffusion", "signal": 0, "noise": 1.0},
    {"name": "forward-diffusion", "signal": 1.0, "noise": -1.0},
    {"name": "forward-diffusion", "signal": 1.0, "noise": 1.0, "strength": 0.8},
]


@pytest.mark.parametrize("mechanism", REFUSED, ids=repr)
def test_a_foreign_mechanism_is_refused_by_schema_and_reader(mechanism):
    document = {**to_document(examples.full()), "mechanism": mechanism}
    assert not VALIDATOR.is_valid(document)
    with pytest.raises(InvalidCertificate, match="mechanism"):
        from_document(document)


LOOKS = to_document(examples.early())["looks"]
REFUSED_LOOKS = [
    {},
    {name: LOOKS[name] for name in ("sizes", "alphas")},
    {**LOOKS, "more": 1},
    {**LOOKS, "taken": -1},
    {**LOOKS, "taken": "2"},
    {**LOOKS, "sizes": []},
    {**LOOKS, "sizes": [0, 63, 125, 250, 500]},
    {**LOOKS, "sizes": [125, 125, 125, 250, 500]},
    {**LOOKS, "sizes": ["32", 63, 125, 250, 500]},
    {**LOOKS, "alphas": [0, 1e-4, 1e-4, 1e-4, 1e-4]},
    {**LOOKS, "alphas": [1, 1e-4, 1e-4, 1e-4, 1e-4]},
    None,
]


@pytest.mark.parametrize("looks", REFUSED_LOOKS, ids=repr)
def test_foreign_looks_are_refused_by_schema_and_reader(looks):
    document = {**to_document(examples.early()), "looks": looks}
    assert not VALIDATOR.is_valid(document)
    with pytest.raises(InvalidCertificate, match="looks"):
        from_document(document)


@pytest.mark.parametrize("name", NOISE["required"])
def test_a_missing_field_is_refused_by_schema_and_reader(name):
    document = {key: value for key, value in to_document(examples.full()).items() if key != name}
    assert not VALIDATOR.is_valid(document)
    with pytest.raises(InvalidCertificate, match=name):
        from_document(document)


def test_an_unknown_field_is_refused_by_schema_and_reader():
    document = {**to_document(examples.full()), "surprise": 1}
    assert not VALIDATOR.is_valid(document)
    with pytest.raises(InvalidCertificate, match="surprise"):
        from_document(document)


def test_certificates_with_claims_on_scores_fit_the_schema():
    runs = [5.0, 6.0, 31.0, 7.0, 8.0]
    alone = [certified(epsilon=0.01, asks_shift=False), exhausted(runs, epsilon=0.6, asks_shift=False)]
    of_runs = [make() for make in test_scores_of_runs.MADE.values()]
    for made in (certified(), exhausted(runs), *alone, *of_runs):
        document = to_document(made)
        VALIDATOR.validate(document)
        assert not OF_V1.is_valid(document)
        [first, *_] = document["claims"]
        for changes in ({"bound": "none"}, {"of": "median"}, {"at_least": 0.5, "at_most": 0.5}, {"extra": 1}):
            assert not VALIDATOR.is_valid({**document, "claims": [{**first, **changes}]})
        assert not VALIDATOR.is_valid({**document, "claims": []})
        assert not VALIDATOR.is_valid({**document, "asks_shift": True})
