"""`smoothgen audit`: honest certificates of every method agree, and each kind of lie is found or refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smoothgen.certificates import (
    AnyCertificate,
    Certificate,
    certify,
    read_certificate,
    save_certificate,
    to_document,
)
from smoothgen.certificates.evidence import Evidence
from smoothgen.errors import InvalidInput
from tests.service.conftest import finished, submit
from tests.support.processes import TANH, Gateway, Lab
from tests.support.workers import tiny
from workers.audit.__main__ import main
from workers.audit.job import Given
from workers.audit.rerun import audit
from workers.generators import load_generator
from workers.serving.loaded_model import Encoders, LoadedModel
from workers.settings import Settings

PROMPT = "the hat"
CONTEXT = [f"hat {word}" for word in ("one", "two", "ten", "six", "red")]
LABEL = {"name": "label", "extract": {"kind": "regex", "pattern": "[a-z]+"}}
ASKED: dict[str, dict[str, Any]] = {
    "noise": {"robustness": {"mechanism": "embedding", "snap": False, "sigma": 0.5, "samples": 60, "metric": "edit"}},
    "noise, fresh randomness": {
        "parameters": {"max_new_tokens": 4, "temperature": 1.0},
        "robustness": {"snap": False, "sigma": 0.5, "samples": 60, "metric": "edit", "randomness": "fresh"},
    },
    "noise, snapped": {
        "robustness": {"mechanism": "embedding", "sigma": 0.5, "snap": True, "samples": 60, "metric": LABEL}
    },
    "noise, an encoder's distance, capped": {
        "robustness": {"snap": False, "sigma": 0.5, "samples": 60, "metric": {"name": "sentence-chord", "cap": 0.75}}
    },
    "tokens": {"robustness": {"mechanism": "tokens", "samples": 16, "metric": "edit", "tolerance": 0.9}},
    "tokens, all of the user's turns": {
        "parameters": {"max_new_tokens": 4, "chat": True, "attacked_turns": "user"},
        "robustness": {"mechanism": "tokens", "samples": 16, "metric": "edit", "tolerance": 0.9},
    },
    "tokens, sampling": {
        "seed": 1,  # of a job that does not stop at its first look, of 8 runs
        "parameters": {"max_new_tokens": 4, "temperature": 1.0},
        "robustness": {"mechanism": "tokens", "samples": 16, "metric": "edit", "tolerance": 0.9},
    },
    "edits": {
        "robustness": {"mechanism": "edits", "edits": {"kinds": ["typo"], "variants": ["a cap"]}, "metric": "edit"}
    },
    "edits, drawn": {
        "robustness": {"mechanism": "edits", "edits": {"kinds": ["typo"]}, "samples": 40, "metric": "edit"}
    },
    "passages": {"context": CONTEXT, "robustness": {"metric": "edit", "tolerance": 0.9, "units": {"size": 2}}},
    "words, drawn": {
        "context": CONTEXT,
        "robustness": {
            "mechanism": "words",
            "metric": "edit",
            "tolerance": 0.9,
            "units": {"probability": 0.4},
            "samples": 40,
        },
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tiny.llama(), tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="module")
def model(folder: Path) -> LoadedModel:
    settings = Settings()
    return LoadedModel(load_generator(f"tiny={folder}", settings), Encoders(settings), settings)


@pytest.fixture(scope="module")
def gateway(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    lab = Lab(tmp_path_factory.mktemp("audit"))
    with closing(lab):
        lab.worker(TANH, f"tiny={folder}")
        yield lab.gateway()


def served(gateway: Gateway, kind: str) -> AnyCertificate:
    body = {"model": "tiny", "prompt": PROMPT, "parameters": {"max_new_tokens": 4}, **ASKED[kind]}
    view = finished(gateway.http, submit(gateway.http, body))
    assert view["status"] == "succeeded", view
    return read_certificate(view["certificate"])


def given(kind: str) -> Given:
    asked = ASKED[kind]
    variants = asked["robustness"].get("edits", {}).get("variants", ())
    return Given(PROMPT, variants, asked.get("context"))


def audited(certificate: AnyCertificate, model: LoadedModel, given: Given, samples: int = 1_000) -> Any:
    choice = np.random.default_rng(1)
    return audit(certificate, model, given, samples=samples, tolerance=1e-6, batch_size=16, choice=choice)


@pytest.mark.parametrize("kind", ASKED)
def test_an_honest_certificate_agrees_in_every_sample(gateway: Gateway, model: LoadedModel, kind: str) -> None:
    found = audited(served(gateway, kind), model, given(kind))
    assert (len(found.indices), found.differing) == (found.samples, ())
    assert found.agrees
    assert found.samples >= 10


def test_a_distance_that_was_not_measured_is_found(gateway: Gateway, model: LoadedModel) -> None:
    honest = served(gateway, "noise")
    assert isinstance(honest, Certificate)
    lowered = honest.evidence.distances.astype(np.float64)
    place = int(np.argmax(lowered))
    lowered[place] = 0.0
    evidence = Evidence.from_measurements(lowered, bound=honest.evidence.bound, diameter=honest.evidence.diameter)
    found = audited(replace(honest, evidence=evidence), model, given("noise"))
    assert (found.agrees, found.differing) == (False, (place,))
    assert found.differences.max() == pytest.approx(honest.evidence.distances[place], abs=1e-6)


def test_another_seed_is_found(gateway: Gateway, model: LoadedModel) -> None:
    honest = served(gateway, "noise")
    assert honest.provenance.sampling is not None
    sampling = replace(honest.provenance.sampling, seed=f"{7:032x}")
    lied = replace(honest, provenance=replace(honest.provenance, sampling=sampling))
    assert not audited(lied, model, given("noise")).agrees


def test_another_output_is_found(gateway: Gateway, model: LoadedModel) -> None:
    honest = served(gateway, "tokens")
    assert honest.provenance.output is not None
    output = replace(honest.provenance.output, digest="sha256:" + "0" * 64)
    found = audited(replace(honest, provenance=replace(honest.provenance, output=output)), model, given("tokens"))
    assert (found.agrees, found.differing) == (False, ())


def test_only_some_samples_are_run_and_which_follows_from_the_choice(gateway: Gateway, model: LoadedModel) -> None:
    certificate = served(gateway, "noise")
    first, again = (audited(certificate, model, given("noise"), samples=7) for _ in range(2))
    assert len(first.indices) == 7
    assert (first.indices, first.measured.tolist()) == (again.indices, again.measured.tolist())


@pytest.mark.parametrize(
    ("kind", "asked", "said"),
    [
        ("noise", Given("the cap"), "the prompt given is sha256:"),
        ("edits", Given(PROMPT), "--variant"),
        ("passages", Given(PROMPT), "the context given is None"),
        ("passages", Given(PROMPT, (), CONTEXT[::-1]), "the context given is sha256:"),
    ],
)
def test_what_the_certificate_has_another_digest_of_is_refused(
    gateway: Gateway, model: LoadedModel, kind: str, asked: Given, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        audited(served(gateway, kind), model, asked)


def test_other_weights_and_another_precision_are_refused(gateway: Gateway, model: LoadedModel) -> None:
    honest = served(gateway, "noise")
    assert honest.provenance.model is not None
    assert honest.provenance.sampling is not None
    other = replace(honest.provenance.model, digest="sha256:" + "0" * 64)
    with pytest.raises(InvalidInput, match="give --model NAME=SOURCE of that one"):
        audited(replace(honest, provenance=replace(honest.provenance, model=other)), model, given("noise"))
    sampling = replace(honest.provenance.sampling, precision="bfloat16")
    with pytest.raises(InvalidInput, match="samples in bfloat16"):
        audited(replace(honest, provenance=replace(honest.provenance, sampling=sampling)), model, given("noise"))


def test_a_certificate_that_names_nothing_is_refused(model: LoadedModel) -> None:
    bare = certify([0.1] * 50, bound=1.0, diameter=1.0, mechanism=_gaussian(), alpha=1e-3, tolerance=0.1)
    assert isinstance(bare, Certificate)
    with pytest.raises(InvalidInput, match="names no model"):
        audited(bare, model, given("noise"))


def _gaussian() -> Any:
    from smoothgen import Gaussian

    return Gaussian(0.5)


def test_the_command_says_what_it_compared_and_ends_with_0_1_or_2(
    gateway: Gateway, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, prompt = tmp_path / "certificate.json", tmp_path / "prompt.txt"
    honest = served(gateway, "noise")
    save_certificate(honest, file)
    prompt.write_text(PROMPT + "\n")
    named = ["--model", f"tiny={folder}"]
    assert main([str(file), *named, "--prompt-file", str(prompt), "--samples", "5"]) == 0
    said = capsys.readouterr().out
    for part in ("AGREES", "spread/v2", "float32 here, float32 in the certificate", "5 of 60 samples", "differing  0"):
        assert part in said
    assert main([str(file), *named, "--prompt", PROMPT, "--samples", "99", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["agrees"], len(told["compared"]), told["precision"]["here"]) == (True, 60, "float32")
    assert main([str(file), *named, "--prompt", "another"]) == 2
    assert "audit: the prompt given is sha256:" in capsys.readouterr().err  # after the bar of the weights' loading
    assert main([str(file), *named]) == 2
    assert "--prompt-file" in capsys.readouterr().err
    assert main([str(file), "--model", TANH, "--prompt", PROMPT]) == 2
    assert "give --model NAME=SOURCE of that one" in capsys.readouterr().err
    document = to_document(honest)
    file.write_text(json.dumps({**document, "radius": document["radius"] + 0.125}))
    assert main([str(file), *named, "--prompt", PROMPT]) == 2
    assert "is rejected by `smoothgen verify`" in capsys.readouterr().err


def test_the_command_ends_with_1_where_a_certificate_that_verifies_was_not_measured(
    gateway: Gateway, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    honest = served(gateway, "noise")
    assert isinstance(honest, Certificate)
    evidence = honest.evidence
    forged = certify(
        np.minimum(evidence.distances.astype(np.float64), 0.01),
        bound=evidence.bound,
        diameter=evidence.diameter,
        mechanism=honest.mechanism,
        alpha=honest.alpha,
        tolerance=honest.tolerance,
        band=honest.band,
        provenance=honest.provenance,
        rounding_slack=honest.rounding_slack,
    )
    assert isinstance(forged, Certificate)
    save_certificate(forged.identified(honest.id or "", honest.requested_at or ""), tmp_path / "forged.json")
    arguments = [str(tmp_path / "forged.json"), "--model", f"tiny={folder}", "--prompt", PROMPT, "--samples", "60"]
    assert main(arguments) == 1
    assert "DIFFERS" in capsys.readouterr().out
